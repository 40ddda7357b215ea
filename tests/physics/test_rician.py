"""Averages of magnitudes in noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.acquisition import add_rician_noise, amplitude_from_mean, rician_mean

QUICK = settings(deadline=None, max_examples=60, derandomize=True)


@pytest.mark.parametrize('snr', [0.0, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_mean_is_that_of_simulated_magnitudes(snr):
    noisy = add_rician_noise(np.full(400_000, 3.0 * snr), 3.0, np.random.default_rng(0))
    assert rician_mean(3.0 * snr, 3.0) == pytest.approx(noisy.mean(), rel=4e-3)


def test_pure_noise_has_the_rayleigh_mean():
    assert rician_mean(0.0, 2.0) == pytest.approx(2 * np.sqrt(np.pi / 2))


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
    assert rician_mean(5.0, 0.0) == 5.0
    assert amplitude_from_mean(5.0, 0.0) == 5.0
