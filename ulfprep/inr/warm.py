"""The first estimate: a regularised linear inverse and what its intensities say of tissue."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, aligned_offsets, brain_bounds, isotropic_grid
from ulfprep.physics.informed import informed_inverse
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import conjugate_gradient, discrepancy_inverse
from ulfprep.physics.types import Numbers

#: S.d. of intensities within a tissue, relative to white matter.
TEXTURE = 0.05
#: S.d. of a correction's Gaussians over the edge of a cube as large as the scan's voxels.
COARSENESS = 0.85


@dataclass(frozen=True, eq=False)
class WarmStart:
    """First estimate on the fine lattice, in units of the scan's white-matter mean.

    Attributes
    ----------
    scan, fine : Grid
        Cropped scan grid and fine lattice around the brain.
    bounds : tuple of 3 slices
        Where ``scan`` lies in the whole scan.
    model : ForwardModel
        From ``fine`` to ``scan``.
    voxels : numpy.ndarray of bool, shape (X, Y, Z)
        Brain on ``scan``.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain on the fine lattice.
    intensity : numpy.ndarray, shape (x, y, z)
        High-field intensity.
    logits : numpy.ndarray, shape (3, x, y, z)
        Logarithms of the tissue probabilities.
    outside : numpy.ndarray, shape (X, Y, Z)
        What lies outside the brain contributes to each scan voxel.
    noise : numpy.ndarray, shape (x, y, z)
        S.d. with which the scan's noise reaches the deconvolved image.
    smoothness : float
        Regularisation that the discrepancy principle chose.
    course : dict of list
        How the estimate was reached, see :func:`ulfprep.physics.informed.informed_inverse`.
    """

    scan: Grid
    fine: Grid
    bounds: tuple
    model: ForwardModel
    voxels: np.ndarray
    inside: np.ndarray
    intensity: np.ndarray
    logits: np.ndarray
    outside: np.ndarray
    noise: np.ndarray
    smoothness: float
    course: dict = field(default_factory=dict)


def warm_start(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    grid: Grid,
    plan: ContrastPlan,
    *,
    spacing: float = 1.0,
    seed: int = 0,
    lattice_probs: np.ndarray | None = None,
) -> WarmStart:
    """Deconvolve a scan and read tissue probabilities off the result.

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain mask.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Tissue posteriors on the scan's grid, from whichever segmentation.
    grid : Grid
    plan : ContrastPlan
        Of :func:`ulfprep.physics.plan.plan_contrast`.
    spacing : float
        Of the fine lattice, mm.
    lattice_probs : numpy.ndarray, shape (3, x, y, z), optional
        The tissues on the isotropic lattice over the scan, where the segmentation made them
        there; ``probs`` are interpolated without.
    seed : int
        Of the noise that is sent through the inverse to measure its spread.

    Returns
    -------
    WarmStart
    """
    white = plan.means[2]
    sigma, shared = plan.noise_sigma / white, plan.noise_shared
    bounds, fine_bounds = brain_bounds(mask, grid, spacing)
    scan, fine = grid.crop(bounds), isotropic_grid(grid, spacing).crop(fine_bounds)
    measured = (np.asarray(image, np.float32)[bounds] / np.float32(white)).astype(np.float32)
    voxels = np.asarray(mask, bool)[bounds]
    model = ForwardModel.between(scan, fine, plan.psf_fwhm_mm, plan.contrast_vector, plan.psf)
    sharp, smoothness = discrepancy_inverse(model, measured, voxels, sigma, fine.zooms)
    inside = resample_mask(voxels, scan, fine)
    if lattice_probs is None:
        prior = _upsample(probs[(slice(None), *bounds)], scan, fine)
        tissue = estimate_tissues(sharp, inside, prior, np.array(plan.means) / white)
    else:
        tissue = lattice_probs[(slice(None), *fine_bounds)]
    means = np.array(plan.means, np.float32) / np.float32(white)
    width = correction_width(plan.psf_fwhm_mm)
    intensity, course = first_intensity(
        model, measured, voxels, sharp, tissue, inside, means, (sigma, shared), fine.zooms, width
    )
    noise = noise_spread(model, scan.shape, shared * sigma, smoothness, fine.zooms, seed)
    return WarmStart(
        scan=scan,
        fine=fine,
        bounds=bounds,
        model=model,
        voxels=voxels,
        inside=inside,
        intensity=intensity,
        logits=np.log(np.maximum(tissue, 1e-3)).astype(np.float32),
        outside=model.acquire(np.where(inside, 0, sharp).astype(np.float32)),
        noise=noise,
        smoothness=smoothness,
        course=course,
    )


def even_start(warm: Any) -> Any:
    """Return the same lattice and model without what the linear inverse found on it.

    The brain is everywhere as bright as white matter, and each tissue as likely as the others:
    a network that starts from it has to find all by itself.
    """
    return replace(
        warm,
        intensity=warm.inside.astype(np.float32),
        logits=np.zeros_like(warm.logits),
    )


def correction_width(voxel_size: Numbers, scans: int = 1) -> float:
    """Return the s.d. of the Gaussians that scans of a voxel size can correct an image by, mm."""
    return COARSENESS * float(np.prod(voxel_size) / scans) ** (1 / 3)


def first_intensity(
    model: Any,
    measured: np.ndarray,
    voxels: np.ndarray,
    sharp: np.ndarray,
    tissue: np.ndarray,
    inside: np.ndarray,
    means: np.ndarray,
    noise: Numbers,
    spacing: Numbers,
    width: float,
) -> tuple[np.ndarray, dict]:
    """High-field intensity: that of the tissues, and what the scan shows beyond them.

    Tissues and their signals make an image at the scan's contrast. It is corrected until it
    explains the scan, further where the tissues are in doubt: by the s.d. of the signals that a
    point may have, and of the texture of a tissue
    (:func:`ulfprep.physics.informed.informed_inverse`). Divided by the contrast factor of its
    tissues it is the high-field image that the forward model takes to the scan.

    Parameters
    ----------
    model : ForwardModel or StackedModel
    measured, voxels : numpy.ndarray
        Scan and its brain voxels, on the model's grid.
    sharp : numpy.ndarray, shape (x, y, z)
        Regularised linear inverse of ``measured``, for what lies outside the brain.
    tissue : numpy.ndarray, shape (3, x, y, z)
        Probabilities of CSF, GM, WM.
    inside : numpy.ndarray of bool, shape (x, y, z)
    means : numpy.ndarray, shape (3,)
        Of the tissues in the scan.
    noise : tuple of 2 floats
        S.d., relative to white matter as all intensities are, and by how much more it counts
        because neighbours share it (:class:`ulfprep.physics.noise.NoiseEstimate`).
    spacing : sequence of 3 floats
        Of the fine lattice, mm.
    width : float
        Of :func:`correction_width`.

    Returns
    -------
    intensity : numpy.ndarray, shape (x, y, z), float32
        Zero outside the brain.
    course : dict of list
        See :func:`ulfprep.physics.informed.informed_inverse`.
    """
    seen = np.tensordot(means, tissue, 1)
    mixed = np.maximum(np.tensordot(means**2, tissue, 1) - seen**2, 0)
    factor = np.maximum(model.modulation(tissue), 0.05)
    doubt = np.sqrt(mixed + (factor * np.float32(TEXTURE)) ** 2)
    guess = np.where(inside, seen, sharp)
    correction, course = informed_inverse(
        model,
        measured,
        voxels,
        noise[0] * noise[1],
        spacing,
        guess,
        np.where(inside, doubt, 0),
        width,
    )
    course['residual_rms'] = [noise[1] * value for value in course['residual_rms']]
    image = np.maximum(guess + correction, 0) / factor
    return np.where(inside, image, 0).astype(np.float32), course


def _upsample(probs, scan, fine):
    """Scan-grid posteriors on the fine lattice, linearly interpolated."""
    where = np.meshgrid(*aligned_offsets(scan, fine), indexing='ij')
    return np.stack(
        [
            ndimage.map_coordinates(np.asarray(p, np.float32), where, order=1, mode='nearest')
            for p in probs
        ]
    )


def estimate_tissues(
    sharp: np.ndarray,
    inside: np.ndarray,
    prior: np.ndarray,
    means: np.ndarray,
    *,
    trust: float = 0.5,
    softness: float = 1.5,
) -> np.ndarray:
    """Tissue probabilities from the deconvolved intensity and the scan's posteriors.

    The spread of each class is measured from the deconvolved image under the prior and
    widened by ``softness``: neighbouring values of a deconvolution are not independent,
    and confident tissue labels where the scan cannot tell would be painted into the
    image as anatomy.
    """
    weight = (prior * inside) ** 4
    total = weight.sum(axis=(1, 2, 3)) + 1e-6
    centred = (sharp[None] - means[:, None, None, None]) ** 2
    sds = np.sqrt((weight * centred).sum(axis=(1, 2, 3)) / total)
    sds = softness * np.clip(sds, 0.04, 0.2)[:, None, None, None]
    logits = -0.5 * centred / sds**2 - np.log(sds) + trust * np.log(np.maximum(prior, 0.02))
    logits -= logits.max(axis=0)
    probs = np.exp(logits)
    return (probs / probs.sum(axis=0) * inside).astype(np.float32)


def noise_spread(
    model: Any,
    shape: tuple[int, ...],
    sigma: float,
    smoothness: float,
    spacing: Numbers,
    seed: int,
    draws: int = 2,
) -> np.ndarray:
    """Root mean square of pure noise after the linear inverse, smoothed over 10 mm."""
    rng = np.random.default_rng(seed)
    total: Any = 0.0
    for _ in range(draws):
        noise = (sigma * rng.standard_normal(shape)).astype(np.float32)
        total = total + conjugate_gradient(model, noise, smoothness, spacing) ** 2
    blur = [10 / 2.3548 / s for s in spacing]
    return np.sqrt(ndimage.gaussian_filter(total / draws, blur, mode='nearest'))
