"""Scores of an enhanced image: against the truth, against the scan, against what was asked for."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from ulfprep.evaluation.examples import Truth
from ulfprep.evaluation.phantoms import Trial, remapped
from ulfprep.evaluation.prepare import Enhanced, Measured, Prepared
from ulfprep.metrics.contrast import coefficient_of_joint_variation, tissue_means, tissue_sds
from ulfprep.metrics.perceptual import lpips
from ulfprep.metrics.similarity import (
    canny_edges,
    dice,
    edge_f1,
    line_correlations,
    match_intensity,
    psnr,
    ssim,
)
from ulfprep.physics import TISSUES, to_dseg
from ulfprep.physics.contrast import michelson
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import residual
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry, resample_mask
from ulfprep.physics.noise import estimate_noise
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.mixels import plain_tissues

#: White matter is one in the truth; a little more than that is the range of a T1w brain.
DATA_RANGE = 1.2
#: Least noise that the classifier believes in, over the brain's median: an image that repeats
#: its voxels seems to have none.
LEAST_NOISE = 0.02
#: Intervals in s.d., and the share of the truth that Gaussian errors would leave in them.
INTERVALS = {'within_1_sd': 1.0, 'within_1.96_sd': 1.96}
NAMES = tuple(tissue.lower() for tissue in TISSUES)


def score(found: Enhanced, given: Prepared, trial: Trial) -> dict[str, float]:
    """Score what a method made: columns of ``columns.tsv``, those that can be had."""
    truth, labels = trial.truth, None
    if found.probs is not None:
        labels = to_dseg(found.probs, found.probs.sum(axis=0) > 0.5)
    out = compare(found.image, found.grid, truth, labels)
    own = {f'own_{name}': out.pop(name) for name in tuple(out) if name.startswith('dice_')}
    out['contrast_error'] = abs(out['contrast'] - out['contrast_truth'])
    out['residual_rms'] = residual_rms(found, given)
    moved = carry(np.asarray(found.image, np.float32), found.grid, truth.grid)
    matched = match_intensity(moved, truth.image, truth.mask).astype(np.float32)
    out['cnr'] = contrast_to_spread(moved, truth)
    out['edge_f1_unfitted'] = unfitted_edges(moved, truth)
    out['lpips'] = lpips(matched, truth.image, truth.mask, DATA_RANGE)[0]
    out['mlc'], out['mslc'] = line_correlations(matched, truth.mask)
    out |= own | image_tissues(moved, truth)
    if found.probs is not None:
        volumes = volumes_of(found.probs, found.grid)
        out |= {f'own_volume_{tissue}': ml for tissue, ml in volumes.items()}
    if found.uncertainty is not None:
        sd = carry(np.asarray(found.uncertainty, np.float32), found.grid, truth.grid)
        out |= _calibration(moved, sd, given, trial)
    return {name: float(value) for name, value in out.items() if np.isfinite(value)}


def compare(image, grid: Grid, truth: Truth, labels=None) -> dict[str, float]:
    """Score an image, and BIDS labels (1 GM, 2 WM, 3 CSF) of it, on the truth's grid.

    Contrasts are those of class means under the true tissues; all but them follow one linear fit
    of intensities. Dice are there with labels only.
    """
    mask, tissue = truth.mask, truth.labels
    moved = carry(np.asarray(image, np.float32), grid, truth.grid)
    grey, white = tissue == 2, tissue == 3
    matched = match_intensity(moved, truth.image, mask)
    edges, reference = canny_edges(matched, mask), canny_edges(truth.image, mask)
    out = {
        'contrast': michelson(moved[white].mean(), moved[grey].mean()),
        'contrast_truth': michelson(truth.image[white].mean(), truth.image[grey].mean()),
        'psnr': psnr(matched, truth.image, mask, DATA_RANGE),
        'ssim': ssim(matched, truth.image, mask, DATA_RANGE),
        'edge_f1': edge_f1(edges, reference),
        'edge_f1_1voxel': edge_f1(edges, reference, tolerance=1),
    }
    if labels is not None:
        found = carry(np.asarray(labels, np.uint8), grid, truth.grid, order=0)
        bids = np.array([0, 3, 1, 2], np.uint8)[tissue]
        for name, label in (('gm', 1), ('wm', 2), ('csf', 3)):
            out[f'dice_{name}'] = dice(np.where(mask, found, 0), bids, label)
    return out


def volumes_of(probs: np.ndarray, grid: Grid) -> dict[str, float]:
    """Volume of each tissue, ml: the sum of its shares, shape (3, x, y, z)."""
    voxel = abs(float(np.linalg.det(grid.affine[:3, :3]))) / 1000
    totals = np.asarray(probs).reshape(3, -1).sum(axis=1, dtype=np.float64)
    return {name: float(total) * voxel for name, total in zip(NAMES, totals, strict=True)}


def classify(image: np.ndarray, mask: np.ndarray, grid: Grid) -> np.ndarray:
    """Shares of CSF, GM, WM in a T1w image, voxels as they are: one classifier for all images.

    Ulfprep's own for 1 mm scans: a mixture of Gaussians with mixed voxels and a Markov prior, or
    a Markov random field where the image does not show three tissues; a ``ValueError`` where that
    does not either.
    """
    sigma = estimate_noise(image, mask, grid.zooms).sigma
    sigma = max(sigma, LEAST_NOISE * float(np.median(image[mask])))
    found = plain_tissues(image, mask, grid.zooms, sigma)
    found = fit_markov_field(image, mask, grid.zooms, sigma=sigma) if found is None else found
    if not np.isfinite(found.probs).all():
        raise ValueError('the image does not show three tissues')
    return found.probs


def known_volumes(trial: Trial, found: Measured) -> dict[str, dict[str, float]]:
    """Volumes of a trial that no method of enhancement has a part in.

    Those of the true ``labels``; of the ``high field`` image and the bias-corrected ``scan`` by
    :func:`classify`, where they can be had.
    """
    truth = trial.truth
    out = {'labels': volumes_of(truth.probs, truth.grid)}
    for name, image, mask, grid in (
        ('high field', truth.image, truth.mask, truth.grid),
        ('scan', found.scan, trial.mask, trial.grid),
    ):
        with suppress(ValueError):
            out[name] = volumes_of(classify(image, mask, grid), grid)
    return out


def tissue_contrasts(image: np.ndarray, probs: np.ndarray) -> dict[str, float]:
    """Contrasts of an image under given tissues; ``apart`` is WM less GM over WM."""
    means, sds = tissue_means(image, probs), tissue_sds(image, probs)
    apart = means[2] - means[1]
    with np.errstate(divide='ignore', invalid='ignore'):
        return {
            'contrast_wm_gm': michelson(means[2], means[1]),
            'contrast_gm_csf': michelson(means[1], means[0]),
            'apart': float(apart / means[2]),
            'cnr': float(apart / np.sqrt((sds[2] ** 2 + sds[1] ** 2) / 2)),
            'cjv': coefficient_of_joint_variation(means, sds),
        }


def contrast_to_spread(image: np.ndarray, truth: Truth) -> float:
    """WM less GM over the pooled s.d. inside both, under the true tissues.

    Of an enhanced image the noise alone is no measure: what is wrong with it is texture and
    blur, and both spread the classes.
    """
    return tissue_contrasts(image, np.where(truth.mask, truth.probs, 0))['cnr']


def unfitted_edges(image: np.ndarray, truth: Truth) -> float:
    """Edge F1 of an image as it is, divided by its own white matter alone.

    A linear fit to the truth lends its contrast to any image; here an image has the edges that its
    own contrast gives it.
    """
    white = image[truth.mask & (truth.probs.argmax(axis=0) == 2)].mean()
    edges = [canny_edges(part, truth.mask) for part in (image / white, truth.image)]
    return edge_f1(*edges)


def image_tissues(image: np.ndarray, truth: Truth) -> dict[str, float]:
    """Dice and volumes (ml) of what an analyst would get who segments an image (:func:`classify`).

    The image lies on the lattice of the truth; one that does not show three tissues has none,
    which is a result.
    """
    try:
        probs = classify(image, truth.mask, truth.grid)
    except ValueError:
        return {}
    labels, known = np.where(truth.mask, probs.argmax(axis=0) + 1, 0), truth.labels
    out = {f'dice_{name}': dice(labels, known, k) for k, name in enumerate(NAMES, 1)}
    return out | {f'volume_{name}': ml for name, ml in volumes_of(probs, truth.grid).items()}


def truth_at_target(trial: Trial, plan: ContrastPlan) -> np.ndarray:
    """Give the high-field image the tissue means that were asked for, in the scan's units.

    A target that is not the subject's own is no error of the method; see
    :func:`ulfprep.evaluation.phantoms.remapped` for those that cannot be had.
    """
    return remapped(trial.truth.image, trial.truth.labels, plan.target_means)


def coverage(error: np.ndarray, sd: np.ndarray) -> dict[str, float]:
    """Share of errors within each of :data:`INTERVALS`, and how the s.d. ranks their size."""
    from scipy.stats import spearmanr

    out = {k: float(np.mean(np.abs(error) <= width * sd)) for k, width in INTERVALS.items()}
    return out | {'rank_correlation': float(spearmanr(np.abs(error)[::11], sd[::11])[0])}


def _calibration(image, sd, given: Prepared, trial: Trial) -> dict[str, float]:
    try:
        wanted = truth_at_target(trial, given.plan)
    except ValueError:  # it does not rise from CSF to WM
        return {}
    brain = trial.truth.mask & (sd > 0)
    return coverage((image - wanted)[brain], sd[brain])


def residual_rms(found: Enhanced, given: Prepared) -> float:
    """Root mean square of scan minus prediction, in units of the noise.

    A method without tissues has no contrast either: its image is taken for what the scanner
    saw of it.
    """
    plan, probs, grid = given.plan, found.probs, found.grid
    if probs is None:
        plan = replace(plan, contrast_vector=(1.0,) * 3)
        probs = np.zeros((3, *grid.shape), np.float32)
        probs[0] = resample_mask(given.mask, given.grid, grid)
    return rms_of_residual(given.scan, given.mask, found.image, probs, given.grid, grid, plan)


def rms_of_residual(*given) -> float:
    """Root mean square of :func:`ulfprep.physics.forward.residual`, where there is one."""
    difference = residual(*given)
    inside = difference[difference != 0]
    return float(np.sqrt(np.mean(inside**2))) if inside.size else float('nan')
