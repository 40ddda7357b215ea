"""Several acquisitions of one image as one linear operator."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid


@dataclass(frozen=True, eq=False)
class Part:
    """One acquisition within a :class:`StackedModel`.

    Attributes
    ----------
    model : ForwardModel
        From the scan's lattice to its voxels.
    weights : numpy.ndarray, shape (X, Y, Z)
        Of every voxel: one over its noise, zero where it says nothing.
    resampling : scipy.sparse.csr_array, optional
        From the common lattice to the scan's; where they are the same, there is none.
    """

    model: ForwardModel
    weights: np.ndarray
    resampling: Any = None

    def acquire(self, volume: np.ndarray) -> np.ndarray:
        """Take images (..., x, y, z) on the common lattice to the weighted voxels of the scan."""
        near = _apply(self.resampling, volume, self.model)
        return self.model.acquire(near) * self.weights

    def adjoint(self, voxels: np.ndarray) -> np.ndarray:
        """Apply the exact transpose to weighted voxels of one scan, shape (x, y, z) or flat."""
        near = self.model.adjoint(voxels * self.weights)
        return near if self.resampling is None else self.resampling.T @ near.ravel()


@dataclass(frozen=True, eq=False)
class StackedModel:
    """What several scans measure of an image on one lattice, each voxel by its weight.

    :mod:`ulfprep.physics.inverse` takes it for a :class:`ulfprep.physics.forward.ForwardModel`
    whose scan has one axis: the voxels of all scans, one after the other.

    Attributes
    ----------
    shape : tuple of 3 int
        Of the common lattice.
    parts : tuple of Part
    contrast : numpy.ndarray, shape (3,)
        Contrast vector of all of them.
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


def _apply(resampling, volume, model):
    if resampling is None:
        return volume
    shape = tuple(m.shape[1] for m in model.matrices)
    flat = volume.reshape(-1, resampling.shape[1])
    near = np.stack([resampling @ image for image in flat])
    return near.reshape(*volume.shape[:-3], *shape)


def linear_resampling(source: Grid, target: Grid) -> sparse.csr_array:
    """Linear interpolation between two lattices as a matrix, so that it has a transpose.

    Parameters
    ----------
    source, target : Grid
        In any orientation.

    Returns
    -------
    scipy.sparse.csr_array, float32
        One row a point of ``target``, with eight weights at most; beyond ``source`` the border's
        values go on.
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
