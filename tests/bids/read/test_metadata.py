"""What of a sidecar is believed, taken for a number, or ignored, and what is said of it."""

import pytest

from ulfprep.bids.read.sidecars import NUMBERS, TIMINGS, usable_metadata

SENSIBLE = {
    'MagneticFieldStrength': 0.064,
    'RepetitionTime': 1.5,
    'EchoTime': 0.005,
    'FlipAngle': 90,
    'AcquisitionVoxelSize': [1.6, 1.6, 5],
    'SliceThickness': 5,
    'SkullStripped': False,
    'ScanningSequence': ['GR', 'IR'],
    'PulseSequenceType': None,
    'NumberShots': 1,
}


@pytest.mark.parametrize('metadata', [{}, SENSIBLE])
def test_sensible_sidecars_stay_as_they_are(metadata):
    assert usable_metadata(metadata) == (metadata, ())


@pytest.mark.parametrize('key', ['InversionTime', 'SliceThickness'])
def test_zero_is_how_converters_write_that_they_do_not_know(key):
    assert usable_metadata({**SENSIBLE, key: 0})[0].get(key) is None
    assert usable_metadata({**SENSIBLE, key: 0})[1] == ()


@pytest.mark.parametrize('key', NUMBERS)
@pytest.mark.parametrize('write', [str, lambda value: [value], lambda value: f' {value} '])
def test_a_number_written_otherwise_is_a_number(key, write):
    value = 0.3
    usable, (remark,) = usable_metadata({key: write(value)})
    assert usable == {key: value}
    assert remark.text.startswith(f'{key} is ')
    assert remark.text.endswith('taken for 0.3.')


@pytest.mark.parametrize('sizes', [['1.6', '1.6', '5'], ['1.6', 1.6, 5]])
def test_lengths_written_as_texts_are_lengths(sizes):
    usable, (remark,) = usable_metadata({'AcquisitionVoxelSize': sizes})
    assert usable == {'AcquisitionVoxelSize': [1.6, 1.6, 5]}
    assert 'taken for [1.6, 1.6, 5' in remark.text


@pytest.mark.parametrize(
    ('key', 'value', 'word'),
    [
        ('EchoTime', 5, 'milliseconds (0.005 s?)'),
        ('RepetitionTime', 2300.0, 'milliseconds (2.3 s?)'),
        ('RepetitionTime', '2300', 'milliseconds (2.3 s?)'),
        ('InversionTime', 400, 'milliseconds (0.4 s?)'),
        ('EchoTime', 'abc', "'abc'"),
        ('EchoTime', [0.005, 0.01], '[0.005, 0.01]'),
        ('EchoTime', 0, 'seconds'),
        ('EchoTime', -0.005, 'seconds'),
        ('EchoTime', float('nan'), 'nan'),
        ('EchoTime', True, 'True'),
        ('EchoTime', 10**400, 'seconds'),
        ('FlipAngle', 1000, 'degrees'),
        ('AcquisitionVoxelSize', [1600, 1600, 5000], 'millimetres'),
        ('AcquisitionVoxelSize', [0.0016, 0.0016, 0.005], 'millimetres'),
        ('AcquisitionVoxelSize', [1.6, 1.6], 'three lengths'),
        ('AcquisitionVoxelSize', '1.6x1.6x5', 'three lengths'),
        ('SliceThickness', -5, 'millimetres'),
        ('SliceThickness', 160, 'millimetres'),
        ('SliceThickness', 20, 'slab'),
        ('AcquisitionVoxelSize', ['1.6', '1.6', 'thick'], 'length in mm'),
        ('SliceThickness', 'thick', 'length in mm'),
        ('EchoTime', 'x' * 5000, '...'),
        ('SkullStripped', 'yes', 'true or false'),
        ('SkullStripped', 1, 'true or false'),
        ('PulseSequenceType', 7, 'text'),
        ('ScanningSequence', ['SE', 3], 'text'),
        ('NumberShots', 'many', 'number'),
        ('NumberOfAverages', -1, 'number'),
    ],
)
def test_what_cannot_be_is_ignored_and_named(key, value, word):
    usable, remarks = usable_metadata({**SENSIBLE, key: value})
    assert usable == {k: v for k, v in SENSIBLE.items() if k != key}
    assert remarks[-1].level == 'warning'
    said = remarks[-1].text
    assert said.startswith(f'{key} is ')
    assert word in said
    assert said.endswith('it was ignored.')
    assert len(said) < 300


@pytest.mark.parametrize('key', TIMINGS)
def test_a_timing_never_refuses_a_scan(key):
    for value in (None, '', {}, [], 'n/a', 1e300, float('inf')):
        assert key not in {k for k, v in usable_metadata({key: value})[0].items() if v is not None}
