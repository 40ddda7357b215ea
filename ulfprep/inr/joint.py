"""The first estimate from several scans: one image a contrast, tissues that all have a say in."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ulfprep.inr.acquisition import Acquisition
from ulfprep.inr.pool import pooled_tissues
from ulfprep.inr.views import Channel, View, in_white_matter, target_means
from ulfprep.inr.warm import WarmStart, estimate_tissues, noise_spread
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, are_aligned, brain_bounds, covered, isotropic_grid
from ulfprep.physics.interpolation import carry_mask, resample_mask
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.stacked import Part, StackedModel, linear_resampling

#: Part of a scan's brain that must lie in the brain of the first: less is another place.
OVERLAP = 0.5


def joint_estimates(
    acquisitions: list[Acquisition], spacing: float, seed: int
) -> tuple[list[View], list[Channel]]:
    """Deconvolve all scans of a contrast at once, and pool the tissues of all scans.

    Parameters, results and errors are those of :func:`ulfprep.inr.views.first_estimates`.
    """
    first = acquisitions[0]
    bounds, fine_bounds = brain_bounds(first.mask, first.grid, spacing)
    scan, fine = first.grid.crop(bounds), isotropic_grid(first.grid, spacing).crop(fine_bounds)
    inside = resample_mask(np.asarray(first.mask, bool)[bounds], scan, fine)
    placed = [
        _place(one, number, fine, inside, spacing) for number, one in enumerate(acquisitions)
    ]
    modalities = list(dict.fromkeys(one.modality for one in acquisitions))
    groups = [[p for p in placed if p.about.modality == name] for name in modalities]
    sharp = [_deconvolved(group, fine) for group in groups]
    tissue = pooled_tissues(acquisitions, fine, inside)
    if first.lattice_probs is None:
        tissue = estimate_tissues(sharp[0].image, inside, tissue, _means(first.plan))
    logits = np.log(np.maximum(tissue, 1e-3)).astype(np.float32)
    channels, views = [], {}
    for number, (group, found) in enumerate(zip(groups, sharp, strict=True)):
        plan = group[0].about.plan
        vector = np.mean([p.about.plan['contrast_vector'] for p in group], axis=0)
        factor = np.maximum(np.tensordot(vector.astype(np.float32), tissue, 1), 0.05)
        intensity = np.where(inside, np.maximum(found.image, 0) / factor, 0).astype(np.float32)
        noise = noise_spread(
            found.model, found.voxels.shape, found.sigma, found.smoothness, fine.zooms, seed
        )
        outside = np.where(inside, 0, found.image).astype(np.float32)
        warm = WarmStart(
            scan=scan,
            fine=fine,
            bounds=bounds,
            model=placed[0].model,
            voxels=placed[0].voxels,
            inside=inside,
            intensity=intensity,
            logits=logits,
            outside=placed[0].model.acquire(outside),
            noise=noise,
            smoothness=found.smoothness,
        )
        channels.append(Channel(group[0].about.modality, warm, plan))
        for one in group:
            views[one.number] = _view(one, number, warm, outside, tissue)
    return [views[number] for number in range(len(acquisitions))], channels


@dataclass(frozen=True, eq=False)
class _Placed:
    """A scan with its lattice and what of it says something about the brain of the first."""

    number: int
    about: Acquisition
    scan: Grid
    fine: Grid
    model: ForwardModel
    voxels: np.ndarray
    inside: np.ndarray
    measured: np.ndarray
    seen: np.ndarray
    resampling: object

    @property
    def sigma(self):
        return self.about.plan['noise_sigma'] / self.about.plan['means'][2]


@dataclass(frozen=True, eq=False)
class _Deconvolved:
    """Scans of one contrast as one image."""

    image: np.ndarray
    smoothness: float
    sigma: float
    model: StackedModel
    voxels: np.ndarray


def _place(one: Acquisition, number, fine, inside, spacing):
    """Crop a scan to what the field covers; give it a lattice of its own where it is turned."""
    mask = np.asarray(one.mask, bool)
    bounds, own_bounds = brain_bounds(mask, one.grid, spacing)
    seen = covered(fine, one.grid)
    if not (mask & seen).any():
        raise ValueError(_elsewhere(number))
    bounds = tuple(map(_common, bounds, ndimage.find_objects(seen.astype(np.int8))[0]))
    scan, seen = one.grid.crop(bounds), seen[bounds]
    parallel = are_aligned(fine, scan)
    own = fine if parallel else isotropic_grid(one.grid, spacing).crop(own_bounds)
    brain = inside if parallel else carry_mask(inside, fine, own)
    plan = one.plan
    model = ForwardModel.between(
        scan, own, plan['psf_fwhm_mm'], plan['contrast_vector'], plan.get('psf', 'gaussian')
    )
    voxels = mask[bounds]
    if number > 0:
        # The mask of the first scan is the brain; where this one's own goes beyond it, there is
        # no field to compare with.
        voxels = voxels & seen & (model.acquire(brain.astype(np.float32)) > 0.5)
        if voxels.sum() < OVERLAP * mask.sum():
            raise ValueError(_elsewhere(number))
    return _Placed(
        number=number,
        about=one,
        scan=scan,
        fine=own,
        model=model,
        voxels=voxels,
        inside=brain,
        measured=in_white_matter(one)[bounds],
        seen=seen,
        resampling=None if parallel else linear_resampling(fine, own),
    )


def _elsewhere(number):
    return (
        f'scan {number + 1} of the fit does not lie where the first does; check the orientation '
        'in their headers, or fit them apart'
    )


def _common(one, other):
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _deconvolved(group, fine):
    """One image of all scans of a contrast, each by its noise."""
    sigma = group[0].sigma
    parts = tuple(Part(p.model, p.seen * np.float32(sigma / p.sigma), p.resampling) for p in group)
    model = StackedModel(tuple(fine.shape), parts)
    voxels = np.concatenate([p.voxels.ravel() for p in group])
    measured = model.stack([p.measured for p in group])
    image, smoothness = discrepancy_inverse(model, measured, voxels, sigma, fine.zooms)
    return _Deconvolved(image, smoothness, sigma, model, voxels)


def _view(one: _Placed, channel, warm, outside, tissue):
    """The first estimate as a scan sees it from its own lattice."""
    near = _Nearby(one.resampling, one.fine.shape)
    share = np.maximum(near(warm.inside.astype(np.float32)), 0.5)
    # Premultiplied by the mask and divided by it again, the rim stays as bright as it is.
    intensity = np.where(one.inside, near(warm.intensity) / share, 0)
    probs = np.stack([near(p * warm.inside) for p in tissue]) * one.inside
    probs /= np.maximum(probs.sum(axis=0), 1e-6)
    seen = one.model.acquire(probs)
    total = seen.sum(axis=0)
    on_scan = np.where(total > 1e-3, seen / np.maximum(total, 1e-3), np.float32(1 / 3))
    pose = None
    if one.resampling is not None:
        to_field = np.linalg.inv(warm.fine.affine) @ one.fine.affine
        scale = 1 / np.maximum(np.array(warm.fine.shape) - 1, 1)
        pose = (scale[:, None] * to_field[:3, :3], scale * to_field[:3, 3])
    return View(
        scan=one.scan,
        fine=one.fine,
        model=one.model,
        voxels=one.voxels,
        inside=one.inside,
        measured=one.measured,
        outside=one.model.acquire(near(outside)),
        posterior=on_scan.astype(np.float32),
        intensity=intensity.astype(np.float32),
        logits=np.log(np.maximum(probs, 1e-3)).astype(np.float32),
        sigma=one.sigma,
        targets=target_means(one.about.plan),
        channel=channel,
        pose=pose,
    )


class _Nearby:
    """Values of an image of the field at the points of a scan's lattice."""

    def __init__(self, resampling, shape):
        self.resampling, self.shape = resampling, shape

    def __call__(self, image):
        if self.resampling is None:
            return image
        return (self.resampling @ image.ravel()).reshape(self.shape)


def _means(plan):
    return np.array(plan['means']) / plan['means'][2]
