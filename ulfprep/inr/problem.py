"""What a fit minimises: a network and a block of a scan in, a loss out."""

from typing import Any

import torch

from ulfprep.inr import losses
from ulfprep.inr.blocks import Block
from ulfprep.inr.points import Points


def evaluate(
    network: Any,
    warm: Any,
    block: Block,
    intensity0: torch.Tensor,
    logits0: torch.Tensor,
    *,
    channel: int = 0,
    pose: tuple | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Intensity and tissue probabilities of the brain points of a block.

    Parameters
    ----------
    network : torch.nn.Module
    warm : WarmStart or View
        Whose lattice the block is cut from.
    block : Block
    intensity0 : tensor, shape (n,)
    logits0 : tensor, shape (3, n)
        First estimate at the block's brain points.
    channel : int
        Contrast whose intensity is wanted.
    pose : tuple of (numpy.ndarray, shape (3, 3); numpy.ndarray, shape (3,)), optional
        Where the lattice's points lie in the field, see
        :class:`ulfprep.inr.points.Points`; without, the lattice spans the field.

    Returns
    -------
    intensity : tensor, shape (n,)
        Relative to white matter; never negative.
    probs : tensor, shape (3, n)
    """
    device = intensity0.device
    lengths = [1 if pose is not None else max(n - 1, 1) for n in warm.fine.shape]
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

    def __init__(self, views, options, device):
        self.options, self.device = options, device
        self.views = {id(view): _OnDevice(view, device) for view in views}

    def loss(self, network: Any, view: Any, block: Any) -> tuple[torch.Tensor, dict[str, float]]:
        """Objective of one block of a view, and its terms as numbers."""
        o, on = self.options, self.views[id(view)]
        inside = block.inside.to(self.device)
        fine = (slice(None), *block.fine)
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
        volume = torch.zeros(6, *inside.shape, device=self.device)
        # Channels: what the scanner sees, three tissues, the brain itself, the image.
        points = torch.cat(
            [
                (intensity * factor)[None],
                probs,
                torch.ones_like(intensity)[None],
                intensity[None],
            ]
        )
        volume[:, inside] = points
        matrices = [
            m[rows, columns]
            for m, rows, columns in zip(on.model.matrices, block.scan, block.fine, strict=True)
        ]
        seen = on.model.__class__(tuple(matrices), on.model.contrast).acquire(volume[:5])
        voxels = on.voxels[block.scan]
        predicted = (seen[0] + on.outside[block.scan])[voxels]
        measured = on.measured[block.scan][voxels]
        shares = seen[1:4, voxels] / seen[4, voxels].clamp_min(1e-3)
        posterior = on.posterior[(slice(None), *block.scan)][:, voxels]
        spacing = float(view.fine.zooms[0])
        data = losses.data_term(predicted, measured, view.sigma, o.likelihood)
        segmentation = losses.segmentation_term(shares, posterior)
        classes = losses.class_term(intensity, probs, on.targets, o.class_spread)
        tv = losses.total_variation(volume[:1], inside, spacing)
        tv_tissue = losses.total_variation(volume[1:4], inside, spacing)
        total = (
            data
            + o.weight_segmentation * segmentation
            + o.weight_class * classes
            + o.weight_tv * tv / view.sigma
            + o.weight_tv_tissue * tv_tissue
        )
        with torch.no_grad():
            squared = float(losses.total(((predicted - measured) / view.sigma) ** 2))
        terms = {
            'total': total,
            'data': data,
            'segmentation': segmentation,
            'classes': classes,
            'tv': tv,
            'tv_tissue': tv_tissue,
        }
        values = {name: float(value.detach()) for name, value in terms.items()}
        return total, {**values, 'squared': squared, 'voxels': int(voxels.sum())}


class _OnDevice:
    """The arrays of a view as tensors."""

    def __init__(self, view, device):
        for name in ('measured', 'voxels', 'posterior', 'outside', 'intensity', 'logits'):
            setattr(self, name, torch.as_tensor(getattr(view, name)).to(device))
        self.targets = torch.as_tensor(view.targets).to(device)
        self.model = view.model.to(device)
