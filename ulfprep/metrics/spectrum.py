"""Power along the axes of a simulated scan: as measured, and as its point-spread function asks."""

import numpy as np

from ulfprep.physics.psf import axis_kinds, profile
from ulfprep.physics.types import Numbers


def line_power(data: np.ndarray, zooms: Numbers, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the power spectrum of all lines along an axis, summed; ``zooms`` in mm.

    Returns frequencies, from zero to half the sampling rate (cycles per mm), and the squared
    magnitude of the Fourier integral there, so that it does not depend on the sampling.
    """
    spectrum = np.fft.rfft(data, axis=axis) * zooms[axis]
    others = tuple(a for a in range(3) if a != axis)
    power = (np.abs(spectrum) ** 2).sum(axis=others)
    return np.fft.rfftfreq(data.shape[axis], zooms[axis]), power


def transfer(frequency: np.ndarray, fwhm: float, kind: str, spacing: float) -> np.ndarray:
    """Return the transfer of a profile at ``frequency`` (cycles per mm), shape (n,); one at zero.

    ``kind`` is one of :data:`ulfprep.physics.psf.KINDS`, ``fwhm`` and the ``spacing`` of the
    samples that the profile weighs are in mm.
    """
    distance = np.arange(-60, 60.01, 0.1)
    weight = profile(distance, fwhm, kind, spacing)
    wave = np.cos(2 * np.pi * np.asarray(frequency)[:, None] * distance)
    return wave @ weight / weight.sum()


def expected_power(
    source: np.ndarray,
    source_zooms: Numbers,
    offsets: Numbers,
    shape: tuple[int, ...],
    zooms: Numbers,
    fwhm: Numbers,
    psf: str,
    axis: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the power along an axis that a simulated scan should have, less its noise.

    Along the other axes the source is seen as the scan sees it; along ``axis`` its spectrum is
    multiplied by the transfer, and what lies beyond half the sampling rate is folded back.

    Parameters
    ----------
    source : numpy.ndarray, shape (X, Y, Z)
        Source image with the contrast of the simulated scan.
    source_zooms, fwhm : sequence of 3 floats
        mm.
    offsets : sequence of 3 floats
        Of the simulated scan's first edges from those of the source, mm.
    shape, zooms : sequences of 3 numbers
        Of the simulated scan.
    psf : str
    axis : int

    Returns
    -------
    frequency, expected, unblurred : numpy.ndarray, shape (n,)
        Up to half the sampling rate of the simulated scan; ``unblurred`` is the power before the
        transfer along ``axis``.
    """
    kinds = axis_kinds(psf, fwhm)
    lines = np.asarray(source, np.float32)
    for other in (a for a in range(3) if a != axis):
        centres = offsets[other] + (np.arange(shape[other]) + 0.5) * zooms[other]
        there = (np.arange(source.shape[other]) + 0.5) * source_zooms[other]
        weights = profile(centres[:, None] - there, fwhm[other], kinds[other], source_zooms[other])
        sums = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, sums, out=np.zeros_like(weights), where=np.abs(sums) > 1e-6)
        lines = np.moveaxis(np.tensordot(weights.astype(np.float32), lines, (1, other)), 0, other)
    fine, power = line_power(lines, source_zooms, axis)
    passed = power * transfer(fine, fwhm[axis], kinds[axis], source_zooms[axis]) ** 2
    rate = 1 / zooms[axis]
    frequency = np.fft.rfftfreq(shape[axis], zooms[axis])
    copies = [frequency]
    for turn in range(1, int(np.ceil(fine[-1] / rate)) + 1):
        copies += [turn * rate - frequency, turn * rate + frequency]
    expected = sum(np.interp(f, fine, passed, right=0.0) for f in copies)
    return frequency, expected, np.interp(frequency, fine, power)
