"""The fine lattice over a scan's brain, and what the scan sees of tissues on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.types import Numbers


@dataclass(frozen=True, eq=False)
class Lattice:
    """The part of a scan that is around its brain, and of the isotropic lattice over it."""

    scan: Grid  #: the whole scan
    whole: Grid  #: the whole lattice over it
    near: Grid  #: voxels of the scan around its brain
    fine: Grid  #: points of the lattice there
    bounds: tuple  #: slices of ``near`` in ``scan``
    fine_bounds: tuple  #: slices of ``fine`` in ``whole``
    voxels: np.ndarray  #: the brain on ``near``
    brain: np.ndarray  #: the brain on ``fine``

    @classmethod
    def over(cls, mask: np.ndarray, scan: Grid, spacing: float) -> 'Lattice':
        """Lay a lattice over a scan with this brain mask."""
        bounds, fine_bounds = brain_bounds(mask, scan, spacing)
        whole = isotropic_grid(scan, spacing)
        near, fine, voxels = scan.crop(bounds), whole.crop(fine_bounds), mask[bounds]
        brain = resample_mask(voxels, near, fine)
        return cls(scan, whole, near, fine, bounds, fine_bounds, voxels, brain)

    def model(self, acquired: Numbers, psf: str) -> ForwardModel:
        """Return how the scan sees the lattice."""
        return ForwardModel.between(self.near, self.fine, acquired, np.ones(3), psf)

    def to_whole(self, shares: np.ndarray) -> np.ndarray:
        """Put shares around the brain (3, x, y, z) into the whole lattice, zero elsewhere."""
        out = np.zeros((3, *self.whole.shape), np.float32)
        out[(slice(None), *self.fine_bounds)] = shares
        return out

    def to_scan(self, model: Any, shares: np.ndarray) -> np.ndarray:
        """Share of each tissue in what the voxels of the whole scan gather through their PSF.

        The ``model`` (ForwardModel or Part) is from ``fine`` to ``near``, the shares (3, x, y, z)
        are around the brain.
        """
        seen = model.acquire(shares)
        total = seen.sum(axis=0)
        probs = np.where(self.voxels & (total > 1e-3), seen / np.maximum(total, 1e-3), 0)
        # A voxel at the rim that gathers no fine brain voxel is what surrounds a brain: CSF.
        probs[0][self.voxels & (total <= 1e-3)] = 1
        out = np.zeros((3, *self.scan.shape), np.float32)
        out[(slice(None), *self.bounds)] = probs
        return out
