"""Noise read off magnitude images."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.noise import estimate_noise


def smooth_ball(n=56):
    """Return a brain-like ball with slowly varying intensity of about 100."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing='ij')
    mask = x**2 + y**2 + z**2 < 0.36
    return np.where(mask, 100 * (1 + 0.2 * np.cos(3 * x) * np.cos(2 * y)), 0), mask


@pytest.mark.parametrize('snr', [10, 20, 40])
@pytest.mark.parametrize('background', ['measured', 'zeroed'])
def test_noise_is_found_within_a_tenth(snr, background):
    image, mask = smooth_ball()
    noisy = add_rician_noise(image, 100 / snr, np.random.default_rng(snr))
    if background == 'zeroed':
        noisy = np.where(mask, noisy, 0)
    estimate = estimate_noise(noisy, mask, (1.6, 1.6, 5.0))
    assert estimate.sigma == pytest.approx(100 / snr, rel=0.1)
    assert ('air' in estimate.method) == (background == 'measured')


@pytest.mark.parametrize('snr', [10, 20, 40])
def test_the_rim_of_a_stripped_brain_is_not_taken_for_noise(snr):
    # The second difference at a voxel next to the rim would see the edge.
    image, mask = smooth_ball()
    noisy = np.where(mask, add_rician_noise(image, 100 / snr, np.random.default_rng(snr)), 0)
    estimate = estimate_noise(noisy, mask, (1.6, 1.6, 5.0))
    assert estimate.sigma == pytest.approx(100 / snr, rel=0.03)


def test_smoothed_air_is_not_believed():
    from scipy import ndimage

    image, mask = smooth_ball()
    noisy = add_rician_noise(image, 5.0, np.random.default_rng(0))
    noisy = np.where(mask, noisy, ndimage.uniform_filter(noisy, 3))
    estimate = estimate_noise(noisy, mask, (1.6, 1.6, 5.0))
    assert 'inside the brain' in estimate.method
    assert estimate.sigma == pytest.approx(5.0, rel=0.1)


def test_air_that_is_quieter_than_the_brain_is_not_believed():
    # Rayleigh in shape, but somebody has damped it.
    image, mask = smooth_ball()
    noisy = add_rician_noise(image, 5.0, np.random.default_rng(0))
    estimate = estimate_noise(np.where(mask, noisy, 0.2 * noisy), mask, (1.6, 1.6, 5.0))
    assert 'inside the brain' in estimate.method
    assert estimate.sigma == pytest.approx(5.0, rel=0.1)


def test_air_of_one_constant_value_is_no_noise():
    image, mask = smooth_ball()
    noisy = np.where(mask, add_rician_noise(image, 5.0, np.random.default_rng(0)), 1)
    estimate = estimate_noise(noisy, mask, (1.6, 1.6, 5.0))
    assert 'inside the brain' in estimate.method
    assert estimate.sigma == pytest.approx(5.0, rel=0.1)


def test_thick_slices_do_not_vote_on_noise():
    # Between thick slices anatomy jumps; only the two finest axes may be differenced.
    image, mask = smooth_ball()
    jumps = 60 * np.random.default_rng(1).random((56, 56, 1))
    image = image + jumps * mask
    noisy = np.where(mask, add_rician_noise(image, 5.0, np.random.default_rng(0)), 0)
    assert estimate_noise(noisy, mask, (5.0, 1.6, 1.6)).sigma == pytest.approx(5.0, rel=0.1)


def test_noise_of_too_few_voxels_is_an_error():
    mask = np.zeros((20, 20, 20), bool)
    mask[:5, :5, :5] = True
    with pytest.raises(ValueError, match='only 125 voxels'):
        estimate_noise(np.ones(mask.shape), mask, (1, 1, 1))


def test_noise_of_a_resampled_scan_is_that_of_its_acquired_voxels():
    from scipy import ndimage

    rng = np.random.default_rng(1)
    coarse = 100 + 5 * rng.standard_normal((40, 40, 20))
    fine = ndimage.zoom(coarse, (2, 2, 1), order=3)
    mask = np.ones(fine.shape, bool)
    apart = estimate_noise(fine, mask, (1, 1, 4), acquired=(2, 2, 4)).sigma
    touching = estimate_noise(fine, mask, (1, 1, 4)).sigma
    # Interpolation averages: two thirds of the acquired noise are left in the fine voxels,
    # of which their immediate neighbours show almost nothing.
    assert 0.5 * fine.std() < apart < 5
    assert touching < 0.2 * apart
