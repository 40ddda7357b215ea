"""What a fit minimises: a network and a block of the scan in, a loss out."""

import numpy as np
import torch

from ulfprep.inr import losses
from ulfprep.inr.blocks import Block
from ulfprep.inr.points import Points
from ulfprep.inr.warm import WarmStart


def evaluate(network, warm: WarmStart, block: Block, intensity0, logits0):
    """Intensity and tissue probabilities of the brain points of a block.

    Parameters
    ----------
    network : torch.nn.Module
    warm : WarmStart
    block : Block
    intensity0 : tensor, shape (n,)
    logits0 : tensor, shape (3, n)
        First estimate at the block's brain points.

    Returns
    -------
    intensity : tensor, shape (n,)
        Relative to white matter; never negative.
    probs : tensor, shape (3, n)
    """
    device = intensity0.device
    axes = tuple(
        torch.arange(s.start, s.stop, device=device, dtype=torch.float32) / max(n - 1, 1)
        for s, n in zip(block.fine, warm.fine.shape, strict=True)
    )
    correction = network(Points(axes, block.inside.to(device)))
    intensity = torch.relu(intensity0 + correction[0])
    return intensity, torch.softmax(logits0 + correction[1:], dim=0)


class Problem:
    """The scan, the model and the weights; turns a network and a block into a loss."""

    def __init__(self, warm, image, probs, plan, options, device):
        white = np.float32(plan['means'][2])
        tensor = torch.as_tensor
        self.warm, self.options, self.device = warm, options, device
        self.sigma = plan['noise_sigma'] / float(white)
        self.measured = tensor(np.asarray(image, np.float32)[warm.bounds] / white).to(device)
        self.voxels = tensor(warm.voxels).to(device)
        posterior = np.asarray(probs, np.float32)[(slice(None), *warm.bounds)]
        self.posterior = tensor(posterior).to(device)
        self.outside = tensor(warm.outside).to(device)
        self.intensity = tensor(warm.intensity).to(device)
        self.logits = tensor(warm.logits).to(device)
        self.model = warm.model.to(device)
        means = np.array(plan['target_means'], np.float32) / white
        self.targets = tensor(means).to(device)

    def loss(self, network, block):
        o = self.options
        inside = block.inside.to(self.device)
        fine = (slice(None), *block.fine)
        intensity0 = self.intensity[block.fine][inside]
        intensity, probs = evaluate(
            network, self.warm, block, intensity0, self.logits[fine][:, inside]
        )
        factor = (probs * self.model.contrast[:, None]).sum(0)
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
            for m, rows, columns in zip(self.model.matrices, block.scan, block.fine, strict=True)
        ]
        seen = self.model.__class__(tuple(matrices), self.model.contrast).acquire(volume[:5])
        voxels = self.voxels[block.scan]
        predicted = (seen[0] + self.outside[block.scan])[voxels]
        measured = self.measured[block.scan][voxels]
        shares = seen[1:4, voxels] / seen[4, voxels].clamp_min(1e-3)
        posterior = self.posterior[(slice(None), *block.scan)][:, voxels]
        spacing = float(self.warm.fine.zooms[0])
        data = losses.data_term(predicted, measured, self.sigma, o.likelihood)
        segmentation = losses.segmentation_term(shares, posterior)
        classes = losses.class_term(intensity, probs, self.targets, o.class_spread)
        tv = losses.total_variation(volume[:1], inside, spacing)
        tv_tissue = losses.total_variation(volume[1:4], inside, spacing)
        total = (
            data
            + o.weight_segmentation * segmentation
            + o.weight_class * classes
            + o.weight_tv * tv / self.sigma
            + o.weight_tv_tissue * tv_tissue
        )
        with torch.no_grad():
            squared = float((((predicted - measured) / self.sigma) ** 2).sum())
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
