"""How much noise is there in a magnitude image?"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class NoiseEstimate:
    """Noise standard deviation (image units) and how it was found, in words."""

    sigma: float
    method: str


def _rayleigh_sigma(background: np.ndarray) -> tuple[float, bool]:
    """Fit a Rayleigh law to background voxels; say whether it is one."""
    mean, sd = float(background.mean()), float(background.std())
    # For a Rayleigh variate mean / s.d. is 1.913 whatever sigma; filtered, rectified
    # or zero-filled backgrounds leave that value at once.
    return sd / np.sqrt(2 - np.pi / 2), sd > 0 and abs(mean / sd - 1.913) < 0.25


def estimate_noise(image: np.ndarray, mask: np.ndarray, zooms, acquired=None) -> NoiseEstimate:
    """Estimate the noise standard deviation of a magnitude image.

    Air far from the head is used if it is distributed as noise must be (Rayleigh).
    Many scanners process or zero the background; then the median absolute deviation of
    in-plane second differences inside the brain is used, which smooth anatomy hardly
    touches.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Magnitude image.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    zooms : sequence of 3 floats
        Voxel size, mm.
    acquired : sequence of 3 floats, optional
        Voxel size at acquisition, mm, where the image was resampled since: neighbours
        closer than that share their noise, so differences are taken over as much.

    Returns
    -------
    NoiseEstimate

    Raises
    ------
    ValueError
        If the brain holds too few voxels to tell.
    """
    mask = np.asarray(mask, bool)
    if mask.sum() < 500:
        raise ValueError(f'the brain mask holds only {int(mask.sum())} voxels')
    scale = float(np.median(image[mask]))
    inside = _difference_sigma(image, mask, zooms, zooms if acquired is None else acquired)
    corner = _far_background(image, mask, scale)
    if corner.size > 2000:
        sigma, is_rayleigh = _rayleigh_sigma(corner)
        # Interpolated or denoised data keep a Rayleigh-like look with too small a
        # spread; the two estimates must tell the same story.
        if is_rayleigh and 0.5 < sigma / max(inside, 1e-12) < 2:
            return NoiseEstimate(sigma, 'Rayleigh fit to the air around the head')
    return NoiseEstimate(inside, 'median absolute second difference inside the brain')


def _far_background(image, mask, scale):
    """Voxels well outside the head: dark, far from the brain, and not exactly zero."""
    dark = ndimage.uniform_filter(image.astype(np.float32), 5) < 0.2 * scale
    dark &= ~ndimage.binary_dilation(mask, iterations=5)
    values = image[dark]
    zeros = (values == 0).mean() if values.size else 1.0
    return values[values > 0] if zeros < 0.05 else values[:0]


def _difference_sigma(image, mask, zooms, acquired):
    """Noise s.d. from second differences along the two finest axes."""
    axes = np.argsort(acquired, kind='stable')[:2]
    response = np.asarray(image, float)
    core = mask
    for axis in axes:
        lag = max(int(np.ceil(acquired[axis] / zooms[axis] - 0.25)), 1)
        kernel = np.zeros(2 * lag + 1)
        kernel[[0, lag, -1]] = 1, -2, 1
        response = ndimage.correlate1d(response, kernel, axis=int(axis))
        # From core, not mask: the product of two kernels reaches the diagonal neighbours too.
        core = core & np.roll(core, lag, axis) & np.roll(core, -lag, axis)
    if core.sum() < 200:
        core = mask
    values = response[core]
    # The response to unit white noise has s.d. 6 (the product of two [1 -2 1]).
    return float(1.4826 * np.median(np.abs(values - np.median(values))) / 6)
