"""Scores against a known truth."""

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.evaluation.compare import compare
from ulfprep.evaluation.examples import Truth
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import bicubic


@pytest.fixture(scope='module')
def truth():
    shape = (40, 44, 36)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    folds = 0.06 * np.sin(9 * axes[0]) * np.sin(9 * axes[1])
    white, mask = radius + folds < 0.55, radius < 0.85
    grey = mask & ~white & (radius + folds < 0.75)
    probs = np.stack([mask & ~white & ~grey, grey, white]).astype(np.float32)
    image = np.tensordot((0.2, 0.7, 1.0), probs, axes=1).astype(np.float32)
    return Truth(image, probs, mask, Grid(shape, np.diag([1.0, 1.0, 1.0, 1.0])))


def test_the_truth_itself_is_perfect_in_any_unit(truth):
    labels = np.array([0, 3, 1, 2])[np.where(truth.mask, truth.probs.argmax(axis=0) + 1, 0)]
    scores = compare(300 * truth.image, truth.grid, truth, labels)
    assert scores['contrast'] == pytest.approx(scores['contrast_truth'], rel=1e-5)
    assert scores['psnr'] > 80
    for name in ('ssim', 'edge_f1', 'dice_gm', 'dice_wm', 'dice_csf'):
        assert scores[name] == pytest.approx(1, abs=1e-3), name


def test_blur_costs_edges_and_similarity(truth):
    sharp = compare(truth.image, truth.grid, truth)
    blurred = compare(ndimage.gaussian_filter(truth.image, 2), truth.grid, truth)
    for name in ('psnr', 'ssim', 'edge_f1'):
        assert blurred[name] < sharp[name], name


def test_an_image_on_another_grid_is_scored_where_it_lies(truth):
    coarse = resized_grid(truth.grid, (2, 2, 2))
    moved = Grid(coarse.shape, coarse.affine.copy())
    moved.affine[:3, 3] += 6
    image = bicubic(truth.image, truth.grid, coarse)
    assert compare(image, coarse, truth)['psnr'] > compare(image, moved, truth)['psnr'] + 3
