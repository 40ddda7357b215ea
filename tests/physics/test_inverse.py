"""The regularised linear inverse against dense linear algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ulfprep.physics import inverse
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.inverse import (
    conjugate_gradient,
    discrepancy_inverse,
    edge_preserving_inverse,
)

QUICK = settings(deadline=None, max_examples=15, derandomize=True)
SPACING = np.array([1.0, 1.5, 2.0])


def tiny(seed=0):
    fine = Grid((5, 4, 6), np.diag([*SPACING, 1.0]))
    scan = resized_grid(fine, (1.7, 3.0, 4.0))
    model = ForwardModel.between(scan, fine, (1.7, 3.0, 4.0), np.ones(3))
    y = np.random.default_rng(seed).standard_normal(scan.shape).astype(np.float32)
    return model, y, fine


def dense(model, shape, smoothness, y):
    """Solve the same problem with one big matrix."""
    operator = np.kron(np.kron(*model.matrices[:2]), model.matrices[2]).astype(float)
    normal = operator.T @ operator
    for axis, step in enumerate(SPACING):
        difference = np.diff(np.eye(shape[axis]), axis=0) / step
        parts = [np.eye(n) for n in shape]
        parts[axis] = difference
        gradient = np.kron(np.kron(parts[0], parts[1]), parts[2])
        normal += smoothness * gradient.T @ gradient
    return np.linalg.solve(normal, operator.T @ y.ravel().astype(float)).reshape(shape)


def objective(model, u, y, smoothness):
    data = ((model.acquire(u) - y) ** 2).sum()
    rough = sum(((np.diff(u, axis=a) / s) ** 2).sum() for a, s in enumerate(SPACING))
    return 0.5 * float(data + smoothness * rough)


@pytest.mark.parametrize('smoothness', [0.01, 0.1, 1.0])
def test_conjugate_gradients_solve_the_normal_equations(smoothness):
    model, y, fine = tiny()
    u = conjugate_gradient(model, y, smoothness, SPACING, iterations=200, tolerance=1e-6)
    np.testing.assert_allclose(u, dense(model, fine.shape, smoothness, y), atol=2e-3)


@QUICK
@given(st.integers(0, 1000), st.floats(1e-3, 1.0))
def test_every_iteration_lowers_the_objective(seed, smoothness):
    model, y, _ = tiny(seed)
    values = [
        objective(model, conjugate_gradient(model, y, smoothness, SPACING, iterations=n), y,
                  smoothness)
        for n in (0, 1, 2, 5, 10)
    ]  # fmt: skip
    assert np.all(np.diff(values) <= 1e-5 * values[0])
    assert values[-1] < values[0]


def test_a_good_start_is_kept_and_left_alone():
    model, y, _ = tiny()
    best = conjugate_gradient(model, y, 0.1, SPACING, iterations=200, tolerance=1e-6)
    before = best.copy()
    again = conjugate_gradient(model, y, 0.1, SPACING, start=best, iterations=5)
    np.testing.assert_allclose(again, best, atol=1e-3)
    np.testing.assert_array_equal(best, before)


@pytest.mark.parametrize('value', [0.0, 3.0])
def test_a_constant_scan_gives_that_constant(value):
    model, y, _ = tiny()
    u = conjugate_gradient(model, np.full_like(y, value), 0.1, SPACING, iterations=100)
    np.testing.assert_allclose(u, value, rtol=0.01)


@pytest.fixture(scope='module')
def noisy_scan():
    """Return a small blurred and noisy scan of a blob, its model and its mask."""
    fine = Grid((32, 32, 30), np.eye(4))
    scan = resized_grid(fine, (1.6, 1.6, 5.0))
    rng = np.random.default_rng(0)
    truth = ndimage.gaussian_filter(rng.standard_normal(fine.shape), 2.0)
    truth = (1 + truth / truth.std() * 0.3).astype(np.float32)
    model = ForwardModel.between(scan, fine, (1.6, 1.6, 5.0), np.ones(3))
    clean = model.acquire(truth)
    mask = np.ones(scan.shape, bool)
    return model, clean, mask, fine, rng.standard_normal(scan.shape).astype(np.float32)


@pytest.mark.parametrize('sigma', [0.04, 0.08])
def test_the_discrepancy_principle_leaves_a_residual_of_the_size_of_the_noise(noisy_scan, sigma):
    model, clean, mask, fine, noise = noisy_scan
    y = clean + np.float32(sigma) * noise
    image, _ = discrepancy_inverse(model, y, mask, sigma, fine.zooms)
    left = np.sqrt(np.mean((model.acquire(image) - y)[mask] ** 2))
    assert left == pytest.approx(sigma, rel=0.1)


def test_more_noise_asks_for_more_smoothness(noisy_scan):
    model, clean, mask, fine, noise = noisy_scan
    found = [
        discrepancy_inverse(model, clean + np.float32(s) * noise, mask, s, fine.zooms)[1]
        for s in (0.02, 0.08)
    ]
    assert found[0] < found[1]


@pytest.mark.parametrize('sigma', [1e-6, 0.05, 10.0])
def test_the_smoothness_returned_is_the_one_that_made_the_image(noisy_scan, sigma, monkeypatch):
    model, clean, mask, fine, noise = noisy_scan
    tried = []

    def spy(model, scan, smoothness, *args, **kwargs):
        image = conjugate_gradient(model, scan, smoothness, *args, **kwargs)
        tried.append((smoothness, image))
        return image

    monkeypatch.setattr(inverse, 'conjugate_gradient', spy)
    y = clean + np.float32(0.05) * noise
    image, smoothness = discrepancy_inverse(model, y, mask, sigma, fine.zooms)
    assert len(tried) <= inverse.STEPS
    assert smoothness == tried[-1][0]
    np.testing.assert_array_equal(image, tried[-1][1])


@pytest.mark.parametrize(('sigma', 'end'), [(1e-6, 1e-3), (10.0, 1.0)])
def test_out_of_reach_the_search_ends_within_its_bounds(noisy_scan, sigma, end):
    model, clean, mask, fine, _ = noisy_scan
    _, smoothness = discrepancy_inverse(model, clean, mask, sigma, fine.zooms)
    assert 1e-3 < smoothness < 1
    assert smoothness == pytest.approx(end, rel=0.2)


def step(sigma, seed=0):
    """Return what an inverse asks of a block with a sharp border, and the block."""
    fine = Grid((40, 40, 40), np.eye(4))
    scan = resized_grid(fine, (1.6, 1.6, 4.0))
    model = ForwardModel.between(scan, fine, scan.zooms, np.ones(3))
    truth = np.full(fine.shape, 80.0, np.float32)
    truth[13:27, 13:27, 12:28] = 100.0
    y = model.acquire(truth)
    noise = np.random.default_rng(seed).standard_normal(y.shape)
    y = (y + sigma * noise).astype(np.float32)
    return (model, y, np.ones(y.shape, bool), sigma, fine.zooms), truth


def test_the_edge_preserving_inverse_leaves_a_residual_of_the_size_of_the_noise():
    problem, _ = step(3.0)
    model, y, *_ = problem
    image = edge_preserving_inverse(*problem, steps=6)
    assert np.sqrt(((model.acquire(image) - y) ** 2).mean()) == pytest.approx(3.0, rel=0.06)


def test_the_edge_preserving_inverse_is_nearer_to_a_block_and_scales_with_the_scan():
    problem, truth = step(3.0)
    smooth, sharp = discrepancy_inverse(*problem)[0], edge_preserving_inverse(*problem)
    errors = [np.sqrt(((image - truth) ** 2).mean()) for image in (smooth, sharp)]
    assert errors[1] < 0.92 * errors[0]
    model, y, inside, sigma, zooms = problem
    other = edge_preserving_inverse(model, 50 * y, inside, 50 * sigma, zooms)
    np.testing.assert_allclose(other, 50 * sharp, rtol=1e-3)


def test_the_edge_preserving_inverse_of_an_even_scan_is_even():
    model, y, inside, _, zooms = step(0.0)[0]
    image = edge_preserving_inverse(model, np.full_like(y, 70), inside, 1.0, zooms)
    np.testing.assert_allclose(image, 70, atol=0.5)
