"""Tissue labels: the number of each tissue in a segmentation."""

import numpy as np

from ulfprep.physics import TISSUES

#: Label of each tissue; 0 is everything else.
LABELS = {'GM': 1, 'WM': 2, 'CSF': 3}
_NUMBERS = np.array([LABELS[tissue] for tissue in TISSUES], np.uint8)


def to_dseg(probabilities: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the most probable tissue of each voxel as its label.

    Parameters
    ----------
    probabilities : ndarray, shape (3, X, Y, Z)
        In the order of :data:`ulfprep.physics.TISSUES`.
    mask : ndarray of bool, shape (X, Y, Z)
        Voxels to label.

    Returns
    -------
    ndarray of uint8, shape (X, Y, Z)
        1 GM, 2 WM, 3 CSF; 0 outside the mask and where all probabilities are zero.
    """
    known = mask & (probabilities.max(axis=0) > 0)
    return np.where(known, _NUMBERS[probabilities.argmax(axis=0)], 0).astype(np.uint8)
