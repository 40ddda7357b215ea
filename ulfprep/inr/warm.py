"""The first estimate: a regularised linear inverse and what its intensities say of tissue."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, aligned_offsets, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import conjugate_gradient, discrepancy_inverse, guided_inverse


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


def warm_start(
    image, mask, probs, grid: Grid, plan: dict, *, spacing=1.0, seed=0, lattice_probs=None
) -> WarmStart:
    """Deconvolve a scan and read tissue probabilities off the result.

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain mask.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Tissue posteriors on the scan's grid, from whichever segmentation.
    grid : Grid
    plan : dict
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
    white = plan['means'][2]
    sigma = plan['noise_sigma'] / white
    bounds, fine_bounds = brain_bounds(mask, grid, spacing)
    scan, fine = grid.crop(bounds), isotropic_grid(grid, spacing).crop(fine_bounds)
    measured = (np.asarray(image, np.float32)[bounds] / np.float32(white)).astype(np.float32)
    voxels = np.asarray(mask, bool)[bounds]
    model = ForwardModel.between(
        scan, fine, plan['psf_fwhm_mm'], plan['contrast_vector'], plan.get('psf', 'gaussian')
    )
    sharp, smoothness = discrepancy_inverse(model, measured, voxels, sigma, fine.zooms)
    inside = resample_mask(voxels, scan, fine)
    if lattice_probs is None:
        prior = _upsample(probs[(slice(None), *bounds)], scan, fine)
        tissue = estimate_tissues(sharp, inside, prior, np.array(plan['means']) / white)
    else:
        tissue = lattice_probs[(slice(None), *fine_bounds)]
    means = np.array(plan['means'], np.float32) / np.float32(white)
    intensity = first_intensity(
        model, measured, voxels, sharp, tissue, inside, means, sigma, fine.zooms
    )
    noise = noise_spread(model, scan.shape, sigma, smoothness, fine.zooms, seed)
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
    )


def even_start(warm: WarmStart) -> WarmStart:
    """Return the same lattice and model without what the linear inverse found on it.

    The brain is everywhere as bright as white matter, and each tissue as likely as the others:
    a network that starts from it has to find all by itself.
    """
    return replace(
        warm,
        intensity=warm.inside.astype(np.float32),
        logits=np.zeros_like(warm.logits),
    )


def first_intensity(model, measured, voxels, sharp, tissue, inside, means, sigma, spacing):
    """High-field intensity by two inverses whose errors differ.

    One knows nothing of tissues (``sharp``) and blurs their borders; the other corrects the
    image that tissues and their means alone would give
    (:func:`ulfprep.physics.inverse.guided_inverse`), and has the borders of the segmentation,
    its errors included. Their mean is nearer to the truth than either.

    Parameters
    ----------
    model : ForwardModel or StackedModel
    measured, voxels : numpy.ndarray
        Scan and its brain voxels, on the model's grid.
    sharp : numpy.ndarray, shape (x, y, z)
        Regularised linear inverse of ``measured``.
    tissue : numpy.ndarray, shape (3, x, y, z)
        Probabilities of CSF, GM, WM.
    inside : numpy.ndarray of bool, shape (x, y, z)
    means : numpy.ndarray, shape (3,)
        Of the tissues in the scan.
    sigma : float
        Noise s.d.; all intensities are relative to white matter.
    spacing : sequence of 3 floats
        Of the fine lattice, mm.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
        Zero outside the brain.
    """
    guess = np.where(inside, np.tensordot(means, tissue, 1), sharp)
    guided = guided_inverse(model, measured, voxels, sigma, spacing, guess)
    both = 0.5 * np.maximum(sharp, 0) + 0.5 * np.maximum(guided, 0)
    factor = np.maximum(model.modulation(tissue), 0.05)
    return np.where(inside, both / factor, 0).astype(np.float32)


def _upsample(probs, scan, fine):
    """Scan-grid posteriors on the fine lattice, linearly interpolated."""
    where = np.meshgrid(*aligned_offsets(scan, fine), indexing='ij')
    return np.stack(
        [
            ndimage.map_coordinates(np.asarray(p, np.float32), where, order=1, mode='nearest')
            for p in probs
        ]
    )


def estimate_tissues(sharp, inside, prior, means, *, trust=0.5, softness=1.5):
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


def noise_spread(model, shape, sigma, smoothness, spacing, seed, draws=4):
    """Root mean square of pure noise after the linear inverse, smoothed over 10 mm."""
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(draws):
        noise = (sigma * rng.standard_normal(shape)).astype(np.float32)
        total = total + conjugate_gradient(model, noise, smoothness, spacing) ** 2
    blur = [10 / 2.3548 / s for s in spacing]
    return np.sqrt(ndimage.gaussian_filter(total / draws, blur, mode='nearest'))
