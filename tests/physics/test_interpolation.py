"""Cubic interpolation onto other grids."""

import numpy as np
import pytest
from shapes import turned

from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import bicubic


def smooth(grid):
    """Return a smooth function of world position, sampled on a grid."""
    index = np.indices(grid.shape).reshape(3, -1)
    x, y, z = (grid.affine @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    return (10 + np.sin(x / 9) + np.cos(y / 8) + np.sin(z / 15)).reshape(grid.shape)


@pytest.fixture
def scan():
    affine = np.diag([1.6, 1.6, 5.0, 1.0])
    affine[:3, 3] = -20, -15, -25
    return Grid((24, 22, 11), affine)


def test_the_own_grid_gives_the_image_back(scan):
    image = smooth(scan)
    np.testing.assert_allclose(bicubic(image, scan, scan), image, atol=1e-4)


@pytest.mark.parametrize('turn', [(0, 0, 0), (0, 0, 17)])
def test_a_smooth_function_is_met_between_the_voxels(scan, turn):
    fine = isotropic_grid(scan, 1.0)
    fine = turned(fine.crop(tuple(slice(9, n - 9) for n in fine.shape)), turn)
    out = bicubic(smooth(scan), scan, fine)
    assert out.shape == fine.shape
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, smooth(fine), atol=0.01)


def test_all_of_the_field_of_view_is_covered_and_nothing_beyond(scan):
    image = np.full(scan.shape, 7.0)
    np.testing.assert_allclose(bicubic(image, scan, isotropic_grid(scan, 1.0)), 7.0, rtol=1e-6)
    wide = scan.crop(tuple(slice(-4, n + 4) for n in scan.shape))
    out = bicubic(image, scan, wide)
    inner = (slice(4, -4),) * 3
    np.testing.assert_allclose(out[inner], 7.0, rtol=1e-6)
    out[inner] = 0
    assert not out.any()


def test_ringing_does_not_fall_below_the_darkest_voxel(scan):
    image = np.zeros(scan.shape)
    image[8:16, 8:16, 4:8] = 100
    out = bicubic(image, scan, isotropic_grid(scan, 1.0))
    assert out.min() == 0
    assert out.max() > 100
