"""How far the enhanced image may be from the truth: standard deviation and entropy."""

import numpy as np
from scipy import ndimage

from ulfprep.inr.claim import DETAIL_MM, local_mean, surviving

#: Full width at half maximum of the window over which tissues and lost detail are counted, mm.
WINDOW_MM = 10.0
#: Correlation length (s.d. of a Gaussian) of the folds of a brain, mm.
FOLD_MM = 2.0
#: What no scan tells of the anatomy that it does not show. ``DETAIL`` is the s.d. of structure
#: finer than 10 mm over the s.d. that its tissues would have if they were not mixed at all;
#: ``TEXTURE`` the s.d. of intensities within a tissue, relative to white matter. Both were chosen
#: on simulated scans of one brain (AOMIC-PIOP2 sub-0001, :mod:`ulfprep.evaluation.phantoms`;
#: 1.6 x 1.6 x 5 mm at SNR 14 and 8, and 2 mm at SNR 14), so that 70 % of the truth lie within one
#: s.d. on average: errors have heavier tails than a Gaussian, and at 68 % too few lay within 1.96.
#: ``python -m ulfprep.evaluation uncertainty`` measures the coverage.
DETAIL = 0.7
TEXTURE = 0.05


def lost_share(model, inside, smoothness: float, spacing) -> float:
    """Share of the amplitude of brain-like detail that a scan cannot show.

    The enhanced image cannot tell: what it lacks is not in it. So noise with the fineness of
    the brain's folds is sent through the scanner and the linear inverse.

    Parameters
    ----------
    model, inside, smoothness, spacing
        See :func:`ulfprep.inr.claim.surviving`.

    Returns
    -------
    float
        Root mean square of what is lost over that of what was sent; always drawn from one
        seed, so that a scan has one value.
    """
    shape = np.shape(inside)
    draw = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    folds = ndimage.gaussian_filter(draw, [FOLD_MM / s for s in spacing])
    folds -= local_mean(folds, np.ones(shape, bool), DETAIL_MM, spacing)
    sent, back = surviving(model, folds, inside, smoothness, spacing)
    lost = np.square(back - sent)[inside].mean(dtype=float)
    return float(np.sqrt(lost / np.square(sent)[inside].mean(dtype=float)))


def standard_deviation(
    intensity, probs, sent, back, inside, noise, share, contrast, targets, spacing
) -> np.ndarray:
    """Standard deviation of an enhanced image, from the scan alone.

    ``sd^2 = (DETAIL share mixed)^2 + lost^2 + noise^2 + TEXTURE^2 + tissue^2``: anatomy that the
    scan does not show, where ``mixed`` is the s.d. of the tissues' intensities around a point;
    detail of the image itself that the scan cannot show (local root mean square); noise that
    passed the inverse; the texture of a tissue; and the spread over the intensities that the
    point would have in each of its tissues.

    Parameters
    ----------
    intensity : numpy.ndarray, shape (x, y, z)
        Enhanced image, white matter of the scan one.
    probs : numpy.ndarray, shape (3, x, y, z)
        Tissue probabilities.
    sent, back : numpy.ndarray, shape (x, y, z)
        The image at the scan's contrast, see :func:`ulfprep.inr.claim.surviving`.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain.
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which the scan's noise reaches the linear inverse, at the scan's contrast.
    share : float
        Of :func:`lost_share`.
    contrast, targets : numpy.ndarray, shape (3,)
        Contrast vector, and means of the tissues in the enhanced image.
    spacing : sequence of 3 floats
        Of the lattice, mm.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Units of ``intensity``; zero outside the brain.
    """
    contrast, targets = np.asarray(contrast, np.float32), np.asarray(targets, np.float32)
    factor = np.maximum(np.tensordot(contrast, probs, 1), 0.05)
    near = np.stack([local_mean(p, inside, WINDOW_MM, spacing) for p in probs])
    mixed = np.tensordot(targets**2, near, 1) - np.square(np.tensordot(targets, near, 1))
    variance = (DETAIL * share) ** 2 * np.maximum(mixed, 0)
    variance += local_mean(np.square((back - sent) / factor), inside, WINDOW_MM, spacing)
    variance += np.square(noise / factor) + TEXTURE**2
    # Had the point been all tissue t, the same measurement would mean this intensity.
    for p, own in zip(probs, contrast, strict=True):
        variance += p * np.square(intensity * (factor / own - 1))
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
