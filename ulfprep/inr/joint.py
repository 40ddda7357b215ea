"""The first estimate from several scans: one image a contrast, tissues that all have a say in."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.inr.acquisition import Acquisition
from ulfprep.inr.pool import pooled_tissues
from ulfprep.inr.views import Channel, View, in_white_matter, relative_noise, target_means
from ulfprep.inr.warm import (
    WarmStart,
    correction_width,
    estimate_tissues,
    first_intensity,
    noise_spread,
)
from ulfprep.physics.grid import brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.stacked import Part, Placement, StackedModel, place

#: Part of a scan's brain that must lie in the brain of the first: less is another place.
OVERLAP = 0.5


def joint_estimates(
    acquisitions: list[Acquisition], spacing: float, seed: int, tissues: Any = None
) -> tuple[list[View], list[Channel]]:
    """Deconvolve all scans of a contrast at once, and pool the tissues of all scans.

    Parameters, results and errors are those of :func:`ulfprep.inr.estimates.first_estimates`.
    """
    first = acquisitions[0]
    bounds, fine_bounds = brain_bounds(first.mask, first.grid, spacing)
    scan, fine = first.grid.crop(bounds), isotropic_grid(first.grid, spacing).crop(fine_bounds)
    inside = resample_mask(np.asarray(first.mask, bool)[bounds], scan, fine)
    placed = [_place(one, number, fine, inside) for number, one in enumerate(acquisitions)]
    modalities = list(dict.fromkeys(one.modality for one in acquisitions))
    groups = [[p for p in placed if p.about.modality == name] for name in modalities]
    sharp = [_deconvolved(group, fine) for group in groups]
    if tissues is not None:
        tissues = tissues[(slice(None), *fine_bounds)]
    tissue = pooled_tissues(acquisitions, fine, inside, tissues)
    if first.lattice_probs is None and tissues is None:
        tissue = estimate_tissues(sharp[0].image, inside, tissue, _means(first.plan))
    logits = np.log(np.maximum(tissue, 1e-3)).astype(np.float32)
    channels, views = [], {}
    for number, (group, found) in enumerate(zip(groups, sharp, strict=True)):
        plan = group[0].about.plan
        shared = plan.noise_shared
        intensity, course = first_intensity(
            found.model,
            found.measured,
            found.voxels,
            found.image,
            tissue,
            inside,
            np.mean([_means(p.about.plan) for p in group], axis=0).astype(np.float32),
            (found.sigma, shared),
            fine.zooms,
            correction_width(plan.psf_fwhm_mm, len(group)),
        )
        noise = noise_spread(
            found.model,
            found.voxels.shape,
            shared * found.sigma,
            found.smoothness,
            fine.zooms,
            seed,
        )
        outside = np.where(inside, 0, found.image).astype(np.float32)
        warm = WarmStart(
            scan=scan,
            fine=fine,
            bounds=bounds,
            model=placed[0].at.model,
            voxels=placed[0].voxels,
            inside=inside,
            intensity=intensity,
            logits=logits,
            outside=placed[0].at.model.acquire(outside),
            noise=noise,
            smoothness=found.smoothness,
            course=course,
        )
        channels.append(Channel(group[0].about.modality, warm, plan))
        for one in group:
            views[one.number] = _view(one, number, warm, outside, tissue)
    return [views[number] for number in range(len(acquisitions))], channels


@dataclass(frozen=True, eq=False)
class _Placed:
    """A scan, its place, and its voxels that say something about the brain of the first."""

    number: int
    about: Acquisition
    at: Placement
    voxels: np.ndarray
    measured: np.ndarray

    @property
    def sigma(self):
        return relative_noise(self.about.plan)


@dataclass(frozen=True, eq=False)
class _Deconvolved:
    """Scans of one contrast as one image."""

    image: np.ndarray
    smoothness: float
    sigma: float
    model: StackedModel
    voxels: np.ndarray
    measured: np.ndarray


def _place(one: Acquisition, number, fine, inside):
    plan = one.plan
    try:
        at = place(
            one.mask,
            one.grid,
            fine,
            inside,
            plan.psf_fwhm_mm,
            plan.contrast_vector,
            plan.psf,
        )
    except ValueError as exception:
        raise ValueError(_elsewhere(number)) from exception
    voxels = at.voxels
    if number > 0:
        # The mask of the first scan is the brain; where this one's own goes beyond it, there is
        # no field to compare with.
        voxels = voxels & at.seen & (at.model.acquire(at.inside.astype(np.float32)) > 0.5)
        if voxels.sum() < OVERLAP * np.count_nonzero(one.mask):
            raise ValueError(_elsewhere(number))
    return _Placed(number, one, at, voxels, in_white_matter(one)[at.bounds])


def _elsewhere(number):
    return (
        f'scan {number + 1} of the fit does not lie where the first does; check the orientation '
        'in their headers, or fit them apart'
    )


def _deconvolved(group, fine):
    """One image of all scans of a contrast, each by its noise."""
    sigma = group[0].sigma
    parts = tuple(
        Part(p.at.model, p.at.seen * np.float32(sigma / p.sigma), p.at.resampling) for p in group
    )
    contrast = np.mean([p.at.model.contrast for p in group], axis=0)
    model = StackedModel(tuple(fine.shape), parts, contrast)
    voxels = np.concatenate([p.voxels.ravel() for p in group])
    measured = model.stack([p.measured for p in group])
    image, smoothness = discrepancy_inverse(model, measured, voxels, sigma, fine.zooms)
    return _Deconvolved(image, smoothness, sigma, model, voxels, measured)


def _view(one: _Placed, channel, warm, outside, tissue):
    """The first estimate as a scan sees it from its own lattice."""
    near = _Nearby(one.at.resampling, one.at.fine.shape)
    share = np.maximum(near(warm.inside.astype(np.float32)), 0.5)
    # Premultiplied by the mask and divided by it again, the rim stays as bright as it is.
    intensity = np.where(one.at.inside, near(warm.intensity) / share, 0)
    probs = np.stack([near(p * warm.inside) for p in tissue]) * one.at.inside
    probs /= np.maximum(probs.sum(axis=0), 1e-6)
    seen = one.at.model.acquire(probs)
    total = seen.sum(axis=0)
    on_scan = np.where(total > 1e-3, seen / np.maximum(total, 1e-3), np.float32(1 / 3))
    pose = None
    if one.at.resampling is not None:
        to_field = np.linalg.inv(warm.fine.affine) @ one.at.fine.affine
        scale = 1 / np.maximum(np.array(warm.fine.shape) - 1, 1)
        pose = (scale[:, None] * to_field[:3, :3], scale * to_field[:3, 3])
    return View(
        scan=one.at.scan,
        fine=one.at.fine,
        model=one.at.model,
        voxels=one.voxels,
        inside=one.at.inside,
        measured=one.measured,
        outside=one.at.model.acquire(near(outside)),
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
    return np.array(plan.means) / plan.means[2]
