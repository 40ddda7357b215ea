"""Contrast and noise metrics with known values."""

import numpy as np
import pytest

from ulfprep.metrics.contrast import (
    coefficient_of_joint_variation,
    contrast_to_noise,
    entropy_focus_criterion,
    tissue_means,
    tissue_sds,
)


@pytest.fixture
def tissues():
    """Return an image of known means and spreads, and its tissue probabilities."""
    image = np.array([1.0, 3.0, 10.0, 14.0, 20.0, 20.0, 99.0]).reshape(7, 1, 1)
    probs = np.zeros((3, 7, 1, 1))
    probs[0, :2], probs[1, 2:4], probs[2, 4:6] = 1, 0.8, 0.51
    probs[:, 6] = 1 / 3
    return image, probs


def test_means_and_spreads_are_of_the_most_likely_points_only(tissues):
    np.testing.assert_allclose(tissue_means(*tissues), [2, 12, 20])
    np.testing.assert_allclose(tissue_sds(*tissues), [1, 2, 0])


def test_a_tissue_without_points_has_neither_mean_nor_spread(tissues):
    image, probs = tissues
    probs[1] = 0
    assert np.isnan(tissue_means(image, probs)[1])
    assert np.isnan(tissue_sds(image, probs)[1])


def test_joint_variation_of_white_and_grey_matter():
    assert coefficient_of_joint_variation(np.array([9, 70, 100]), np.array([50, 4, 5])) == 0.3
    assert coefficient_of_joint_variation(np.array([9, 100, 70]), np.array([50, 4, 5])) == 0.3


def test_contrast_to_noise_is_signed():
    assert contrast_to_noise([0, 70, 100], 5.0) == 6.0
    assert contrast_to_noise([0, 100, 70], 5.0) == -6.0


def test_focus_is_zero_for_a_point_and_one_for_an_even_image():
    point = np.zeros(1000)
    point[3] = 7
    assert entropy_focus_criterion(point) == pytest.approx(0, abs=1e-9)
    assert entropy_focus_criterion(np.full(1000, 7.0)) == pytest.approx(1)


def test_focus_does_not_depend_on_scale_or_sign():
    image = np.random.default_rng(0).normal(size=(8, 9, 10))
    expected = entropy_focus_criterion(image)
    assert 0 < expected < 1
    assert entropy_focus_criterion(-30 * image) == pytest.approx(expected)


def test_blur_spreads_the_focus():
    from scipy import ndimage

    image = np.zeros((20, 20, 20))
    image[::5, ::5, ::5] = 1
    assert entropy_focus_criterion(ndimage.gaussian_filter(image, 1)) > entropy_focus_criterion(
        image
    )
