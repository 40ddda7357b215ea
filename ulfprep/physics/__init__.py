"""The physics of the two directions: relaxation, sequences, contrast, acquisition, forward model.

Arrays, affines and tensors in, arrays out; nothing here knows of files, BIDS or Nipype.
"""

import numpy as np

#: Order of the tissue axis of every array in the package.
TISSUES = ('CSF', 'GM', 'WM')
#: Number of each tissue in a segmentation; 0 is everything else.
LABELS = {'GM': 1, 'WM': 2, 'CSF': 3}

from ulfprep.physics.forward import ForwardModel  # noqa: E402
from ulfprep.physics.grid import Grid  # noqa: E402

__all__ = ['LABELS', 'TISSUES', 'ForwardModel', 'Grid', 'to_dseg']


def to_dseg(probabilities: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Label every voxel of a mask (X, Y, Z) with its most probable tissue (3, X, Y, Z).

    By :data:`LABELS`, uint8; 0 outside the mask and where all probabilities are zero.
    """
    numbers = np.array([LABELS[tissue] for tissue in TISSUES], np.uint8)
    known = mask & (probabilities.max(axis=0) > 0)
    return np.where(known, numbers[probabilities.argmax(axis=0)], 0).astype(np.uint8)
