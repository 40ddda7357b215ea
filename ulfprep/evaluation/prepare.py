"""From a scan to what every method of enhancement is given: bias field, tissues, contrast plan.

All as the workflow measures them, but for the brain mask, which is the true one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ulfprep.evaluation.inr_cases import Trial
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry, resample_mask
from ulfprep.physics.plan import Wishes, plan_contrast
from ulfprep.physics.sequences import expected_signals
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.tissue import segment

#: Tesla that every scan is enhanced to.
TARGET_FIELD = 3.0
#: Blur of the true labels where they are given as tissues, voxels: the share that a voxel of
#: 1 mm holds of each.
LABEL_BLUR = 0.5


@dataclass(frozen=True, eq=False)
class Prepared:
    """What every method is given.

    Attributes
    ----------
    scan, mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain.
    grid : Grid
    probs : numpy.ndarray, shape (3, X, Y, Z)
        CSF, GM, WM as the scan sees them.
    lattice_probs : numpy.ndarray, shape (3, x, y, z), optional
        The same on ``isotropic_grid(grid, options.spacing)``.
    plan : dict
    target : Grid
        Lattice of the truth.
    """

    scan: np.ndarray
    mask: np.ndarray
    grid: Grid
    probs: np.ndarray
    lattice_probs: np.ndarray | None
    plan: dict
    target: Grid


def prepare(
    trial: Trial, spacing: float, *, target: str = 'physics', contrast=None, oracle: bool = False
) -> Prepared:
    """Correct the bias field, find the tissues and plan the contrast, as the workflow does.

    Parameters
    ----------
    trial : Trial
        Of it only scan, mask and metadata are used, but for what the next three ask.
    spacing : float
        Of the lattice of the tissues, mm.
    target : {'physics', 'truth'}
        Ask for what physics expects at 3 T, or for the subject's own high-field signals.
    contrast : float, optional
        WM-GM contrast to ask for instead.
    oracle : bool
        Take the true tissues.

    Returns
    -------
    Prepared
    """
    case, metadata = trial.case, trial.metadata
    field = float(metadata['MagneticFieldStrength'])
    expected = list(expected_signals(metadata, field))
    scan, _ = correct_bias(case.scan, case.mask, case.grid.zooms, expected=expected)
    find = _true_tissues if oracle else _own_tissues
    probs, lattice_probs, means = find(trial, scan, expected, spacing)
    reference = None
    if target == 'truth':
        ratios = trial.ratios.tolist()
        reference = {'means': ratios, 'standard_errors': [0.0] * 3, 'name': 'the truth'}
    typed = () if contrast is None else (f'WM-GM={contrast:.6f}',)
    plan = plan_contrast(
        scan,
        case.mask,
        probs,
        case.grid.zooms,
        metadata,
        field,
        TARGET_FIELD,
        wishes=Wishes(contrasts=typed, reference=reference),
        means=means,
    )
    return Prepared(scan, case.mask, case.grid, probs, lattice_probs, plan, case.lattice)


def _own_tissues(trial, scan, expected, spacing):
    case = trial.case
    found = segment(scan, case.mask, case.grid.zooms, spacing=spacing, expected=expected)
    return found.probs, found.fine, found.means if found.unmixed else None


def _true_tissues(trial, scan, expected, spacing):
    """True shares on the lattice, as the scan sees them, and signals by least squares."""
    case, fine = trial.case, isotropic_grid(trial.case.grid, spacing)
    soft = np.stack([ndimage.gaussian_filter(p, LABEL_BLUR) for p in trial.truth.probs])
    soft = np.stack([carry(p, case.lattice, fine) for p in soft])
    total = soft.sum(axis=0)
    soft = np.where(total > 0.5, soft / np.maximum(total, 0.5), 0).astype(np.float32)
    # What thick voxels at the rim take in without a label is what surrounds a brain: CSF.
    soft[0][resample_mask(case.mask, case.grid, fine) & (total <= 0.5)] = 1
    model = ForwardModel.between(case.grid, fine, case.grid.zooms, np.ones(3))
    seen = model.acquire(soft)
    means = np.linalg.lstsq(seen[:, case.mask].T, scan[case.mask], rcond=None)[0]
    probs = seen / np.maximum(seen.sum(axis=0), 1e-3)
    probs[0][case.mask & (seen.sum(axis=0) <= 1e-3)] = 1
    return np.where(case.mask, probs, 0).astype(np.float32), soft, means
