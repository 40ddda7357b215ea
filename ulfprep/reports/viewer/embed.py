"""Volumes made small enough for a page: coarser, in steps of a hundredth, and packed."""

import base64
import zlib

import numpy as np

from ulfprep.reports.drawing.volumes import Volume

#: Steps between the lowest and the highest value that are told apart.
STEPS = 100
#: Code of a voxel of a map that holds no value.
OUTSIDE = 0


def quantised(data, low, high, inside=None):
    """Return whole numbers for values, in steps of a hundredth of a range.

    Parameters
    ----------
    data : numpy.ndarray, shape (X, Y, Z)
    low, high : float
        Ends of the range; what lies beyond becomes the end.
    inside : numpy.ndarray of bool, shape (X, Y, Z), optional
        Where there are values at all; elsewhere the code is :data:`OUTSIDE`.

    Returns
    -------
    codes : numpy.ndarray, shape (X, Y, Z), uint8
        From 0 to ``STEPS``, or with ``inside`` from 1 to ``STEPS + 1`` there.
    slope, intercept : float
        ``intercept + slope * code`` is the value.

    Raises
    ------
    ValueError
        If the range is empty.
    """
    if not high > low:
        raise ValueError(f'no range of values lies between {low} and {high}')
    slope = (high - low) / STEPS
    codes = np.rint(np.clip((np.asarray(data, np.float64) - low) / slope, 0, STEPS))
    codes = codes.astype(np.uint8)
    if inside is None:
        return codes, slope, float(low)
    return np.where(inside, codes + 1, OUTSIDE).astype(np.uint8), slope, float(low - slope)


def coarser(volume, inside, millimetres):
    """Average a map over blocks of voxels, inside only.

    Parameters
    ----------
    volume : Volume
    inside : numpy.ndarray of bool, shape (X, Y, Z)
        Voxels that count.
    millimetres : float
        Voxel size that is wanted; along each axis the largest multiple that is not above it.

    Returns
    -------
    volume : Volume
    inside : numpy.ndarray of bool
        Blocks that hold a voxel that counts.
    """
    step = _multiples(volume.zooms, millimetres)
    counts = _block_sums(inside.astype(np.float32), step)
    sums = _block_sums(np.where(inside, volume.data, 0).astype(np.float32), step)
    means = sums / np.maximum(counts, 1)
    return Volume(means, volume.zooms * step, volume.low), counts > 0


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


def cropped(volume, box):
    """Cut a volume to the voxels that touch a :class:`~ulfprep.reports.drawing.volumes.Box`."""
    start = np.floor((box.low - volume.low) / volume.zooms + 1e-4).astype(int)
    stop = np.ceil((box.high - volume.low) / volume.zooms - 1e-4).astype(int)
    start = np.clip(start, 0, np.array(volume.data.shape) - 1)
    stop = np.clip(stop, start + 1, volume.data.shape)
    index = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    return Volume(volume.data[index], volume.zooms, volume.low + start * volume.zooms)


def packed(codes, affine, top, *, foretold=True):
    """Return codes as text for a page: NIfTI, gzip, base64.

    Parameters
    ----------
    codes : numpy.ndarray, shape (X, Y, Z), uint8
    affine : numpy.ndarray, shape (4, 4)
        Voxel indices to world, mm.
    top : int
        Code that the window of the image ends at; it begins at zero.
    foretold : bool
        Whether to keep :func:`surprises` in place of the codes.

    Returns
    -------
    str
    """
    import nibabel as nib

    header = nib.Nifti1Image(codes, affine).header
    header.set_slope_inter(1, 0)
    header['cal_max'] = top
    header['vox_offset'] = 352
    header['magic'] = b'n+1'
    content = header.binaryblock + bytes(4)
    content += (surprises(codes) if foretold else codes).tobytes(order='F')
    # As gzip (wbits 31), of which zlib writes the same bytes on every Python.
    return base64.b64encode(zlib.compress(content, 9, wbits=31)).decode('ascii')


def surprises(codes):
    """Return by how much each voxel differs from what its neighbours foretell, modulo 256.

    What is foretold is two thirds of the sum of the three neighbours before it, less a third of
    that of the three that those share: it takes two fifths off the size of a brain image, and
    the page undoes it in one pass.

    Parameters
    ----------
    codes : numpy.ndarray, shape (X, Y, Z), uint8

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z), uint8
    """
    p = np.pad(np.asarray(codes, np.int16), ((1, 0),) * 3)
    near = p[:-1, 1:, 1:] + p[1:, :-1, 1:] + p[1:, 1:, :-1]
    far = p[:-1, :-1, 1:] + p[:-1, 1:, :-1] + p[1:, :-1, :-1]
    return (p[1:, 1:, 1:] - (2 * near - far) // 3).astype(np.uint8)
