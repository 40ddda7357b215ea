"""Plain interpolation: of scans, the baseline of every enhancement, and of masks."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid, aligned_offsets, covered, resized_grid


def bicubic(image: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Interpolate an image onto another grid with cubic splines.

    Parameters
    ----------
    image : numpy.ndarray, shape ``source.shape``
    source, target : Grid

    Returns
    -------
    numpy.ndarray, shape ``target.shape``, float32
        Zero beyond the field of view of ``source``; never below its minimum.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    out = ndimage.affine_transform(
        np.asarray(image, np.float32),
        to_source[:3, :3],
        to_source[:3, 3],
        target.shape,
        order=3,
        mode='nearest',
    )
    out = np.maximum(out, image.min())
    # The outermost voxels are extended by the half voxel that is their own; further out
    # there is nothing.
    index = np.ogrid[tuple(slice(n) for n in target.shape)]
    for row, shift, n in zip(to_source[:3, :3], to_source[:3, 3], source.shape, strict=True):
        position = sum(step * k for step, k in zip(row, index, strict=True)) + shift
        out[np.abs(position - (n - 1) / 2) > n / 2 + 1e-3] = 0
    return out.astype(np.float32)


def resample_mask(mask: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Carry a mask to an aligned grid with a smooth outline, shape ``target.shape``."""
    # Half a voxel of blur turns the staircase of coarse voxels into a surface.
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 0.5)
    positions = np.meshgrid(*aligned_offsets(source, target), indexing='ij', sparse=False)
    return ndimage.map_coordinates(soft, positions, order=1, mode='nearest') > 0.5


def carry_mask(mask: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Carry a mask to a grid of any orientation and voxel size.

    Parameters
    ----------
    mask : numpy.ndarray, shape ``source.shape``
        Booleans, or the share of each voxel that belongs.
    source, target : Grid

    Returns
    -------
    numpy.ndarray of bool, shape ``target.shape``
        Voxels of which more than half belong; none beyond the field of view of ``source``.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    # What is coarser than the mask holds the mean of the mask over its voxels; these are boxes,
    # whose variance along each axis of the source is what a blur can give.
    variance = (to_source[:3, :3] ** 2).sum(axis=1) / 12 - 1 / 12
    soft = ndimage.gaussian_filter(
        np.asarray(mask, np.float32), np.sqrt(np.maximum(variance, 0)), mode='nearest'
    )
    share = ndimage.affine_transform(
        soft, to_source[:3, :3], to_source[:3, 3], target.shape, order=1, mode='nearest'
    )
    return (share > 0.5) & covered(source, target)


def acquired_grid(grid: Grid, acquired) -> Grid | None:
    """Return the grid of the acquired voxels of a scan that was resampled to finer ones.

    Between acquired voxels nothing was measured: sampled as finely as the file is, the
    interpolation's own smoothness would be taken for data, and deconvolved into ringing.

    Parameters
    ----------
    grid : Grid
        Of the file.
    acquired : sequence of 3 floats
        Voxel size at acquisition along its axes, mm.

    Returns
    -------
    Grid or None
        ``None`` where no voxel of the file is finer by a quarter or more.
    """
    acquired = np.asarray(acquired, float)
    if np.all(acquired < 1.25 * grid.zooms):
        return None
    return resized_grid(grid, np.maximum(acquired, grid.zooms))
