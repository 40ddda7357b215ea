"""The terms of the objective."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from ulfprep.inr.losses import (
    LIKELIHOODS,
    class_term,
    data_term,
    rician_term,
    segmentation_term,
    total_variation,
)

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
MEANS = torch.tensor([0.2, 0.7, 1.0])
seeds = st.integers(0, 10_000)


def simplex(generator, n=40):
    return torch.softmax(2 * torch.randn(3, n, generator=generator), dim=0)


@pytest.mark.parametrize(('off', 'term'), [(0.0, 0.0), (3.0, 1.5), (-3.0, 1.5)])
def test_data_term_counts_noise_standard_deviations(off, term):
    measured = torch.arange(6.0)
    assert data_term(measured + off, measured, 2.0) == pytest.approx(term)


def magnitudes(signal, sigma, n=20_000, seed=0):
    """Magnitudes of one signal in complex noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = sigma * torch.randn(2, n, dtype=torch.float64, generator=generator)
    return torch.hypot(signal + noise[0], noise[1])


def best_signal(measured, sigma, likelihood):
    """The one signal for all voxels that the data term likes best."""

    def term(signal):
        return float(data_term(torch.full_like(measured, signal), measured, sigma, likelihood))

    return optimize.minimize_scalar(term, bounds=(0, 12 * sigma), method='bounded').x


@QUICK
@given(st.floats(0, 30), st.floats(0.01, 30), st.floats(0.1, 10))
def test_rician_term_is_the_likelihood_of_a_magnitude(signal, measured, sigma):
    def ours(s):
        s, y = torch.tensor([s * sigma, measured * sigma], dtype=torch.float64)
        return float(rician_term(s[None], y[None], sigma)) / math.sqrt(math.pi / 2)

    # Up to what does not depend on the signal.
    expected = stats.rice.logpdf(measured, 1.0) - stats.rice.logpdf(measured, signal)
    assert ours(signal) - ours(1.0) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize('likelihood', LIKELIHOODS)
def test_the_gradient_of_the_data_term_is_exact(likelihood):
    generator = torch.Generator().manual_seed(0)
    predicted = 0.05 + 8 * torch.rand(40, dtype=torch.float64, generator=generator)
    measured = (predicted + torch.randn(40, dtype=torch.float64, generator=generator)).abs()
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: data_term(s, measured, 0.7, likelihood), (predicted,)
    )


@pytest.mark.parametrize('value', [0.0, 1e-8, 1e-3, 1.0, 1e3, 1e6])
def test_rician_term_is_finite_at_any_signal(value):
    predicted = torch.tensor([value, -value], requires_grad=True)
    for measured in (0.0, 1.0, 1e3, 1e6):
        term = rician_term(predicted, torch.tensor([measured, measured]), 1.0)
        (gradient,) = torch.autograd.grad(term, predicted)
        assert torch.isfinite(term)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize('snr', [0.0, 1.0, 1.5, 2.0, 3.0, 8.0])
def test_only_the_rician_likelihood_sees_no_noise_floor(snr):
    measured = magnitudes(snr, 1.0, seed=1)
    assert best_signal(measured, 1.0, 'rician') == pytest.approx(snr, abs=0.05 if snr else 0.3)
    if snr < 2:
        assert best_signal(measured, 1.0, 'mae') > snr + 0.2
    if not snr:
        # Half of all magnitudes of pure noise exceed sigma times the root of 2 log 2.
        assert best_signal(measured, 1.0, 'mae') == pytest.approx(1.177, rel=0.03)


def test_where_the_residual_is_noise_both_likelihoods_pull_equally_hard():
    measured = magnitudes(14.0, 1.0)
    pulls = []
    for likelihood in LIKELIHOODS:
        predicted = torch.full_like(measured, 14.0, requires_grad=True)
        data_term(predicted, measured, 1.0, likelihood).backward()
        pulls.append(float(predicted.grad.abs().sum()))
    assert pulls[0] == pytest.approx(pulls[1], rel=0.03)


def test_rician_term_counts_noise_from_a_prediction_that_meets_the_scan():
    measured, predicted = magnitudes(3.0, 1.0), torch.full((20_000,), 2.5)
    assert rician_term(measured, measured, 1.0) == pytest.approx(0, abs=1e-6)
    one = rician_term(predicted, measured, 1.0)
    assert rician_term(7 * predicted, 7 * measured, 7.0) == pytest.approx(float(one), rel=1e-5)


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match='mae, rician'):
        data_term(torch.ones(2), torch.ones(2), 1.0, 'gauss')


@QUICK
@given(seeds, st.floats(0.05, 1.0))
def test_segmentation_term_is_least_for_the_posterior_itself(seed, part):
    generator = torch.Generator().manual_seed(seed)
    posterior, other = simplex(generator), simplex(generator)
    mixed = (1 - part) * posterior + part * other
    perfect = segmentation_term(posterior, posterior)
    assert segmentation_term(mixed, posterior) > perfect


def test_segmentation_term_vanishes_where_tissue_is_certain_and_met():
    labels = torch.eye(3).repeat(1, 5)
    assert segmentation_term(labels, labels) == pytest.approx(0, abs=1e-5)
    assert segmentation_term(labels.roll(1, 0), labels) > 5
    # Finite without a tissue, too.
    white = torch.eye(3)[:, 2:].repeat(1, 8)
    predicted = white.clone().requires_grad_()
    segmentation_term(predicted, white).backward()
    assert torch.isfinite(predicted.grad).all()


EVERYWHERE = torch.ones(6, 6, 6, dtype=torch.bool)


@pytest.mark.parametrize(
    'slope', [(0, 0, 0), (0.3, 0, 0), (0, 0.3, 0), (0, 0, 0.3), (0.3, 0.4, 1.2)]
)
@pytest.mark.parametrize('spacing', [1.0, 2.0])
def test_total_variation_of_a_ramp_is_its_slope_in_every_channel(slope, spacing):
    at = torch.stack(torch.meshgrid(*[spacing * torch.arange(6.0)] * 3, indexing='ij'))
    ramp = (torch.tensor(slope)[:, None, None, None] * at).sum(0)[None]
    for volume in (ramp, ramp.repeat(3, 1, 1, 1)):
        found = total_variation(volume, EVERYWHERE, spacing, floor=1e-6)
        assert found == pytest.approx(math.hypot(*slope), rel=1e-4)


@pytest.mark.parametrize('thickness', [0, 3])
def test_total_variation_ignores_the_step_at_the_brains_border(thickness):
    inside = EVERYWHERE.clone()
    inside[thickness:] = False
    assert total_variation(torch.where(inside, 1.0, 0.0)[None], inside, 1.0) == 0


def test_total_variation_has_a_gradient_at_rest():
    flat = torch.zeros(1, 6, 6, 6, requires_grad=True)
    total_variation(flat, EVERYWHERE, 1.0).backward()
    assert torch.isfinite(flat.grad).all()


@pytest.mark.parametrize(('off', 'term'), [(0.0, 0.0), (0.2, 2.0)])
def test_class_term_counts_squared_spreads_from_the_tissue_means(off, term):
    assert class_term(MEANS + off, torch.eye(3), MEANS, 0.1) == pytest.approx(term, rel=1e-5)


@QUICK
@given(seeds)
def test_class_term_is_least_at_the_expected_mean(seed):
    generator = torch.Generator().manual_seed(seed)
    probs = simplex(generator)
    expected = (probs * MEANS[:, None]).sum(0)
    moved = expected + 0.1 * torch.randn(probs.shape[1], generator=generator)
    assert class_term(moved, probs, MEANS, 0.1) > class_term(expected, probs, MEANS, 0.1)
