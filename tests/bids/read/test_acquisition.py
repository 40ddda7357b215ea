"""What a sidecar says of the acquisition: what is believed, refused or ignored."""

import pytest

from ulfprep.bids.read.acquisition import (
    acquisition_note,
    field_of,
    field_strength,
    resolve_direction,
)
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.note import Note


def test_what_the_user_states_goes_before_the_sidecar():
    value, note = field_strength({'MagneticFieldStrength': 1.5}, 0.064, 'x')
    assert value == 0.064
    assert 'before the 1.5 T of the sidecar' in note.text
    assert field_strength({}, 0.05, 'x')[0] == 0.05


@pytest.mark.parametrize('value', ['n/a', 0, -3, [0.064, 3], 64, True, float('nan'), 10**400])
def test_what_the_user_states_goes_before_what_cannot_be(value):
    assert field_strength({'MagneticFieldStrength': value}, 0.064, 'x')[0] == 0.064


#: Field and frequency of the four contrasts of a public dataset, and how others may write them.
@pytest.mark.parametrize('frequency', [2.7062, 2.7037, 2.7029, 2.7028, 2706200.0])
@pytest.mark.parametrize('stated', [0.006, 0.0064, 64, 'n/a', 0, None])
def test_a_frequency_that_contradicts_the_field_wins(frequency, stated):
    metadata = {'MagneticFieldStrength': stated, 'ImagingFrequency': frequency}
    metadata = {k: v for k, v in metadata.items() if v is not None}
    value, note = field_strength(metadata, None, 'x')
    assert value == field_of(metadata) == 0.064
    assert f'ImagingFrequency {frequency if frequency < 3 else 2.7062:g} MHz' in note.text
    assert ('MagneticFieldStrength' in note.text) == (stated is not None)


@pytest.mark.parametrize(
    ('stated', 'frequency'),
    [(3, 123.25), (2.89, 123.25), (1.5, 63.7), (0.064, 2.7), (3, 0), (3, 'n/a'), (3, 1e9)],
)
def test_a_field_that_agrees_with_its_frequency_stays(stated, frequency):
    metadata = {'MagneticFieldStrength': stated, 'ImagingFrequency': frequency}
    assert field_strength(metadata, None, 'x') == (
        stated,
        Note(f'Field strength {stated:g} T from the sidecar.'),
    )


@pytest.mark.parametrize(
    ('stated', 'frequency', 'source_field', 'doubted'),
    [
        (0.006, 2.7062, None, False),  # no scanner has it: nothing to choose between
        ('n/a', 2.7062, 0.064, False),
        (3, 2.7062, None, True),
        (3, 127.7, 0.064, True),
        (None, 127.7, 0.064, True),
        (0.006, 2.7062, 0.064, False),
        (0.06, None, 0.064, False),
        (0.64, None, 0.064, True),
    ],
)
def test_two_fields_that_scanners_have_are_a_warning(stated, frequency, source_field, doubted):
    metadata = {'MagneticFieldStrength': stated, 'ImagingFrequency': frequency}
    field, note = field_strength(metadata, source_field, 'x')
    assert field == 0.064
    assert (note.level == 'warning') == doubted


@pytest.mark.parametrize(
    ('frequency', 'field'), [(2.6, 0.061), (2.9, 0.068), (123.25, 2.895), (0.4, None)]
)
def test_a_frequency_alone_tells_the_field(frequency, field):
    assert field_of({'ImagingFrequency': frequency}) == field


def test_the_frequency_of_another_nucleus_tells_no_field():
    metadata = {'MagneticFieldStrength': 3, 'ImagingFrequency': 33.8, 'ImagedNucleus': '23Na'}
    assert field_of(metadata) == 3
    assert field_of(metadata | {'ImagedNucleus': '1H'}) == pytest.approx(0.794)


def test_how_a_scan_was_acquired_is_told():
    metadata = {'AcquisitionDuration': 375.7, 'NumberOfAverages': 2, 'RepetitionTime': 1.5,
                'PhaseEncodingSteps': 112, 'PixelBandwidth': 464}  # fmt: skip
    (note,) = acquisition_note(metadata)
    for part in ('375.7 s', '2 average', '112 phase', '464 Hz', '125 repetitions'):
        assert part in note.text
    assert acquisition_note({'RepetitionTime': 1.5}) == ()


@pytest.mark.parametrize(
    'value', [None, 0, -3, 'three', True, 0.009, 64, 640, float('nan'), 10**400, [0.064]]
)
def test_no_field_strength_is_refused(value):
    words = 'sidecar has no Magnetic' if value is None else r'its sidecar, .*0\.064 is 64 mT'
    with pytest.raises(UnusableScanError, match=words):
        field_strength({'MagneticFieldStrength': value}, None, 'sub-01_T1w.nii.gz')


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
