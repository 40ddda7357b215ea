"""How far the enhanced image may be from the truth: standard deviation and entropy."""

import numpy as np

from ulfprep.inr.warm import TEXTURE

#: Part of the s.d. between the tissues that a point may have by which its image is off: part of it
#: is mixture, and the image's own correction takes some. Chosen on simulated scans of two heads
#: kept out of the network's training (1.6 x 1.6 x 5 mm, SNR 14, one also at 8), with the coverage
#: on AOMIC and Colin27 in view, so that 1.96 s.d. hold about 94 % of the truth: errors have
#: heavier tails than a Gaussian, and one s.d. holds more than 68 %.
#: ``python -m ulfprep.evaluation uncertainty`` measures the coverage.
DOUBTED = 0.55


def standard_deviation(
    probs: np.ndarray,
    inside: np.ndarray,
    noise: np.ndarray,
    contrast: np.ndarray,
    targets: np.ndarray,
) -> np.ndarray:
    """Standard deviation of an enhanced image, from the scan alone.

    ``sd^2 = DOUBTED^2 mixed + noise^2 + TEXTURE^2``: ``mixed`` is the variance of the intensities
    that a point would have in each of the tissues that it may belong to, ``noise`` the s.d. of
    what passes a linear inverse of the scan, brought to the target's contrast, and ``TEXTURE``
    that of intensities within a tissue.

    Parameters
    ----------
    probs : numpy.ndarray, shape (3, x, y, z)
        Tissue probabilities.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain.
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which the scan's noise reaches the linear inverse, at the scan's contrast.
    contrast, targets : numpy.ndarray, shape (3,)
        Contrast vector, and means of the tissues in the enhanced image, white matter of the
        scan one.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Units of ``targets``; zero outside the brain.
    """
    contrast, targets = np.asarray(contrast, np.float32), np.asarray(targets, np.float32)
    factor = np.maximum(np.tensordot(contrast, probs, 1), 0.05)
    mixed = np.tensordot(targets**2, probs, 1) - np.square(np.tensordot(targets, probs, 1))
    variance = DOUBTED**2 * np.maximum(mixed, 0) + np.square(noise / factor) + TEXTURE**2
    return np.where(inside, np.sqrt(variance), 0).astype(np.float32)


def tissue_entropy(probs: np.ndarray) -> np.ndarray:
    """Entropy of the tissues that a point may belong to.

    Parameters
    ----------
    probs : numpy.ndarray, shape (3, ...)
        Each point's sum to one, or to zero outside the brain.

    Returns
    -------
    numpy.ndarray, shape (...), float32
        Bits: 0 where one tissue is certain, 1 between two, 1.58 where all are alike; zero
        outside the brain.
    """
    probs = np.asarray(probs, np.float32)
    logs = np.log2(probs, out=np.zeros_like(probs), where=probs > 0)
    return np.maximum(-(probs * logs).sum(axis=0), 0).astype(np.float32)
