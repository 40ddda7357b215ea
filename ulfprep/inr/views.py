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
    """One scan of a subject, prepared."""

    image: np.ndarray  #: bias-corrected scan, shape (X, Y, Z)
    mask: np.ndarray  #: brain
    probs: np.ndarray  #: posteriors of CSF, GM, WM on the scan's grid, shape (3, X, Y, Z)
    #: Where the voxels lie in the world of the first scan of the fit: the scan's own affine, moved
    #: by :func:`ulfprep.physics.registration.register_rigid`.
    grid: Grid
    plan: ContrastPlan  #: of direction ``enhance``
    #: Tissues on the isotropic lattice over the scan, shape (3, x, y, z), where the segmentation
    #: made them there (:func:`ulfprep.physics.grid.isotropic_grid`).
    lattice_probs: np.ndarray | None = None
    modality: str = 'T1w'  #: BIDS suffix; scans of one modality share an image of the field

    def in_white_matter(self, bounds: tuple) -> np.ndarray:
        """Part of the scan in units of its white-matter mean, float32."""
        return np.asarray(self.image, np.float32)[bounds] / np.float32(self.plan.means[2])


@dataclass(frozen=True, eq=False)
class Estimate:
    """A first estimate on a fine lattice around the brain, and how a scan sees that lattice.

    Intensities are in units of the scan's white-matter mean.
    """

    scan: Grid  #: voxels around the brain
    fine: Grid  #: lattice along their axes over them
    model: ForwardModel  #: from ``fine`` to ``scan``
    voxels: np.ndarray  #: brain on ``scan``, shape (X, Y, Z)
    inside: np.ndarray  #: brain on ``fine``, shape (x, y, z)
    intensity: np.ndarray  #: of the high field, shape (x, y, z)
    logits: np.ndarray  #: logarithms of the tissue probabilities, shape (3, x, y, z)
    outside: np.ndarray  #: what lies outside the brain contributes to each scan voxel


@dataclass(frozen=True, eq=False)
class View(Estimate):
    """The field as one scan sees it, from the field's own lattice where the two are parallel."""

    measured: np.ndarray  #: the scan, shape (X, Y, Z)
    posterior: np.ndarray  #: tissues that the voxels should hold, shape (3, X, Y, Z)
    sigma: float  #: noise s.d.
    targets: np.ndarray  #: high-field means of the tissues, shape (3,)
    channel: int = 0  #: number of the contrast
    #: Matrix (3, 3) and offset (3,) that take indices of ``fine`` to normalised coordinates of
    #: the field, where it is not the field's.
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
