"""Volumes in the millimetres of their own axes, and slices cut from them."""

from typing import NamedTuple

import numpy as np

#: Plane -> (axis cut, axis drawn to the right, axis drawn upwards) of a volume in RAS order.
PLANES = {'axial': (2, 0, 1), 'coronal': (1, 0, 2), 'sagittal': (0, 1, 2)}
#: Names of the lower and upper end of each axis in RAS order.
ENDS = ('LR', 'PA', 'IS')
#: From the one to the other, in words.
DIRECTIONS = ('left to right', 'back to front', 'bottom to top')


class Volume(NamedTuple):
    """A 3-D array in RAS order with its voxel size (mm) and its place along a set of axes.

    ``low`` is the position of its lower outer edges, mm: of the world for an axis-aligned scan,
    along its own axes for an oblique one. Grids of one scan share their axes, so positions along
    them are comparable between the scan's grid and the fine grid.
    """

    data: np.ndarray
    zooms: np.ndarray
    low: np.ndarray


class Box(NamedTuple):
    """Limits in mm along the three axes."""

    low: np.ndarray
    high: np.ndarray

    def size(self, axis):
        """Return the length along ``axis``, mm."""
        return float(self.high[axis] - self.low[axis])


def place(data, affine):
    """Return ``data`` (RAS order) as a :class:`Volume`."""
    affine = np.asarray(affine, float)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / zooms
    corner = affine[:3, 3] - 0.5 * affine[:3, :3].sum(axis=1)
    return Volume(np.asarray(data), zooms, directions.T @ corner)


def load(path):
    """Read a NIfTI file as a :class:`Volume` in RAS order; ``None`` stays ``None``."""
    return None if path is None else load_oriented(path)[0]


def load_oriented(path):
    """Read a NIfTI file as a :class:`Volume`, and the directions of its axes in the world."""
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    volume = place(data.reshape(data.shape[:3]), image.affine)
    return volume, np.asarray(image.affine, float)[:3, :3] / volume.zooms


def bounding_box(mask, margin=6.0):
    """Return the :class:`Box` around a mask volume, grown by ``margin`` mm.

    An empty mask gives the whole volume: a report must show a failed mask, not fail too.
    """
    first, last = np.zeros(3), np.array(mask.data.shape, float)
    for axis in range(3):
        hit = np.flatnonzero(_areas(mask, axis))
        if hit.size:
            first[axis], last[axis] = hit[0], hit[-1] + 1
    # Edges and not centres of voxels, and never beyond the volume.
    low = np.maximum(mask.low + first * mask.zooms - margin, mask.low)
    end = mask.low + np.array(mask.data.shape) * mask.zooms
    return Box(low, np.minimum(mask.low + last * mask.zooms + margin, end))


def positions(mask, axis, count):
    """Return ``count`` positions (mm along ``axis``) that spread over the mask's volume.

    Quantiles of the volume keep away from the nearly empty first and last slices. Each
    position is the centre of one of the mask's slices.
    """
    area = _areas(mask, axis).astype(float)
    if not area.any():
        area[:] = 1.0
    share = np.cumsum(area) / area.sum()
    wanted = [0.5] if count == 1 else np.linspace(0.2, 0.8, count)
    index = [int(np.searchsorted(share, w)) for w in wanted]
    return [float(mask.low[axis] + (i + 0.5) * mask.zooms[axis]) for i in index]


def _areas(mask, axis):
    """Return how many voxels of a mask each slice across an axis holds."""
    return (mask.data > 0).sum(axis=tuple(a for a in range(3) if a != axis))


def cut(volume, plane, position, box):
    """Return the slice at ``position`` (mm), its voxels that touch the box, and its extent.

    The first row is the lowest, the first column leftmost (``origin='lower'``); the extent is the
    left, right, lower and upper edge in mm, as ``imshow`` takes it.
    """
    axis, right, up = PLANES[plane]
    index = int(np.floor((position - volume.low[axis]) / volume.zooms[axis]))
    start, stop = _touching(volume, box)
    window = [slice(*ends) for ends in zip(start, stop, strict=True)]
    window[axis] = min(max(index, 0), volume.data.shape[axis] - 1)
    edges = [volume.low + ends * volume.zooms for ends in (start, stop)]
    extent = tuple(float(edge[side]) for side in (right, up) for edge in edges)
    return volume.data[tuple(window)].T, extent


def cropped(volume, box):
    """Return the voxels of a volume that touch a box."""
    start, stop = _touching(volume, box)
    window = tuple(slice(*ends) for ends in zip(start, stop, strict=True))
    return Volume(volume.data[window], volume.zooms, volume.low + start * volume.zooms)


def _touching(volume, box):
    """Return the first voxel along each axis that touches a box, and the one after the last."""
    # A hair of slack, lest rounding adds a row of voxels outside the box.
    start = np.floor((box.low - volume.low) / volume.zooms + 1e-4).astype(int)
    stop = np.ceil((box.high - volume.low) / volume.zooms - 1e-4).astype(int)
    start = np.clip(start, 0, np.array(volume.data.shape) - 1)
    return start, np.clip(stop, start + 1, volume.data.shape)


def coarser(volume, inside, millimetres):
    """Return a map averaged over blocks of voxels, inside only, and which blocks hold any.

    Voxels become as large as asked or, along an axis on which they are larger, stay as they are.
    """
    from skimage.measure import block_reduce

    step = tuple(_multiples(volume.zooms, millimetres))
    counts = block_reduce(inside.astype(np.float32), step, np.sum)
    sums = block_reduce(np.where(inside, volume.data, 0).astype(np.float32), step, np.sum)
    return Volume(sums / np.maximum(counts, 1), volume.zooms * step, volume.low), counts > 0


def thinned(volume, millimetres):
    """Take every so-manieth voxel of labels, the middle of each block, as :func:`coarser`."""
    step = _multiples(volume.zooms, millimetres)
    starts = [s // 2 if n > s // 2 else 0 for s, n in zip(step, volume.data.shape, strict=True)]
    index = tuple(slice(a, None, s) for a, s in zip(starts, step, strict=True))
    return Volume(volume.data[index], volume.zooms * step, volume.low)


def _multiples(zooms, millimetres):
    # A hair of slack: voxels of 1.6 mm are stored as 1.60000002.
    return np.maximum(np.floor(millimetres / zooms + 1e-3), 1).astype(int)


def tissue_mean(volume, dseg, label):
    """Return the mean of ``volume`` over ``dseg == label`` (same grid), ``None`` if empty."""
    if dseg is None or dseg.data.shape != volume.data.shape:
        return None
    values = volume.data[dseg.data == label]
    return float(values.mean(dtype=np.float64)) if values.size else None


def sample_nearest(volume, like):
    """Return ``volume``'s nearest voxels at the voxel centres of ``like`` (shared axes)."""
    index = []
    for axis in range(3):
        centre = like.low[axis] + (np.arange(like.data.shape[axis]) + 0.5) * like.zooms[axis]
        nearest = np.floor((centre - volume.low[axis]) / volume.zooms[axis]).astype(int)
        index.append(np.clip(nearest, 0, volume.data.shape[axis] - 1))
    return Volume(volume.data[np.ix_(*index)], like.zooms, like.low)
