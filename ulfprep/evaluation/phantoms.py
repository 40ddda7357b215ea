"""Simulated 64 mT scans of labelled high-field brains, by other means than ulfprep's own.

A benchmark whose scans came from :mod:`ulfprep.physics.forward` would flatter its inverse.
Here contrast is a remapping of intensities, the slice profile is a raised cosine, and the
plane is a piece of k-space; none of it is what the segmentation assumes.
"""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid
from ulfprep.physics.simulation import stream

#: CSF, GM and WM of a T1w scan at 64 mT, relative to WM.
RATIOS = (0.25, 0.8, 1.0)
#: Outer part of the sampled k-space over which the signal is let down to zero.
TAPER = 0.2


def tissue_medians(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Median of each tissue, where voxels of its own surround a voxel on all six sides.

    Raises
    ------
    ValueError
        If the labels (1 CSF, 2 GM, 3 WM) lack a tissue.
    """
    out = []
    for label in (1, 2, 3):
        tissue = labels == label
        if not tissue.any():
            raise ValueError(f'the labels hold no {("CSF", "GM", "WM")[label - 1]}')
        inner = ndimage.binary_erosion(tissue)
        out.append(np.median(image[inner if inner.any() else tissue]))
    return np.array(out, float)


def remapped(image: np.ndarray, labels: np.ndarray, signals) -> np.ndarray:
    """Give a T1w brain other tissue signals, voxel by voxel.

    Intensities are mapped along straight lines through the three tissues' medians, so that
    mixtures and the brain's own texture stay what they are between the tissues. The labels
    do no more than place the medians.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
        CSF darkest.
    labels : numpy.ndarray of int, shape (x, y, z)
        0 outside, 1 CSF, 2 GM, 3 WM.
    signals : sequence of 3 floats
        Of CSF, GM, WM, that the medians become; rising.

    Raises
    ------
    ValueError
        If the tissues' medians or the signals do not rise from CSF to WM.
    """
    medians, signals = tissue_medians(image, labels), np.asarray(signals, float)
    if not (np.diff(medians) > 0).all() or not (np.diff(signals) > 0).all():
        raise ValueError('CSF, GM and WM must rise in brightness, as they do in T1w')
    top = 1.5 * medians[2]
    slope = (signals[2] - signals[1]) / (medians[2] - medians[1])
    end = signals[2] + slope * (top - medians[2])
    return np.interp(image, (0, *medians, top), (0, *signals, end))


def low_field_signal(image: np.ndarray, labels: np.ndarray, ratios=RATIOS) -> np.ndarray:
    """Give a high-field brain the contrast of a low field, float32, zero outside the labels."""
    return np.where(labels > 0, remapped(image, labels, ratios), 0).astype(np.float32)


def scan_brain(
    signal: np.ndarray, brain: np.ndarray, voxel, *, snr: float, seed: int, bias: float = 0.12
) -> tuple[np.ndarray, np.ndarray]:
    """Scan a 1 mm brain: receive field, k-space, slices, noise, magnitude.

    Parameters
    ----------
    signal : numpy.ndarray, shape (x, y, z)
        At 1 mm, WM about one. Every extent must be a multiple of the voxel.
    brain : numpy.ndarray of bool, shape (x, y, z)
    voxel : sequence of 3 floats
        Size in mm; the last axis is that of the slices.
    snr : float
        Signal of WM over the noise's s.d. in one channel.
    seed : int
        Of noise and field.
    bias : float
        S.d. of the logarithm of the receive field over the brain.

    Returns
    -------
    scan : numpy.ndarray, shape (X, Y, Z), float32
        Zero outside the brain, as skull-stripping leaves it.
    mask : numpy.ndarray of bool, shape (X, Y, Z)

    Raises
    ------
    ValueError
        If the voxels do not fill the field of view.
    """
    counts = [round(n / v) for n, v in zip(signal.shape, voxel, strict=True)]
    if not np.allclose(np.multiply(counts, voxel), signal.shape):
        raise ValueError(f'voxels of {tuple(voxel)} mm do not fill {signal.shape} mm')
    plane = [_truncation(n, m) for n, m in zip(signal.shape[:2], counts[:2], strict=True)]
    profile = _slices(signal.shape[2], counts[2])
    field = receive_field(brain, bias, stream(seed, 'receive field'))
    seen = np.einsum('xyz,Xx,Yy,Zz->XYZ', signal * field, *plane, profile, optimize=True)
    boxes = [_slices(n, m, ramp=0) for n, m in zip(signal.shape, counts, strict=True)]
    share = np.einsum('xyz,Xx,Yy,Zz->XYZ', brain.astype(float), *boxes, optimize=True)
    rng, sigma = stream(seed, 'noise'), 1 / snr
    real = seen + sigma * rng.standard_normal(seen.shape)
    magnitude = np.hypot(real, sigma * rng.standard_normal(seen.shape))
    mask = share > 0.5
    return np.where(mask, magnitude, 0).astype(np.float32), mask


def receive_field(brain: np.ndarray, sd: float, rng) -> np.ndarray:
    """Draw a smooth receive field: half-waves of the field of view, in its logarithm.

    Parameters
    ----------
    brain : numpy.ndarray of bool, shape (x, y, z)
    sd : float
        S.d. of the logarithm over the brain; with 0 the field is one everywhere.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (x, y, z)
        Its logarithm is zero on average over the brain.
    """
    waves = [np.cos(np.pi * (np.arange(n) + 0.5) / n) for n in brain.shape]
    x, y, z = np.ix_(*waves)
    parts = (x, y, z, x * y, y * z, x * z)
    log = sum(c * part for c, part in zip(rng.standard_normal(6), parts, strict=True))
    log = log - log[brain].mean()
    return np.exp(sd * log / log[brain].std())


def padded(grid: Grid, *volumes) -> tuple:
    """Pad volumes to extents that voxels of 1.6 x 1.6 x 5 and of 2 x 2 x 2 mm both fill.

    Parameters
    ----------
    grid : Grid
        1 mm.
    *volumes : numpy.ndarray, shape ``grid.shape``

    Returns
    -------
    tuple
        The larger grid, around the middle of the given one, and the volumes on it.
    """
    shape = tuple(int(-(-n // m) * m) for n, m in zip(grid.shape, (8, 8, 10), strict=True))
    before = [(p - n) // 2 for n, p in zip(grid.shape, shape, strict=True)]
    affine = np.array(grid.affine, float)
    affine[:3, 3] -= affine[:3, :3] @ np.array(before, float)
    pad = [(b, p - n - b) for b, n, p in zip(before, grid.shape, shape, strict=True)]
    return Grid(shape, affine), *(np.pad(volume, pad) for volume in volumes)


def _positions(n, m):
    """Centres of m voxels in indices of the n that share their field of view."""
    return (np.arange(m) + 0.5) * n / m - 0.5


def _truncation(n, m):
    """Matrix that keeps the lowest part of n points' spectrum and samples it at m."""
    frequency = np.fft.fftfreq(n)
    part = np.abs(frequency) * 2 * n / m
    weight = np.where(part <= 1, np.cos(np.pi / 2 * np.clip((part - 1 + TAPER) / TAPER, 0, 1)), 0)
    distance = _positions(n, m)[:, None] - np.arange(n)
    return (
        np.einsum('f,fmn->mn', weight, np.cos(2 * np.pi * frequency[:, None, None] * distance)) / n
    )


def _slices(n, m, ramp=1):
    """Matrix of slice profiles as wide at half their height as a slice; boxes without ramp."""
    distance = np.abs(_positions(n, m)[:, None] - np.arange(n)) * m / n
    profile = np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2 if ramp else distance <= 0.5
    return profile / profile.sum(axis=1, keepdims=True)
