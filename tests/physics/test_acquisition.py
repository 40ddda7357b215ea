"""Point-spread function, sampling and noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.acquisition import (
    add_rician_noise,
    amplitude_from_mean,
    apply_matrices,
    psf_matrix,
    rician_mean,
)
from ulfprep.physics.psf import KINDS

QUICK = settings(deadline=None, max_examples=40, derandomize=True)


@QUICK
@given(
    st.lists(st.floats(-20, 60), min_size=1, max_size=12),
    st.integers(1, 40),
    st.floats(0.0, 12.0),
    st.sampled_from(KINDS),
)
def test_every_acquired_sample_is_a_weighted_mean(positions, n_fine, fwhm, psf):
    matrix = psf_matrix(np.array(positions), n_fine, fwhm, psf)
    assert matrix.shape == (len(positions), n_fine)
    assert matrix.dtype == np.float32
    # At the border, too, lobes below zero take away from a weight about as they do inside.
    assert matrix.min() >= (-0.25 if psf == 'kspace' else 0)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


@QUICK
@given(st.floats(1.5, 12.0), st.floats(-0.5, 0.5), st.sampled_from(KINDS))
def test_a_point_is_spread_to_the_stated_width(fwhm, offset, psf):
    # The acquired positions are so dense that they trace the profile of one fine point.
    positions = np.arange(40, 80, 0.005)
    profile = psf_matrix(positions, 121, fwhm, psf)[:, 60].astype(float)
    above = positions[profile >= profile.max() / 2]
    assert above[-1] - above[0] == pytest.approx(fwhm, rel=0.02)
    assert (above[-1] + above[0]) / 2 == pytest.approx(60, abs=0.03)
    # Half a sample off the lattice the centre of mass is still where it was asked for.
    row = psf_matrix(np.array([60 + offset]), 121, fwhm, psf)[0]
    assert row @ np.arange(121) == pytest.approx(60 + offset, abs=0.06 if fwhm < 3 else 0.01)


def test_a_very_narrow_psf_interpolates_between_neighbours():
    row = psf_matrix(np.array([3.5]), 8, 0.0)[0]
    np.testing.assert_allclose(row[[3, 4]], 0.5, atol=1e-6)
    assert np.delete(row, [3, 4]).max() < 1e-6


@pytest.mark.parametrize('psf', KINDS)
def test_a_sample_outside_the_fine_grid_takes_the_nearest_point(psf):
    matrix = psf_matrix(np.array([-30.0, 99.0]), 8, 1.0, psf)
    np.testing.assert_array_equal(matrix.argmax(axis=1), [0, 7])


def test_matrices_work_axis_by_axis_and_on_leading_channels():
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal(s) for s in ((2, 5), (3, 6), (4, 7))]
    volume = rng.standard_normal((2, 5, 6, 7))
    expected = np.einsum('ai,bj,ck,nijk->nabc', *matrices, volume)
    np.testing.assert_allclose(apply_matrices(matrices, volume), expected, atol=1e-12)


def test_rician_noise_is_determined_by_its_seed():
    image = np.ones((5, 6, 7))
    draws = [add_rician_noise(image, 1.0, np.random.default_rng(s)) for s in (3, 3, 4)]
    assert draws[0].tobytes() == draws[1].tobytes()
    assert draws[0].tobytes() != draws[2].tobytes()


@pytest.mark.parametrize('fwhm', [(3.0, 0.0, 2.0), (1.0, 6.0, 30.0)])
def test_correlated_noise_keeps_its_strength(fwhm):
    noisy = [
        add_rician_noise(np.full((40, 36, 20), 500.0), 4.0, np.random.default_rng(k), fwhm)
        for k in range(12)
    ]
    strength = np.sqrt(np.mean((np.array(noisy) - 500.0) ** 2, axis=0))
    assert strength.mean() == pytest.approx(4.0, rel=0.05)
    # Everywhere alike, at the border too.
    assert strength[[0, -1]].mean() == pytest.approx(strength[18:20].mean(), rel=0.15)


def test_noise_is_correlated_over_the_stated_width():
    noisy = add_rician_noise(
        np.full((64, 64, 32), 1e4), 4.0, np.random.default_rng(0), (4.0, 0.0, 2.0)
    )
    noise = noisy.astype(float) - noisy.mean()
    # White noise under a Gaussian of FWHM w: correlation 2^(-2 (d / w)^2) at distance d.
    for axis, lag, expected in ((0, 2, 2**-0.5), (0, 4, 0.25), (2, 1, 2**-0.5), (1, 1, 0.0)):
        found = (noise * np.roll(noise, lag, axis)).mean() / noise.var()
        assert found == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize('snr', [0.0, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_mean_is_that_of_simulated_magnitudes(snr):
    noisy = add_rician_noise(np.full(400_000, 3.0 * snr), 3.0, np.random.default_rng(0))
    assert rician_mean(3.0 * snr, 3.0) == pytest.approx(noisy.mean(), rel=4e-3)
    assert (noisy.dtype, noisy.min() >= 0) == (np.float32, True)
    if snr == 0:  # Rayleigh's law
        assert rician_mean(0.0, 3.0) == pytest.approx(3 * np.sqrt(np.pi / 2))
    if snr == 20:  # nearly Gaussian, with a bias of sigma^2 / (2 signal)
        assert noisy.std() == pytest.approx(3.0, rel=0.02)
        assert noisy.mean() - 60 == pytest.approx(9 / 120, abs=0.02)


@QUICK
@given(st.floats(0.15, 200.0), st.floats(1e-3, 1e3))
def test_the_amplitude_comes_back(snr, sigma):
    back = amplitude_from_mean(rician_mean(snr * sigma, sigma), sigma)
    assert back == pytest.approx(snr * sigma, rel=1e-4, abs=2e-3 * sigma)


@QUICK
@given(st.floats(0.0, 50.0))
def test_noise_only_ever_raises_the_mean(amplitude):
    assert rician_mean(amplitude, 1.0) > amplitude


def test_a_mean_below_that_of_noise_has_no_amplitude():
    assert amplitude_from_mean(1.0, 1.0) == 0
    assert amplitude_from_mean(np.sqrt(np.pi / 2), 1.0) == pytest.approx(0, abs=1e-6)


def test_without_noise_nothing_changes():
    image = np.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(add_rician_noise(image, 0.0, np.random.default_rng(0)), image)
    assert rician_mean(5.0, 0.0) == 5.0
    assert amplitude_from_mean(5.0, 0.0) == 5.0
