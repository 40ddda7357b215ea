"""The one operator of both directions, between grids that are aligned and that are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import make_plan
from shapes import tissue_ball, turned

from ulfprep.physics.acquisition import add_rician_noise, rician_mean
from ulfprep.physics.forward import ForwardModel, ObliqueForwardModel, residual
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.psf import KINDS

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
EITHER = pytest.mark.parametrize('oblique', [False, True])
shapes = st.tuples(*[st.integers(1, 10)] * 3)
sizes = st.tuples(*[st.floats(0.8, 6.0)] * 3)
turns = st.tuples(*[st.floats(1, 180)] * 3)
seeds = st.integers(0, 10_000)
kinds = st.sampled_from(KINDS)
values = st.floats(-3, 3)


def make_model(shape, size, turn=None, psf='gaussian', contrast=(0.3, 0.8, 1.0)):
    """Model of voxels of ``size`` over a fine grid of anisotropic ones, turned or not."""
    fine = Grid(shape, np.diag([1.0, 1.2, 0.9, 1.0]))
    scan = resized_grid(fine, size)
    scan = turned(scan, turn) if turn else scan
    return ForwardModel.between(scan, fine, size, contrast, psf)


def make_tissues(rng, shape):
    probs = rng.random((3, *shape)).astype(np.float32)
    return probs / probs.sum(axis=0)


@EITHER
@QUICK
@given(shapes, sizes, turns, kinds, seeds)
def test_adjoint_is_the_transpose(oblique, shape, size, turn, psf, seed):
    model, rng = make_model(shape, size, oblique and turn, psf), np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    seen = model.acquire(x)
    y = rng.standard_normal(seen.shape)
    back = model.adjoint(y)
    assert back.shape == shape
    assert np.vdot(seen, y) == pytest.approx(np.vdot(x, back), abs=1e-9)


@EITHER
@QUICK
@given(shapes, sizes, turns, kinds, seeds, values, values)
def test_the_operator_is_linear_in_the_image(oblique, shape, size, turn, psf, seed, a, b):
    model, rng = make_model(shape, size, oblique and turn, psf), np.random.default_rng(seed)
    u, v = rng.standard_normal((2, *shape)).astype(np.float32)
    probs = make_tissues(rng, shape)
    together = model(np.float32(a) * u + np.float32(b) * v, probs)
    apart = np.float32(a) * model(u, probs) + np.float32(b) * model(v, probs)
    np.testing.assert_allclose(together, apart, atol=1e-4)


@EITHER
@QUICK
@given(shapes, sizes, turns, kinds, st.floats(0.1, 100))
def test_constants_stay_constants(oblique, shape, size, turn, psf, value):
    model = make_model(shape, size, oblique and turn, psf)
    np.testing.assert_allclose(model.acquire(np.full(shape, value, np.float32)), value, rtol=1e-5)


@EITHER
@QUICK
@given(shapes, sizes, turns, st.sampled_from(('gaussian', 'slice-profile')), seeds)
def test_energy_is_bounded_by_the_density_of_the_samples(oblique, shape, size, turn, psf, seed):
    model = make_model(shape, size, oblique and turn, psf)
    n = int(np.prod(shape))
    weights = model.acquire(np.eye(n, dtype=np.float32).reshape(n, *shape))
    assert weights.min() >= 0
    # Rows sum to one: no voxel exceeds what it sees, and the norm squared is at most the
    # largest column's sum.
    columns = model.adjoint(np.ones(weights.shape[1:]))
    x = np.random.default_rng(seed).standard_normal(shape)
    seen = model.acquire(x)
    assert (seen**2).sum() <= columns.max() * (x**2).sum() * (1 + 1e-5)
    assert np.abs(seen).max() <= np.abs(x).max() * (1 + 1e-5)


@pytest.mark.parametrize('psf', ['gaussian', 'slice-profile'])
@pytest.mark.parametrize('turn', [(0, 0, 0), (20, 20, 0)])
def test_away_from_borders_all_fine_samples_count_alike(turn, psf):
    # Each is seen by fine volume / scan volume voxels' worth: nothing is lost or doubled.
    size, fine = (1.6, 1.6, 3.0), Grid((44, 44, 44), np.eye(4))
    wide = turned(Grid((40, 40, 20), np.diag([*size, 1.0])), turn)
    affine = wide.affine.copy()
    affine[:3, 3] += 21.5 - (affine @ [19.5, 19.5, 9.5, 1])[:3]
    model = ForwardModel.between(Grid(wide.shape, affine), fine, size, np.ones(3), psf)
    middle = model.adjoint(np.ones(wide.shape))[14:30, 14:30, 14:30] * np.prod(size)
    assert middle.mean() == pytest.approx(1, rel=0.01)
    # Voxels as wide as they are apart leave a ripple of 6 % an axis.
    np.testing.assert_allclose(middle, 1, atol=0.2)


@EITHER
@QUICK
@given(shapes, sizes, turns, kinds, seeds)
def test_numpy_and_torch_agree(oblique, shape, size, turn, psf, seed):
    model, rng = make_model(shape, size, oblique and turn, psf), np.random.default_rng(seed)
    image, probs = rng.random(shape).astype(np.float32), make_tissues(rng, shape)
    tensors = model.to('cpu')
    seen = tensors(torch.as_tensor(image), torch.as_tensor(probs))
    np.testing.assert_allclose(seen.numpy(), model(image, probs), atol=1e-5)
    y = rng.random(seen.shape).astype(np.float32)
    back = tensors.adjoint(torch.as_tensor(y)).numpy()
    np.testing.assert_allclose(back, model.adjoint(y), atol=1e-5)


@EITHER
@pytest.mark.parametrize('psf', KINDS)
def test_gradients_are_exact_in_image_and_tissues(oblique, psf):
    model = make_model((4, 3, 4), (1.5, 1.6, 2.0), oblique and (20, 20, 0), psf)
    assert isinstance(model, ObliqueForwardModel) == oblique
    exact = {'dtype': torch.float64}
    matrices = tuple(torch.as_tensor(m, **exact) for m in model.matrices)
    double = replace(model, matrices=matrices, contrast=torch.as_tensor(model.contrast, **exact))
    draw = {**exact, 'generator': torch.Generator().manual_seed(0), 'requires_grad': True}
    image, probs = torch.rand(4, 3, 4, **draw), torch.rand(3, 4, 3, 4, **draw)
    assert torch.autograd.gradcheck(double, (image, probs))
    assert torch.autograd.gradgradcheck(double, (image, probs))
    voxels = torch.rand(double(image, probs).shape, **draw)
    assert torch.autograd.gradcheck(double.adjoint, (voxels,))


def test_pure_tissue_is_scaled_by_its_own_factor():
    model = make_model((6, 6, 6), (2, 2, 2), contrast=(0.2, 0.7, 0.9))
    for tissue, factor in enumerate((0.2, 0.7, 0.9)):
        probs = np.zeros((3, 6, 6, 6), np.float32)
        probs[tissue] = 1
        seen = model(np.full((6, 6, 6), 50, np.float32), probs)
        np.testing.assert_allclose(seen, 50 * factor, rtol=1e-5)


def test_contrast_acts_before_the_blur():
    # Half CSF, half WM within one voxel is seen as the mean of the two signals.
    fine = Grid((4, 4, 4), np.eye(4))
    model = ForwardModel.between(resized_grid(fine, (4, 4, 4)), fine, (4, 4, 4), (0.2, 1, 1))
    probs = np.zeros((3, 4, 4, 4), np.float32)
    probs[0, :2], probs[2, 2:] = 1, 1
    np.testing.assert_allclose(model(np.full((4, 4, 4), 10, np.float32), probs), 6.0, rtol=1e-5)


@EITHER
def test_leading_axes_are_carried_along(oblique):
    model = make_model((6, 5, 7), (2, 2, 3), oblique and (20, 20, 0))
    stack = np.random.default_rng(0).random((2, 6, 5, 7)).astype(np.float32)
    for both, one in zip(model.acquire(stack), stack, strict=True):
        np.testing.assert_allclose(both, model.acquire(one), atol=1e-6)
    probs = make_tissues(np.random.default_rng(1), (6, 5, 7))
    assert model.modulation(np.stack([probs, probs])).shape == (2, 6, 5, 7)


FINE, PLAN = (1.5, 1.5, 1.5), make_plan(contrast_vector=(1.5, 1.1, 1.0), noise_sigma=5.0)


@pytest.fixture(scope='module')
def brain():
    return tissue_ball()


def seen_as(brain, fwhm, scan=None):
    """Return the scan's grid and the model of a brain's scan."""
    scan = scan or brain[3]
    return scan, ForwardModel.between(scan, brain[3], fwhm, PLAN.contrast_vector)


def test_residual_of_the_truth_is_unit_normal_noise(brain):
    image, mask, probs, grid = brain
    scan_grid, model = seen_as(brain, PLAN.psf_fwhm_mm, resized_grid(grid, (1.6, 1.6, 5.0)))
    noise = np.random.default_rng(0).standard_normal(scan_grid.shape)
    scan = rician_mean(model(image, probs), PLAN.noise_sigma) + PLAN.noise_sigma * noise
    scan_mask = model.acquire(mask.astype(np.float32)) > 0.5
    out = residual(scan, scan_mask, image, probs, scan_grid, grid, PLAN)
    inside = out[out != 0]
    assert inside.size > 1000
    assert inside.mean() == pytest.approx(0, abs=0.1)
    assert inside.std() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(inside, noise[out != 0], atol=1e-4)


def test_residual_of_magnitudes_has_no_offset_where_the_signal_is_weak(brain):
    image, mask, probs, grid = brain
    weak = np.where(mask, 0.1 * image, 0)  # CSF of 3, WM of 10 in noise of 5
    _, model = seen_as(brain, FINE)
    scan = add_rician_noise(model(weak, probs), PLAN.noise_sigma, np.random.default_rng(0))
    out = residual(scan, mask, weak, probs, grid, grid, replace(PLAN, psf_fwhm_mm=FINE))
    assert out[out != 0].mean() == pytest.approx(0, abs=0.03)


def test_residual_is_zero_outside_the_mask_and_where_the_psf_leaves_the_brain(brain):
    image, mask, probs, grid = brain
    scan_grid, model = seen_as(brain, PLAN.psf_fwhm_mm, resized_grid(grid, (1.6, 1.6, 5.0)))
    share = model.acquire(mask.astype(np.float32))
    half = np.zeros(scan_grid.shape, bool)
    half[: half.shape[0] // 2] = True
    out = residual(np.full(half.shape, 1e3), half, image, probs, scan_grid, grid, PLAN)
    assert out.dtype == np.float32
    assert not out[~half | (share < 0.9)].any()
    assert (out[half & (share > 0.999)] != 0).all()


def test_residual_is_measured_in_noise(brain):
    image, mask, probs, grid = brain
    _, model = seen_as(brain, PLAN.psf_fwhm_mm)
    shifted = 10.0 + rician_mean(model(image, probs), PLAN.noise_sigma)
    out = residual(shifted, mask, image, probs, grid, grid, PLAN)
    np.testing.assert_allclose(out[out != 0], 2.0, atol=1e-4)
