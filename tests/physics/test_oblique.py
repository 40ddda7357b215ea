"""Acquisition between grids in any orientation."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics import oblique
from ulfprep.physics.forward import ForwardModel, ObliqueForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.oblique import ObliqueAcquisition
from ulfprep.physics.psf import KINDS, axis_kinds, profile

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
shapes = st.tuples(*[st.integers(1, 9)] * 3)
sizes = st.tuples(*[st.floats(0.8, 5.0)] * 3)
turns = st.tuples(*[st.floats(-180, 180)] * 3)
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 10_000)


def turned(grid, degrees):
    """The grid turned about its centre by angles about the three world axes."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[a, b], [a, b]] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    middle = np.append((np.array(grid.shape) - 1) / 2, 1)
    affine = np.eye(4)
    affine[:3, :3] = turn @ grid.affine[:3, :3]
    affine[:3, 3] = (grid.affine @ middle)[:3] - affine[:3, :3] @ middle[:3]
    return Grid(grid.shape, affine)


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
@pytest.mark.parametrize('flipped', [(), (0,), (1, 2)])
def test_on_aligned_grids_it_is_the_separable_operator(psf, flipped):
    rng = np.random.default_rng(0)
    fine = Grid((18, 14, 16), np.diag([1.0, 1.2, 0.9, 1.0]))
    scan = resized_grid(fine, (1.6, 2.0, 5.0))
    affine = scan.affine.copy()
    for axis in flipped:
        affine[:3, 3] += affine[:3, axis] * (scan.shape[axis] - 1)
        affine[:3, axis] *= -1
    scan = Grid(scan.shape, affine)
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


@QUICK
@given(shapes, sizes, turns, kinds, seeds)
def test_adjoint_is_the_transpose(shape, size, turn, psf, seed):
    operator, rng = make(shape, size, turn, psf), np.random.default_rng(seed)
    x = rng.standard_normal(operator.fine.shape)
    y = rng.standard_normal(operator.scan.shape)
    forth = np.vdot(operator.acquire(x), y)
    assert forth == pytest.approx(np.vdot(x, operator.adjoint(y)), abs=1e-9)


@QUICK
@given(shapes, sizes, turns, kinds, st.floats(0.1, 100))
def test_constants_stay_constants(shape, size, turn, psf, value):
    operator = make(shape, size, turn, psf)
    seen = operator.acquire(np.full(operator.fine.shape, value, np.float32))
    np.testing.assert_allclose(seen, value, rtol=1e-5)


@QUICK
@given(shapes, sizes, turns, st.sampled_from(('gaussian', 'slice-profile')), seeds)
def test_energy_is_bounded_by_the_density_of_the_samples(shape, size, turn, psf, seed):
    operator = make(shape, size, turn, psf)
    weights = dense(operator)
    assert weights.min() >= 0
    # Rows sum to one, so that the norm squared is at most the largest column's sum.
    columns = operator.adjoint(np.ones(operator.scan.shape))
    x = np.random.default_rng(seed).standard_normal(operator.fine.shape)
    seen = operator.acquire(x)
    assert (seen**2).sum() <= columns.max() * (x**2).sum() * (1 + 1e-6)
    assert np.abs(seen).max() <= np.abs(x).max() * (1 + 1e-6)


@pytest.mark.parametrize('psf', ['gaussian', 'slice-profile'])
def test_away_from_borders_all_fine_samples_count_alike(psf):
    # Each is seen by fine volume / scan volume voxels' worth: nothing is lost or doubled.
    fine = Grid((44, 44, 44), np.eye(4))
    scan = turned(Grid((40, 40, 20), np.diag([1.6, 1.6, 3.0, 1.0])), (20, 20, 0))
    affine = scan.affine.copy()
    affine[:3, 3] += 21.5 - (affine @ [19.5, 19.5, 9.5, 1])[:3]
    scan = Grid(scan.shape, affine)
    counts = ObliqueAcquisition(scan, fine, (1.6, 1.6, 3.0), psf).adjoint(np.ones(scan.shape))
    middle = counts[14:30, 14:30, 14:30] * 1.6 * 1.6 * 3.0
    assert middle.mean() == pytest.approx(1, rel=0.01)
    # Voxels as wide as they are apart leave a ripple of 6 % an axis.
    np.testing.assert_allclose(middle, 1, atol=0.2)


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


@QUICK
@given(shapes, sizes, turns, kinds, seeds)
def test_numpy_and_torch_agree(shape, size, turn, psf, seed):
    operator, rng = make(shape, size, turn, psf), np.random.default_rng(seed)
    model = ObliqueForwardModel((), np.array([0.3, 0.8, 1.0], np.float32), operator)
    image = rng.random(shape).astype(np.float32)
    probs = rng.random((3, *shape)).astype(np.float32)
    tensors = model.to('cpu')
    seen = tensors(torch.as_tensor(image), torch.as_tensor(probs))
    np.testing.assert_allclose(seen.numpy(), model(image, probs), atol=1e-5)
    y = rng.random(seen.shape).astype(np.float32)
    back = tensors.adjoint(torch.as_tensor(y)).numpy()
    np.testing.assert_allclose(back, model.adjoint(y), atol=1e-5)


@pytest.mark.parametrize('psf', KINDS)
def test_gradients_are_exact_in_image_and_tissues(psf):
    operator = make((4, 3, 4), (1.5, 1.6, 2.0), (20, 20, 0), psf)
    model = ObliqueForwardModel((), np.array([0.3, 0.8, 1.0]), operator).to('cpu')
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(4, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    probs = torch.rand(3, 4, 3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(model, (image, probs))
    assert torch.autograd.gradgradcheck(model, (image, probs))
    voxels = torch.rand(operator.scan.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model.adjoint, (voxels,))
