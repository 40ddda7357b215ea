"""Volumes in the millimetres of their own axes: which slices to show, and cutting them."""

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
    if path is None:
        return None
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    return place(data.reshape(data.shape[:3]), image.affine)


def bounding_box(mask, margin=6.0):
    """Return the :class:`Box` around a mask volume, grown by ``margin`` mm.

    An empty mask gives the whole volume: a report must show a failed mask, not fail too.
    """
    shape = np.array(mask.data.shape)
    inside = mask.data > 0
    first, last = np.zeros(3), shape.astype(float)
    if inside.any():
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            hit = np.flatnonzero(inside.any(axis=others))
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
    inside = mask.data > 0
    others = tuple(a for a in range(3) if a != axis)
    area = inside.sum(axis=others).astype(float)
    if not area.any():
        area[:] = 1.0
    share = np.cumsum(area) / area.sum()
    wanted = [0.5] if count == 1 else np.linspace(0.2, 0.8, count)
    index = [int(np.searchsorted(share, w)) for w in wanted]
    return [float(mask.low[axis] + (i + 0.5) * mask.zooms[axis]) for i in index]


def cut(volume, plane, position, box):
    """Cut one slice.

    Parameters
    ----------
    volume : Volume
    plane : str
        ``axial``, ``coronal`` or ``sagittal``.
    position : float
        Place of the slice, mm along the axis that is cut.
    box : Box
        Only voxels that touch the box are returned.

    Returns
    -------
    image : (rows, columns) array
        First row lowest, first column leftmost (``origin='lower'``).
    extent : tuple of float
        Left, right, bottom, top edges in mm, for ``imshow``.
    """
    axis, right, up = PLANES[plane]
    index = int(np.floor((position - volume.low[axis]) / volume.zooms[axis]))
    index = min(max(index, 0), volume.data.shape[axis] - 1)
    # Not np.take, which copies the whole volume where its axes were turned.
    image = volume.data[(slice(None),) * axis + (index,)].T
    extent = []
    window = []
    for side in (right, up):
        edges = (np.array([box.low[side], box.high[side]]) - volume.low[side]) / volume.zooms[side]
        # A hair of slack, lest rounding adds a row of voxels outside the box.
        start = max(int(np.floor(edges[0] + 1e-4)), 0)
        stop = min(int(np.ceil(edges[1] - 1e-4)), volume.data.shape[side])
        window.append(slice(start, max(stop, start + 1)))
        extent += [volume.low[side] + start * volume.zooms[side]]
        extent += [volume.low[side] + window[-1].stop * volume.zooms[side]]
    return image[window[1], window[0]], tuple(float(e) for e in extent)


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
