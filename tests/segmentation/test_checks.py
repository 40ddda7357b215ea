"""What is not plausible about a brain mask is said; what is, is not."""

import numpy as np
import pytest

from ulfprep.segmentation.checks import mask_warnings, mirror_symmetry


def ellipsoid(shape, zooms, size, centre=(0, 0, 0), turn=0.0):
    """Return an ellipsoid, turned about the axis of the slices; mm and degrees."""
    axes = [(np.arange(n) - (n - 1) / 2) * z for n, z in zip(shape, zooms, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    x, y, z = x - centre[0], y - centre[1], z - centre[2]
    parts = (c * x + s * y, -s * x + c * y, z)
    return sum((p / (d / 2)) ** 2 for p, d in zip(parts, size, strict=True)) < 1


SHAPE, ZOOMS, SIZE = (60, 70, 36), (3.0, 3.0, 5.0), (140.0, 170.0, 130.0)


@pytest.fixture
def adult():
    return ellipsoid(SHAPE, ZOOMS, SIZE)


def test_a_plausible_mask_needs_no_word(adult):
    assert mask_warnings(adult, ZOOMS) == []
    assert mask_warnings(ellipsoid(SHAPE, ZOOMS, SIZE, turn=17), ZOOMS) == []


def test_a_brain_that_just_fits_the_field_of_view_is_not_called_cut_off(adult):
    box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(adult))
    assert mask_warnings(adult[box], ZOOMS) == []


@pytest.mark.parametrize('scale', [0.7, 1.2])
def test_a_volume_that_few_adults_have_is_said_with_children_in_mind(scale):
    mask = ellipsoid(SHAPE, ZOOMS, scale * np.array(SIZE))
    (said,) = mask_warnings(mask, ZOOMS)
    volume = mask.sum() * 45 / 1000
    assert f'{volume:.0f} ml; for adults 900 to 1900 ml' in said
    assert 'child' in said


@pytest.mark.parametrize(
    ('side', 'axis', 'end'), [('superior', 2, 1), ('inferior', 2, 0), ('left', 0, 0)]
)
def test_a_brain_cut_off_is_said_with_its_side(adult, side, axis, end):
    # Half of the way from the border to the middle.
    inside = np.nonzero(adult.any(axis=tuple({0, 1, 2} - {axis})))[0]
    edge = inside[0] if end == 0 else inside[-1]
    cut = int(edge + (adult.shape[axis] / 2 - edge) * 0.4)
    part = np.take(adult, range(cut, adult.shape[axis]) if end == 0 else range(cut), axis)
    said = mask_warnings(part, ZOOMS)
    assert any(f'touches the {side} border' in text for text in said)


def test_brain_stem_may_leave_at_the_bottom(adult):
    stem = ellipsoid(SHAPE, ZOOMS, (35.0, 30.0, 1000.0))
    stem[..., 18:] = False
    assert mask_warnings(adult | stem, ZOOMS) == []


def test_pieces_and_holes_are_said_if_they_are_large(adult):
    apart = adult.copy()
    apart[1:4, 1:6, 1:14] = True
    assert [t for t in mask_warnings(apart, ZOOMS) if 'has 2 pieces' in t and '9 ml' in t]
    hollow = adult.copy()
    hollow[27:33, 30:40, 16:20] = False
    assert [t for t in mask_warnings(hollow, ZOOMS) if 'holes of 11 ml' in t]
    crumb = adult.copy()
    crumb[1, 1, 1] = True
    crumb[30, 35, 18] = False
    assert mask_warnings(crumb, ZOOMS) == []


@pytest.mark.parametrize('side', [-1, 1])
def test_half_a_side_missing_is_said_though_both_halves_then_hold_the_same(adult, side):
    keep = ellipsoid(SHAPE, ZOOMS, SIZE)
    x = np.arange(SHAPE[0]) - (SHAPE[0] - 1) / 2
    keep[side * x > 10] = False
    whole = mirror_symmetry(adult, ZOOMS)
    assert whole > 0.97
    assert mirror_symmetry(keep, ZOOMS) < 0.9
    assert any('left and right differ' in text for text in mask_warnings(keep, ZOOMS))


def test_a_mask_that_lies_in_air_is_said(adult):
    rng = np.random.default_rng(0)
    image = np.hypot(100 * adult + rng.normal(0, 7, SHAPE), rng.normal(0, 7, SHAPE))
    assert mask_warnings(adult, ZOOMS, image) == []
    beside = ellipsoid(SHAPE, ZOOMS, SIZE, centre=(0, 0, 50))
    assert any('shows signal' in text for text in mask_warnings(beside, ZOOMS, image))
