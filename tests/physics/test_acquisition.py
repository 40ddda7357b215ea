"""Point-spread function, sampling and noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.acquisition import (
    acquisition_matrices,
    add_rician_noise,
    apply_matrices,
    estimate_noise,
    psf_matrix,
)
from ulfprep.physics.grid import Grid, resized_grid

QUICK = settings(deadline=None, max_examples=40, derandomize=True)


@QUICK
@given(
    st.lists(st.floats(-20, 60), min_size=1, max_size=12),
    st.integers(1, 40),
    st.floats(0.0, 12.0),
)
def test_every_acquired_sample_is_a_weighted_mean(positions, n_fine, fwhm):
    matrix = psf_matrix(np.array(positions), n_fine, fwhm)
    assert matrix.shape == (len(positions), n_fine)
    assert matrix.dtype == np.float32
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


@QUICK
@given(st.floats(1.5, 12.0), st.floats(-0.5, 0.5))
def test_a_point_is_spread_to_the_stated_width(fwhm, offset):
    # The acquired positions are so dense that they trace the profile of one fine point.
    positions = np.arange(20, 60, 0.02)
    profile = psf_matrix(positions, 81, fwhm)[:, 40].astype(float)
    above = positions[profile >= profile.max() / 2]
    assert above[-1] - above[0] == pytest.approx(fwhm, rel=0.03, abs=0.04)
    assert positions[profile.argmax()] == pytest.approx(40, abs=0.03)
    # Half a sample off the lattice the centre of mass is still where it was asked for.
    row = psf_matrix(np.array([40 + offset]), 81, fwhm)[0]
    assert row @ np.arange(81) == pytest.approx(40 + offset, abs=0.01)


def test_a_very_narrow_psf_interpolates_between_neighbours():
    row = psf_matrix(np.array([3.5]), 8, 0.0)[0]
    np.testing.assert_allclose(row[[3, 4]], 0.5, atol=1e-6)
    assert np.delete(row, [3, 4]).max() < 1e-6


def test_a_sample_outside_the_fine_grid_takes_the_nearest_point():
    matrix = psf_matrix(np.array([-30.0, 99.0]), 8, 1.0)
    np.testing.assert_array_equal(matrix.argmax(axis=1), [0, 7])


def test_widths_are_millimetres_along_each_axis():
    fine = Grid((31, 31, 31), np.diag([0.5, 1.0, 2.0, 1.0]))
    matrices = acquisition_matrices(fine, fine, (6.0, 6.0, 6.0))
    for matrix, zoom in zip(matrices, (0.5, 1.0, 2.0), strict=True):
        row = matrix[15].astype(float)
        spread = np.sqrt(row @ (np.arange(31) - 15.0) ** 2) * zoom
        assert spread * 2.3548 == pytest.approx(6.0, rel=0.03)


def test_matrices_have_a_row_for_every_scan_voxel():
    fine = Grid((16, 18, 20), np.eye(4))
    scan = resized_grid(fine, (1.6, 2.0, 5.0))
    shapes = [m.shape for m in acquisition_matrices(scan, fine, (1.6, 2.0, 5.0))]
    assert shapes == [(10, 16), (9, 18), (4, 20)]


def test_matrices_work_axis_by_axis_and_on_leading_channels():
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal(s) for s in ((2, 5), (3, 6), (4, 7))]
    volume = rng.standard_normal((2, 5, 6, 7))
    expected = np.einsum('ai,bj,ck,nijk->nabc', *matrices, volume)
    np.testing.assert_allclose(apply_matrices(matrices, volume), expected, atol=1e-12)


@pytest.mark.parametrize('sigma', [1.0, 25.0])
def test_rician_background_has_the_rayleigh_mean(sigma):
    noisy = add_rician_noise(np.zeros((60, 60, 60)), sigma, np.random.default_rng(1))
    assert noisy.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.01)
    assert noisy.dtype == np.float32
    assert noisy.min() >= 0


def test_rician_noise_is_gaussian_where_the_signal_is_strong():
    noisy = add_rician_noise(np.full((60, 60, 60), 100.0), 2.0, np.random.default_rng(1))
    assert noisy.std() == pytest.approx(2.0, rel=0.02)
    # The bias of a magnitude is sigma^2 / (2 signal).
    assert noisy.mean() == pytest.approx(100.02, abs=0.02)


def test_rician_noise_is_determined_by_its_seed():
    image = np.ones((5, 6, 7))
    draws = [add_rician_noise(image, 1.0, np.random.default_rng(s)) for s in (3, 3, 4)]
    assert draws[0].tobytes() == draws[1].tobytes()
    assert draws[0].tobytes() != draws[2].tobytes()


def test_no_noise_leaves_the_magnitude():
    image = np.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(add_rician_noise(image, 0.0, np.random.default_rng(0)), image)


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
