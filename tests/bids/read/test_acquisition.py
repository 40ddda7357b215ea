"""What a sidecar says of the acquisition: what is believed, refused or ignored."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.bids.read.acquisition import (
    acquisition_note,
    decide_resolution,
    field_of,
    field_strength,
    resolve_direction,
)
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.note import Note
from ulfprep.physics.resolution import ResolutionEstimate


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


QUICK = settings(deadline=None, max_examples=20, derandomize=True)
KEY = 'AcquisitionVoxelSize'
ONE, THICK = (1.0, 1.0, 1.0), (1.6, 1.6, 5.0)
NATIVE = ResolutionEstimate(ONE, (False,) * 3, '')
FILE = ResolutionEstimate(THICK, (False,) * 3, '')
SEEN = ResolutionEstimate(THICK, (True,) * 3, '')
#: File axes 0, 1, 2 became A, S, R.
TURNED = (1, 2, 0)


def test_the_user_wins_over_the_sidecar_and_the_image():
    metadata = {'AcquisitionVoxelSize': [1.6, 1.6, 5.0]}
    decision = decide_resolution(SEEN, (1, 1, 1), metadata, TURNED, (2.0, 4.0, 2.5))
    assert decision.voxel_size_mm == (2.5, 2.0, 4.0)
    assert decision.source == 'the user'
    assert len(decision.notes) == 1
    assert '1.6 x 1.6 x 5 mm' in decision.notes[0]


@pytest.mark.parametrize(
    ('estimate', 'file', 'metadata', 'axes', 'source', 'note'),
    [
        (SEEN, ONE, {KEY: [1.6, 5.0, 1.6]}, TURNED, f'{KEY} in the sidecar', ''),
        # The lengths of the file in another order.
        (FILE, THICK, {KEY: [5.0, 1.6, 1.6]}, (0, 1, 2), f'{KEY} in the sidecar', ''),
        (NATIVE, ONE, {KEY: THICK}, (0, 1, 2), f'{KEY} in the sidecar', 'no trace of resampling'),
        (FILE, THICK, {'SliceThickness': 5}, (0, 1, 2), 'the voxel size of the file', ''),
        (SEEN, ONE, {}, (0, 1, 2), 'the image itself', 'resampled from about 1.6 x 1.6 x 5 mm'),
    ],
)
def test_the_sidecar_goes_before_the_image_and_that_before_its_header(
    estimate, file, metadata, axes, source, note
):
    decision = decide_resolution(estimate, file, metadata, axes)
    assert decision.voxel_size_mm == THICK
    assert decision.source == source
    assert note in ''.join(decision.notes)
    assert len(decision.notes) == bool(note)


@pytest.mark.parametrize(
    ('estimate', 'extra', 'expected'),
    [
        (SEEN, {}, (1.6, 1.6, 6.0)),
        (NATIVE, {'SliceEncodingDirection': 'i-'}, (1.0, 6.0, 1.0)),
        (NATIVE, {}, (1.0, 1.0, 1.0)),  # nobody knows which axis is meant
    ],
)
def test_slices_thicker_than_their_spacing_count_along_their_axis(estimate, extra, expected):
    decision = decide_resolution(estimate, (1, 1, 1), {'SliceThickness': 6, **extra}, TURNED)
    assert decision.voxel_size_mm == expected


@pytest.mark.parametrize('wrong', ['5', [1, 2], [1, 2, 0], [1, 2, 'x'], [1, 2, True], None])
def test_a_sidecar_that_is_no_resolution_is_passed_over(wrong):
    metadata = {'AcquisitionVoxelSize': wrong, 'SliceThickness': 'thick'}
    assert decide_resolution(NATIVE, (1, 1, 1), metadata).voxel_size_mm == (1.0, 1.0, 1.0)


@pytest.mark.parametrize('wrong', [(1, 2), (1, 2, 0), (1, 2, -3)])
def test_a_user_who_states_no_resolution_is_told(wrong):
    with pytest.raises(ValueError, match='three lengths'):
        decide_resolution(NATIVE, (1, 1, 1), {}, stated=wrong)


@QUICK
@given(st.permutations(range(3)), st.lists(st.floats(0.5, 8), min_size=3, max_size=3))
def test_what_is_stated_follows_its_axes(axes, stated):
    decision = decide_resolution(NATIVE, (1, 1, 1), {}, axes, stated)
    for k in range(3):
        assert decision.voxel_size_mm[axes[k]] == stated[k]
