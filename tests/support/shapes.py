"""Grids that are turned, and a ball of three tissues."""

import numpy as np

from ulfprep.physics.grid import Grid


def rotation(degrees) -> np.ndarray:
    """Return the matrix of turns about the three world axes, one after the other."""
    out = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[a, b], [a, b]] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        out = step @ out
    return out


def turned(grid: Grid, degrees) -> Grid:
    """Return a grid turned about its centre."""
    middle = np.append((np.array(grid.shape) - 1) / 2, 1)
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) @ grid.affine[:3, :3]
    affine[:3, 3] = (grid.affine @ middle)[:3] - affine[:3, :3] @ middle[:3]
    return Grid(grid.shape, affine)


def flipped(grid: Grid, axes) -> Grid:
    """Return the same voxel centres, counted from the other end of some axes."""
    affine = np.array(grid.affine, float)
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (grid.shape[axis] - 1)
        affine[:3, axis] *= -1
    return Grid(grid.shape, affine)


def tissue_ball(n=40, edges=(0.8, 0.7, 0.5), means=(20.0, 70.0, 100.0)):
    """Return image, mask, tissues and grid of a ball of WM in GM in CSF, voxels of 1.5 mm."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    mask, outer, inner = (radius < edge for edge in edges)
    probs = np.stack([mask & ~outer, outer & ~inner, inner]).astype(np.float32)
    image = np.tensordot(means, probs, 1).astype(np.float32)
    return image, mask, probs, Grid((n, n, n), np.diag([1.5, 1.5, 1.5, 1.0]))
