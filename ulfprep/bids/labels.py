"""Tissue labels as BIDS names and numbers them."""

import numpy as np

from ulfprep.physics import TISSUES

#: BIDS look-up: index, abbreviation, name, colour (HTML), as in the report.
LOOKUP = (
    (0, 'BG', 'Background', '#000000'),
    (1, 'GM', 'Grey matter', '#F0A30A'),
    (2, 'WM', 'White matter', '#D46BB8'),
    (3, 'CSF', 'Cerebrospinal fluid', '#4FB3E8'),
)


def to_dseg(probabilities: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the most probable tissue of each voxel as a BIDS label.

    Parameters
    ----------
    probabilities : ndarray, shape (3, X, Y, Z)
        In the order of :data:`TISSUES`.
    mask : ndarray of bool, shape (X, Y, Z)
        Voxels to label.

    Returns
    -------
    ndarray of uint8, shape (X, Y, Z)
        1 GM, 2 WM, 3 CSF; 0 outside the mask and where all probabilities are zero.
    """
    numbers = {abbreviation: index for index, abbreviation, *_ in LOOKUP}
    table = np.array([numbers[tissue] for tissue in TISSUES], dtype=np.uint8)
    known = mask & (probabilities.max(axis=0) > 0)
    return np.where(known, table[probabilities.argmax(axis=0)], 0).astype(np.uint8)


def lookup_table() -> str:
    """Return the BIDS look-up table (``dseg.tsv``)."""
    rows = ['index\tname\tabbreviation\tcolor']
    rows += [f'{index}\t{name}\t{short}\t{color}' for index, short, name, color in LOOKUP]
    return '\n'.join(rows) + '\n'
