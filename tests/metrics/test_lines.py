"""Correlation of the lines of an image."""

import numpy as np
import pytest

from ulfprep.metrics.similarity import line_correlations, pair_correlations


def test_pairs_of_known_correlation():
    lines = np.array([[1.0, 2, 3, 4], [2, 4, 6, 8], [4, 3, 2, 1], [5, 5, 5, 5], [5, 5, 5, 5]])
    assert pair_correlations(lines, 1) == pytest.approx([1, -1, 0, 1])
    assert pair_correlations(lines, 2) == pytest.approx([-1, 0, 0])


def test_noise_lowers_mlc_and_repeating_lines_have_the_highest():
    mask = np.ones((24, 20, 6), bool)
    flat = np.broadcast_to(np.arange(24.0)[:, None, None], mask.shape)
    assert line_correlations(flat, mask)[0] == pytest.approx(19 / 42)  # rows are constant
    smooth = np.add.outer(np.arange(24.0), np.arange(20.0))[..., None] * np.ones(6)
    noise = np.random.default_rng(0).normal(0, 20, mask.shape)
    clean, noisy = (line_correlations(image, mask) for image in (smooth, smooth + noise))
    assert clean == pytest.approx((1, 1))
    assert noisy[0] < 0.5


def test_only_the_brain_is_looked_at():
    rng = np.random.default_rng(0)
    mask = np.zeros((30, 30, 10), bool)
    mask[5:20, 8:25, 2:8] = True
    mask[10, 10, 9] = True
    image = rng.normal(size=mask.shape)
    found = line_correlations(image, mask)
    assert line_correlations(np.where(mask, image, 1e3), mask) == found
    assert np.isnan(line_correlations(image, np.zeros_like(mask))).all()
