"""What a sidecar says of the acquisition: what is believed, refused or ignored."""

import pytest

from ulfprep.bids.acquisition import check_sidecar, field_strength, resolve_direction
from ulfprep.bids.checks import UnusableScanError


def test_field_strength_of_sidecar_goes_first():
    assert field_strength({'MagneticFieldStrength': 0.064}, None, 'x')[0] == 0.064
    value, note = field_strength({'MagneticFieldStrength': 0.064}, 1.5, 'x')
    assert value == 0.064
    assert '1.5 T' in note
    assert field_strength({}, 0.05, 'x')[0] == 0.05


@pytest.mark.parametrize('value', [None, 0, -3, 'three', True, 64])
def test_no_field_strength_is_refused(value):
    with pytest.raises(UnusableScanError, match='sidecar'):
        field_strength({'MagneticFieldStrength': value}, None, 'sub-01_T1w.nii.gz')


def test_missing_field_strength_names_the_way_out():
    with pytest.raises(UnusableScanError, match='--source-field'):
        field_strength({}, None, 'sub-01_T1w.nii.gz')


@pytest.mark.parametrize(
    ('source', 'target', 'expected'),
    [
        (0.064, None, ('enhance', 3.0)),
        (0.29, None, ('enhance', 3.0)),
        (0.3, None, ('simulate', 0.064)),
        (3.0, None, ('simulate', 0.064)),
        (0.55, 1.5, ('enhance', 1.5)),
        (7.0, 3.0, ('simulate', 3.0)),
    ],
)
def test_direction(source, target, expected):
    assert resolve_direction(source, target, 'x') == expected


def test_same_field_is_refused():
    with pytest.raises(UnusableScanError, match='--target-field'):
        resolve_direction(3.0, 3, 'x')


@pytest.mark.parametrize('field', [0.009, 64, 640, float('nan'), 10**400, [0.064]])
def test_field_strengths_of_no_scanner(field):
    with pytest.raises(UnusableScanError, match='0.064 is 64 mT'):
        field_strength({'MagneticFieldStrength': field}, None, 'sub-01_T1w.nii.gz')


def test_sensible_sidecars_pass():
    metadata = {
        'RepetitionTime': 1.5,
        'EchoTime': 0.005,
        'InversionTime': 0,  # how some converters write that there is none
        'FlipAngle': 90,
        'AcquisitionVoxelSize': [1.6, 1.6, 5],
        'SliceThickness': 0,
        'SkullStripped': False,
        'ScanningSequence': ['GR', 'IR'],
        'PulseSequenceType': None,
        'NumberShots': 1,
    }
    assert check_sidecar(metadata, 'x') == ()
    assert check_sidecar({}, 'x') == ()


@pytest.mark.parametrize(
    ('key', 'value', 'word'),
    [
        ('EchoTime', 5, 'milliseconds (0.005 s?)'),
        ('RepetitionTime', 2300.0, 'milliseconds (2.3 s?)'),
        ('InversionTime', 400, 'milliseconds (0.4 s?)'),
        ('EchoTime', 'abc', "'abc'"),
        ('EchoTime', [0.005, 0.01], '[0.005, 0.01]'),
        ('EchoTime', 0, 'seconds'),
        ('EchoTime', -0.005, 'seconds'),
        ('EchoTime', float('nan'), 'nan'),
        ('EchoTime', True, 'True'),
        ('FlipAngle', 1000, 'degrees'),
        ('AcquisitionVoxelSize', [1600, 1600, 5000], 'millimetres'),
        ('AcquisitionVoxelSize', [0.0016, 0.0016, 0.005], 'millimetres'),
        ('SliceThickness', -5, 'millimetres'),
        ('EchoTime', 'x' * 5000, '...'),
    ],
)
def test_what_would_be_reckoned_with_and_cannot_be(key, value, word):
    with pytest.raises(UnusableScanError) as error:
        check_sidecar({key: value}, 'sub-01_T1w.nii.gz')
    message = str(error.value)
    assert message.startswith(f'sub-01_T1w.nii.gz: {key} is ')
    assert word in message
    assert 'take it out' in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('SkullStripped', 'yes'),
        ('SkullStripped', 1),
        ('AcquisitionVoxelSize', [1.6, 1.6]),
        ('AcquisitionVoxelSize', '1.6x1.6x5'),
        ('SliceThickness', 'thick'),
        ('PulseSequenceType', 7),
        ('ScanningSequence', ['SE', 3]),
        ('NumberShots', 'many'),
    ],
)
def test_what_is_ignored_is_told(key, value):
    (warning,) = check_sidecar({key: value}, 'x')
    assert warning.startswith(f'Warning: {key} is ')
    assert warning.endswith('it was ignored.')
