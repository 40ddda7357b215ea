"""What an enhanced image does not know: its error, its tissues, and detail that was not seen."""

from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.inr.views import target_means
from ulfprep.inr.warm import TEXTURE, WarmStart
from ulfprep.physics.inverse import conjugate_gradient
from ulfprep.physics.types import Numbers

#: Part of the s.d. between the tissues that a point may have by which its image is off: part of it
#: is mixture, and the image's own correction takes some. Chosen on simulated scans of two heads
#: kept out of the network's training (1.6 x 1.6 x 5 mm, SNR 14, one also at 8), with the coverage
#: on AOMIC and Colin27 in view, so that 1.96 s.d. hold about 94 % of the truth: errors have
#: heavier tails than a Gaussian, and one s.d. holds more than 68 %.
#: ``python -m ulfprep.evaluation uncertainty`` measures the coverage.
DOUBTED = 0.55
#: Full width at half maximum of the Gaussian below whose scale structure counts as detail, mm.
DETAIL_MM = 10.0
#: Full width at half maximum of the window over which detail is counted, mm.
WINDOW_MM = 5.0


def doubt(
    intensity: np.ndarray, probs: np.ndarray, warm: WarmStart
) -> tuple[np.ndarray, np.ndarray]:
    """Make the uncertainty and the claim map of a rendered field.

    Takes one more solution of the linear inverse.

    Parameters
    ----------
    intensity, probs : numpy.ndarray, shape (x, y, z) and (3, x, y, z)
        Enhanced image on ``warm.fine``, relative to the scan's white matter, and its tissues.
    warm : WarmStart

    Returns
    -------
    sd, claim : numpy.ndarray, shape (x, y, z), float32
        See :func:`standard_deviation` and :func:`claim`.
    """
    contrast = np.array(warm.plan.contrast_vector, np.float32)
    inside, spacing = warm.inside, warm.fine.zooms
    seen = intensity * np.tensordot(contrast, probs, 1)
    sent, back = surviving(warm.model, seen, inside, warm.smoothness, spacing)
    spread = standard_deviation(probs, inside, warm.noise, contrast, target_means(warm.plan))
    return spread, claim(sent, back, inside, warm.noise, spacing)


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
    probs, inside : numpy.ndarray, shape (3, x, y, z) and (x, y, z)
        Tissue probabilities and brain.
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which the scan's noise reaches the linear inverse, at the scan's contrast.
    contrast, targets : numpy.ndarray of float32, shape (3,)
        Contrast vector, and means of the tissues in the enhanced image, white matter of the
        scan one.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Units of ``targets``; zero outside the brain.
    """
    factor = np.maximum(np.tensordot(contrast, probs, 1), 0.05)
    mixed = np.tensordot(targets**2, probs, 1) - np.square(np.tensordot(targets, probs, 1))
    variance = DOUBTED**2 * np.maximum(mixed, 0) + np.square(noise / factor) + TEXTURE**2
    return np.where(inside, np.sqrt(variance), 0).astype(np.float32)


def tissue_entropy(probs: np.ndarray) -> np.ndarray:
    """Entropy of the tissues (3, ...) that a point may belong to, bits, float32.

    0 where one tissue is certain, 1 between two, 1.58 where all are alike; zero outside the
    brain, where the probabilities are zero.
    """
    probs = np.asarray(probs, np.float32)
    logs = np.log2(probs, out=np.zeros_like(probs), where=probs > 0)
    return np.maximum(-(probs * logs).sum(axis=0), 0).astype(np.float32)


def surviving(
    model: Any, seen: np.ndarray, inside: np.ndarray, smoothness: float, spacing: Numbers
) -> tuple[np.ndarray, np.ndarray]:
    """Send an image through the scanner and back, without noise.

    This is the resolution operator of the first estimate,
    ``R = (A'A + smoothness L)^-1 A'A``: what it loses, the scan cannot have shown.

    Parameters
    ----------
    model : ForwardModel
        Its acquisition ``A``.
    seen, inside : numpy.ndarray, shape (x, y, z)
        Image at the contrast of the scan, and brain; what lies outside is not used.
    smoothness : float
        Of the scan's own linear inverse, see
        :func:`ulfprep.physics.inverse.discrepancy_inverse`.
    spacing : sequence of 3 floats
        Of the lattice, mm.

    Returns
    -------
    sent, back : numpy.ndarray, shape (x, y, z), float32
        What was sent, the image continued evenly beyond the brain, and what came back: the
        border of the mask is no border of anatomy, and is not to be resolved.
    """
    sent = np.where(inside, seen, local_mean(seen, inside, DETAIL_MM / 2, spacing))
    sent = sent.astype(np.float32, copy=False)
    # From the image itself it is not far, unless the scanner is poor.
    back = conjugate_gradient(model, model.acquire(sent), smoothness, spacing, start=sent)
    return sent, back


def claim(
    sent: np.ndarray, back: np.ndarray, inside: np.ndarray, noise: np.ndarray, spacing: Numbers
) -> np.ndarray:
    """Share of the local detail that the scan supports, from what :func:`surviving` returns.

    Detail is what an image has beyond its average over :data:`DETAIL_MM`. Its energy (mean
    square over :data:`WINDOW_MM`) in what came back through scanner and linear inverse, less
    that of the ``noise`` (s.d., units of the images) that takes the same way, is divided by its
    energy in what was sent.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        0 to 1; zero outside the brain, and where there is no more detail than noise makes.
    """
    total, kept = (_detail_energy(image, inside, spacing) for image in (sent, back))
    share = np.maximum(kept - np.square(noise), 0) / np.maximum(total, 1e-12)
    return np.where(inside, np.minimum(share, 1), 0).astype(np.float32)


def _detail_energy(image, inside, spacing):
    detail = image - local_mean(image, inside, DETAIL_MM, spacing)
    return local_mean(np.square(detail), inside, WINDOW_MM, spacing)


def local_mean(
    volume: np.ndarray, inside: np.ndarray, width: float, spacing: Numbers
) -> np.ndarray:
    """Average over the brain by a Gaussian of a full width at half maximum, mm.

    float32, of the shape of ``volume``; zero where no voxel of the brain is near.
    """
    sigma = [width / 2.3548 / s for s in spacing]
    weight = np.asarray(inside, np.float32)
    total = ndimage.gaussian_filter(volume * weight, sigma, mode='constant', output=np.float32)
    weight = ndimage.gaussian_filter(weight, sigma, mode='constant')
    # Filters leave rounding errors far from the brain; their ratio would be anything.
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), 0).astype(np.float32)
