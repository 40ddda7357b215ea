"""Grids keep what they cover in the same place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import flipped, rotation

from ulfprep.physics.grid import (
    Grid,
    aligned_offsets,
    are_aligned,
    brain_bounds,
    covered,
    isotropic_grid,
    resized_grid,
)

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
lengths = st.tuples(*[st.floats(0.7, 6.0)] * 3)
shapes = st.tuples(*[st.integers(1, 60)] * 3)
shifts = st.tuples(*[st.floats(-150, 150)] * 3)
angles = st.tuples(*[st.floats(-180, 180)] * 3)


def make_grid(shape, zooms, shift=(0.0, 0.0, 0.0), turn=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(turn) * zooms
    affine[:3, 3] = shift
    return Grid(shape, affine)


def centre(grid):
    return (grid.affine @ np.append((np.array(grid.shape) - 1) / 2, 1))[:3]


@QUICK
@given(shapes, lengths, shifts, angles)
def test_zooms_are_the_voxel_size_in_any_orientation(shape, zooms, shift, turn):
    np.testing.assert_allclose(make_grid(shape, zooms, shift, turn).zooms, zooms, rtol=1e-9)


@QUICK
@given(shapes, lengths, lengths, shifts, angles)
def test_resized_grid_keeps_centre_axes_and_field_of_view(shape, zooms, size, shift, turn):
    grid = make_grid(shape, zooms, shift, turn)
    other = resized_grid(grid, size)
    np.testing.assert_allclose(centre(other), centre(grid), atol=1e-6)
    np.testing.assert_allclose(other.zooms, size, rtol=1e-9)
    # Same directions: the product of the normalised axes is the identity.
    directions = (other.affine[:3, :3] / other.zooms).T @ (grid.affine[:3, :3] / grid.zooms)
    np.testing.assert_allclose(directions, np.eye(3), atol=1e-9)
    before = np.array(grid.shape) * grid.zooms
    after = np.array(other.shape) * other.zooms
    assert np.all(after >= before - 2e-3 * other.zooms)
    assert covered(other, grid).all()
    assert covered(grid, other).all()
    assert np.all(after < before + other.zooms)


@QUICK
@given(shapes, lengths, shifts, angles)
def test_resizing_to_the_own_voxel_size_changes_nothing(shape, zooms, shift, turn):
    grid = make_grid(shape, zooms, shift, turn)
    same = resized_grid(grid, grid.zooms)
    assert same.shape == grid.shape
    np.testing.assert_allclose(same.affine, grid.affine, atol=1e-6)


def test_an_isotropic_grid_has_the_spacing_on_every_axis_and_no_voxel_too_many():
    assert isotropic_grid(make_grid((100, 100, 40), (1.6, 1.6, 5.0)), 1.0).shape == (160, 160, 200)
    grid = make_grid((20, 22, 9), (1.6, 1.6, 5.0), (3, 4, 5), (5, 10, 15))
    np.testing.assert_allclose(isotropic_grid(grid, 1.5).zooms, 1.5)


@pytest.mark.parametrize('size', [(1, 1), (1, 1, 0), (1, -1, 1), 2.0])
def test_a_voxel_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match='three positive lengths'):
        resized_grid(make_grid((4, 4, 4), (1, 1, 1)), size)


@QUICK
@given(lengths, shifts, angles, st.tuples(*[st.tuples(st.integers(0, 8), st.integers(1, 9))] * 3))
def test_crop_keeps_world_positions(zooms, shift, turn, spans):
    grid = make_grid((20, 20, 20), zooms, shift, turn)
    bounds, before = tuple(slice(a, a + n) for a, n in spans), grid.affine.copy()
    part = grid.crop(bounds)
    np.testing.assert_array_equal(grid.affine, before)
    assert part.shape == tuple(n for _, n in spans)
    for corner in (np.zeros(3), np.array(part.shape) - 1):
        inside = part.affine @ np.append(corner, 1)
        whole = grid.affine @ np.append(corner + [b.start for b in bounds], 1)
        np.testing.assert_allclose(inside, whole, atol=1e-6)


@QUICK
@given(shapes, lengths, lengths, shifts, angles, st.sets(st.integers(0, 2)))
def test_aligned_offsets_name_the_same_world_points(shape, zooms, size, shift, turn, axes):
    source = make_grid(shape, zooms, shift, turn)
    target = flipped(resized_grid(source, size), axes)
    assert are_aligned(source, target)
    offsets = aligned_offsets(source, target)
    assert [len(o) for o in offsets] == list(target.shape)
    for pick in (0, -1):
        index = np.array([o[pick] for o in offsets])
        voxel = np.array([pick % n for n in target.shape])
        there = source.affine @ np.append(index, 1)
        here = target.affine @ np.append(voxel, 1)
        np.testing.assert_allclose(there, here, atol=1e-5)


@QUICK
@given(st.floats(0.6, 85), st.integers(0, 2))
def test_oblique_grids_and_exchanged_axes_are_refused(angle, axis):
    straight = make_grid((8, 8, 8), (1, 1, 1))
    oblique = make_grid((8, 8, 8), (1, 1, 1), turn=np.roll([angle, 0, 0], axis))
    for other in (oblique, Grid((8, 8, 8), np.eye(4)[[1, 0, 2, 3]])):
        assert not are_aligned(straight, other)
        with pytest.raises(ValueError, match='not aligned'):
            aligned_offsets(straight, other)


@QUICK
@given(shapes, lengths, shifts, angles, lengths, shifts, angles)
def test_covered_voxels_are_those_within_the_sources_field_of_view(
    shape, zooms, shift, turn, other_zooms, other_shift, other_turn
):
    source = make_grid(shape, zooms, shift, turn)
    target = make_grid((4, 5, 6), other_zooms, other_shift, other_turn)
    found = covered(source, target)
    for voxel in np.ndindex(target.shape):
        index = np.linalg.inv(source.affine) @ target.affine @ np.append(voxel, 1)
        beyond = np.abs(index[:3] - (np.array(shape) - 1) / 2) - np.array(shape) / 2
        if np.abs(beyond).min() > 0.01:  # not on the very border
            assert found[voxel] == (beyond < 0).all()


def test_bounds_of_a_brain_hold_it_with_a_margin_on_both_grids():
    grid = Grid((40, 50, 12), np.diag([1.6, 1.6, 5.0, 1.0]))
    mask = np.zeros(grid.shape, bool)
    mask[12:30, 15:40, 4:9] = True
    bounds, fine_bounds = brain_bounds(mask, grid, 1.0)
    assert bounds == (slice(7, 35), slice(10, 45), slice(2, 11))
    cropped, fine = grid.crop(bounds), isotropic_grid(grid, 1.0).crop(fine_bounds)
    # The lattice is that of the whole scan, and no cropped voxel lies outside it.
    assert covered(fine, cropped).all()
    assert cropped.shape == tuple(b.stop - b.start for b in bounds)


def test_bounds_of_a_brain_stay_within_the_field_of_view():
    grid = Grid((20, 20, 6), np.diag([2.0, 2.0, 5.0, 1.0]))
    bounds, fine_bounds = brain_bounds(np.ones(grid.shape, bool), grid, 1.0)
    assert bounds == tuple(slice(0, n) for n in grid.shape)
    assert fine_bounds == tuple(slice(0, n) for n in isotropic_grid(grid, 1.0).shape)
