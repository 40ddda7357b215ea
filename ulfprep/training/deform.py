"""Other people's heads: label maps turned, stretched and bent, a patch at a time."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from ulfprep.physics.acquisition import apply_matrices
from ulfprep.training.maps import NAMES, Head


@dataclass(frozen=True, eq=False)
class Patch:
    """A cube of a deformed head on the 1 mm lattice of a scan."""

    head: Head
    positions: np.ndarray  # (3, n, n, n) float32: voxel index of the head at each point
    affine: np.ndarray  # (3, 3): linear part of the deformation, from cube to head
    centre: np.ndarray  # of the brain, voxel index of the cube; it may lie outside

    def labels(self, motion=None) -> np.ndarray:
        """Structures of the cube; after ``motion`` (4x4, about the brain's centre) if given."""
        return self._sample(self.head.labels, motion)

    def depth(self) -> np.ndarray:
        """Distance from the hull of the brain, mm, negative inside."""
        return self._sample(self.head.depth, None) / np.float32(2)

    def _sample(self, volume, motion):
        index = np.zeros(self.positions.shape[1:], np.int32)
        for axis, size in enumerate(volume.shape):
            at = self.positions[axis]
            if motion is not None:
                at = at + self._moved(motion, axis)
            near = np.clip(np.rint(at), 0, size - 1).astype(np.int32)
            index = index * np.int32(size) + near
        return volume.ravel().take(index)

    def _moved(self, motion, axis):
        """How far the head's index moves along one of its axes; the bend is as good as even."""
        rows = self.affine[axis] @ (motion[:3, :3] - np.eye(3))
        n = self.positions.shape[1:]
        steps = [row * (np.arange(k) - c) for row, k, c in zip(rows, n, self.centre, strict=True)]
        x, y, z = (s.astype(np.float32) for s in steps)
        fixed = np.float32(self.affine[axis] @ motion[:3, 3])
        return x[:, None, None] + y[:, None] + z + fixed


def draw_patch(rng: np.random.Generator, head: Head, size: int) -> Patch:
    """Deform a head at random and cut a cube of ``size`` voxels a side from it.

    Heads are turned by about 7 degrees, sometimes far more, stretched by 7 % an axis, sheared,
    mirrored, and bent smoothly by up to about 4 mm; some are bent finely as well.
    """
    angles = np.deg2rad(rng.normal(0, 7 if rng.random() < 0.9 else 20, 3))
    stretch = np.diag(np.exp(rng.normal(0, 0.07, 3)))
    affine = rotation(angles) @ stretch @ (np.eye(3) + rng.normal(0, 0.02, (3, 3)))
    if rng.random() < 0.5:
        affine = affine @ np.diag([-1.0, 1.0, 1.0])
    shape = (size,) * 3
    middle = _inside(rng, head)
    index = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    amplitude, length = rng.uniform(0, 3.5), rng.uniform(14, 28)
    fine = rng.uniform(0, 1) if rng.random() < 0.3 else 0.0
    positions = np.empty((3, *shape), np.float32)
    for axis in range(3):
        x, y, z = (np.float32(affine[axis, k]) * index for k in range(3))
        at = x[:, None, None] + y[:, None] + z + np.float32(middle[axis])
        at += np.float32(amplitude) * smooth_field(rng, shape, length)
        if fine:
            at += np.float32(fine) * smooth_field(rng, shape, 7)
        positions[axis] = at
    centre = np.linalg.solve(affine, head.centre - middle) + (size - 1) / 2
    return Patch(head, positions, affine, centre)


@dataclass(frozen=True, eq=False)
class Ribbon:
    """How much thicker or thinner than in the label map the cortex of a cube is.

    Label maps are mostly of older adults; the cortex of the young is thicker. ``take`` is the
    structure that the cortex takes a layer from, ``give`` what its own outer layer turns into;
    both may be empty.
    """

    take: str
    give: str
    where: np.ndarray  # bool, where it does so

    def apply(self, labels: np.ndarray) -> np.ndarray:
        """Return structures with another cortex, one voxel at most on either side."""
        cortex = labels == NAMES.index('cortex')
        out = labels.copy()
        if self.take:
            layer = ndimage.binary_dilation(cortex) & (labels == NAMES.index(self.take))
            out[layer & self.where] = NAMES.index('cortex')
        if self.give:
            layer = ndimage.binary_dilation(labels == NAMES.index(self.give)) & cortex
            out[layer & self.where] = NAMES.index(self.give)
        return out


def draw_ribbon(rng: np.random.Generator, size: int) -> Ribbon:
    """Draw what becomes of the cortex of a cube; it grows more often than it shrinks."""
    kinds = [('', ''), ('CSF', ''), ('white matter', ''), ('', 'CSF'), ('', 'white matter')]
    take, give = kinds[rng.choice(5, p=(0.3, 0.3, 0.2, 0.1, 0.1))]
    where = smooth_field(rng, (size,) * 3, 20) > rng.normal(-0.5, 1)
    return Ribbon(take, give, where)


def _inside(rng, head):
    """Return a point 5 mm or more within the hull of the brain, or its centre."""
    for _ in range(100):
        at = rng.uniform(0, np.array(head.depth.shape) - 1)
        if head.depth[tuple(np.rint(at).astype(int))] <= -10:
            return at
    return head.centre


def rotation(angles) -> np.ndarray:
    """Rotation by three angles (radians) about x, y and z, in this order from the right."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, b = [k for k in range(3) if k != axis]
        turn[[a, b], [a, b]] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = out @ turn
    return out


def smooth_field(rng: np.random.Generator, shape, length: float) -> np.ndarray:
    """Random float32 field of about unit s.d. that changes over ``length`` voxels."""
    matrices = [_knots(n, round(float(length), 1)) for n in shape]
    knots = rng.standard_normal([m.shape[1] for m in matrices], np.float32)
    return apply_matrices(matrices, knots)


@lru_cache(maxsize=512)
def _knots(n, length):
    """Cubic B-spline weights of knots ``length`` apart, scaled to keep unit variance."""
    at = np.arange(n) / length + 1
    count = int(at[-1]) + 3
    t = np.abs(at[:, None] - np.arange(count)[None])
    near = 2 / 3 - t**2 + t**3 / 2
    far = (2 - t).clip(0) ** 3 / 6
    weights = np.where(t < 1, near, far)
    return (weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))).astype(np.float32)
