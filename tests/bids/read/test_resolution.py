"""Which voxel size a scan was acquired at, where user, sidecar and image say different things."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.bids.read.acquisition import decide_resolution
from ulfprep.physics.resolution import ResolutionEstimate

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
