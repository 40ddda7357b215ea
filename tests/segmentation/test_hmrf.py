"""The hidden Markov random field finds the tissues of a phantom."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.hmrf import fit_markov_field


@pytest.fixture(scope='module')
def found(brain):
    """Return the fit to the phantom."""
    return fit_markov_field(brain.noisy, brain.mask, brain.zooms, sigma=brain.sigma)


def test_tissues_of_the_phantom_and_their_signals_are_found(brain, found, overlap):
    assert overlap(found.probs, brain.truth).min() > 0.95
    np.testing.assert_allclose(found.means, brain.means, rtol=0.03)
    assert np.all(found.sds >= brain.sigma)
    assert (found.probs.shape, found.probs.dtype) == ((3, *brain.mask.shape), np.float32)
    np.testing.assert_allclose(found.probs.sum(axis=0)[brain.mask], 1, atol=1e-5)
    assert not found.probs[:, ~brain.mask].any()
    assert found.probs.min() >= 0


def test_intensity_units_do_not_matter(brain, found):
    scaled = fit_markov_field(brain.noisy * 20, brain.mask, brain.zooms, sigma=brain.sigma * 20)
    np.testing.assert_allclose(scaled.means, found.means * 20, rtol=1e-3)
    np.testing.assert_allclose(scaled.probs, found.probs, atol=0.02)


def test_what_lies_outside_the_mask_does_not_matter(brain, found):
    scalp = np.where(brain.mask, brain.noisy, 500)
    with_scalp = fit_markov_field(scalp, brain.mask, brain.zooms, sigma=brain.sigma)
    np.testing.assert_allclose(with_scalp.probs, found.probs, atol=1e-5)


def test_a_bias_field_beside_the_tissues_is_no_harm(brain, overlap):
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in brain.mask.shape], indexing='ij')
    field = np.exp(0.25 * x - 0.2 * z + 0.15 * y**2)
    scan = add_rician_noise(brain.image * field, brain.sigma, np.random.default_rng(0))
    with_field, without = (
        fit_markov_field(scan, brain.mask, brain.zooms, sigma=brain.sigma, bias_order=order)
        for order in (2, 0)
    )
    assert overlap(with_field.probs, brain.truth).min() > 0.95
    assert overlap(without.probs, brain.truth).min() < 0.9


def test_the_prior_removes_specks(brain, overlap):
    noisier = add_rician_noise(brain.image, 14.0, np.random.default_rng(1))
    alone, with_prior = (
        fit_markov_field(noisier, brain.mask, brain.zooms, sigma=14.0, beta=beta)
        for beta in (0.0, 0.9)
    )
    gain = overlap(with_prior.probs, brain.truth) - overlap(alone.probs, brain.truth)
    assert gain[1:].min() > 0.05


def test_near_neighbours_count_more_than_far_ones():
    # A sheet of one bright-ish voxel: across thin slices it is outvoted, across thick
    # ones its own plane wins.
    mask = np.ones((24, 24, 24), bool)
    image = np.full(mask.shape, 30.0)
    image[8:16] = 75
    image[16:] = 100
    image[:, :, 12] += np.where(image[:, :, 12] == 75, 16.0, 0)
    image = image + np.random.default_rng(0).normal(0, 4, mask.shape)
    thick, thin = (
        fit_markov_field(image, mask, (1, 1, z), sigma=8.0, bias_order=0).probs[2, 8:16, :, 12]
        for z in (6.0, 0.5)
    )
    assert thick.mean() > thin.mean()


def test_a_mask_too_small_for_three_tissues_is_an_error():
    mask = np.zeros((20, 20, 20), bool)
    mask[:9, :9, :9] = True
    with pytest.raises(ValueError, match='only 729 voxels'):
        fit_markov_field(np.ones(mask.shape), mask, (1, 1, 1))
