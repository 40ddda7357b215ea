"""Edges: where an image changes, and whether the truth changes there too."""

import numpy as np
from scipy import ndimage


def canny_edges(
    image: np.ndarray, mask: np.ndarray, low: float = 0.05, high: float = 0.12
) -> np.ndarray:
    """Canny edges of every axial slice, boolean, same shape as ``image`` (X, Y, Z).

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Intensities on a scale where white matter is about one.
    mask : numpy.ndarray of bool
        Brain; the outside counts as zero.
    low, high : float
        Hysteresis thresholds, in the units of ``image``.
    """
    from skimage.feature import canny

    inside = np.where(mask, image, 0)
    return np.stack(
        [
            canny(inside[..., z], 1.0, low_threshold=low, high_threshold=high)
            for z in range(inside.shape[2])
        ],
        axis=-1,
    )


def edge_f1(edges: np.ndarray, truth: np.ndarray, tolerance: int = 0) -> float:
    """F1 score of edges against those of the truth.

    Parameters
    ----------
    edges, truth : numpy.ndarray of bool, shape (X, Y, Z)
    tolerance : int
        Voxels in the axial plane by which an edge may be off.

    Returns
    -------
    float
        0 to 1; NaN if neither image has an edge.
    """
    if not edges.any() and not truth.any():
        return float('nan')
    near = _widen(truth, tolerance)
    hit = (edges & near).sum()
    found = (truth & _widen(edges, tolerance)).sum()
    precision = hit / max(edges.sum(), 1)
    recall = found / max(truth.sum(), 1)
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _widen(edges, tolerance):
    if tolerance == 0:
        return edges
    structure = np.ones((2 * tolerance + 1, 2 * tolerance + 1, 1), bool)
    return ndimage.binary_dilation(edges, structure)
