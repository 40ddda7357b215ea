"""What several segmentations of one brain say together."""

import numpy as np
from scipy import ndimage

from ulfprep.inr.acquisition import Acquisition
from ulfprep.physics.grid import Grid, isotropic_grid

#: Exponents of the scans' tissues in the product, in sum over the scans of one contrast. Their
#: errors are alike: on three orthogonal scans, exponents of 1.7 or 3 in sum, as if they were
#: independent, make borders no better.
WEIGHTS = {'T1w': 1.0}
#: Of a contrast that is not listed: its grey matter is hardly told from white.
OTHER = 0.2


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
    total = np.exp(total - total.max(axis=0))
    return (total / total.sum(axis=0) * inside).astype(np.float32)


def _on(one: Acquisition, fine: Grid):
    """Tissues of a scan at the points of a lattice, linearly interpolated."""
    if one.lattice_probs is None:
        probs, grid = one.probs, one.grid
    else:
        probs, grid = one.lattice_probs, isotropic_grid(one.grid, float(fine.zooms[0]))
    to_source = np.linalg.inv(grid.affine) @ fine.affine
    return np.stack(
        [
            ndimage.affine_transform(
                np.asarray(p, np.float32), to_source[:3, :3], to_source[:3, 3], fine.shape, order=1
            )
            for p in probs
        ]
    )
