"""From a fitted field to images on any grid."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from ulfprep.inr.blocks import Block
from ulfprep.inr.fit import Fit
from ulfprep.inr.problem import evaluate
from ulfprep.physics.grid import Grid
from ulfprep.physics.labels import to_dseg


@dataclass(frozen=True)
class Rendered:
    """Images of a field, zero outside the brain.

    Attributes
    ----------
    intensity : numpy.ndarray, shape (x, y, z), float32
        High-field-like image, in the scan's units.
    probs : numpy.ndarray, shape (3, x, y, z), float32
        Tissue probabilities.
    dseg : numpy.ndarray, shape (x, y, z), uint8
        BIDS labels.
    uncertainty : numpy.ndarray, shape (x, y, z), float32
        Standard deviation of ``intensity``, in the scan's units: noise that passed the
        deconvolution, and the spread over the tissues a point may belong to.
    """

    intensity: np.ndarray
    probs: np.ndarray
    dseg: np.ndarray
    uncertainty: np.ndarray


def render(
    fit: Fit, grid: Grid, device: str = 'cpu', slab: int = 24, contrast: str | None = None
) -> Rendered:
    """Render a field on a grid.

    Parameters
    ----------
    fit : Fit
    grid : Grid
        Any grid, oblique ones too.
    device : str
        A torch device.
    slab : int
        Slices evaluated at a time; bounds the memory.
    contrast : str, optional
        Modality of the image, one of ``fit.contrasts``; the first without.

    Returns
    -------
    Rendered
    """
    number, channel = fit.channel(contrast)
    warm = channel.warm
    network = fit.network.to(device).eval()
    shape = warm.fine.shape
    intensity = np.zeros(shape, np.float32)
    probs = np.zeros((3, *shape), np.float32)
    with torch.no_grad():
        for start in range(0, shape[0], slab):
            fine = (
                slice(start, min(start + slab, shape[0])),
                slice(0, shape[1]),
                slice(0, shape[2]),
            )
            inside = warm.inside[fine]
            if not inside.any():
                continue
            block = Block((), fine, torch.as_tensor(inside))
            value, tissue = evaluate(
                network,
                warm,
                block,
                torch.as_tensor(warm.intensity[fine][inside]).to(device),
                torch.as_tensor(warm.logits[(slice(None), *fine)][:, inside]).to(device),
                channel=number,
            )
            intensity[fine][inside] = value.cpu().numpy()
            probs[(slice(None), *fine)][:, inside] = tissue.cpu().numpy()
    network.cpu()
    spread = _uncertainty(intensity, probs, channel)
    sampler = _Sampler(warm.fine, grid)
    brain = sampler(warm.inside.astype(np.float32)) >= 0.5
    white = np.float32(channel.plan['means'][2])
    # Interpolating premultiplied by the mask and dividing by it keeps the rim bright.
    share = np.maximum(sampler(warm.inside.astype(np.float32)), 0.5)
    tissue = np.stack([np.where(brain, sampler(p), 0) for p in probs])
    tissue /= np.maximum(tissue.sum(axis=0), 1e-6)
    return Rendered(
        intensity=np.where(brain, sampler(intensity) / share * white, 0).astype(np.float32),
        probs=tissue.astype(np.float32),
        dseg=to_dseg(tissue, brain),
        uncertainty=np.where(brain, sampler(spread) / share * white, 0).astype(np.float32),
    )


def _uncertainty(intensity, probs, channel):
    """Standard deviation from the two sources that can be traced."""
    contrast = np.array(channel.plan['contrast_vector'], np.float32)[:, None, None, None]
    factor = np.maximum((probs * contrast).sum(axis=0), 0.05)
    from_noise = channel.warm.noise / factor
    # Had the point been all tissue t, the same measurement would mean this intensity.
    seen = intensity * factor
    from_tissue = (probs * (seen / contrast - intensity) ** 2).sum(axis=0)
    return (np.sqrt(from_noise**2 + from_tissue) * channel.warm.inside).astype(np.float32)


class _Sampler:
    """Linear interpolation between two fixed grids; a copy where their points coincide."""

    def __init__(self, source: Grid, target: Grid):
        to_source = np.linalg.inv(source.affine) @ target.affine
        self.shape, self.offset = target.shape, None
        shift = np.rint(to_source[:3, 3])
        exact = np.allclose(to_source[:3, :3], np.eye(3), atol=1e-5) and np.allclose(
            to_source[:3, 3], shift, atol=1e-3
        )
        if exact:
            self.offset = shift.astype(int)
        else:
            self.matrix, self.translation = to_source[:3, :3], to_source[:3, 3]

    def __call__(self, volume):
        if self.offset is None:
            return ndimage.affine_transform(
                volume, self.matrix, self.translation, self.shape, order=1
            )
        out = np.zeros(self.shape, volume.dtype)
        here, there = [], []
        for axis, offset in enumerate(self.offset):
            first = max(0, -offset)
            last = min(self.shape[axis], volume.shape[axis] - offset)
            here.append(slice(first, max(last, first)))
            there.append(slice(first + offset, max(last, first) + offset))
        out[tuple(here)] = volume[tuple(there)]
        return out
