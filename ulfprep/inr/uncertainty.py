"""How far the enhanced image may be from the truth: standard deviation and entropy."""

import numpy as np

from ulfprep.inr.claim import local_mean

#: Full width at half maximum of the window over which lost detail is counted, mm.
WINDOW_MM = 10.0
#: What the enhanced image cannot know of its own error. ``TEXTURE`` is the spread of intensities
#: within a tissue, relative to white matter. ``DETAIL`` stands for the anatomy that neither scan
#: nor image holds: the image is smoother than the brain, so that what it loses on the way through
#: the scanner and back falls short of what the brain loses, by about the same factor in all scans.
#: It was measured on one brain: with it 68 % of the truth lie within one s.d. in two simulated
#: scans of AOMIC-PIOP2 sub-0001 (:mod:`ulfprep.evaluation.phantoms`, 1.6 x 1.6 x 5 mm, SNR 14
#: and 8). ``python -m ulfprep.evaluation uncertainty`` measures the coverage anew.
TEXTURE = 0.05
DETAIL = 1.4


def standard_deviation(
    intensity, probs, sent, back, inside, noise, contrast, spacing
) -> np.ndarray:
    """Standard deviation of an enhanced image, from the scan alone.

    ``sd^2 = DETAIL^2 (lost^2 + noise^2 + TEXTURE^2) + tissue^2``: ``lost`` is the local root
    mean square of what the image loses on its way through the scanner and back, ``noise`` that
    of the noise that passed the inverse, both at the contrast of the enhanced image; ``tissue``
    the spread over the intensities that the point would have in each of its tissues.

    Parameters
    ----------
    intensity : numpy.ndarray, shape (x, y, z)
        Enhanced image, white matter of the scan one.
    probs : numpy.ndarray, shape (3, x, y, z)
        Tissue probabilities.
    sent, back : numpy.ndarray, shape (x, y, z)
        Of :func:`ulfprep.inr.claim.surviving`.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain.
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which the scan's noise reaches the linear inverse, at the scan's contrast.
    contrast : numpy.ndarray, shape (3,)
        Contrast vector.
    spacing : sequence of 3 floats
        Of the lattice, mm.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Units of ``intensity``; zero outside the brain.
    """
    contrast = np.asarray(contrast, np.float32)
    factor = np.maximum(np.tensordot(contrast, probs, 1), 0.05)
    lost = local_mean(np.square((back - sent) / factor), inside, WINDOW_MM, spacing)
    variance = DETAIL**2 * (lost + np.square(noise / factor) + TEXTURE**2)
    # Had the point been all tissue t, the same measurement would mean this intensity.
    for share, own in zip(probs, contrast, strict=True):
        variance += share * np.square(intensity * (factor / own - 1))
    return np.where(inside, np.sqrt(variance), 0).astype(np.float32)


def tissue_entropy(probs) -> np.ndarray:
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
