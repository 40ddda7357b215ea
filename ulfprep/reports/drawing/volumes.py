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
    """A 3-D array in RAS order with its place along a common set of axes.

    Attributes
    ----------
    data : (X, Y, Z) array
    zooms : (3,) array
        Voxel size, mm.
    low : (3,) array
        Position of the volume's lower outer edges along the axes, mm. World millimetres
        for an axis-aligned scan; for an oblique scan, millimetres along its own axes.
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
    """Return ``data`` (RAS order) as a :class:`Volume`.

    Grids of one scan share their axes, so positions along these axes are comparable
    between the scan's grid and the fine grid, oblique or not.
    """
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
    shape = np.array(mask.data.shape)
    inside = mask.data > 0
    first, last = np.zeros(3), shape.astype(float)
    if inside.any():
        for axis in range(3):
            hit = np.flatnonzero(inside.any(axis=_others(axis)))
            first[axis], last[axis] = hit[0], hit[-1] + 1
    # Edges and not centres of voxels, and never beyond the volume.
    low = np.maximum(mask.low + first * mask.zooms - margin, mask.low)
    high = np.minimum(mask.low + last * mask.zooms + margin, mask.low + shape * mask.zooms)
    return Box(low, high)


def positions(mask, axis, count):
    """Return ``count`` positions (mm along ``axis``) that spread over the mask's volume.

    Quantiles of the volume keep away from the nearly empty first and last slices. Each
    position is the centre of one of the mask's slices.
    """
    area = (mask.data > 0).sum(axis=_others(axis)).astype(float)
    if not area.any():
        area[:] = 1.0
    share = np.cumsum(area) / area.sum()
    wanted = [0.5] if count == 1 else np.linspace(0.2, 0.8, count)
    index = [int(np.searchsorted(share, w)) for w in wanted]
    return [float(mask.low[axis] + (i + 0.5) * mask.zooms[axis]) for i in index]


def _others(axis):
    return tuple(a for a in range(3) if a != axis)


def cut(volume, plane, position, box):
    """Return the slice at ``position`` (mm), its voxels that touch the box, and its extent.

    The first row is the lowest, the first column leftmost (``origin='lower'``); the extent is the
    left, right, lower and upper edge in mm, as ``imshow`` takes it.
    """
    axis, right, up = PLANES[plane]
    index = int(np.floor((position - volume.low[axis]) / volume.zooms[axis]))
    index = min(max(index, 0), volume.data.shape[axis] - 1)
    # Not np.take, which copies the whole volume where its axes were turned.
    image = volume.data[(slice(None),) * axis + (index,)].T
    window = _window(volume, box)
    extent = []
    for side in (right, up):
        for voxel in (window[side].start, window[side].stop):
            extent.append(float(volume.low[side] + voxel * volume.zooms[side]))
    return image[window[up], window[right]], tuple(extent)


def cropped(volume, box):
    """Return the voxels of a volume that touch a box."""
    window = _window(volume, box)
    start = [one.start for one in window]
    return Volume(volume.data[window], volume.zooms, volume.low + start * volume.zooms)


def _window(volume, box):
    """Return a slice an axis: the voxels that touch a box, one at least."""
    # A hair of slack, lest rounding adds a row of voxels outside the box.
    start = np.floor((box.low - volume.low) / volume.zooms + 1e-4).astype(int)
    stop = np.ceil((box.high - volume.low) / volume.zooms - 1e-4).astype(int)
    start = np.clip(start, 0, np.array(volume.data.shape) - 1)
    stop = np.clip(stop, start + 1, volume.data.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


def coarser(volume, inside, millimetres):
    """Return a map averaged over blocks of voxels, inside only, and which blocks hold any.

    Voxels become as large as asked or, along an axis on which they are larger, stay as they are.
    """
    step = _multiples(volume.zooms, millimetres)
    counts = _block_sums(inside.astype(np.float32), step)
    sums = _block_sums(np.where(inside, volume.data, 0).astype(np.float32), step)
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


def _block_sums(data, step):
    pad = [(0, -n % s) for n, s in zip(data.shape, step, strict=True)]
    x, y, z = (np.array(data.shape) + [b for _, b in pad]) // step
    blocks = np.pad(data, pad).reshape(x, step[0], y, step[1], z, step[2])
    return blocks.sum(axis=(1, 3, 5))


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
