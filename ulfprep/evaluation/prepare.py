"""What every method of enhancement is given of a scan, and what it gives.

Bias field, tissues and contrast plan are measured as the workflow does, the mask is the true one.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy import ndimage

from ulfprep.evaluation.phantoms import Trial
from ulfprep.evaluation.process import Cost
from ulfprep.physics.contrast_plan import ContrastPlan
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
    """What every method is given."""

    scan: np.ndarray  # bias-corrected
    mask: np.ndarray  # brain
    grid: Grid
    probs: np.ndarray  # shape (3, X, Y, Z): CSF, GM, WM as the scan sees them
    lattice_probs: np.ndarray | None  # the same on isotropic_grid(grid, options.spacing)
    plan: ContrastPlan
    target: Grid  # lattice of the truth


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What a method made, and what of the rest it has."""

    image: np.ndarray
    grid: Grid
    probs: np.ndarray | None = None  # its own tissues, which say what contrast the scan sees
    uncertainty: np.ndarray | None = None  # standard deviation of the image
    passes: int | None = None  # over the brain, of a training (steps, of the reference set-up)
    cost: Cost | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found in a scan, before any target is asked for; see :class:`Prepared`."""

    scan: np.ndarray
    probs: np.ndarray
    lattice_probs: np.ndarray | None = None
    means: np.ndarray | None = None  # of pure CSF, GM, WM, where measured through the PSF
    noise: dict | None = None  # see ulfprep.physics.plan.plan_contrast


def prepare(trial: Trial, spacing: float, target: str = 'physics', tissues='own') -> Prepared:
    """Correct the bias field, find the tissues and plan the contrast, as the workflow does."""
    return plan_for(trial, measure(trial, spacing, tissues), target)


def measure(trial: Trial, spacing: float, tissues='own') -> Measured:
    """Correct the bias field and find the tissues, on a lattice of ``spacing`` mm.

    ``tissues`` are ulfprep's ``own``, the ``true`` ones, or those that another segmentation finds
    on the scan's own grid, a name of :data:`ulfprep.evaluation.segmentation.SEGMENTERS`. But for
    true ones only scan, mask and metadata of the trial are used.
    """
    field = float(trial.metadata['MagneticFieldStrength'])
    expected = list(expected_signals(trial.metadata, field))
    scan, _ = correct_bias(trial.scan, trial.mask, trial.grid.zooms, expected=expected)
    if tissues == 'true':
        return _true_tissues(trial, scan, spacing)
    if tissues != 'own':
        from ulfprep.evaluation.segmentation import SEGMENTERS

        found = SEGMENTERS[tissues][0](scan, trial.mask, trial.grid)
        return Measured(scan, np.asarray(found.probs, np.float32))
    found = segment_learned(scan, trial.mask, trial.grid, expected, spacing=spacing)
    means = found.means if found.unmixed else None
    return Measured(scan, found.probs, found.fine, means, asdict(found.noise))


def plan_for(
    trial: Trial, found: Measured, target: str = 'physics', *, contrast=None, psf_factor=1.0
) -> Prepared:
    """Plan the contrast of a scan whose tissues were found.

    The target is what ``physics`` expects at 3 T, the subject's own high-field signals (``truth``)
    or a WM-GM ``contrast``; ``psf_factor`` is the width of the PSF that is believed, over that of
    the voxels: wrong on purpose.
    """
    reference = None
    if target == 'truth':
        ratios = trial.ratios.tolist()
        reference = {'means': ratios, 'standard_errors': [0.0] * 3, 'name': 'the truth'}
    typed = {} if contrast is None else {('WM', 'GM'): round(contrast, 6)}
    plan = plan_contrast(
        found.scan, trial.mask, found.probs, trial.grid.zooms, trial.metadata,
        float(trial.metadata['MagneticFieldStrength']), TARGET_FIELD,
        wishes=Wishes(contrasts=typed, reference=reference), means=found.means, noise=found.noise,
    )  # fmt: skip
    if psf_factor != 1:
        plan = replace(plan, psf_fwhm_mm=tuple(psf_factor * w for w in plan.psf_fwhm_mm))
    return Prepared(
        found.scan, trial.mask, trial.grid, found.probs, found.lattice_probs, plan,
        trial.truth.grid,
    )  # fmt: skip


def _true_tissues(trial, scan, spacing) -> Measured:
    """True shares on the lattice, as the scan sees them, and signals by least squares."""
    fine, mask = isotropic_grid(trial.grid, spacing), trial.mask
    soft = np.stack([ndimage.gaussian_filter(p, LABEL_BLUR) for p in trial.truth.probs])
    soft = np.stack([carry(p, trial.truth.grid, fine) for p in soft])
    total = soft.sum(axis=0)
    soft = np.where(total > 0.5, soft / np.maximum(total, 0.5), 0).astype(np.float32)
    # What thick voxels at the rim take in without a label is what surrounds a brain: CSF.
    soft[0][resample_mask(mask, trial.grid, fine) & (total <= 0.5)] = 1
    model = ForwardModel.between(trial.grid, fine, trial.grid.zooms, np.ones(3))
    seen = model.acquire(soft)
    means = np.linalg.lstsq(seen[:, mask].T, scan[mask], rcond=None)[0]
    probs = seen / np.maximum(seen.sum(axis=0), 1e-3)
    probs[0][mask & (seen.sum(axis=0) <= 1e-3)] = 1
    return Measured(scan, np.where(mask, probs, 0).astype(np.float32), soft, means)
