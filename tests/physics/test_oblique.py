"""Acquisition between grids in any orientation; what all operators do is in test_forward."""

import itertools

import numpy as np
import pytest
from shapes import flipped, turned

from ulfprep.physics import oblique
from ulfprep.physics.forward import ForwardModel, ObliqueForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.oblique import ObliqueAcquisition
from ulfprep.physics.psf import KINDS, axis_kinds, profile


def make(shape, size, turn, psf='gaussian'):
    """Operator from a fine grid of anisotropic voxels to turned ones of ``size`` over it."""
    fine = Grid(shape, np.diag([1.0, 1.2, 0.9, 1.0]))
    return ObliqueAcquisition(turned(resized_grid(fine, size), turn), fine, size, psf)


def dense(operator):
    """The operator as a matrix."""
    n = int(np.prod(operator.fine.shape))
    images = np.eye(n, dtype=np.float32).reshape(n, *operator.fine.shape)
    return operator.acquire(images).reshape(n, -1).T.astype(float)


@pytest.mark.parametrize('psf', KINDS)
@pytest.mark.parametrize('axes', [(), (0,), (1, 2)])
def test_on_aligned_grids_it_is_the_separable_operator(psf, axes):
    rng = np.random.default_rng(0)
    fine = Grid((18, 14, 16), np.diag([1.0, 1.2, 0.9, 1.0]))
    scan = flipped(resized_grid(fine, (1.6, 2.0, 5.0)), axes)
    separable = ForwardModel.between(scan, fine, (1.6, 2.0, 5.0), np.ones(3), psf)
    assert len(separable.matrices) == 3
    general = ObliqueAcquisition(scan, fine, (1.6, 2.0, 5.0), psf)
    volume = rng.standard_normal((2, *fine.shape)).astype(np.float32)
    voxels = rng.standard_normal((2, *scan.shape)).astype(np.float32)
    np.testing.assert_allclose(general.acquire(volume), separable.acquire(volume), atol=1e-5)
    np.testing.assert_allclose(general.adjoint(voxels), separable.adjoint(voxels), atol=1e-5)


@pytest.mark.parametrize('psf', KINDS)
@pytest.mark.parametrize('order', list(itertools.permutations(range(3)))[1:])
def test_exchanged_axes_give_the_same_voxels_in_another_order(psf, order):
    fine = Grid((13, 12, 14), np.eye(4))
    scan = resized_grid(fine, (1.6, 2.0, 5.0))
    volume = np.random.default_rng(0).random(fine.shape).astype(np.float32)
    straight = ForwardModel.between(scan, fine, scan.zooms, np.ones(3), psf).acquire(volume)
    exchanged = Grid(tuple(scan.shape[k] for k in order), scan.affine[:, [*order, 3]])
    model = ForwardModel.between(exchanged, fine, exchanged.zooms, np.ones(3), psf)
    assert isinstance(model, ObliqueForwardModel)
    np.testing.assert_allclose(model.acquire(volume), straight.transpose(order), atol=1e-5)


def test_weights_are_the_product_of_the_profiles_along_the_scans_axes():
    operator = make((7, 6, 8), (1.5, 2.5, 3.5), (20, -30, 10), 'slice-profile')
    kinds = axis_kinds('slice-profile', operator.fwhm)
    directions = operator.scan.affine[:3, :3] / operator.scan.zooms
    points = np.stack(np.meshgrid(*map(np.arange, operator.fine.shape), indexing='ij'), -1)
    points = points.reshape(-1, 3) * operator.fine.zooms
    spacing = np.linalg.norm(directions.T * operator.fine.zooms, axis=1)
    expected = []
    for voxel in np.ndindex(operator.scan.shape):
        centre = (operator.scan.affine @ np.append(voxel, 1))[:3]
        along = (points - centre) @ directions
        row = np.prod(
            [profile(along[:, k], operator.fwhm[k], kinds[k], spacing[k]) for k in range(3)], 0
        )
        expected.append(row / row.sum() if row.sum() > 0 else row)
    seen = dense(operator)
    rows = np.sum(expected, axis=1) > 0
    assert rows.sum() > 10
    np.testing.assert_allclose(seen[rows], np.array(expected)[rows], atol=1e-5)


def test_a_voxel_far_outside_takes_the_nearest_sample():
    fine = Grid((4, 5, 6), np.eye(4))
    affine = turned(Grid((1, 1, 1), np.eye(4)), (30, 20, 0)).affine
    affine[:3, 3] = 40, -30, 3
    volume = np.random.default_rng(0).random(fine.shape)
    for psf in ('gaussian', 'slice-profile'):
        seen = ObliqueAcquisition(Grid((1, 1, 1), affine), fine, (1, 1, 1), psf).acquire(volume)
        assert seen.item() == volume[3, 0, 3]


CASES = {
    'straight': ((0, 0, 0), (1, 1, 1)),
    'two axes': ((20, 20, 0), (1, 1, 1)),
    'three axes': ((-35, 50, 110), (1, 1, 1)),
    'fine lattice of unequal steps': ((20, 20, 0), (0.8, 1.0, 1.2)),
    'flipped': ((20, 0, 20), (-1, 1, -1)),
}


@pytest.mark.parametrize('psf', KINDS)
@pytest.mark.parametrize('case', CASES)
def test_a_point_is_spread_to_the_stated_width_along_each_axis(case, psf):
    fwhm, (turn, steps) = (2.4, 2.0, 5.0), CASES[case]
    affine = np.diag([*map(float, steps), 1.0])
    affine[:3, 3] = -30 * affine.diagonal()[:3]  # the point lies at the world's origin
    fine = Grid((61, 61, 61), affine)
    point = np.zeros(fine.shape, np.float32)
    point[30, 30, 30] = 1
    directions = turned(Grid((1, 1, 1), np.eye(4)), turn).affine[:3, :3]
    for axis in range(3):
        # One dense row of voxels along the axis, through the point.
        zooms = np.ones(3)
        zooms[axis] = 0.01
        shape = [1, 1, 1]
        shape[axis] = 801
        rows = np.eye(4)
        rows[:3, :3] = directions * zooms
        rows[:3, 3] = -rows[:3, axis] * 400
        model = ObliqueAcquisition(Grid(tuple(shape), rows), fine, fwhm, psf)
        seen = model.acquire(point).ravel()
        above = np.flatnonzero(seen >= seen.max() / 2)
        assert seen[400] == pytest.approx(seen.max(), rel=0.02)
        assert (above[-1] - above[0]) * 0.01 == pytest.approx(fwhm[axis], rel=0.02)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    operator = make((20, 18, 16), (1.6, 1.6, 4.0), (20, 20, 0))
    rng = np.random.default_rng(0)
    x = rng.random(operator.fine.shape)
    y = rng.random(operator.scan.shape)
    whole = operator.acquire(x), operator.adjoint(y)
    for chunk in (1, 5000):
        monkeypatch.setattr(oblique, 'CHUNK', chunk)
        np.testing.assert_allclose(operator.acquire(x), whole[0], atol=1e-6)
        np.testing.assert_allclose(operator.adjoint(y), whole[1], atol=1e-6)


def test_memory_stays_bounded():
    import tracemalloc

    fine = Grid((60, 60, 60), np.eye(4))
    operator = ObliqueAcquisition(
        turned(resized_grid(fine, (1.5, 1.5, 4.0)), (20, 20, 0)), fine, (1.5, 1.5, 4.0)
    )
    volume = np.ones(fine.shape, np.float32)
    tracemalloc.start()
    operator.acquire(volume)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All weights of these 24,000 voxels would take 40 MB and their indices 80 MB more.
    assert peak < 30e6
