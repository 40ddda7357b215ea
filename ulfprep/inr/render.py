"""From a fitted field to images on any grid."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch

from ulfprep.inr.blocks import Block
from ulfprep.inr.fit import Fit
from ulfprep.inr.maps import doubt
from ulfprep.inr.memory import halved_until_it_fits
from ulfprep.inr.problem import evaluate
from ulfprep.inr.sampling import Sampler, interpolate
from ulfprep.inr.uncertainty import tissue_entropy
from ulfprep.physics import to_dseg
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import spread_out

#: Slices of the field's lattice that go through the network at a time.
SLAB = 16
#: Voxels of an image that are made at a time.
VOXELS = 2**19


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
        Standard deviation of ``intensity``, in the scan's units; see
        :func:`ulfprep.inr.uncertainty.standard_deviation`.
    entropy : numpy.ndarray, shape (x, y, z), float32
        Of ``probs``, bits.
    claim : numpy.ndarray, shape (x, y, z), float32
        Share of the local detail that the scan supports; see :func:`ulfprep.inr.claim.claim`.
    """

    intensity: np.ndarray
    probs: np.ndarray
    dseg: np.ndarray
    uncertainty: np.ndarray
    entropy: np.ndarray
    claim: np.ndarray


def render(
    fit: Fit,
    grid: Grid,
    device: str = 'cpu',
    contrast: str | None = None,
    voxels: int = VOXELS,
) -> Rendered:
    """Render a field on a grid.

    Parameters
    ----------
    fit : Fit
    grid : Grid
        Any grid, oblique ones too.
    device : str
        A torch device.
    contrast : str, optional
        Modality of the image, one of ``fit.contrasts``; the first without.
    voxels : int
        Made at a time. Bounds the memory beside that of the result; has no influence on it.

    Returns
    -------
    Rendered

    Raises
    ------
    MemoryError
        If memory runs out however little is evaluated at a time.
    """
    shape = grid.shape
    # Zeros that are never written to take no memory.
    whole = Rendered(
        intensity=np.zeros(shape, np.float32),
        probs=np.zeros((3, *shape), np.float32),
        dseg=np.zeros(shape, np.uint8),
        uncertainty=np.zeros(shape, np.float32),
        entropy=np.zeros(shape, np.float32),
        claim=np.zeros(shape, np.float32),
    )
    for box, part in render_parts(fit, grid, device, contrast, voxels):
        for field in fields(Rendered):
            getattr(whole, field.name)[(..., *box)] = getattr(part, field.name)
    return whole


def render_parts(
    fit: Fit,
    grid: Grid,
    device: str = 'cpu',
    contrast: str | None = None,
    voxels: int = VOXELS,
) -> Iterator[tuple[tuple[slice, ...], Rendered]]:
    """Render a field on a grid a few slices at a time, for grids that memory does not hold.

    Parameters
    ----------
    fit, grid, device, contrast, voxels
        See :func:`render`.

    Yields
    ------
    box : tuple of 3 slices
        Of ``grid``.
    part : Rendered
        Its images; outside all boxes they are zero.
    """
    number, channel = fit.channel(contrast)
    sampler = Sampler(channel.warm.fine, grid)
    box = sampler.box(channel.warm.inside)
    if box is None:
        return
    inside = channel.warm.inside.astype(np.float32)
    (intensity, probs), _ = halved_until_it_fits(
        lambda slices: _on_lattice(fit, number, channel, device, int(slices)),
        SLAB,
        1,
        'slabs of {:g} slices in rendering',
    )
    spread, supported = doubt(intensity, probs, channel.warm, channel.plan)
    white = np.float32(channel.plan.means[2])
    across = (box[1].stop - box[1].start) * (box[2].stop - box[2].start)
    slices = max(voxels // across, 1)
    for start in range(box[0].start, box[0].stop, slices):
        part = (slice(start, min(start + slices, box[0].stop)), *box[1:])
        positions = sampler.positions(part)
        share = interpolate(inside, positions)
        brain = share >= 0.5
        where, share = positions[:, brain], share[brain]
        tissue = np.stack([interpolate(p, where) for p in probs])
        tissue /= np.maximum(tissue.sum(axis=0), 1e-6)
        tissue = spread_out(tissue, brain)
        # Interpolating premultiplied by the mask and dividing by it keeps the rim bright.
        yield (
            part,
            Rendered(
                intensity=spread_out(interpolate(intensity, where) / share * white, brain),
                probs=tissue,
                dseg=to_dseg(tissue, brain),
                uncertainty=spread_out(interpolate(spread, where) / share * white, brain),
                entropy=tissue_entropy(tissue),
                claim=spread_out(interpolate(supported, where) / share, brain),
            ),
        )


def _on_lattice(fit, number, channel, device, slices):
    """Intensity and tissues on the lattice of the field, which the brain bounds."""
    warm = channel.warm
    network = fit.network.to(device).eval()
    shape = warm.fine.shape
    intensity = np.zeros(shape, np.float32)
    probs = np.zeros((3, *shape), np.float32)
    with torch.no_grad():
        for start in range(0, shape[0], slices):
            fine = (
                slice(start, min(start + slices, shape[0])),
                slice(0, shape[1]),
                slice(0, shape[2]),
            )
            inside = warm.inside[fine]
            if not inside.any():
                continue
            value, tissue = evaluate(
                network,
                warm,
                Block((), fine, torch.as_tensor(inside)),
                torch.as_tensor(warm.intensity[fine][inside]).to(device),
                torch.as_tensor(warm.logits[(slice(None), *fine)][:, inside]).to(device),
                channel=number,
            )
            intensity[fine][inside] = value.cpu().numpy()
            probs[(slice(None), *fine)][:, inside] = tissue.cpu().numpy()
    network.cpu()
    return intensity, probs
