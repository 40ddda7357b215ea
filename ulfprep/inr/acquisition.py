"""What a fit is told of one scan."""

from dataclasses import dataclass

import numpy as np

from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.grid import Grid


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
