"""Sampling grids: where the voxels of an image are, in world millimetres."""

from dataclasses import dataclass

import numpy as np

from ulfprep.physics.types import Numbers

#: Largest sine of the angle between two axes that still counts as parallel.
PARALLEL = 1e-3
#: What is kept around a brain, mm.
MARGIN = 8.0


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular lattice of voxel centres."""

    shape: tuple[int, ...]
    affine: np.ndarray  #: voxel index to world millimetre (RAS+), shape (4, 4)

    @property
    def zooms(self) -> np.ndarray:
        """Voxel size along each axis in mm, shape (3,)."""
        return np.sqrt((np.asarray(self.affine)[:3, :3] ** 2).sum(axis=0))

    def crop(self, bounds: tuple[slice, ...]) -> 'Grid':
        """Return the grid of the voxels within ``bounds`` (slices with start and stop)."""
        start = np.array([b.start for b in bounds], dtype=float)
        affine = np.array(self.affine, dtype=float)
        affine[:3, 3] += affine[:3, :3] @ start
        return Grid(tuple(int(b.stop - b.start) for b in bounds), affine)


def resized_grid(grid: Grid, voxel_size: Numbers) -> Grid:
    """Lay voxels of another size (mm along the axes) over the field of view of ``grid``.

    Axes and the centre of the field of view are kept, so that both grids stay aligned
    and the PSF between them separates into one small matrix an axis. An axis that the
    new voxels do not divide is rounded up: no edge of the field of view is lost.
    """
    zooms, size = grid.zooms, np.asarray(voxel_size, dtype=float)
    if size.shape != (3,) or not np.all(size > 0):
        raise ValueError(f'voxel_size must be three positive lengths in mm, not {voxel_size}')
    extent = np.array(grid.shape) * zooms
    # A whisker of tolerance: a 1.6 mm grid of 100 voxels is 160 voxels of 1 mm, not 161.
    shape = np.maximum(np.ceil(extent / size - 1e-3).astype(int), 1)
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(grid.affine)[:3, :3] / zooms * size
    centre = np.asarray(grid.affine) @ np.append((np.array(grid.shape) - 1) / 2, 1)
    affine[:3, 3] = centre[:3] - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid(tuple(int(n) for n in shape), affine)


def finest_axes(zooms: Numbers) -> list[int]:
    """Return the two axes with the smallest voxels; of equal ones the first."""
    return [int(axis) for axis in np.argsort(zooms, kind='stable')[:2]]


def isotropic_grid(grid: Grid, spacing: float = 1.0) -> Grid:
    """Return the isotropic grid of ``spacing`` mm over the field of view of ``grid``."""
    return resized_grid(grid, (spacing,) * 3)


def aligned_offsets(source: Grid, target: Grid) -> list[np.ndarray]:
    """Express the centres of ``target`` in index units of ``source``, axis by axis.

    Positions fall along an axis that points the other way.

    Raises
    ------
    ValueError
        If the grids are not aligned.
    """
    if not are_aligned(source, target):
        raise ValueError('the two grids are not aligned: resample one onto the axes of the other')
    to_source = np.linalg.inv(source.affine) @ target.affine
    return [
        to_source[axis, 3] + to_source[axis, axis] * np.arange(target.shape[axis])
        for axis in range(3)
    ]


def brain_bounds(
    mask: np.ndarray, grid: Grid, spacing: float
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Bounds of a brain with :data:`MARGIN`, on its grid and on the isotropic lattice over it.

    ``mask``, shape (X, Y, Z), is not empty; ``spacing`` is that of the lattice, mm. The bounds on
    the lattice, the second ones, reach one voxel of ``grid`` farther.
    """
    whole = isotropic_grid(grid, spacing)
    positions = aligned_offsets(whole, grid)
    bounds, fine_bounds = [], []
    for axis, zoom in enumerate(grid.zooms):
        found = np.flatnonzero(np.asarray(mask, bool).any(axis=tuple({0, 1, 2} - {axis})))
        pad = int(np.ceil(MARGIN / zoom))
        start, stop = max(found[0] - pad, 0), min(found[-1] + 1 + pad, grid.shape[axis])
        reach = zoom / whole.zooms[axis]
        first = int(np.floor(positions[axis][start] - reach))
        last = int(np.ceil(positions[axis][stop - 1] + reach))
        bounds.append(slice(int(start), int(stop)))
        fine_bounds.append(slice(max(first, 0), min(last + 1, whole.shape[axis])))
    return tuple(bounds), tuple(fine_bounds)


def are_aligned(source: Grid, target: Grid) -> bool:
    """Say whether each axis of one grid is parallel to the same axis of the other.

    They may point in opposite directions.
    """
    matrix = (np.linalg.inv(source.affine) @ target.affine)[:3, :3]
    diagonal = np.diag(matrix)
    return bool(np.abs(matrix - np.diag(diagonal)).max() <= PARALLEL * np.abs(diagonal).min())


def covered(source: Grid, target: Grid) -> np.ndarray:
    """Say which voxels of ``target`` have their centre in the field of view of ``source``.

    Both may lie in any orientation; the result has the shape of ``target``.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    index = np.ogrid[tuple(slice(n) for n in target.shape)]
    out = np.ones(target.shape, bool)
    for row, n in zip(to_source[:3], source.shape, strict=True):
        position = sum(step * k for step, k in zip(row[:3], index, strict=True)) + row[3]
        # Voxels extend by half their size around their centre.
        out &= np.abs(position - (n - 1) / 2) <= n / 2 + 1e-3
    return out
