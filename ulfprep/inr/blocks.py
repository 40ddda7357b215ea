"""Blocks of a scan and the fine lattice points that their voxels see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ulfprep.inr.warm import WarmStart


@dataclass(frozen=True, eq=False)
class Block:
    """A box of scan voxels, the box of fine points within their PSF, and the brain in it.

    Attributes
    ----------
    scan, fine : tuple of 3 slices
        Voxels, and fine points that they see.
    inside : tensor of bool
        Fine points of the brain.
    voxels : int
        Scan voxels of the brain.
    """

    scan: tuple
    fine: tuple
    inside: torch.Tensor
    voxels: int = 0


def blocks(warm: WarmStart, edge_mm: float, rng: np.random.Generator) -> Iterator[Block]:
    """Tile the scan with boxes of about ``edge_mm``, from a random corner, in random order.

    The corner moves every epoch, so that no voxel always lies at a border and no seam
    can form.

    Parameters
    ----------
    warm : WarmStart
    edge_mm : float
    rng : numpy.random.Generator

    Yields
    ------
    Block
        Only boxes that hold brain voxels.
    """
    ranges = []
    for axis in range(3):
        n = warm.scan.shape[axis]
        size = max(int(round(edge_mm / warm.scan.zooms[axis])), 1)
        shift = int(rng.integers(0, size)) if n > size else 0
        edges = sorted({0, n, *range(shift, n, size)})
        ranges.append([slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)])
    boxes = [(a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2]]
    for k in rng.permutation(len(boxes)):
        box = boxes[k]
        fine = tuple(_support(warm.model.matrices[axis], box[axis]) for axis in range(3))
        inside, voxels = warm.inside[fine], int(warm.voxels[box].sum())
        # A box without a single brain voxel has nothing to be compared with.
        if inside.any() and voxels:
            yield Block(box, fine, torch.as_tensor(inside), voxels)


def all_blocks(views: Any, edge_mm: float, rng: np.random.Generator) -> list:
    """Tile every view as :func:`blocks` does, and mix the blocks of all.

    Parameters
    ----------
    views : list of View
    edge_mm, rng
        See :func:`blocks`.

    Returns
    -------
    list of tuple of (View, Block)
    """
    found = [(view, block) for view in views for block in blocks(view, edge_mm, rng)]
    if len(views) > 1:
        found = [found[k] for k in rng.permutation(len(found))]
    return found


def _support(matrix, rows):
    """Columns of an acquisition matrix that some of the rows use."""
    used = np.flatnonzero((np.asarray(matrix)[rows] != 0).any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)
