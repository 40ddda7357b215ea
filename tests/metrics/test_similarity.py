"""Metrics against a reference."""

import numpy as np
import pytest

from ulfprep.metrics.similarity import dice, match_intensity, psnr, ssim


@pytest.fixture
def pair():
    """Return a textured image and a mask within it."""
    rng = np.random.default_rng(0)
    mask = np.zeros((16, 18, 14), bool)
    mask[3:-3, 3:-3, 3:-3] = True
    return rng.random(mask.shape), mask


def test_scale_and_offset_are_matched_inside_and_zero_outside(pair):
    image, mask = pair
    reference = np.where(mask, 3 * image - 2, 77)
    matched = match_intensity(image, reference, mask)
    np.testing.assert_allclose(matched[mask], reference[mask])
    assert not matched[~mask].any()


def test_psnr_of_a_known_error(pair):
    image, mask = pair
    assert psnr(image + 0.1, image, mask, 1.0) == pytest.approx(20)
    assert psnr(image + 0.01, image, mask, 1.0) == pytest.approx(40)
    assert psnr(image + 0.1, image, mask, 10.0) == pytest.approx(40)


def test_ssim_of_an_image_with_itself_is_one(pair):
    image, mask = pair
    assert ssim(image, image, mask, 1.0) == pytest.approx(1)


def test_ssim_falls_with_noise_and_vanishes_for_another_image(pair):
    image, mask = pair
    noise = np.random.default_rng(1).standard_normal(image.shape)
    scores = [ssim(image + s * noise, image, mask, 1.0) for s in (0.05, 0.2, 0.8)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] < 1
    other = np.random.default_rng(2).random(image.shape)
    assert abs(ssim(other, image, np.ones_like(mask), 1.0)) < 0.3


def test_both_ignore_what_lies_outside_the_mask(pair):
    image, mask = pair
    noisy = image + 0.1 * np.random.default_rng(1).standard_normal(image.shape)
    scalp = np.where(mask, noisy, 50.0)
    for metric in (psnr, ssim):
        assert metric(scalp, image, mask, 1.0) == metric(noisy, image, mask, 1.0)


def test_dice_of_known_overlaps():
    labels = np.array([1, 1, 1, 2, 0, 0])
    assert dice(labels, labels, 1) == 1
    assert dice(labels, np.array([1, 1, 0, 0, 0, 1]), 1) == pytest.approx(2 / 3)
    assert dice(labels, np.zeros(6), 2) == 0
    assert np.isnan(dice(labels, labels, 3))
