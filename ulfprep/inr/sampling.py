"""Images of one grid at the voxels of another, a box of them at a time."""

from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid


class Sampler:
    """Linear interpolation from one grid to another; a copy where their points coincide.

    Positions are rounded to a thousandth of a voxel: what a header's single precision leaves of
    a whole number must not blur a copy, and a voxel has the same value in every box.

    Parameters
    ----------
    source, target : Grid
        In any orientation.
    """

    def __init__(self, source: Grid, target: Grid):
        self.to_source = np.linalg.inv(source.affine) @ target.affine
        self.to_target = np.linalg.inv(target.affine) @ source.affine
        self.shape = target.shape

    def box(self, inside: np.ndarray) -> tuple[slice, ...] | None:
        """Bounds, in the target, of all voxels that see a point of the source.

        Parameters
        ----------
        inside : numpy.ndarray of bool, shape of the source
            The points.

        Returns
        -------
        tuple of 3 slices or None
            ``None`` where no voxel does.
        """
        found = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
        if not found[0].size:
            return None
        # Interpolation reaches to, and not quite to, the next point.
        ends = [(f[0] - 1, f[-1] + 1) for f in found]
        corners = np.stack(np.meshgrid(*ends, [1], indexing='ij')).reshape(4, -1)
        there = (self.to_target @ corners)[:3]
        first = np.maximum(np.floor(there.min(axis=1)).astype(int), 0)
        last = np.minimum(np.ceil(there.max(axis=1)).astype(int), np.array(self.shape) - 1)
        if (first > last).any():
            return None
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def positions(self, box: Any) -> np.ndarray:
        """Where the voxels of a box are, in indices of the source; shape (3, x, y, z)."""
        index = np.ogrid[box]
        return np.stack(
            [
                np.round(sum(step * k for step, k in zip(row[:3], index, strict=True)) + row[3], 3)
                for row in self.to_source[:3]
            ]
        )


def interpolate(volume: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values of a volume at positions (3, ...); zero beyond its border.

    Parameters
    ----------
    volume : numpy.ndarray, shape (x, y, z), float32
    positions : numpy.ndarray, shape (3, ...)
        In indices of the volume.

    Returns
    -------
    numpy.ndarray, shape (...), float32
    """
    return ndimage.map_coordinates(
        volume, positions, order=1, mode='grid-constant', prefilter=False
    )
