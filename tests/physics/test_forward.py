"""The one operator of both directions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import make_plan

from ulfprep.physics.acquisition import add_rician_noise, rician_mean
from ulfprep.physics.forward import ForwardModel, residual
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.psf import KINDS

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
sides = st.tuples(*[st.integers(2, 12)] * 3)
sizes = st.tuples(*[st.floats(0.8, 6.0)] * 3)
seeds = st.integers(0, 10_000)
kinds = st.sampled_from(KINDS)


def make_model(shape, size, contrast=(0.3, 0.8, 1.0), psf='gaussian'):
    fine = Grid(shape, np.eye(4))
    return ForwardModel.between(resized_grid(fine, size), fine, size, contrast, psf)


def make_tissues(rng, shape):
    probs = rng.random((3, *shape)).astype(np.float32)
    return probs / probs.sum(axis=0)


@QUICK
@given(sides, sizes, seeds, kinds)
def test_adjoint_is_the_transpose(shape, size, seed, psf):
    model, rng = make_model(shape, size, psf=psf), np.random.default_rng(seed)
    x = rng.standard_normal(shape).astype(np.float32)
    seen = model.acquire(x)
    y = rng.standard_normal(seen.shape).astype(np.float32)
    back = model.adjoint(y)
    assert back.shape == shape
    forth = float(np.vdot(seen.astype(float), y))
    assert forth == pytest.approx(float(np.vdot(x, back.astype(float))), abs=1e-3)


@QUICK
@given(sides, sizes, seeds, st.floats(-3, 3), st.floats(-3, 3), kinds)
def test_the_operator_is_linear_in_the_image(shape, size, seed, a, b, psf):
    model, rng = make_model(shape, size, psf=psf), np.random.default_rng(seed)
    u, v = rng.standard_normal((2, *shape)).astype(np.float32)
    probs = make_tissues(rng, shape)
    together = model(np.float32(a) * u + np.float32(b) * v, probs)
    apart = np.float32(a) * model(u, probs) + np.float32(b) * model(v, probs)
    np.testing.assert_allclose(together, apart, atol=1e-4)


@QUICK
@given(sides, sizes, st.floats(0.1, 100), kinds)
def test_constants_stay_constants(shape, size, value, psf):
    seen = make_model(shape, size, psf=psf).acquire(np.full(shape, value, np.float32))
    np.testing.assert_allclose(seen, value, rtol=1e-5)


@QUICK
@given(sides, sizes, seeds, st.sampled_from(('gaussian', 'slice-profile')))
def test_energy_is_bounded_by_the_density_of_the_samples(shape, size, seed, psf):
    model = make_model(shape, size, psf=psf)
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    seen = model.acquire(x)
    # Weights are not negative and rows sum to one: no voxel exceeds what it sees, and the
    # norm squared is at most the largest column's sum, here a product of one an axis.
    assert np.abs(seen).max() <= np.abs(x).max() * (1 + 1e-5)
    columns = np.prod([m.sum(axis=0).max() for m in model.matrices])
    assert (seen.astype(float) ** 2).sum() <= columns * (x.astype(float) ** 2).sum() * (1 + 1e-5)


def test_away_from_borders_all_fine_samples_count_alike():
    counts = make_model((40, 40, 60), (1.6, 2.0, 5.0)).adjoint(np.ones((25, 20, 12), np.float32))
    middle = counts[12:-12, 12:-12, 12:-12] * 1.6 * 2.0 * 5.0
    assert middle.mean() == pytest.approx(1, rel=0.01)
    # Voxels as wide as they are apart leave a ripple of 6 % an axis.
    np.testing.assert_allclose(middle, 1, atol=0.2)


@QUICK
@given(sides, sizes, seeds, kinds)
def test_numpy_and_torch_agree(shape, size, seed, psf):
    model, rng = make_model(shape, size, psf=psf), np.random.default_rng(seed)
    image = rng.random(shape).astype(np.float32)
    probs = make_tissues(rng, shape)
    tensors = model.to('cpu')
    seen = tensors(torch.as_tensor(image), torch.as_tensor(probs))
    np.testing.assert_allclose(seen.numpy(), model(image, probs), atol=1e-5)
    y = rng.random(seen.shape).astype(np.float32)
    back = tensors.adjoint(torch.as_tensor(y)).numpy()
    np.testing.assert_allclose(back, model.adjoint(y), atol=1e-5)


def test_gradients_are_exact_in_image_and_tissues():
    model = make_model((4, 3, 5), (1.5, 1.6, 2.0))
    double = ForwardModel(
        tuple(torch.as_tensor(m, dtype=torch.float64) for m in model.matrices),
        torch.as_tensor(model.contrast, dtype=torch.float64),
    )
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(4, 3, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    probs = torch.rand(3, 4, 3, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(double, (image, probs))


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


def test_leading_axes_are_carried_along():
    model = make_model((6, 5, 7), (2, 2, 3))
    stack = np.random.default_rng(0).random((2, 6, 5, 7)).astype(np.float32)
    both = model.acquire(stack)
    for k in range(2):
        np.testing.assert_allclose(both[k], model.acquire(stack[k]), atol=1e-6)
    probs = make_tissues(np.random.default_rng(1), (6, 5, 7))
    assert model.modulation(np.stack([probs, probs])).shape == (2, 6, 5, 7)


@pytest.fixture(scope='module')
def brain():
    """Return an image, mask, tissues and grid of a ball of three tissues, 1.5 mm."""
    n = 40
    axes = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    mask = radius < 0.8
    probs = np.stack([radius >= 0.7, (radius < 0.7) & (radius >= 0.5), radius < 0.5]) & mask
    image = np.tensordot([20.0, 70.0, 100.0], probs.astype(float), 1).astype(np.float32)
    return image, mask, probs.astype(np.float32), Grid((n, n, n), np.diag([1.5, 1.5, 1.5, 1.0]))


PLAN = make_plan(contrast_vector=(1.5, 1.1, 1.0), noise_sigma=5.0)


def test_residual_of_the_truth_is_unit_normal_noise(brain):
    image, mask, probs, grid = brain
    scan_grid = resized_grid(grid, (1.6, 1.6, 5.0))
    model = ForwardModel.between(scan_grid, grid, PLAN.psf_fwhm_mm, PLAN.contrast_vector)
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
    model = ForwardModel.between(grid, grid, (1.5, 1.5, 1.5), PLAN.contrast_vector)
    scan = add_rician_noise(model(weak, probs), PLAN.noise_sigma, np.random.default_rng(0))
    plan = make_plan(
        contrast_vector=PLAN.contrast_vector, noise_sigma=5.0, psf_fwhm_mm=(1.5, 1.5, 1.5)
    )
    out = residual(scan, mask, weak, probs, grid, grid, plan)
    assert out[out != 0].mean() == pytest.approx(0, abs=0.03)


def test_residual_is_zero_outside_the_mask_and_where_the_psf_leaves_the_brain(brain):
    image, mask, probs, grid = brain
    scan_grid = resized_grid(grid, (1.6, 1.6, 5.0))
    model = ForwardModel.between(scan_grid, grid, PLAN.psf_fwhm_mm, PLAN.contrast_vector)
    share = model.acquire(mask.astype(np.float32))
    half = np.zeros(scan_grid.shape, bool)
    half[: half.shape[0] // 2] = True
    out = residual(np.full(half.shape, 1e3), half, image, probs, scan_grid, grid, PLAN)
    assert out.dtype == np.float32
    assert not out[~half | (share < 0.9)].any()
    assert (out[half & (share > 0.999)] != 0).all()


def test_residual_is_measured_in_noise(brain):
    image, mask, probs, grid = brain
    model = ForwardModel.between(grid, grid, (1.6, 1.6, 5.0), PLAN.contrast_vector)
    shifted = 10.0 + rician_mean(model(image, probs), PLAN.noise_sigma)
    out = residual(shifted, mask, image, probs, grid, grid, PLAN)
    np.testing.assert_allclose(out[out != 0], 2.0, atol=1e-4)
