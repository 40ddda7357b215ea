"""Plain interpolation: of scans, the baseline of every enhancement, and of masks."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid, aligned_offsets, covered, resized_grid
from ulfprep.physics.types import Numbers


def carry(volume: np.ndarray, source: Grid, target: Grid, order: int = 1) -> np.ndarray:
    """Interpolate a volume onto a grid of any orientation and voxel size.

    By splines: ``order`` 0 takes the nearest voxel (labels), 1 is linear, 3 cubic. The type is
    that of ``volume``; beyond the field of view of ``source`` there are zeros.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    if source.shape == target.shape and np.allclose(to_source, np.eye(4), atol=1e-4):
        return np.array(volume)
    # The outermost voxels are extended by the half voxel that is their own; further out
    # there is nothing.
    out = ndimage.affine_transform(
        volume, to_source[:3, :3], to_source[:3, 3], target.shape, order=order, mode='nearest'
    )
    out[~covered(source, target)] = 0
    return out


def bicubic(image: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Interpolate an image onto a grid of any kind with cubic splines, float32.

    Zero beyond the field of view of ``source``; never below the image's minimum.
    """
    out = carry(np.asarray(image, np.float32), source, target, order=3)
    return np.where(covered(source, target), np.maximum(out, image.min()), 0).astype(np.float32)


def bring(image: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """:func:`bicubic` without aliasing where the target is coarser."""
    return bicubic(_averaged(image, source, target), source, target)


def resample_mask(mask: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Carry a mask to an aligned grid with a smooth outline, shape ``target.shape``."""
    # Half a voxel of blur turns the staircase of coarse voxels into a surface.
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 0.5)
    positions = np.meshgrid(*aligned_offsets(source, target), indexing='ij', sparse=False)
    return ndimage.map_coordinates(soft, positions, order=1, mode='nearest') > 0.5


def carry_mask(mask: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Find the voxels of a grid of any kind of which more than half belong to a mask.

    None beyond the field of view of ``source``. The mask may hold shares from 0 to 1.
    """
    return carry_shares(mask, source, target) > 0.5


def carry_shares(share: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Carry what share of each voxel belongs to something to a grid of any kind, float32.

    A voxel of a coarser ``target`` holds the mean over it; beyond the field of view of
    ``source`` there are zeros.
    """
    return carry(_averaged(share, source, target), source, target)


def _averaged(volume, source: Grid, target: Grid) -> np.ndarray:
    """Blur a volume as the voxels of a coarser target would average it, float32."""
    to_source = np.linalg.inv(source.affine) @ target.affine
    # What is coarser than the source holds the mean of it over its voxels; these are boxes,
    # whose variance along each axis of the source is what a blur can give.
    variance = (to_source[:3, :3] ** 2).sum(axis=1) / 12 - 1 / 12
    width = np.sqrt(np.maximum(variance, 0))
    return ndimage.gaussian_filter(np.asarray(volume, np.float32), width, mode='nearest')


def acquired_grid(grid: Grid, acquired: Numbers) -> Grid | None:
    """Return the grid of the acquired voxels (mm) of a scan that was resampled to finer ones.

    Between acquired voxels nothing was measured: sampled as finely as the file is, the
    interpolation's own smoothness would be taken for data, and deconvolved into ringing.
    ``None`` where no voxel of the file is finer by a quarter or more.
    """
    acquired = np.asarray(acquired, float)
    if np.all(acquired < 1.25 * grid.zooms):
        return None
    return resized_grid(grid, np.maximum(acquired, grid.zooms))


def spread_out(values: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Put the values (..., n) of the n voxels of a brain in their places; zero elsewhere."""
    out = np.zeros((*values.shape[:-1], *brain.shape), np.float32)
    out[..., brain] = values
    return out
