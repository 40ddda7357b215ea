"""Tissues of the first estimate: of one scan, and what several scans of one brain say together."""

import numpy as np
from scipy import ndimage

from ulfprep.inr.views import Acquisition
from ulfprep.physics.grid import Grid, aligned_offsets, isotropic_grid

#: Exponents of the scans' tissues in the product, in sum over the scans of one contrast. Their
#: errors are alike: on three orthogonal scans, exponents of 1.7 or 3 in sum, as if they were
#: independent, make borders no better.
WEIGHTS = {'T1w': 1.0}
#: Of a contrast that is not listed: its grey matter is hardly told from white.
OTHER = 0.2
#: Exponent of the scan's own posteriors, and factor that widens the classes' spread.
TRUST, SOFTNESS = 0.5, 1.5


def upsample(probs: np.ndarray, scan: Grid, fine: Grid) -> np.ndarray:
    """Scan-grid posteriors (3, X, Y, Z) on an aligned lattice, linearly interpolated."""
    where = np.meshgrid(*aligned_offsets(scan, fine), indexing='ij')
    probs = np.asarray(probs, np.float32)
    return np.stack([ndimage.map_coordinates(p, where, order=1, mode='nearest') for p in probs])


def estimate_tissues(
    sharp: np.ndarray, inside: np.ndarray, prior: np.ndarray, means: np.ndarray
) -> np.ndarray:
    """Tissue probabilities from the deconvolved intensity and the scan's posteriors.

    The spread of each class is measured from the deconvolved image under the prior and
    widened by :data:`SOFTNESS`: neighbouring values of a deconvolution are not independent,
    and confident tissue labels where the scan cannot tell would be painted into the
    image as anatomy.

    Parameters
    ----------
    sharp, inside : numpy.ndarray, shape (x, y, z)
        Deconvolved image and brain.
    prior : numpy.ndarray, shape (3, x, y, z)
    means : numpy.ndarray, shape (3,)
        Of the tissues in the scan, units of ``sharp``.
    """
    weight = (prior * inside) ** 4
    total = weight.sum(axis=(1, 2, 3)) + 1e-6
    centred = (sharp[None] - means[:, None, None, None]) ** 2
    sds = np.sqrt((weight * centred).sum(axis=(1, 2, 3)) / total)
    sds = SOFTNESS * np.clip(sds, 0.04, 0.2)[:, None, None, None]
    logits = -0.5 * centred / sds**2 - np.log(sds) + TRUST * np.log(np.maximum(prior, 0.02))
    return _softmax(logits, inside)


def pooled_tissues(
    acquisitions: list[Acquisition],
    fine: Grid,
    inside: np.ndarray,
    tissues: np.ndarray | None = None,
) -> np.ndarray:
    """Product of the tissue probabilities of all scans, each to a power.

    Parameters
    ----------
    acquisitions : list of Acquisition
    fine : Grid
        Lattice on which they are wanted.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain on it.
    tissues : numpy.ndarray, shape (3, x, y, z), optional
        Those of all scans of the first contrast, where they were segmented together.

    Returns
    -------
    numpy.ndarray, shape (3, x, y, z), float32
        They sum to one inside the brain and are zero outside.
    """
    names = [one.modality for one in acquisitions]
    weights = np.array([WEIGHTS.get(name, OTHER) / names.count(name) for name in names])
    # A contrast that is alone, or has only faint ones beside it, is believed in full.
    weights /= min(weights.sum(), 1)
    total = np.zeros((3, *fine.shape), np.float32)
    for one, name, weight in zip(acquisitions, names, weights, strict=True):
        probs = _on(one, fine) if tissues is None or name != names[0] else tissues
        # Beyond a scan's own brain it says nothing.
        known = probs.sum(axis=0) > 0.5
        total += np.float32(weight) * np.log(np.maximum(probs, 1e-2)) * known
    return _softmax(total, inside)


def _softmax(logits, inside):
    shares = np.exp(logits - logits.max(axis=0))
    return (shares / shares.sum(axis=0) * inside).astype(np.float32)


def _on(one: Acquisition, fine: Grid):
    """Tissues of a scan at the points of a lattice, linearly interpolated."""
    if one.lattice_probs is None:
        probs, grid = one.probs, one.grid
    else:
        probs, grid = one.lattice_probs, isotropic_grid(one.grid, float(fine.zooms[0]))
    probs = np.asarray(probs, np.float32)
    to_source = np.linalg.inv(grid.affine) @ fine.affine
    matrix, offset = to_source[:3, :3], to_source[:3, 3]
    return np.stack(
        [ndimage.affine_transform(p, matrix, offset, fine.shape, order=1) for p in probs]
    )
