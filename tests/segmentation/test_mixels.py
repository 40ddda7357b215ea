"""Shares of tissue in voxels that may be mixtures, and tissues of T1w scans with small voxels."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.mixels import mixture_means, plain_tissues, tissue_shares

ONE = (1.0, 1.0, 1.0)
MEANS = (25.0, 80.0, 100.0)


def flat(value, shape=(9, 9, 9)):
    return np.full(shape, value, np.float32), np.ones(shape, bool)


@pytest.mark.parametrize('tissue', range(3))
def test_a_pure_region_is_that_tissue(tissue):
    shares = tissue_shares(*flat(MEANS[tissue]), ONE, MEANS, 4.0)
    assert shares[tissue].min() > 0.9


@pytest.mark.parametrize('part', [0.3, 0.5, 0.7])
@pytest.mark.parametrize('pair', [(0, 1), (1, 2)])
def test_a_signal_between_two_tissues_is_their_mixture(pair, part):
    a, b = pair
    image, brain = flat((1 - part) * MEANS[a] + part * MEANS[b])
    shares = tissue_shares(image, brain, ONE, MEANS, 1.0)[:, 4, 4, 4]
    assert shares[b] == pytest.approx(part, abs=0.08)
    assert shares[a] == pytest.approx(1 - part, abs=0.08)


@pytest.mark.parametrize('means', [MEANS, (250.0, 140.0, 100.0), (20.0, 120.0, 100.0)])
def test_shares_sum_to_one_in_the_brain_and_are_zero_outside(means):
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 400, (12, 10, 8)).astype(np.float32)
    brain = rng.random(image.shape) > 0.3
    shares = tissue_shares(image, brain, ONE, means, 5.0)
    assert shares.dtype == np.float32
    assert np.isfinite(shares).all()
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=0)[brain], 1, atol=1e-5)
    assert not shares[:, ~brain].any()


def test_units_do_not_matter():
    rng = np.random.default_rng(1)
    image = rng.uniform(10, 110, (8, 8, 8)).astype(np.float32)
    brain = np.ones(image.shape, bool)
    one = tissue_shares(image, brain, ONE, MEANS, 5.0)
    other = tissue_shares(20 * image, brain, ONE, 20 * np.array(MEANS), 100.0)
    np.testing.assert_allclose(one, other, atol=1e-4)


def in_the_midst(of, value, zooms=ONE):
    """Return the shares of one voxel of a value, in the midst of others."""
    image, brain = flat(of, (11, 11, 11))
    image[5, 5, 5] = value
    return tissue_shares(image, brain, zooms, MEANS, 6.0)[:, 5, 5, 5]


def test_the_neighbourhood_settles_what_the_signal_leaves_open():
    assert in_the_midst(100.0, 90.0)[2] > 0.7
    assert in_the_midst(80.0, 90.0)[1] > 0.7


def test_a_clear_signal_stands_against_its_neighbourhood():
    assert in_the_midst(100.0, 25.0)[0] > 0.9


def test_the_prior_is_weaker_between_voxels_that_are_farther_apart():
    assert in_the_midst(100.0, 87.0, (3.0, 3.0, 3.0))[2] < in_the_midst(100.0, 87.0)[2]


def test_the_means_of_a_mixture_are_found_whatever_its_units():
    rng = np.random.default_rng(0)
    parts = [rng.normal(m, s, n) for m, s, n in ((20, 8, 3000), (60, 6, 9000), (90, 4, 12000))]
    values = np.concatenate(parts)
    means, shares = mixture_means(values)
    np.testing.assert_allclose(means, (20, 60, 90), rtol=0.05)
    np.testing.assert_allclose(shares, (0.125, 0.375, 0.5), atol=0.03)
    np.testing.assert_allclose(mixture_means(40 * values)[0], 40 * means, rtol=1e-3)


def test_a_brain_without_three_tissues_is_left_to_others(small_brain):
    mask, truth = small_brain
    image = add_rician_noise(np.where(truth[0], 25.0, 100.0), 3.0, np.random.default_rng(1))
    assert plain_tissues(image, mask, ONE, 3.0) is None
