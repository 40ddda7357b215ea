"""How alike images are: values, structure, overlap, edges, and their own lines."""

import numpy as np
import pytest

from ulfprep.metrics.similarity import (
    canny_edges,
    dice,
    edge_f1,
    line_correlations,
    match_intensity,
    pair_correlations,
    psnr,
    ssim,
)


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


def test_ssim_is_one_of_the_same_falls_with_noise_and_vanishes_for_another_image(pair):
    image, mask = pair
    assert ssim(image, image, mask, 1.0) == pytest.approx(1)
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


@pytest.fixture
def square():
    """Return a bright square in a dark brain, and the brain."""
    image = np.full((30, 30, 3), 0.4)
    image[10:20, 10:20] = 1.0
    mask = np.ones(image.shape, bool)
    return image, mask


def test_edges_surround_what_is_bright(square):
    edges = canny_edges(*square)
    assert edges.shape == square[0].shape
    assert edges.dtype == bool
    assert edges[8:22, 8:22].any(axis=(0, 1)).all()
    assert not edges[12:18, 12:18].any()
    assert not edges[3:8, 3:8].any()


@pytest.mark.parametrize('contrast', [0, 0.03])
def test_an_even_image_and_contrast_below_the_thresholds_have_no_edges(square, contrast):
    image, mask = square
    assert not canny_edges(0.97 + contrast * image, mask)[3:-3, 3:-3].any()


def test_what_lies_outside_the_mask_has_no_edges(square):
    image, mask = square
    outside = mask.copy()
    outside[:, 15:] = False
    scalp = image.copy()
    scalp[:, 22:] = 5.0
    np.testing.assert_array_equal(canny_edges(scalp, outside), canny_edges(image, outside))


def test_slices_are_independent(square):
    image, mask = square
    image[:, :, 1] = 0.4
    edges = canny_edges(image, mask)
    assert not edges[3:-3, 3:-3, 1].any()
    np.testing.assert_array_equal(edges[..., 0], edges[..., 2])


def line(at, shape=(12, 12, 2)):
    out = np.zeros(shape, bool)
    out[at] = True
    return out


NONE = np.zeros((12, 12, 2), bool)


@pytest.mark.parametrize(
    ('edges', 'truth', 'tolerance', 'score'),
    [
        (line(4), line(4), 0, 1), (line(4), line(9), 0, 0), (line(4), NONE, 0, 0),
        (NONE, line(4), 0, 0), (NONE, NONE, 0, np.nan),
        (line(4), line(6), 1, 0), (line(4), line(6), 2, 1),  # the tolerance is in voxels
    ],
)  # fmt: skip
def test_edges_score_where_the_truth_has_them(edges, truth, tolerance, score):
    assert edge_f1(edges, truth, tolerance) == pytest.approx(score, nan_ok=True)


def test_the_tolerance_stays_within_the_slice():
    below, above = (line((slice(None), slice(None), z)) for z in (0, 1))
    assert edge_f1(below, above, tolerance=1) == 0


def test_half_missing_and_half_wrong_score_by_precision_and_recall():
    half = line(4)
    half[:, 6:] = False
    assert edge_f1(half, line(4)) == pytest.approx(2 / 3)
    assert edge_f1(line(4) | line(9), line(4)) == pytest.approx(2 / 3)


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
