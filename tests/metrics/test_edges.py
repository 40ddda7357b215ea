"""Edges and their agreement."""

import numpy as np
import pytest

from ulfprep.metrics.similarity import canny_edges, edge_f1


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


def test_an_even_image_has_no_edges(square):
    image, mask = square
    assert not canny_edges(np.full_like(image, 0.5), mask)[2:-2, 2:-2].any()


def test_contrast_below_the_thresholds_is_no_edge(square):
    image, mask = square
    faint = 0.97 + 0.03 * image
    assert not canny_edges(faint, mask)[3:-3, 3:-3].any()


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


def test_the_same_edges_score_one():
    assert edge_f1(line(4), line(4)) == 1


def test_edges_elsewhere_score_nothing():
    assert edge_f1(line(4), line(9)) == 0
    assert edge_f1(line(4), np.zeros_like(line(4))) == 0
    assert edge_f1(np.zeros_like(line(4)), line(4)) == 0


def test_without_any_edge_there_is_no_score():
    assert np.isnan(edge_f1(np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)))


@pytest.mark.parametrize(('tolerance', 'score'), [(0, 0), (1, 0), (2, 1)])
def test_the_tolerance_is_in_voxels(tolerance, score):
    assert edge_f1(line(4), line(6), tolerance) == score


def test_the_tolerance_stays_within_the_slice():
    below, above = (line((slice(None), slice(None), z)) for z in (0, 1))
    assert edge_f1(below, above, tolerance=1) == 0


def test_half_missing_and_half_wrong_score_by_precision_and_recall():
    half = line(4)
    half[:, 6:] = False
    assert edge_f1(half, line(4)) == pytest.approx(2 / 3)
    assert edge_f1(line(4) | line(9), line(4)) == pytest.approx(2 / 3)
