"""Scores of an enhanced image: against the truth, against the scan, against what was asked for."""

import numpy as np

from ulfprep.evaluation.compare import DATA_RANGE, compare
from ulfprep.evaluation.enhancers.result import Enhanced
from ulfprep.evaluation.prepare import Prepared
from ulfprep.evaluation.trials import Trial
from ulfprep.evaluation.uncertainty import coverage, truth_at_target
from ulfprep.evaluation.volumes import classify, volumes_of
from ulfprep.metrics.contrast import tissue_means, tissue_sds
from ulfprep.metrics.edges import canny_edges, edge_f1
from ulfprep.metrics.lines import line_correlations
from ulfprep.metrics.perceptual import lpips
from ulfprep.metrics.similarity import dice, match_intensity
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import michelson
from ulfprep.physics.forward import residual
from ulfprep.physics.grid import are_aligned
from ulfprep.physics.interpolation import carry, carry_mask, resample_mask
from ulfprep.physics.labels import to_dseg

#: Probability over which a point counts as a tissue where its mean is asked for. Mixtures and
#: points in doubt lie between the means by right, and most points of CSF are such.
CERTAIN = 0.9


def score(found: Enhanced, given: Prepared, trial: Trial) -> dict[str, float]:
    """Score what a method made.

    Parameters
    ----------
    found : Enhanced
    given : Prepared
    trial : Trial

    Returns
    -------
    dict of float
        Keys of :data:`ulfprep.evaluation.columns.SCORES`; without those of the method's own
        tissues where it has none, and of a tissue that it has lost.
    """
    truth = trial.truth
    labels = None
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
        out |= realised(found, given.plan)
    if found.uncertainty is not None:
        out |= calibration(found, given, trial)
    return {name: float(value) for name, value in out.items() if np.isfinite(value)}


def contrast_to_spread(image, truth) -> float:
    """WM less GM over the pooled s.d. inside both, under the true tissues.

    Of an enhanced image the noise alone is no measure: what is wrong with it is texture and
    blur, and both spread the classes.
    """
    hard = np.where(truth.mask, truth.probs, 0)
    means, sds = tissue_means(image, hard), tissue_sds(image, hard)
    return float((means[2] - means[1]) / np.sqrt((sds[2] ** 2 + sds[1] ** 2) / 2))


def unfitted_edges(image, truth) -> float:
    """Edge F1 of an image as it is, divided by its own white matter alone.

    A linear fit to the truth lends its contrast to any image; here an image has the edges that its
    own contrast gives it.
    """
    white = image[truth.mask & (truth.probs.argmax(axis=0) == 2)].mean()
    edges = [canny_edges(part, truth.mask) for part in (image / white, truth.image)]
    return edge_f1(*edges)


def image_tissues(image, truth) -> dict[str, float]:
    """Dice and volumes (ml) of the tissues that one and the same classifier sees in an image.

    What an analyst would get who segments it (:func:`ulfprep.evaluation.volumes.classify`).

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
        On the lattice of the truth.
    truth : Truth

    Returns
    -------
    dict of float
        ``dice_*`` against the true labels, ``volume_*``; NaN where the image cannot be classified.
    """
    names = [tissue.lower() for tissue in TISSUES]
    try:
        probs = classify(image, truth.mask, truth.grid)
    except ValueError:  # an image without three tissues is a result
        return {f'{kind}_{n}': np.nan for kind in ('dice', 'volume') for n in names}
    labels = np.where(truth.mask, probs.argmax(axis=0) + 1, 0)
    known = np.where(truth.mask, truth.probs.argmax(axis=0) + 1, 0)
    volumes = volumes_of(probs, truth.grid)
    out = {f'dice_{name}': dice(labels, known, k) for k, name in enumerate(names, 1)}
    return out | {f'volume_{name}': volumes[name] for name in names}


def calibration(found: Enhanced, given: Prepared, trial: Trial) -> dict[str, float]:
    """How often the truth lies within the stated s.d., and how it ranks the errors.

    The truth is brought to the contrast that was asked for: a target that is not the subject's
    own is no error of the method.
    """
    from scipy.stats import spearmanr

    truth = trial.truth
    try:
        wanted = truth_at_target(truth.image, trial.case.labels, given.plan)
    except ValueError:
        return {}
    image = carry(np.asarray(found.image, np.float32), found.grid, truth.grid)
    sd = carry(np.asarray(found.uncertainty, np.float32), found.grid, truth.grid)
    brain = truth.mask & (sd > 0)
    error = (image - wanted)[brain]
    ranks = spearmanr(np.abs(error)[::11], sd[brain][::11])[0]
    return coverage(error, sd[brain]) | {'rank_correlation': float(ranks)}


def residual_rms(found: Enhanced, given: Prepared) -> float:
    """Root mean square of scan minus prediction, in units of the noise.

    A method without tissues has no contrast either: its image is taken for what the scanner
    saw of it.
    """
    plan, probs, grid, image = given.plan, found.probs, found.grid, found.image
    if probs is None:
        plan = plan | {'contrast_vector': [1.0] * 3}
        # Grids of pairs are turned against each other.
        brain_on = resample_mask if are_aligned(grid, given.grid) else carry_mask
        probs = np.zeros((3, *grid.shape), np.float32)
        probs[0] = brain_on(given.mask, given.grid, grid)
    difference = residual(given.scan, given.mask, image, probs, given.grid, grid, plan)
    inside = difference[difference != 0]
    return float(np.sqrt(np.mean(inside**2)))


def realised(found: Enhanced, plan: dict) -> dict[str, float]:
    """Tissue means of an image, by its own tissues, over what was asked for, in percent."""
    means, wanted = tissue_means(found.image, found.probs, CERTAIN), np.array(plan['target_means'])
    csf, gm, wm = 100 * means / wanted
    got, asked = michelson(means[2], means[1]), michelson(wanted[2], wanted[1])
    return {
        'realised_csf': float(csf),
        'realised_gm': float(gm),
        'realised_wm': float(wm),
        'realised_contrast': 100 * got / asked,
    }
