"""From a fitted field to images on any grid."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ulfprep.inr.fit import Fit
from ulfprep.inr.memory import halved_until_it_fits
from ulfprep.inr.problem import Block, evaluate
from ulfprep.inr.uncertainty import doubt, tissue_entropy
from ulfprep.physics import to_dseg
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import spread_out

#: Slices of the field's lattice that go through the network at a time.
SLAB = 16
#: Voxels of an image that are made at a time.
VOXELS = 2**19


@dataclass(frozen=True)
class Rendered:
    """Images of a field on a grid, float32 but for the labels; zero outside the brain."""

    intensity: np.ndarray  #: like the high field's, in the scan's units
    probs: np.ndarray  #: of CSF, GM and WM, shape (3, x, y, z)
    dseg: np.ndarray  #: BIDS labels, uint8
    uncertainty: np.ndarray  #: s.d. of the intensity, in the scan's units
    entropy: np.ndarray  #: of the probabilities, bits
    claim: np.ndarray  #: share of the local detail that the scan supports


def render(
    fit: Fit, grid: Grid, device: str = 'cpu', contrast: str | None = None, voxels: int = VOXELS
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

    Raises
    ------
    MemoryError
        If memory runs out however little is evaluated at a time.
    """
    # Zeros that are never written to take no memory.
    images: dict[str, Any] = {
        field.name: np.zeros(grid.shape, np.float32) for field in fields(Rendered)
    }
    images['probs'] = np.zeros((3, *grid.shape), np.float32)
    images['dseg'] = np.zeros(grid.shape, np.uint8)
    for box, part in render_parts(fit, grid, device, contrast, voxels):
        for name, image in images.items():
            image[(..., *box)] = getattr(part, name)
    return Rendered(**images)


def render_parts(
    fit: Fit, grid: Grid, device: str = 'cpu', contrast: str | None = None, voxels: int = VOXELS
) -> Iterator[tuple[tuple[slice, ...], Rendered]]:
    """Render as :func:`render` does, a few slices at a time, for grids that memory does not hold.

    Yields
    ------
    box : tuple of 3 slices
        Of ``grid``.
    part : Rendered
        Its images; outside all boxes they are zero.
    """
    number, warm = fit.channel(contrast)
    sampler = _Sampler(warm.fine, grid)
    box = sampler.box(warm.inside)
    if box is None:
        return
    inside = warm.inside.astype(np.float32)
    (intensity, probs), _ = halved_until_it_fits(
        lambda slices: _on_lattice(fit, number, warm, device, int(slices)),
        SLAB,
        1,
        'slabs of {:g} slices in rendering',
    )
    spread, supported = doubt(intensity, probs, warm)
    white = np.float32(warm.plan.means[2])
    across = (box[1].stop - box[1].start) * (box[2].stop - box[2].start)
    slices = max(voxels // across, 1)
    for start in range(box[0].start, box[0].stop, slices):
        part = (slice(start, min(start + slices, box[0].stop)), *box[1:])
        positions = sampler.positions(part)
        share = _interpolate(inside, positions)
        brain = share >= 0.5
        where, share = positions[:, brain], share[brain]
        tissue = np.stack([_interpolate(p, where) for p in probs])
        tissue /= np.maximum(tissue.sum(axis=0), 1e-6)
        tissue = spread_out(tissue, brain)
        # Interpolating premultiplied by the mask and dividing by it keeps the rim bright.
        image, sd, claim = (_interpolate(v, where) / share for v in (intensity, spread, supported))
        yield (
            part,
            Rendered(
                intensity=spread_out(image * white, brain),
                probs=tissue,
                dseg=to_dseg(tissue, brain),
                uncertainty=spread_out(sd * white, brain),
                entropy=tissue_entropy(tissue),
                claim=spread_out(claim, brain),
            ),
        )


def _on_lattice(fit, number, warm, device, slices):
    """Intensity and tissues on the lattice of the field, which the brain bounds."""
    network = fit.network.to(device).eval()
    shape = warm.fine.shape
    intensity = np.zeros(shape, np.float32)
    probs = np.zeros((3, *shape), np.float32)
    with torch.no_grad():
        for start in range(0, shape[0], slices):
            stop = min(start + slices, shape[0])
            fine = (slice(start, stop), slice(0, shape[1]), slice(0, shape[2]))
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


class _Sampler:
    """Linear interpolation from one grid to another; a copy where their points coincide.

    Positions are rounded to a thousandth of a voxel: what a header's single precision leaves of
    a whole number must not blur a copy, and a voxel has the same value in every box.
    """

    def __init__(self, source: Grid, target: Grid):
        self.to_source = np.linalg.inv(source.affine) @ target.affine
        self.to_target = np.linalg.inv(target.affine) @ source.affine
        self.shape = target.shape

    def box(self, inside: np.ndarray) -> tuple[slice, ...] | None:
        """Bounds, in the target, of all voxels that see one of the points ``inside`` the source.

        ``None`` where no voxel does.
        """
        found = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
        if not found[0].size:
            return None
        # Interpolation reaches to, and not quite to, the next point.
        ends = [(f[0] - 1, f[-1] + 1) for f in found]
        corners = np.stack(np.meshgrid(*ends, [1], indexing='ij')).reshape(4, -1)
        there = (self.to_target @ corners)[:3]
        first = np.maximum(np.floor(there.min(axis=1)).astype(int), 0)
        last = np.minimum(np.ceil(there.max(axis=1)).astype(int), np.array(self.shape) - 1)
        if (first > last).any():
            return None
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def positions(self, box: Any) -> np.ndarray:
        """Where the voxels of a box are, in indices of the source; shape (3, x, y, z)."""
        index = np.ogrid[box]
        return np.stack(
            [
                np.round(sum(step * k for step, k in zip(row[:3], index, strict=True)) + row[3], 3)
                for row in self.to_source[:3]
            ]
        )


def _interpolate(volume, positions):
    """Values of a volume at positions (3, ...) in its indices; zero beyond its border."""
    return ndimage.map_coordinates(
        volume, positions, order=1, mode='grid-constant', prefilter=False
    )
