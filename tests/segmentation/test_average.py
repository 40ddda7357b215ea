"""The mean of brains in a template: its numbers, and how a brain gets there."""

import numpy as np
import pytest

from ulfprep.physics.grid import Grid
from ulfprep.segmentation.average import Average, onto_template


def test_mean_and_variance_are_those_of_all_images_at_once():
    rng = np.random.default_rng(0)
    images = rng.normal(1000, 3, (7, 4, 5, 6))
    inside = rng.random(images.shape) > 0.4
    average = Average(images.shape[1:])
    for image, where in zip(images, inside, strict=True):
        average.add(image, where)
    kept = np.where(inside, images, np.nan)
    several = inside.sum(axis=0) > 1
    np.testing.assert_array_equal(average.count, inside.sum(axis=0))
    np.testing.assert_allclose(average.mean[several], np.nanmean(kept, axis=0)[several], rtol=1e-6)
    expected = np.nanvar(kept, axis=0, ddof=1)
    np.testing.assert_allclose(average.variance()[several], expected[several], rtol=1e-3)
    assert not average.variance()[~several].any()


def test_where_no_image_reaches_the_mean_is_zero():
    average = Average((2, 2, 2))
    average.add(np.full((2, 2, 2), 5.0), np.zeros((2, 2, 2), bool))
    assert not average.mean.any()
    assert not average.count.any()


def test_a_point_of_the_brain_lands_where_the_match_puts_it():
    grid = Grid((20, 24, 10), np.diag([2.0, 2.0, 4.0, 1.0]))
    image = np.zeros(grid.shape)
    image[8, 10, 5] = 1.0
    target = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]))
    matrix = np.diag([1.0, 1.0, 0.8, 1.0])
    matrix[:3, 3] = (3, -4, 5)
    values, inside = onto_template(image, np.ones(grid.shape, bool), grid, matrix, target)
    world = matrix @ grid.affine @ [8, 10, 5, 1]
    assert np.unravel_index(values.argmax(), values.shape) == tuple(np.rint(world[:3]).astype(int))
    assert inside[tuple(np.rint(world[:3]).astype(int))]
    # What the scan does not reach is not brain.
    assert not inside[:2].any()


@pytest.mark.parametrize('shift', [0.0, 0.3])
def test_the_rim_of_a_brain_is_not_darkened_by_what_is_outside(shift):
    mask = np.zeros((12, 12, 12), bool)
    mask[3:9, 3:9, 3:9] = True
    grid = Grid(mask.shape, np.eye(4))
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    values, inside = onto_template(np.where(mask, 7.0, 0), mask, grid, matrix, grid)
    assert inside.sum() >= 125
    np.testing.assert_allclose(values[inside], 7.0, rtol=1e-5)
    assert not values[~inside].any()
