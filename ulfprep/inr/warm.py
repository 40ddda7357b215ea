"""The first estimate: a regularised linear inverse and what its intensities say of tissue."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.inr.tissues import estimate_tissues, upsample
from ulfprep.inr.views import Acquisition, Estimate, relative_means, relative_noise
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid
from ulfprep.physics.informed import informed_inverse
from ulfprep.physics.inverse import conjugate_gradient, discrepancy_inverse
from ulfprep.physics.lattice import Lattice
from ulfprep.physics.types import Numbers

#: S.d. of intensities within a tissue, relative to white matter.
TEXTURE = 0.05
#: S.d. of a correction's Gaussians over the edge of a cube as large as the scan's voxels.
COARSENESS = 0.85
#: Draws of noise whose spread after the inverse is measured.
DRAWS = 2


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a field lives: boxes around the brain of its first scan, and how that scan sees it."""

    bounds: tuple  #: box in the whole scan, 3 slices
    fine_bounds: tuple  #: box in the isotropic lattice over it
    scan: Grid
    fine: Grid
    model: ForwardModel  #: from ``fine`` to ``scan``
    voxels: np.ndarray  #: brain on ``scan``
    inside: np.ndarray  #: brain on ``fine``

    @classmethod
    def around(cls, one: Acquisition, spacing: float) -> 'Frame':
        """Frame a scan; ``spacing`` is that of the lattice, mm."""
        plan, at = one.plan, Lattice.over(np.asarray(one.mask, bool), one.grid, spacing)
        model = ForwardModel.between(
            at.near, at.fine, plan.psf_fwhm_mm, plan.contrast_vector, plan.psf
        )
        return cls(at.bounds, at.fine_bounds, at.near, at.fine, model, at.voxels, at.brain)


@dataclass(frozen=True, eq=False)
class WarmStart(Estimate):
    """First estimate of one contrast on the lattice of the field.

    Grids, model and voxels are those of the field's first scan, whatever the contrast is.
    """

    bounds: tuple  #: where ``scan`` lies in the whole scan, 3 slices
    modality: str
    plan: ContrastPlan  #: of the first scan of this contrast
    noise: np.ndarray  #: s.d. with which the scan's noise reaches the deconvolved image
    smoothness: float  #: regularisation that the discrepancy principle chose
    #: How it was reached, see :func:`ulfprep.physics.informed.informed_inverse`.
    course: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Deconvolved:
    """The regularised linear inverse of the scans of one contrast."""

    first: Acquisition  #: its white matter is the unit
    model: Any  #: ForwardModel or StackedModel
    measured: np.ndarray  #: scans on the model's grid
    voxels: np.ndarray  #: their brain
    image: np.ndarray  #: shape (x, y, z)
    smoothness: float


def deconvolve(
    first: Acquisition, model: Any, measured: np.ndarray, voxels: np.ndarray, spacing: Numbers
) -> Deconvolved:
    """Invert the scans of a contrast as smoothly as their noise demands."""
    sigma = relative_noise(first.plan)
    image, smoothness = discrepancy_inverse(model, measured, voxels, sigma, spacing)
    return Deconvolved(first, model, measured, voxels, image, smoothness)


def warm_start(one: Acquisition, spacing: float = 1.0, seed: int = 0) -> WarmStart:
    """Deconvolve a scan and read tissue probabilities off the result.

    ``spacing`` is that of the fine lattice, mm; ``seed`` that of the noise that is sent through
    the inverse to measure its spread.
    """
    plan, frame = one.plan, Frame.around(one, spacing)
    measured = one.in_white_matter(frame.bounds)
    found = deconvolve(one, frame.model, measured, frame.voxels, frame.fine.zooms)
    if one.lattice_probs is None:
        prior = upsample(one.probs[(slice(None), *frame.bounds)], frame.scan, frame.fine)
        tissue = estimate_tissues(found.image, frame.inside, prior, relative_means(plan))
    else:
        tissue = one.lattice_probs[(slice(None), *frame.fine_bounds)]
    means = np.array(plan.means, np.float32) / np.float32(plan.means[2])
    return start(frame, found, tissue, means, seed)


def start(
    frame: Frame,
    found: Deconvolved,
    tissue: np.ndarray,
    means: np.ndarray,
    seed: int,
    scans: int = 1,
) -> WarmStart:
    """Complete the first estimate of a contrast from its linear inverse and the tissues.

    ``tissue`` (3, x, y, z) are the probabilities of CSF, GM and WM, ``means`` (3,) their signals,
    white matter one, in ``scans`` scans of the contrast.
    """
    intensity, course = _first_intensity(frame, found, tissue, means, scans)
    outside = np.where(frame.inside, 0, found.image).astype(np.float32)
    shared = ('bounds', 'scan', 'fine', 'model', 'voxels', 'inside')
    return WarmStart(
        **{name: getattr(frame, name) for name in shared},
        modality=found.first.modality,
        plan=found.first.plan,
        intensity=intensity,
        logits=np.log(np.maximum(tissue, 1e-3)).astype(np.float32),
        outside=frame.model.acquire(outside),
        noise=_noise_spread(found, frame.fine.zooms, seed),
        smoothness=found.smoothness,
        course=course,
    )


def _first_intensity(frame, found, tissue, means, scans):
    """High-field intensity: that of the tissues, and what the scan shows beyond them.

    Tissues and their signals make an image at the scan's contrast. It is corrected until it
    explains the scan, further where the tissues are in doubt: by the s.d. of the signals that a
    point may have, and of the texture of a tissue
    (:func:`ulfprep.physics.informed.informed_inverse`). Divided by the contrast factor of its
    tissues it is the high-field image that the forward model takes to the scan.
    """
    plan, inside = found.first.plan, frame.inside
    seen = np.tensordot(means, tissue, 1)
    mixed = np.maximum(np.tensordot(means**2, tissue, 1) - seen**2, 0)
    factor = np.maximum(found.model.modulation(tissue), 0.05)
    doubt = np.sqrt(mixed + (factor * np.float32(TEXTURE)) ** 2)
    guess = np.where(inside, seen, found.image)
    correction, course = informed_inverse(
        found.model,
        found.measured,
        found.voxels,
        # Noise that neighbours share counts more than its s.d. says.
        relative_noise(plan) * plan.noise_shared,
        frame.fine.zooms,
        guess,
        np.where(inside, doubt, 0),
        COARSENESS * float(np.prod(plan.psf_fwhm_mm) / scans) ** (1 / 3),
    )
    course['residual_rms'] = [plan.noise_shared * value for value in course['residual_rms']]
    image = np.maximum(guess + correction, 0) / factor
    return np.where(inside, image, 0).astype(np.float32), course


def _noise_spread(found, spacing, seed):
    """Root mean square of pure noise after the linear inverse, smoothed over 10 mm."""
    rng = np.random.default_rng(seed)
    sigma = found.first.plan.noise_shared * relative_noise(found.first.plan)
    total: Any = 0.0
    for _ in range(DRAWS):
        noise = (sigma * rng.standard_normal(found.voxels.shape)).astype(np.float32)
        total = total + conjugate_gradient(found.model, noise, found.smoothness, spacing) ** 2
    blur = [10 / 2.3548 / s for s in spacing]
    return np.sqrt(ndimage.gaussian_filter(total / DRAWS, blur, mode='nearest'))
