"""A guess is corrected as far as noise shows and doubt allows."""

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.grid import resized_grid
from ulfprep.physics.informed import conjugate_gradients, gaussians, informed_inverse
from ulfprep.physics.inverse import discrepancy_inverse

VOXEL = (1.6, 1.6, 5.0)
SIGMA = 3.0


@pytest.fixture(scope='module')
def block():
    """Return model, noisy scan, voxels that count, and truth: a bright block on grey."""
    fine = Grid((40, 40, 40), np.eye(4))
    truth = np.full(fine.shape, 70, np.float32)
    truth[10:30, 10:30, 10:30] = 100
    scan = resized_grid(fine, VOXEL)
    model = ForwardModel.between(scan, fine, VOXEL, np.ones(3))
    y = model.acquire(truth)
    y = y + SIGMA * np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    return model, y, np.ones(y.shape, bool), truth


def corrected(block, guess, spread=10.0, sigma=SIGMA):
    model, y, inside, truth = block
    found, course = informed_inverse(
        model, y, inside, sigma, (1, 1, 1), guess, np.full(truth.shape, spread), 2.0
    )
    return guess + found, course


def off(image, truth):
    return float(np.abs(image - truth).mean())


def test_a_right_guess_is_nearer_than_any_inverse_without_one(block):
    model, y, inside, truth = block
    plain, _ = discrepancy_inverse(model, y, inside, SIGMA, (1, 1, 1))
    assert off(corrected(block, truth, 2.0)[0], truth) < 0.5 * off(plain, truth)


def test_a_wrong_guess_is_corrected_until_it_explains_the_scan(block):
    guess = np.roll(block[3], 4, axis=1) + 5
    image, course = corrected(block, guess)
    assert off(image, block[3]) < 0.5 * off(guess, block[3])
    assert course['residual_rms'][-1] == pytest.approx(1, abs=0.15)
    # A value of every term a round, and the whole falls.
    assert {len(v) for v in course.values()} == {len(course['step'])}
    assert course['total'][-1] <= course['total'][0]
    assert np.all(np.diff(course['step']) > 0)


def test_where_there_is_no_doubt_the_guess_stays_and_more_noise_is_believed_less(block):
    guess = np.roll(block[3], 4, axis=1)
    np.testing.assert_array_equal(corrected(block, guess, 0.0)[0], guess)
    guess = np.full_like(block[3], 70)
    near, far = (corrected(block, guess, sigma=s)[0] for s in (SIGMA, 10 * SIGMA))
    assert np.abs(far - guess).mean() < 0.8 * np.abs(near - guess).mean()


def test_what_the_guess_did_not_expect_is_kept(block):
    model, _, inside, truth = block
    struck = truth.copy()
    struck[16:24, 16:24, 15:25] = 40
    y = model.acquire(struck)
    # Twenty times as far off as it was thought to be.
    image, _ = corrected((model, y, inside, truth), truth, 3.0)
    core = np.s_[18:22, 18:22, 18:22]
    assert (truth - image)[core].mean() > 0.7 * 60


def test_sums_of_gaussians_have_the_same_spread_everywhere():
    basis = gaussians(50, 1.0, 2.0)
    np.testing.assert_allclose((basis**2).sum(axis=1), 1, rtol=1e-5)
    # Neighbours share it, points further apart than a few widths do not.
    shared = basis @ basis.T
    assert shared[25, 26] > 0.9
    assert shared[25, 35] < 0.05


def test_conjugate_gradients_solve_a_system_of_several_arrays():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((12, 6))
    a = a.T @ a + np.eye(6)
    right = rng.standard_normal(6)

    def apply(x):
        out = a @ np.concatenate([x[0].ravel(), x[1]])
        return [out[:4].reshape(2, 2), out[4:]]

    x = conjugate_gradients(apply, [right[:4].reshape(2, 2), right[4:]], 12)
    np.testing.assert_allclose(
        np.concatenate([x[0].ravel(), x[1]]), np.linalg.solve(a, right), rtol=1e-3
    )
