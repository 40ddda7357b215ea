"""Tissue labels."""

import numpy as np

from ulfprep.physics import LABELS, TISSUES, to_dseg


def test_every_tissue_has_the_number_of_bids():
    assert LABELS == {'GM': 1, 'WM': 2, 'CSF': 3}
    probabilities = np.eye(3)[:, :, None, None]  # voxel k is all of tissue k
    labels = to_dseg(probabilities, np.ones((3, 1, 1), bool))
    assert labels.ravel().tolist() == [LABELS[tissue] for tissue in TISSUES]


def test_what_is_no_tissue_has_no_label():
    probabilities = np.zeros((3, 2, 1, 1))
    probabilities[1, 1] = 0.4
    assert to_dseg(probabilities, np.ones((2, 1, 1), bool)).ravel().tolist() == [0, 1]
    assert not to_dseg(probabilities, np.zeros((2, 1, 1), bool)).any()
