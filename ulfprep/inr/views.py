"""How each scan sees the field."""

from dataclasses import dataclass

import numpy as np

from ulfprep.inr.acquisition import Acquisition
from ulfprep.inr.warm import WarmStart
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid


@dataclass(frozen=True, eq=False)
class Channel:
    """The first estimate of one contrast on the lattice of the field.

    Attributes
    ----------
    modality : str
    warm : WarmStart
        Intensity, noise and smoothness are the contrast's; all else is the first scan's.
    plan : ContrastPlan
        Of the first scan of this contrast.
    """

    modality: str
    warm: WarmStart
    plan: ContrastPlan


@dataclass(frozen=True, eq=False)
class View:
    """The field as one scan sees it, in units of the scan's white-matter mean.

    Attributes
    ----------
    scan, fine : Grid
        Voxels around the brain, and a lattice along their axes over them: the field's own
        where the two are parallel.
    model : ForwardModel
        From ``fine`` to ``scan``.
    voxels : numpy.ndarray of bool, shape (X, Y, Z)
        Brain voxels with which the field is compared.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain on ``fine``.
    measured, outside : numpy.ndarray, shape (X, Y, Z)
        Scan, and what lies outside the brain contributes to it.
    posterior : numpy.ndarray, shape (3, X, Y, Z)
        Tissues that the voxels should hold.
    intensity : numpy.ndarray, shape (x, y, z)
        First estimate.
    logits : numpy.ndarray, shape (3, x, y, z)
        First estimate.
    sigma : float
        Noise s.d.
    targets : numpy.ndarray, shape (3,)
        High-field means of the tissues.
    channel : int
        Number of the contrast.
    pose : tuple of (numpy.ndarray, shape (3, 3); numpy.ndarray, shape (3,)), optional
        Indices of ``fine`` to normalised coordinates of the field, where it is not the field's.
    """

    scan: Grid
    fine: Grid
    model: ForwardModel
    voxels: np.ndarray
    inside: np.ndarray
    measured: np.ndarray
    outside: np.ndarray
    posterior: np.ndarray
    intensity: np.ndarray
    logits: np.ndarray
    sigma: float
    targets: np.ndarray
    channel: int = 0
    pose: tuple | None = None


def in_white_matter(acquisition: Acquisition) -> np.ndarray:
    """Scan in units of its white-matter mean, float32."""
    white = np.float32(acquisition.plan.means[2])
    return (np.asarray(acquisition.image, np.float32) / white).astype(np.float32)


def target_means(plan: ContrastPlan) -> np.ndarray:
    """High-field tissue means in units of the scan's white-matter mean, shape (3,)."""
    return np.array(plan.target_means, np.float32) / np.float32(plan.means[2])


def relative_noise(plan: ContrastPlan) -> float:
    """Noise s.d. in units of the scan's white-matter mean."""
    return plan.noise_sigma / plan.means[2]
