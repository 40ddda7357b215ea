"""What the tissue network sees of a scan: it is laid on the 1 mm lattice and levelled.

Training and inference make the network's input here, so that they cannot drift apart.
"""

import numpy as np

from ulfprep.physics.grid import Grid, aligned_offsets, are_aligned
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.network import BRIGHTEST, CHANNELS, HINTS

#: Factor of what is left when the mean of the brain is taken from a levelled scan.
CONTRAST = np.float32(2)


def lay(scan: np.ndarray, grid: Grid, lattice: Grid) -> np.ndarray:
    """Interpolate a scan onto the lattice in two ways.

    Parameters
    ----------
    scan : numpy.ndarray, shape ``grid.shape``
    grid, lattice : Grid
        In any orientation to each other.

    Returns
    -------
    numpy.ndarray, shape (2, *lattice.shape), float32
        Linear interpolation, and the nearest voxel, which shows where the slices are.
    """
    scan = np.asarray(scan, np.float32)
    if not are_aligned(grid, lattice):
        return np.stack([carry(scan, grid, lattice, order=k) for k in (1, 0)])
    linear, nearest = scan, scan
    for axis, at in enumerate(aligned_offsets(grid, lattice)):
        n = grid.shape[axis]
        # The outermost voxels are extended by the half voxel that is their own.
        inside = ((at >= -0.5 - 1e-3) & (at <= n - 0.5 + 1e-3)).astype(np.float32)
        held = np.clip(at, 0, n - 1)
        low = np.minimum(np.floor(held).astype(int), max(n - 2, 0))
        high = np.minimum(low + 1, n - 1)
        shape = [1, 1, 1]
        shape[axis] = len(at)
        weight = (held - low).astype(np.float32).reshape(shape)
        inside = inside.reshape(shape)
        below, above = linear.take(low, axis), linear.take(high, axis)
        linear = (below + weight * (above - below)) * inside
        nearest = nearest.take(np.floor(held + 0.5).astype(int), axis) * inside
    return np.stack([linear, nearest])


def level(laid: np.ndarray, mask: np.ndarray) -> float:
    """Intensity that a scan is divided by: its mean in the brain mask.

    Parameters
    ----------
    laid : numpy.ndarray, shape (2, X, Y, Z)
        Of :func:`lay`.
    mask : numpy.ndarray of bool, shape (X, Y, Z)

    Raises
    ------
    ValueError
        If the scan has no signal in the mask.
    """
    mean = float(laid[0][mask].mean(dtype=np.float64)) if mask.any() else 0.0
    if not mean > 0:
        raise ValueError('the scan has no signal within the brain mask')
    return mean


def stack(laid: dict, levels: dict, mask: np.ndarray) -> np.ndarray:
    """Put the network's input together.

    Parameters
    ----------
    laid : dict of str to numpy.ndarray, shape (2, X, Y, Z)
        Scans on the lattice by channel (:data:`~ulfprep.segmentation.network.CHANNELS`).
    levels : dict of str to float
        What each is divided by, :func:`level`.
    mask : numpy.ndarray of bool, shape (X, Y, Z)

    Returns
    -------
    numpy.ndarray, shape (7, X, Y, Z), float32
        Channels that are missing are zero.
    """
    out = np.zeros((2 * len(CHANNELS) + 1, *mask.shape), np.float32)
    for k, name in enumerate(CHANNELS):
        if name in laid:
            scaled = laid[name] * np.float32(1 / levels[name])
            # Contrast between tissues is a small part of the signal: take the mean away.
            out[2 * k : 2 * k + 2] = CONTRAST * (np.clip(scaled, 0, BRIGHTEST) - 1) * mask
    out[-1] = mask
    return out


def describe(voxel_sizes: dict) -> np.ndarray:
    """Tell the network which scans there are and how large their voxels were.

    Parameters
    ----------
    voxel_sizes : dict of str to sequence of 3 floats
        Acquired voxel size along the axes of the lattice, mm, by channel.

    Returns
    -------
    numpy.ndarray, shape (12,), float32
    """
    out = np.zeros((len(CHANNELS), HINTS), np.float32)
    for k, name in enumerate(CHANNELS):
        if name in voxel_sizes:
            out[k] = 1, *np.log2(np.maximum(voxel_sizes[name], 0.5))
    return out.ravel()


def pad(array: np.ndarray, stride: int) -> np.ndarray:
    """Extend the last three axes by zeros to multiples of ``stride``."""
    wide = [(0, 0)] * (array.ndim - 3) + [(0, -n % stride) for n in array.shape[-3:]]
    return np.pad(array, wide)
