"""Several acquisitions of one image: each over a common lattice, and all as one operator."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage, sparse

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, are_aligned, brain_bounds, covered, isotropic_grid
from ulfprep.physics.interpolation import carry_mask
from ulfprep.physics.types import Numbers


@dataclass(frozen=True, eq=False)
class Part:
    """One acquisition within a :class:`StackedModel`."""

    model: ForwardModel  #: from the scan's lattice to its voxels
    weights: np.ndarray  #: of every voxel: one over its noise, zero where it says nothing
    #: Sparse matrix from the common lattice to the scan's, where they differ.
    resampling: Any = None

    def acquire(self, volume: np.ndarray) -> np.ndarray:
        """Take images (..., x, y, z) on the common lattice to the weighted voxels of the scan."""
        if self.resampling is not None:
            flat = volume.reshape(-1, self.resampling.shape[1])
            near = np.stack([self.resampling @ image for image in flat])
            shape = (m.shape[1] for m in self.model.matrices)
            volume = near.reshape(*volume.shape[:-3], *shape)
        return self.model.acquire(volume) * self.weights

    def adjoint(self, voxels: np.ndarray) -> np.ndarray:
        """Apply the exact transpose to weighted voxels of one scan, shape (x, y, z) or flat."""
        near = self.model.adjoint(voxels * self.weights)
        return near if self.resampling is None else self.resampling.T @ near.ravel()


@dataclass(frozen=True, eq=False)
class StackedModel:
    """What several scans measure of an image on one lattice, each voxel by its weight.

    :mod:`ulfprep.physics.inverse` takes it for a :class:`ulfprep.physics.forward.ForwardModel`
    whose scan has one axis: the voxels of all scans, one after the other. ``shape`` is that of
    the common lattice, ``contrast`` the contrast vector of all of them.
    """

    shape: tuple
    parts: tuple
    contrast: np.ndarray = field(default_factory=lambda: np.ones(3, np.float32))

    def modulation(self, probs: np.ndarray) -> np.ndarray:
        """Contrast factor of every point, from tissue probabilities (..., 3, x, y, z)."""
        return (probs * self.contrast.reshape(3, 1, 1, 1)).sum(-4)

    def acquire(self, volume: np.ndarray) -> np.ndarray:
        """Take images (..., x, y, z) to the weighted voxels of all scans, (..., n)."""
        lead = volume.shape[:-3]
        found = [part.acquire(volume).reshape(*lead, -1) for part in self.parts]
        return np.concatenate(found, axis=-1)

    def adjoint(self, voxels: np.ndarray) -> np.ndarray:
        """Apply the exact transpose of :meth:`acquire` to weighted voxels, shape (n,)."""
        out, start = np.zeros(self.shape, np.float32), 0
        for part in self.parts:
            n = part.weights.size
            seen = voxels[start : start + n].reshape(part.weights.shape)
            out += part.adjoint(seen).reshape(self.shape)
            start += n
        return out

    def stack(self, scans: Any) -> np.ndarray:
        """Weighted voxels of scans as measured, shape (n,), float32."""
        pairs = zip(scans, self.parts, strict=True)
        return np.concatenate([(s * p.weights).ravel() for s, p in pairs]).astype(np.float32)


def linear_resampling(source: Grid, target: Grid) -> sparse.csr_array:
    """Linear interpolation between lattices of any orientation as a matrix: it has a transpose.

    One row a point of ``target``, with eight weights at most, float32; beyond ``source`` the
    border's values go on.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    index = np.ogrid[tuple(slice(n) for n in target.shape)]
    strides = (source.shape[1] * source.shape[2], source.shape[2], 1)
    n_points = int(np.prod(target.shape))
    columns = np.zeros((n_points, 8), np.int32)
    weights = np.ones((n_points, 8), np.float32)
    for axis, n in enumerate(source.shape):
        row = to_source[axis]
        position = sum(step * k for step, k in zip(row[:3], index, strict=True)) + row[3]
        position = np.clip(position, 0, n - 1).astype(np.float32).ravel()
        low = np.minimum(position.astype(np.int32), max(n - 2, 0))
        part = position - low
        for corner in range(8):
            upper = corner >> axis & 1
            columns[:, corner] += np.minimum(low + upper, n - 1) * strides[axis]
            weights[:, corner] *= part if upper else 1 - part
    rows = np.arange(0, 8 * n_points + 1, 8, dtype=np.int32)
    shape = (n_points, int(np.prod(source.shape)))
    return sparse.csr_array((weights.ravel(), columns.ravel(), rows), shape=shape)


@dataclass(frozen=True, eq=False)
class Placement:
    """What of a scan the common lattice covers, and how it is seen from there."""

    bounds: tuple  #: in the whole scan, 3 slices
    scan: Grid  #: of the voxels within the bounds
    fine: Grid  #: a lattice along their axes, the common one where parallel
    model: ForwardModel  #: from ``fine`` to ``scan``
    inside: np.ndarray  #: the common brain on ``fine``, shape (x, y, z)
    voxels: np.ndarray  #: which of the scan are its brain, shape (X, Y, Z)
    seen: np.ndarray  #: which of the scan the common lattice covers
    #: Sparse matrix from the common lattice to ``fine``, where they differ.
    resampling: object = None


def place(
    mask: np.ndarray,
    grid: Grid,
    common: Grid,
    inside: np.ndarray,
    psf_fwhm: Numbers,
    contrast: Any,
    psf: str,
) -> Placement:
    """Crop a scan to what a lattice covers; give it a lattice of its own where it is turned.

    ``mask`` is the brain of the scan, whose ``grid`` lies in the world of the lattice ``common``;
    ``inside`` is the brain on that. For the rest see
    :meth:`ulfprep.physics.forward.ForwardModel.between`.

    Raises
    ------
    ValueError
        If the lattice covers none of the scan's brain.
    """
    mask = np.asarray(mask, bool)
    spacing = float(common.zooms[0])
    bounds, own_bounds = brain_bounds(mask, grid, spacing)
    seen = covered(common, grid)
    if not (mask & seen).any():
        raise ValueError('the scan lies elsewhere')
    box = ndimage.find_objects(seen.astype(np.int8))[0]
    bounds = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(bounds, box, strict=True)
    )
    scan = grid.crop(bounds)
    parallel = are_aligned(common, scan)
    fine = common if parallel else isotropic_grid(grid, spacing).crop(own_bounds)
    return Placement(
        bounds=bounds,
        scan=scan,
        fine=fine,
        model=ForwardModel.between(scan, fine, psf_fwhm, contrast, psf),
        inside=inside if parallel else carry_mask(inside, common, fine),
        voxels=mask[bounds],
        seen=seen[bounds],
        resampling=None if parallel else linear_resampling(common, fine),
    )
