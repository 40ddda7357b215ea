"""The first estimate of all scans that a fit is given: of one, or of several together."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ulfprep.inr.tissues import estimate_tissues, pooled_tissues
from ulfprep.inr.views import (
    Acquisition,
    Estimate,
    View,
    relative_means,
    relative_noise,
    target_means,
)
from ulfprep.inr.warm import Deconvolved, Frame, WarmStart, deconvolve, start, warm_start
from ulfprep.physics.stacked import Part, Placement, StackedModel, place

#: Part of a scan's brain that must lie in the brain of the first: less is another place.
OVERLAP = 0.5


def first_estimates(
    acquisitions: list[Acquisition], spacing: float, seed: int, tissues: np.ndarray | None = None
) -> tuple[list[View], list[WarmStart]]:
    """Make the view of every scan, and the first estimate of every contrast as it first comes.

    Parameters
    ----------
    acquisitions
    spacing : float
        Of the field's lattice, mm.
    seed : int
        See :func:`ulfprep.inr.warm.warm_start`.
    tissues : numpy.ndarray, shape (3, x, y, z), optional
        See :func:`ulfprep.inr.fit.fit_scans`; of no use to a single scan.

    Raises
    ------
    ValueError
        If there is no scan, or one does not lie where the first does.
    """
    if not acquisitions:
        raise ValueError('there is no scan to fit')
    if len(acquisitions) > 1:
        return _joint_estimates(acquisitions, spacing, seed, tissues)
    (one,) = acquisitions
    warm = warm_start(one, spacing, seed)
    view = View(
        **{shared.name: getattr(warm, shared.name) for shared in fields(Estimate)},
        measured=one.in_white_matter(warm.bounds),
        posterior=np.asarray(one.probs, np.float32)[(slice(None), *warm.bounds)],
        sigma=relative_noise(one.plan),
        targets=target_means(one.plan),
    )
    return [view], [warm]


def _joint_estimates(acquisitions, spacing, seed, tissues):
    """Deconvolve all scans of a contrast at once, and pool the tissues of all scans."""
    first = acquisitions[0]
    frame = Frame.around(first, spacing)
    placed = [_place(one, number, frame) for number, one in enumerate(acquisitions, 1)]
    groups: dict[str, list[_Placed]] = {}
    for scan in placed:
        groups.setdefault(scan.about.modality, []).append(scan)
    sharp = {name: _deconvolved(group, frame) for name, group in groups.items()}
    if tissues is not None:
        tissues = tissues[(slice(None), *frame.fine_bounds)]
    tissue = pooled_tissues(acquisitions, frame.fine, frame.inside, tissues)
    if first.lattice_probs is None and tissues is None:
        image = sharp[first.modality].image
        tissue = estimate_tissues(image, frame.inside, tissue, relative_means(first.plan))
    channels = []
    for name, group in groups.items():
        means = np.mean([relative_means(scan.about.plan) for scan in group], axis=0)
        means = means.astype(np.float32)
        channels.append(start(frame, sharp[name], tissue, means, seed, len(group)))
    names = list(groups)
    views = []
    for scan in placed:
        number = names.index(scan.about.modality)
        found = sharp[scan.about.modality]
        views.append(_view(scan, number, channels[number], found, tissue))
    return views, channels


@dataclass(frozen=True, eq=False)
class _Placed:
    """A scan, its place, and its voxels that say something about the brain of the first."""

    about: Acquisition
    at: Placement
    voxels: np.ndarray
    measured: np.ndarray

    def near(self, image: np.ndarray) -> np.ndarray:
        """Values of an image of the field at the points of the scan's own lattice."""
        if self.at.resampling is None:
            return image
        resampling: Any = self.at.resampling
        return (resampling @ image.ravel()).reshape(self.at.fine.shape)


def _place(one: Acquisition, number: int, frame: Frame) -> _Placed:
    plan = one.plan
    elsewhere = ValueError(
        f'scan {number} of the fit does not lie where the first does; check the orientation '
        'in their headers, or fit them apart'
    )
    try:
        at = place(
            one.mask,
            one.grid,
            frame.fine,
            frame.inside,
            plan.psf_fwhm_mm,
            plan.contrast_vector,
            plan.psf,
        )
    except ValueError as exception:
        raise elsewhere from exception
    voxels = at.voxels
    if number > 1:
        # The mask of the first scan is the brain; where this one's own goes beyond it, there is
        # no field to compare with.
        voxels = voxels & at.seen & (at.model.acquire(at.inside.astype(np.float32)) > 0.5)
        if voxels.sum() < OVERLAP * np.count_nonzero(one.mask):
            raise elsewhere
    return _Placed(one, at, voxels, one.in_white_matter(at.bounds))


def _deconvolved(group: list[_Placed], frame: Frame) -> Deconvolved:
    """One image of all scans of a contrast, each by its noise."""
    first = group[0].about
    parts = []
    for scan in group:
        weight = np.float32(relative_noise(first.plan) / relative_noise(scan.about.plan))
        parts.append(Part(scan.at.model, scan.at.seen * weight, scan.at.resampling))
    contrast = np.mean([scan.at.model.contrast for scan in group], axis=0)
    model = StackedModel(tuple(frame.fine.shape), tuple(parts), contrast)
    voxels = np.concatenate([scan.voxels.ravel() for scan in group])
    measured = model.stack([scan.measured for scan in group])
    return deconvolve(first, model, measured, voxels, frame.fine.zooms)


def _view(scan: _Placed, channel: int, warm: WarmStart, found: Deconvolved, tissue) -> View:
    """The first estimate as a scan sees it from its own lattice."""
    at = scan.at
    share = np.maximum(scan.near(warm.inside.astype(np.float32)), 0.5)
    # Premultiplied by the mask and divided by it again, the rim stays as bright as it is.
    intensity = np.where(at.inside, scan.near(warm.intensity) / share, 0)
    probs = np.stack([scan.near(p * warm.inside) for p in tissue]) * at.inside
    probs /= np.maximum(probs.sum(axis=0), 1e-6)
    seen = at.model.acquire(probs)
    total = seen.sum(axis=0)
    on_scan = np.where(total > 1e-3, seen / np.maximum(total, 1e-3), np.float32(1 / 3))
    outside = np.where(warm.inside, 0, found.image).astype(np.float32)
    pose = None
    if at.resampling is not None:
        to_field = np.linalg.inv(warm.fine.affine) @ at.fine.affine
        scale = 1 / np.maximum(np.array(warm.fine.shape) - 1, 1)
        pose = (scale[:, None] * to_field[:3, :3], scale * to_field[:3, 3])
    return View(
        scan=at.scan,
        fine=at.fine,
        model=at.model,
        voxels=scan.voxels,
        inside=at.inside,
        measured=scan.measured,
        outside=at.model.acquire(scan.near(outside)),
        posterior=on_scan.astype(np.float32),
        intensity=intensity.astype(np.float32),
        logits=np.log(np.maximum(probs, 1e-3)).astype(np.float32),
        sigma=relative_noise(scan.about.plan),
        targets=target_means(scan.about.plan),
        channel=channel,
        pose=pose,
    )
