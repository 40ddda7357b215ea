"""How a scanner samples an image: point-spread function, sampling and noise.

The PSF is separable along the acquired axes, so on aligned grids acquisition is one
small dense matrix an axis (``A = Az x Ay x Ax``), with an exact adjoint. Magnitudes of
complex images in noise follow Rice's law.
"""

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import ive

from ulfprep.physics.grid import Grid, aligned_offsets
from ulfprep.physics.psf import FWHM_PER_SIGMA, RINGING, axis_kinds, profile, reach
from ulfprep.physics.types import Numbers


def psf_matrix(
    positions: np.ndarray, n_fine: int, fwhm: float, psf: str = 'gaussian'
) -> np.ndarray:
    """Weights with which fine samples enter each acquired sample along one axis.

    ``positions`` are the centres of the acquired samples and ``fwhm`` is the width of the PSF,
    both in fine index units. The shape is (len(positions), n_fine), float32. Rows sum to one: a
    constant image stays the same constant up to the border.
    """
    positions = np.asarray(positions)
    if psf == RINGING:
        weights = _extended_weights(positions, n_fine, fwhm, psf)
    else:
        weights = profile(np.arange(n_fine)[None, :] - positions[:, None], fwhm, psf)
    empty = weights.sum(axis=1) == 0
    if empty.any():
        nearest = np.clip(np.rint(positions[empty]).astype(int), 0, n_fine - 1)
        weights[np.flatnonzero(empty), nearest] = 1
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _extended_weights(positions, n_fine, fwhm, psf):
    """Weights where what lies beyond the border counts as the border's sample."""
    n = int(np.ceil(reach(fwhm, psf))) + 1
    index = np.rint(positions).astype(int)[:, None] + np.arange(-n, n + 1)
    weights = np.zeros((len(positions), n_fine))
    rows = np.broadcast_to(np.arange(len(positions))[:, None], index.shape)
    seen = profile(index - positions[:, None], fwhm, psf)
    np.add.at(weights, (rows, np.clip(index, 0, n_fine - 1)), seen)
    return weights


def acquisition_matrices(
    scan: Grid, fine: Grid, psf_fwhm: Numbers, psf: str = 'gaussian'
) -> list[np.ndarray]:
    """Return the matrices that take an image on ``fine`` to the voxels of ``scan``.

    One an axis, shape (scan.shape[axis], fine.shape[axis]), of aligned grids
    (:func:`ulfprep.physics.grid.are_aligned`). ``psf_fwhm`` is the PSF's FWHM along the acquired
    axes, mm; ``psf`` one of :data:`ulfprep.physics.psf.KINDS`.
    """
    positions, kinds = aligned_offsets(fine, scan), axis_kinds(psf, psf_fwhm)
    return [
        psf_matrix(
            positions[axis],
            fine.shape[axis],
            float(psf_fwhm[axis]) / fine.zooms[axis],
            kinds[axis],
        )
        for axis in range(3)
    ]


def apply_matrices(matrices: Any, volume: Any) -> Any:
    """Apply one matrix an axis to the last three axes of ``volume`` (NumPy or torch)."""
    volume = matrices[2] @ volume.swapaxes(-1, -2)  # (..., x, z', y)
    volume = matrices[1] @ volume.swapaxes(-1, -2)  # (..., x, y', z')
    shape = volume.shape
    flat = volume.reshape(*shape[:-2], shape[-2] * shape[-1])
    return (matrices[0] @ flat).reshape(*shape[:-3], -1, shape[-2], shape[-1])


def add_rician_noise(
    image: np.ndarray, sigma: float, rng: np.random.Generator, fwhm: Numbers = (0.0, 0.0, 0.0)
) -> np.ndarray:
    """Magnitude of the image plus complex Gaussian noise of s.d. ``sigma`` in either part.

    Side lobes of the PSF may take the noise-free image below zero. ``fwhm`` is that of the
    Gaussian which correlates the noise, in voxels; its s.d. is kept. The result is float32.
    """
    real = image + sigma * _unit_noise(image.shape, rng, fwhm)
    imaginary = sigma * _unit_noise(image.shape, rng, fwhm)
    return np.hypot(real, imaginary).astype(np.float32)


def _unit_noise(shape, rng, fwhm):
    """Gaussian noise of s.d. one, smoothed periodically: the same s.d. in every voxel."""
    noise = rng.standard_normal(shape)
    for axis, width in enumerate(fwhm):
        if width > 0:
            impulse = np.zeros(shape[axis])
            impulse[0] = 1
            kernel = ndimage.gaussian_filter1d(impulse, width / FWHM_PER_SIGMA, mode='wrap')
            noise = ndimage.gaussian_filter1d(noise, width / FWHM_PER_SIGMA, axis, mode='wrap')
            noise /= np.sqrt((kernel**2).sum())
    return noise


def rician_mean(amplitude: Numbers, sigma: float) -> np.ndarray:
    """Mean of ``|amplitude + complex noise|``, the noise of s.d. ``sigma`` in either part.

    ``sigma sqrt(pi/2) L(-amplitude^2 / (2 sigma^2))`` with the Laguerre function of order one
    half (Rice 1945; Gudbjartsson and Patz 1995).
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
