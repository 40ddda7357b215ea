"""What a fit minimises: a network and a block of a scan in, a loss out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ulfprep.inr import losses
from ulfprep.inr.network import Points
from ulfprep.inr.options import FitOptions
from ulfprep.inr.views import Estimate, View
from ulfprep.physics.acquisition import apply_matrices


@dataclass(frozen=True, eq=False)
class Block:
    """A box of scan voxels, the box of fine points within their PSF, and the brain in it."""

    scan: tuple  #: 3 slices of voxels
    fine: tuple  #: 3 slices of fine points that they see
    inside: torch.Tensor  #: fine points of the brain
    voxels: int = 0  #: scan voxels of the brain


def blocks(view: Estimate, edge_mm: float, rng: np.random.Generator) -> Iterator[Block]:
    """Tile a scan with boxes of about ``edge_mm``, from a random corner, in random order.

    The corner moves every epoch, so that no voxel always lies at a border and no seam
    can form. Boxes without brain are left out.
    """
    ranges = []
    for axis in range(3):
        n = view.scan.shape[axis]
        size = max(int(round(edge_mm / view.scan.zooms[axis])), 1)
        shift = int(rng.integers(0, size)) if n > size else 0
        edges = sorted({0, n, *range(shift, n, size)})
        ranges.append([slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)])
    boxes = [(a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2]]
    for k in rng.permutation(len(boxes)):
        box = boxes[k]
        fine = tuple(_support(view.model.matrices[axis], box[axis]) for axis in range(3))
        inside, voxels = view.inside[fine], int(view.voxels[box].sum())
        # A box without a single brain voxel has nothing to be compared with.
        if inside.any() and voxels:
            yield Block(box, fine, torch.as_tensor(inside), voxels)


def _support(matrix, rows):
    """Columns of an acquisition matrix that some of the rows use."""
    used = np.flatnonzero((np.asarray(matrix)[rows] != 0).any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def all_blocks(
    views: list[View], edge_mm: float, rng: np.random.Generator
) -> list[tuple[View, Block]]:
    """Tile every view as :func:`blocks` does, and mix the blocks of all."""
    found = [(view, block) for view in views for block in blocks(view, edge_mm, rng)]
    if len(views) > 1:
        found = [found[k] for k in rng.permutation(len(found))]
    return found


def evaluate(
    network: nn.Module,
    view: Estimate,
    block: Block,
    intensity0: torch.Tensor,
    logits0: torch.Tensor,
    *,
    channel: int = 0,
    pose: tuple | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Intensity and tissue probabilities of the brain points of a block of a view's lattice.

    Parameters
    ----------
    intensity0, logits0 : tensor, shape (n,) and (3, n)
        First estimate at the block's brain points.
    channel : int
        Contrast whose intensity is wanted.
    pose : tuple of (numpy.ndarray, shape (3, 3); numpy.ndarray, shape (3,)), optional
        See :class:`ulfprep.inr.views.View`; without, the lattice spans the field.

    Returns
    -------
    intensity : tensor, shape (n,)
        Relative to white matter; never negative.
    probs : tensor, shape (3, n)
    """
    device = intensity0.device
    lengths = [1 if pose is not None else max(n - 1, 1) for n in view.fine.shape]
    axes = tuple(
        torch.arange(s.start, s.stop, device=device, dtype=torch.float32) / n
        for s, n in zip(block.fine, lengths, strict=True)
    )
    if pose is not None:
        pose = tuple(torch.as_tensor(part, dtype=torch.float32, device=device) for part in pose)
    correction = network(Points(axes, block.inside.to(device), pose))
    intensity = torch.relu(intensity0 + correction[channel])
    # The last three outputs are the tissues, however many contrasts there are.
    return intensity, _softmax(logits0 + correction[-3:])


def _softmax(logits):
    """Softmax along the first axis; that of PyTorch is not the same bits with other threads."""
    shares = torch.exp(logits - logits.amax(0).detach())
    return shares / shares.sum(0)


class Problem:
    """The scans, their models and the weights; turns a network and a block into a loss."""

    def __init__(self, views: list[View], options: FitOptions, device: torch.device):
        self.options, self.device = options, device
        self.views = {id(view): _on_device(view, device) for view in views}

    def loss(
        self, network: nn.Module, view: View, block: Block
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Objective of one block of a view, and its terms as numbers."""
        o, on = self.options, self.views[id(view)]
        inside = block.inside.to(self.device)
        fine, scan = (slice(None), *block.fine), (slice(None), *block.scan)
        intensity, probs = evaluate(
            network,
            view,
            block,
            on.intensity[block.fine][inside],
            on.logits[fine][:, inside],
            channel=view.channel,
            pose=view.pose,
        )
        factor = (probs * on.model.contrast[:, None]).sum(0)
        # Channels: what the scanner sees, three tissues, the brain itself, the image.
        brain = torch.ones_like(intensity)
        points = [(intensity * factor)[None], probs, brain[None], intensity[None]]
        volume = torch.zeros(6, *inside.shape, device=self.device)
        volume[:, inside] = torch.cat(points)
        matrices = [
            matrix[rows, columns]
            for matrix, rows, columns in zip(
                on.model.matrices, block.scan, block.fine, strict=True
            )
        ]
        seen = apply_matrices(matrices, volume[:5])
        voxels = on.voxels[block.scan]
        predicted = (seen[0] + on.outside[block.scan])[voxels]
        measured = on.measured[block.scan][voxels]
        shares = seen[1:4, voxels] / seen[4, voxels].clamp_min(1e-3)
        spacing = float(view.fine.zooms[0])
        terms = {
            'data': losses.data_term(predicted, measured, view.sigma, o.likelihood),
            'segmentation': losses.segmentation_term(shares, on.posterior[scan][:, voxels]),
            'classes': losses.class_term(intensity, probs, on.targets, o.class_spread),
            'tv': losses.total_variation(volume[:1], inside, spacing),
            'tv_tissue': losses.total_variation(volume[1:4], inside, spacing),
        }
        total = (
            terms['data']
            + o.weight_segmentation * terms['segmentation']
            + o.weight_class * terms['classes']
            + o.weight_tv * terms['tv'] / view.sigma
            + o.weight_tv_tissue * terms['tv_tissue']
        )
        with torch.no_grad():
            squared = float(losses.total(((predicted - measured) / view.sigma) ** 2))
        values = {name: float(value.detach()) for name, value in terms.items()}
        values |= {'squared': squared, 'voxels': int(voxels.sum())}
        return total, {'total': float(total.detach()), **values}


def _on_device(view, device) -> Any:
    """The same view with tensors for arrays."""
    names = ('measured', 'voxels', 'posterior', 'outside', 'intensity', 'logits', 'targets')
    arrays = {name: torch.as_tensor(getattr(view, name)).to(device) for name in names}
    return replace(view, model=view.model.to(device), **arrays)
