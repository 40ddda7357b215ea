"""How much of the detail of an enhanced image the scan supports."""

from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.inverse import conjugate_gradient
from ulfprep.physics.types import Numbers

#: Full width at half maximum of the Gaussian below whose scale structure counts as detail, mm.
DETAIL_MM = 10.0
#: Full width at half maximum of the window over which detail is counted, mm.
WINDOW_MM = 5.0


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
    seen : numpy.ndarray, shape (x, y, z)
        Image at the contrast of the scan; what lies outside the brain is not used.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain.
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
    """Share of the local detail that the scan supports.

    Detail is what an image has beyond its average over :data:`DETAIL_MM`. Its energy (mean
    square over :data:`WINDOW_MM`) in what came back through scanner and linear inverse, less
    that of the noise that takes the same way, is divided by its energy in what was sent.

    Parameters
    ----------
    sent, back : numpy.ndarray, shape (x, y, z)
        Of :func:`surviving`.
    inside : numpy.ndarray of bool, shape (x, y, z)
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which noise reaches the linear inverse, units of the images.
    spacing : sequence of 3 floats
        Of the lattice, mm.

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
    """Average over the brain by a Gaussian.

    Parameters
    ----------
    volume : numpy.ndarray, shape (x, y, z)
    inside : numpy.ndarray of bool, shape (x, y, z)
        Voxels that count.
    width : float
        Full width at half maximum, mm.
    spacing : sequence of 3 floats
        Voxel size, mm.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Zero where no voxel that counts is near.
    """
    sigma = [width / 2.3548 / s for s in spacing]
    weight = np.asarray(inside, np.float32)
    total = ndimage.gaussian_filter(volume * weight, sigma, mode='constant', output=np.float32)
    weight = ndimage.gaussian_filter(weight, sigma, mode='constant')
    # Filters leave rounding errors far from the brain; their ratio would be anything.
    return np.where(weight > 1e-4, total / np.maximum(weight, 1e-4), 0).astype(np.float32)
