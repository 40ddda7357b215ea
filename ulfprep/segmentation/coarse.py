"""Tissues on a fine lattice from a coarse T1w scan that sees them through its PSF."""

from typing import Any

import numpy as np

from ulfprep.physics.types import Numbers
from ulfprep.segmentation.classes import tissue_classes
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.mixels import TissueShares, tissue_shares

#: Signals of CSF, GM, WM that a portable scanner's T1w shows, where nothing is known of it.
T1W = (0.25, 0.8, 1.0)
#: A voxel must hold this share of CSF to have a say in its signal: where there is less, what
#: is not seen of the sulci beside it would be laid at its door, and the signal would sink.
SHARE_OF_CSF = 0.85


def coarse_tissues(
    model: Any,
    measured: np.ndarray,
    voxels: np.ndarray,
    sharp: np.ndarray,
    log_field: np.ndarray,
    brain: np.ndarray,
    spacing: Numbers,
    sigma: float,
    expected: Numbers,
    prior: np.ndarray | None = None,
) -> TissueShares:
    """Measure the tissues' signals and find their shares, each with the other.

    WM and GM are measured where the deconvolved image is flat, GM also by a Markov field
    (:func:`ulfprep.segmentation.classes.tissue_classes`). CSF, hardly ever pure in a
    thick slice, is the signal with which the labels, seen through the PSF, explain the scan
    best in least squares. The shares are those of
    :func:`ulfprep.segmentation.mixels.tissue_shares`.

    Parameters
    ----------
    model : ForwardModel
        From the fine lattice to the scan.
    measured : numpy.ndarray, shape (X, Y, Z)
        Scan.
    voxels : numpy.ndarray of bool, shape (X, Y, Z)
        Brain on the scan.
    sharp : numpy.ndarray, shape (x, y, z)
        Deconvolved scan.
    log_field : numpy.ndarray, shape (x, y, z)
        Logarithm of what is left of the bias field.
    brain : numpy.ndarray of bool, shape (x, y, z)
        Brain on the fine lattice.
    spacing : sequence of 3 floats
        Of the fine lattice, mm.
    sigma : float
        Noise s.d. of the deconvolved scan.
    expected : sequence of 3 floats
        Signals of CSF, GM, WM that the scan should show; CSF the darkest.
    prior : numpy.ndarray, shape (3, x, y, z), optional
        Prior probabilities of the tissues on the fine lattice.

    Returns
    -------
    TissueShares
    """
    field = np.exp(log_field)
    even = sharp / field
    # The classes of a Markov field are pulled down by mixtures; flat places show mostly deep grey
    # matter, which is brighter than cortex, and the core of WM: the truth lies between.
    field_means = fit_markov_field(
        even, brain, spacing, sigma=sigma, bias_order=0, max_iterations=15
    ).means
    classes = tissue_classes(even, brain, spacing, expected, field_means)
    means = classes.means.copy()
    sd = max(float(classes.sds[2]), 0.03 * means[2])
    inside = voxels & (model.acquire(brain.astype(np.float32)) > 0.97)
    for _ in range(5):
        shares = tissue_shares(even, brain, spacing, means, sd, sweeps=2, prior=prior)
        labels = (shares == shares.max(axis=0)) & brain
        before, means[0] = means[0], _csf_mean(model, measured, inside, labels * field, means)
        if abs(means[0] - before) < 0.01 * means[2]:
            break
    shares = tissue_shares(even, brain, spacing, means, sd, prior=prior)
    return TissueShares(shares, means, np.full(3, sd))


def _csf_mean(model, measured, inside, labels, means):
    """Least squares of the scan less its GM and WM over the CSF it gathers."""
    csf, gm, wm = (share[inside] for share in model.acquire(labels.astype(np.float32)))
    rest = measured[inside] - means[1] * gm - means[2] * wm
    weight = csf * (csf > SHARE_OF_CSF)
    if weight.sum() < 30:  # next to no ventricles: what was found in flat places stands
        return means[0]
    found = float((weight * rest).sum() / (weight * csf).sum())
    return float(np.clip(found, 0.02 * means[2], 0.9 * means[1]))
