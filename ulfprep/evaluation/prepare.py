"""From a scan to what every method of enhancement is given: bias field, tissues, contrast plan.

All as the workflow measures them, but for the brain mask, which is the true one.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from ulfprep.evaluation.trials import Trial
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry, resample_mask
from ulfprep.physics.plan import Wishes, plan_contrast
from ulfprep.physics.source_sequence import expected_signals
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.learned import segment_learned

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


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found in a scan, before any target is asked for; see :class:`Prepared`.

    Attributes
    ----------
    means : numpy.ndarray, shape (3,), or None
        Signals of pure CSF, GM, WM, where the segmentation measured them through the PSF.
    noise : dict, optional
        See :func:`ulfprep.physics.plan.plan_contrast`.
    """

    scan: np.ndarray
    probs: np.ndarray
    lattice_probs: np.ndarray | None
    means: np.ndarray | None
    noise: dict | None = None


def prepare(
    trial: Trial, spacing: float, *, target: str = 'physics', contrast=None, oracle: bool = False
) -> Prepared:
    """Correct the bias field, find the tissues and plan the contrast, as the workflow does.

    Parameters
    ----------
    trial, spacing, oracle
        See :func:`measure`.
    target, contrast
        See :func:`plan_for`.

    Returns
    -------
    Prepared
    """
    return plan_for(trial, measure(trial, spacing, oracle=oracle), target, contrast=contrast)


def measure(trial: Trial, spacing: float, *, oracle: bool = False, segmentation=None) -> Measured:
    """Correct the bias field and find the tissues.

    Parameters
    ----------
    trial : Trial
        Of it only scan, mask and metadata are used, but for ``oracle``.
    spacing : float
        Of the lattice of the tissues, mm.
    oracle : bool
        Take the true tissues.
    segmentation : callable, optional
        Takes scan, mask and grid, and returns tissues on the scan's own grid in the place of
        ulfprep's: one of :data:`ulfprep.evaluation.segmentation.methods.COARSE`.

    Returns
    -------
    Measured
    """
    case, metadata = trial.case, trial.metadata
    expected = list(expected_signals(metadata, float(metadata['MagneticFieldStrength'])))
    scan, _ = correct_bias(case.scan, case.mask, case.grid.zooms, expected=expected)
    if segmentation is not None:
        found = segmentation(scan, case.mask, case.grid)
        if found.grid.shape != case.grid.shape:
            raise ValueError('tissues of another segmentation must lie on the scan')
        return Measured(scan, np.asarray(found.probs, np.float32), None, None)
    find = _true_tissues if oracle else _own_tissues
    return Measured(scan, *find(trial, scan, expected, spacing))


def plan_for(
    trial: Trial, found: Measured, target: str = 'physics', *, contrast=None, psf_factor=1.0
) -> Prepared:
    """Plan the contrast of a scan whose tissues were found.

    Parameters
    ----------
    trial : Trial
    found : Measured
    target : {'physics', 'truth'}
        Ask for what physics expects at 3 T, or for the subject's own high-field signals.
    contrast : float, optional
        WM-GM contrast to ask for instead.
    psf_factor : float
        Width of the PSF that is believed, over that of the voxels: an error that is made on
        purpose.

    Returns
    -------
    Prepared
    """
    case, metadata = trial.case, trial.metadata
    reference = None
    if target == 'truth':
        ratios = trial.ratios.tolist()
        reference = {'means': ratios, 'standard_errors': [0.0] * 3, 'name': 'the truth'}
    typed = {} if contrast is None else {('WM', 'GM'): round(contrast, 6)}
    plan = plan_contrast(
        found.scan,
        case.mask,
        found.probs,
        case.grid.zooms,
        metadata,
        float(metadata['MagneticFieldStrength']),
        TARGET_FIELD,
        wishes=Wishes(contrasts=typed, reference=reference),
        means=found.means,
        noise=found.noise,
    )
    if psf_factor != 1:
        plan = plan | {'psf_fwhm_mm': [float(psf_factor * w) for w in plan['psf_fwhm_mm']]}
    return Prepared(
        found.scan, case.mask, case.grid, found.probs, found.lattice_probs, plan, case.lattice
    )


def _own_tissues(trial, scan, expected, spacing):
    case = trial.case
    found = segment_learned(scan, case.mask, case.grid, expected, spacing=spacing)
    noise = None if found.noise is None else asdict(found.noise)
    return found.probs, found.fine, found.means if found.unmixed else None, noise


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
