"""Tissues of T1w scans with small voxels."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.plain import mixture_means, plain_tissues

ONE = (1.0, 1.0, 1.0)


@pytest.fixture(scope='module')
def small(build_brain):
    mask, truth = build_brain((56, 64, 56), ONE, (50.0, 58.0, 50.0), 4.0, 6.0)
    clean = np.tensordot((25.0, 70.0, 100.0), truth.astype(np.float32), 1)
    return mask, truth, add_rician_noise(clean, 6.0, np.random.default_rng(0))


def test_tissues_and_their_signals_are_found(small, overlap):
    mask, truth, image = small
    found = plain_tissues(image, mask, ONE, 6.0)
    assert overlap(found.probs, truth).min() > 0.95
    np.testing.assert_allclose(found.means, (25.0, 70.0, 100.0), rtol=0.06)
    np.testing.assert_allclose(found.probs.sum(axis=0)[mask], 1, atol=1e-5)


def test_the_means_of_a_mixture_are_found_whatever_its_units():
    rng = np.random.default_rng(0)
    parts = [rng.normal(m, s, n) for m, s, n in ((20, 8, 3000), (60, 6, 9000), (90, 4, 12000))]
    values = np.concatenate(parts)
    means, shares = mixture_means(values)
    np.testing.assert_allclose(means, (20, 60, 90), rtol=0.05)
    np.testing.assert_allclose(shares, (0.125, 0.375, 0.5), atol=0.03)
    np.testing.assert_allclose(mixture_means(40 * values)[0], 40 * means, rtol=1e-3)


def test_a_brain_without_three_tissues_is_left_to_others(small):
    mask, truth, _ = small
    clean = np.where(truth[0], 25.0, 100.0)
    image = add_rician_noise(clean, 3.0, np.random.default_rng(1))
    assert plain_tissues(image, mask, ONE, 3.0) is None
