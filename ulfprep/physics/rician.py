"""Magnitudes of complex images in noise: what they are on average, and back."""

import numpy as np
from scipy.special import ive

from ulfprep.physics.types import Numbers


def rician_mean(amplitude: Numbers, sigma: float) -> np.ndarray:
    """Mean of ``|amplitude + complex Gaussian noise|``.

    Parameters
    ----------
    amplitude : array_like
        Noise-free magnitude.
    sigma : float
        Standard deviation of the real and of the imaginary noise, same units.

    Returns
    -------
    numpy.ndarray
        ``sigma sqrt(pi/2) L(-amplitude^2 / (2 sigma^2))`` with the Laguerre function of
        order one half (Rice 1945; Gudbjartsson and Patz 1995).
    """
    amplitude = np.asarray(amplitude, float)
    if sigma <= 0:
        return amplitude.copy()
    half = amplitude**2 / (4 * sigma**2)
    # The scaled Bessel functions hold the exponential that would overflow.
    laguerre = (1 + 2 * half) * ive(0, half) + 2 * half * ive(1, half)
    return sigma * np.sqrt(np.pi / 2) * laguerre


def amplitude_from_mean(mean: Numbers, sigma: float) -> np.ndarray:
    """Noise-free magnitude of which ``mean`` is the average in noise.

    Inverse of :func:`rician_mean` by Newton's method. A mean at or below that of pure
    noise, ``sigma sqrt(pi/2)``, has the amplitude zero.

    Parameters
    ----------
    mean : array_like
        Average of magnitudes.
    sigma : float
        Standard deviation of the real and of the imaginary noise, same units.
    """
    mean = np.asarray(mean, float)
    if sigma <= 0:
        return mean.copy()
    floor = sigma * np.sqrt(np.pi / 2)
    # Second moment: E[M^2] = A^2 + 2 sigma^2 with little spread; a start from above.
    amplitude = np.sqrt(np.maximum(mean**2 - sigma**2, 0.0) + 1e-12 * sigma**2)
    for _ in range(30):
        step = 1e-4 * sigma
        slope = (rician_mean(amplitude + step, sigma) - rician_mean(amplitude, sigma)) / step
        change = (rician_mean(amplitude, sigma) - mean) / np.maximum(slope, 1e-3)
        amplitude = np.maximum(amplitude - change, 0.0)
        if np.all(np.abs(change) < 1e-9 * sigma):
            break
    return np.where(mean <= floor, 0.0, amplitude)
