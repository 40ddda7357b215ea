"""Scores of an enhanced image: against the truth, against the scan, against what was asked for."""

import numpy as np

from ulfprep.evaluation.compare import compare
from ulfprep.evaluation.inr_cases import Trial
from ulfprep.evaluation.inr_methods import Enhanced
from ulfprep.evaluation.inr_prepare import Prepared
from ulfprep.metrics.contrast import tissue_means
from ulfprep.physics.contrast import michelson
from ulfprep.physics.forward import residual
from ulfprep.physics.interpolation import resample_mask
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
        Keys of :data:`ulfprep.evaluation.inr_report.SCORES`; without those of the method's own
        tissues where it has none, and of a tissue that it has lost.
    """
    labels = None
    if found.probs is not None:
        labels = to_dseg(found.probs, found.probs.sum(axis=0) > 0.5)
    out = compare(found.image, found.grid, trial.truth, labels)
    out['contrast_of_truth'] = out['contrast'] / out['contrast_truth']
    out['residual_rms'] = residual_rms(found, given)
    if found.probs is not None:
        out |= realised(found, given.plan)
    return {name: value for name, value in out.items() if np.isfinite(value)}


def residual_rms(found: Enhanced, given: Prepared) -> float:
    """Root mean square of scan minus prediction, in units of the noise.

    A method without tissues has no contrast either: its image is taken for what the scanner
    saw of it.
    """
    plan, probs = given.plan, found.probs
    if probs is None:
        plan = plan | {'contrast_vector': [1.0] * 3}
        brain = resample_mask(given.mask, given.grid, found.grid)
        probs = np.zeros((3, *found.grid.shape), np.float32)
        probs[0] = brain
    difference = residual(given.scan, given.mask, found.image, probs, given.grid, found.grid, plan)
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
