"""Acquisition between grids whose axes are not parallel: the general, matrix-free operator.

Every scan voxel gathers the fine samples within the support of its PSF, which is the
product of one profile an axis of the scan. On aligned grids that product separates into
the small matrices of :mod:`ulfprep.physics.acquisition`, and both give the same answer.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ulfprep.physics.grid import Grid
from ulfprep.physics.psf import RINGING, axis_kinds, profile, reach

#: Weights in memory at a time.
CHUNK = 2**18


@dataclass(frozen=True, eq=False)
class ObliqueAcquisition:
    """PSF and sampling between two grids in any orientation.

    Weights are worked out anew, block by block of scan voxels, whenever they are needed:
    all of them would take gigabytes.
    """

    scan: Grid
    fine: Grid
    fwhm: tuple[float, ...]  #: of the PSF along the scan's axes, mm
    psf: str = 'gaussian'

    def acquire(self, volume: np.ndarray) -> np.ndarray:
        """Take an image (..., *fine.shape) to the voxels of the scan (..., *scan.shape)."""
        volume = np.asarray(volume)
        images = volume.reshape(-1, *self.fine.shape)
        out = np.zeros((len(images), *self.scan.shape), volume.dtype)
        for block, centres in self._blocks():
            points = self._box(centres)
            # Most of a head's field of view is air, which stays what it is.
            if not images[(slice(None), *points)].any():
                continue
            index, weights = self._weights(centres, points)
            for image, seen in zip(images, out, strict=True):
                gathered = np.take(image[points].ravel(), index)
                seen[block] = np.einsum('ns,ns->n', weights, gathered).reshape(seen[block].shape)
        return out.reshape(*volume.shape[:-3], *self.scan.shape)

    def adjoint(self, voxels: np.ndarray) -> np.ndarray:
        """Apply the exact transpose of :meth:`acquire`."""
        voxels = np.asarray(voxels)
        scans = voxels.reshape(-1, *self.scan.shape)
        out = np.zeros((len(scans), *self.fine.shape), np.float64)
        for block, centres in self._blocks():
            if not scans[(slice(None), *block)].any():
                continue
            points = self._box(centres)
            index, weights = self._weights(centres, points)
            for scan, image in zip(scans, out, strict=True):
                shares = weights * scan[block].reshape(-1, 1)
                box = image[points]
                box += np.bincount(index.ravel(), shares.ravel(), box.size).reshape(box.shape)
        return out.astype(voxels.dtype).reshape(*voxels.shape[:-3], *self.fine.shape)

    @cached_property
    def _geometry(self):
        """Affine of scan to fine indices; fine steps in mm along the scan's axes; stencil."""
        to_fine = np.linalg.inv(self.fine.affine) @ self.scan.affine
        # Lengths along the scan's axes are multiples of its own voxel size.
        steps = self.scan.zooms[:, None] * np.linalg.inv(to_fine[:3, :3])
        # What counts as the spacing of the lattice along each axis of the scan.
        spacing = np.sqrt((steps**2).sum(axis=1))
        kinds = axis_kinds(self.psf, self.fwhm)
        profiles = list(zip(map(float, self.fwhm), kinds, map(float, spacing), strict=True))
        half = np.array([reach(*p) for p in profiles])
        # The centre lies within half a sample of the stencil's.
        extent = np.floor(np.abs(np.linalg.inv(steps)) @ half + 0.5).astype(int)
        stencil = np.stack(
            np.meshgrid(*[np.arange(-n, n + 1) for n in extent], indexing='ij'), -1
        ).reshape(-1, 3)
        slack = 0.5 * np.abs(steps).sum(axis=1) + 1e-6
        stencil = stencil[(np.abs(stencil @ steps.T) <= half + slack).all(axis=1)]
        return to_fine, steps, profiles, stencil

    def _blocks(self):
        """Yield blocks of the scan (3 slices) and their voxels' centres in fine indices."""
        to_fine, stencil = self._geometry[0], self._geometry[3]
        # Blocks about as long as wide keep the box of fine samples small.
        edge = (CHUNK / len(stencil) * np.prod(self.scan.zooms)) ** (1 / 3)
        sizes = np.maximum(np.rint(edge / self.scan.zooms), 1).astype(int)
        for corner in product(*map(range, (0, 0, 0), self.scan.shape, sizes)):
            stops = np.minimum(np.add(corner, sizes), self.scan.shape)
            block = tuple(slice(a, int(b)) for a, b in zip(corner, stops, strict=True))
            index = np.stack(np.mgrid[block], -1).reshape(-1, 3)
            yield block, index @ to_fine[:3, :3].T + to_fine[:3, 3]

    def _box(self, centres):
        """Box of fine samples (3 slices) around all that these voxels see."""
        extent = np.abs(self._geometry[3]).max(axis=0)
        last = np.array(self.fine.shape) - 1
        lows = np.clip(np.rint(centres.min(axis=0)) - extent, 0, last).astype(int)
        highs = np.clip(np.rint(centres.max(axis=0)) + extent, 0, last).astype(int)
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(lows, highs, strict=True))

    def _weights(self, centres, points):
        """Fine samples that each voxel sees (flat indices in the box of ``points``), and weights.

        Both have the shape (n, s); rows of the weights sum to one.
        """
        _, steps, profiles, stencil = self._geometry
        base = np.rint(centres).astype(int)
        centre = ((centres - base) @ steps.T).astype(np.float32)
        offset = (stencil @ steps.T).astype(np.float32)
        weights = np.ones((len(base), len(stencil)), np.float32)
        for axis, (fwhm, kind, spacing) in enumerate(profiles):
            weights *= profile(offset[:, axis] - centre[:, None, axis], fwhm, kind, spacing)
        lows = np.array([p.start for p in points])
        size = np.array([p.stop - p.start for p in points])
        strides = np.array([size[1] * size[2], size[2], 1])
        if (base.min(0) + stencil.min(0) >= 0).all() and (
            base.max(0) + stencil.max(0) < self.fine.shape
        ).all():
            index = ((base - lows) @ strides)[:, None] + stencil @ strides
        else:
            index = 0
            for axis, n in enumerate(self.fine.shape):
                wanted = base[:, None, axis] + stencil[:, axis]
                inside = np.clip(wanted, 0, n - 1)
                if self.psf != RINGING:
                    weights *= wanted == inside
                index = index + (inside - lows[axis]) * strides[axis]
        total = weights.sum(axis=1, keepdims=True)
        empty = total[:, 0] == 0
        if empty.any():
            # A voxel that sees no sample at all takes the nearest.
            weights[empty], total[empty] = (stencil == 0).all(axis=1), 1
        weights /= total
        return index, weights
