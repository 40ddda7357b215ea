"""What moves an enhanced image: the seed of its fit, and the contrast that is asked for."""

import numpy as np

from ulfprep.evaluation.fresh import ProcessFailed, in_fresh_process
from ulfprep.evaluation.inr_cases import Trial
from ulfprep.evaluation.inr_methods import Effort, enhance
from ulfprep.evaluation.inr_prepare import prepare
from ulfprep.evaluation.inr_report import FIRST
from ulfprep.evaluation.inr_score import CERTAIN
from ulfprep.metrics.contrast import tissue_means
from ulfprep.physics.contrast import michelson
from ulfprep.physics.interpolation import resample_mask

#: Seeds of the fits of one scan.
FIT_SEEDS = (0, 1, 2)
#: What part of the usual WM-GM contrast is asked for.
PARTS = (0.9, 1.0, 1.1)
#: Fits of one scan: every seed, and every other contrast with the first seed.
FITS = len(FIT_SEEDS) + len(PARTS) - 1
_OVER_TARGETS = 'Mean over the brain of the variance over the three contrasts, WM as one'
COLUMNS = {name: FIRST[name] for name in ('regime', 'brain', 'seed', 'method', 'status')} | {
    'variance_seeds': {
        'LongName': 'Variance over seeds',
        'Description': 'Mean over the brain of the variance of the intensity over three seeds of '
        'the fit, WM as one',
    },
    'moved_low': {
        'LongName': 'Contrast at 90 %',
        'Description': 'WM-GM contrast of points that are a tissue by over .9, where 90 % of the '
        'usual target is asked for, over that of the usual target; 90 is proportional',
        'Units': '%',
    },
    'moved_high': {
        'LongName': 'Contrast at 110 %',
        'Description': 'The same where 110 % is asked for',
        'Units': '%',
    },
    'variance_targets': {'LongName': 'Variance over targets', 'Description': _OVER_TARGETS},
    'variance_targets_less_means': {
        'LongName': 'Variance over targets, tissue means removed',
        'Description': f'{_OVER_TARGETS}, of what is left of each image once its three tissue '
        'means, in the shares of tissue at the usual target, are taken off',
    },
}
#: Heads of the printed table: name, column, format.
SHOWN = (
    ('variance over seeds', 'variance_seeds', '.2e'),
    ('contrast at 90 %', 'moved_low', '.1f'),
    ('at 110 %', 'moved_high', '.1f'),
    ('variance over targets', 'variance_targets', '.2e'),
    ('tissue means removed', 'variance_targets_less_means', '.2e'),
)


def run_trial(trial: Trial, name: str, effort: Effort, threads: int, say=None) -> dict:
    """Measure the sensitivity of a method on one scan.

    Parameters
    ----------
    trial : Trial
    name : str
        Method (:func:`ulfprep.evaluation.inr_methods.method_names`) with tissues of its own.
    effort : Effort
    threads : int
    say : callable, optional
        Called after each of the :data:`FITS` fits.

    Returns
    -------
    dict
        Keys of :data:`COLUMNS`.
    """
    case = trial.case
    row = {'regime': trial.regime, 'brain': case.brain, 'seed': case.seed, 'method': name}
    spacing = effort.options().spacing
    usual = prepare(trial, spacing)
    asked = usual.plan['target_contrast']['WM-GM']

    def fit(given, seed):
        found = in_fresh_process(enhance, name, given, effort, seed, threads, threads=threads)
        if say is not None:
            say()
        return found

    try:
        seeds = [fit(usual, seed) for seed in FIT_SEEDS]
        targets = [
            seeds[0] if part == 1 else fit(
                prepare(trial, spacing, contrast=part * asked), FIT_SEEDS[0]
            )
            for part in PARTS
        ]  # fmt: skip
    except ProcessFailed as error:
        return row | {'status': f'failed: {error}'}
    white = usual.plan['means'][2]
    brain = resample_mask(case.mask, case.grid, seeds[0].grid) & (seeds[0].probs.sum(axis=0) > 0)
    return row | {'status': 'ok', **sensitivity(seeds, targets, brain, white)}


def sensitivity(seeds, targets, brain: np.ndarray, white: float) -> dict[str, float]:
    """Compare images of one scan.

    Parameters
    ----------
    seeds : sequence of Enhanced
        That differ by seed.
    targets : sequence of 3 Enhanced
        Less contrast, the usual one, more.
    brain : numpy.ndarray of bool, shape (x, y, z)
    white : float
        Intensity of white matter.

    Returns
    -------
    dict of float
        The last five of :data:`COLUMNS`.
    """
    contrasts = []
    for found in targets:
        means = tissue_means(found.image, found.probs, CERTAIN)
        contrasts.append(michelson(means[2], means[1]))
    low, usual, high = contrasts
    images = np.stack([found.image[brain] for found in targets]) / white
    shares = targets[1].probs[:, brain].T
    left = images - (shares @ np.linalg.lstsq(shares, images.T, rcond=None)[0]).T
    repeated = np.stack([found.image[brain] for found in seeds]) / white
    return {
        'variance_seeds': float(repeated.var(axis=0, ddof=1).mean()),
        'moved_low': 100 * low / usual,
        'moved_high': 100 * high / usual,
        'variance_targets': float(images.var(axis=0, ddof=1).mean()),
        'variance_targets_less_means': float(left.var(axis=0, ddof=1).mean()),
    }
