"""What a fit is told of each scan, and how each scan sees the field."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid

AnyEstimate = TypeVar('AnyEstimate', bound='Estimate')


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One scan of a subject, prepared.

    Attributes
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Posteriors of CSF, GM, WM on the scan's grid.
    grid : Grid
        Where the voxels lie in the world of the first scan of the fit: its own affine, moved by
        :func:`ulfprep.physics.registration.register_rigid`.
    plan : ContrastPlan
        Of :func:`ulfprep.physics.plan.plan_contrast`, direction ``enhance``.
    lattice_probs : numpy.ndarray, shape (3, x, y, z), optional
        Tissues on the isotropic lattice over the scan
        (:func:`ulfprep.physics.grid.isotropic_grid`), where the segmentation made them there.
    modality : str
        BIDS suffix. Scans of one modality share an image of the field.
    """

    image: np.ndarray
    mask: np.ndarray
    probs: np.ndarray
    grid: Grid
    plan: ContrastPlan
    lattice_probs: np.ndarray | None = None
    modality: str = 'T1w'

    def in_white_matter(self, bounds: tuple) -> np.ndarray:
        """Part of the scan in units of its white-matter mean, float32."""
        return np.asarray(self.image, np.float32)[bounds] / np.float32(self.plan.means[2])


@dataclass(frozen=True, eq=False)
class Estimate:
    """A first estimate on a fine lattice around the brain, and how a scan sees that lattice.

    Intensities are in units of the scan's white-matter mean.

    Attributes
    ----------
    scan, fine : Grid
        Voxels around the brain, and a lattice along their axes over them.
    model : ForwardModel
        From ``fine`` to ``scan``.
    voxels : numpy.ndarray of bool, shape (X, Y, Z)
        Brain on ``scan``.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain on ``fine``.
    intensity : numpy.ndarray, shape (x, y, z)
        Of the high field.
    logits : numpy.ndarray, shape (3, x, y, z)
        Logarithms of the tissue probabilities.
    outside : numpy.ndarray, shape (X, Y, Z)
        What lies outside the brain contributes to each scan voxel.
    """

    scan: Grid
    fine: Grid
    model: ForwardModel
    voxels: np.ndarray
    inside: np.ndarray
    intensity: np.ndarray
    logits: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True, eq=False)
class View(Estimate):
    """The field as one scan sees it, from the field's own lattice where the two are parallel.

    Attributes
    ----------
    measured : numpy.ndarray, shape (X, Y, Z)
        The scan.
    posterior : numpy.ndarray, shape (3, X, Y, Z)
        Tissues that the voxels should hold.
    sigma : float
        Noise s.d.
    targets : numpy.ndarray, shape (3,)
        High-field means of the tissues.
    channel : int
        Number of the contrast.
    pose : tuple of (numpy.ndarray, shape (3, 3); numpy.ndarray, shape (3,)), optional
        Indices of ``fine`` to normalised coordinates of the field, where it is not the field's.
    """

    measured: np.ndarray
    posterior: np.ndarray
    sigma: float
    targets: np.ndarray
    channel: int = 0
    pose: tuple | None = None


def even_start(estimate: AnyEstimate) -> AnyEstimate:
    """Return the same lattice and model without what the linear inverse found on it.

    The brain is everywhere as bright as white matter, and each tissue as likely as the others:
    a network that starts from it has to find all by itself.
    """
    even = estimate.inside.astype(np.float32)
    return replace(estimate, intensity=even, logits=np.zeros_like(estimate.logits))


def relative_means(plan: ContrastPlan) -> np.ndarray:
    """Tissue means of the scan in units of white matter's, shape (3,)."""
    return np.array(plan.means) / plan.means[2]


def target_means(plan: ContrastPlan) -> np.ndarray:
    """High-field tissue means in units of the scan's white-matter mean, shape (3,)."""
    return np.array(plan.target_means, np.float32) / np.float32(plan.means[2])


def relative_noise(plan: ContrastPlan) -> float:
    """Noise s.d. in units of the scan's white-matter mean."""
    return plan.noise_sigma / plan.means[2]
