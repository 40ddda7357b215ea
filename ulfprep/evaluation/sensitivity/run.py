"""Fit as a setting says, score, and compare the images of a study."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ulfprep.evaluation.enhancers import DEFAULT, Effort, enhance
from ulfprep.evaluation.fresh import ProcessFailed, in_fresh_process
from ulfprep.evaluation.prepare import measure, plan_for
from ulfprep.evaluation.score import score
from ulfprep.evaluation.sensitivity.studies import Setting, make_trial, tissue_source
from ulfprep.evaluation.trials import Trial
from ulfprep.physics.interpolation import carry

#: What is scored beside ulfprep where the scan itself is another one: it costs next to nothing.
BESIDE = 'bicubic'


@dataclass(frozen=True, eq=False)
class Result:
    """A fit of a study.

    Attributes
    ----------
    setting : Setting
    brain : str
    status : str
        ``ok``, or why there is none.
    scores : dict of float
        Of :data:`ulfprep.evaluation.columns.SCORES`; those of bicubic with ``bicubic_`` before.
    image : numpy.ndarray, shape (x, y, z), or None
        On the lattice of the truth, white matter of the usual target as one.
    shares : numpy.ndarray, shape (3, x, y, z), or None
        Its tissues there.
    """

    setting: Setting
    brain: str
    status: str
    scores: dict
    image: np.ndarray | None = None
    shares: np.ndarray | None = None


def run_settings(brain, chosen, effort: Effort, *, jobs=1, say=None) -> Iterator[Result]:
    """Fit one brain under every setting, several at a time, and yield results in order.

    Parameters
    ----------
    brain : ulfprep.evaluation.sources.Brain
    chosen : sequence of Setting
    effort : Effort
    jobs : int
    say : callable, optional
        Called with a line after every fit.
    """
    with ThreadPoolExecutor(jobs) as pool:
        futures = {}  # an ordinary fit is in several studies: it is made once
        for setting in chosen:
            if setting.fit not in futures:
                futures[setting.fit] = pool.submit(_run, brain, setting, effort, say)
        for setting in chosen:
            status, scores, image, shares = futures[setting.fit].result()
            yield Result(setting, brain.name, status, scores, image, shares)


def _run(brain, setting, effort, say):
    try:
        scores, image, shares = in_fresh_process(fit_and_score, brain, setting, effort, threads=1)
        out = 'ok', scores, image, shares
    except ProcessFailed as error:
        out = str(error), {}, None, None
    if say is not None:
        say(f'{brain.name}, {setting.study} {setting.level}: {out[0]}')
    return out


def fit_and_score(brain, setting: Setting, effort: Effort):
    """Scan, measure, fit and score as a setting says; returns scores, image and shares.

    A target, a PSF or tissues that are wrong on purpose are scored against the truth all the
    same, and the residual with the PSF that was believed.
    """
    trial = make_trial(brain, setting)
    spacing = effort.options().spacing
    found = measure(trial, spacing, **tissue_source(setting.tissues))
    usual = plan_for(trial, found)
    asked = None
    if setting.contrast != 1:
        asked = setting.contrast * usual.plan['target_contrast']['WM-GM']
    given = plan_for(trial, found, contrast=asked, psf_factor=setting.psf)
    made = enhance(DEFAULT, given, effort, setting.fit_seed)
    scores = score(made, given, trial)
    plain = score(enhance(BESIDE, given, effort), given, trial)
    scores |= {f'{BESIDE}_{name}': value for name, value in plain.items()}
    grid, white = trial.truth.grid, np.float32(usual.plan['target_means'][2])
    image = on_truth(made.image, made.grid, trial) / white
    shares = np.stack([carry(part, made.grid, grid) for part in made.probs])
    return scores, image, (shares * trial.truth.mask).astype(np.float16)


def on_truth(image, grid, trial: Trial) -> np.ndarray:
    """An image on the lattice of the truth, zero outside its brain."""
    moved = carry(np.asarray(image, np.float32), grid, trial.truth.grid)
    return np.where(trial.truth.mask, moved, 0).astype(np.float32)


def spread(images, shares) -> dict[str, float]:
    """How far the images of a study lie apart.

    Parameters
    ----------
    images : sequence of numpy.ndarray, shape (x, y, z)
        White matter as one, zero outside the brain.
    shares : numpy.ndarray, shape (3, x, y, z)
        Tissues of the usual fit.

    Returns
    -------
    dict of float
        ``variance``, mean over the brain of the variance over the images, and
        ``variance_less_means``, of what is left of each once its three tissue means, in these
        shares, are taken off.
    """
    brain = np.all([image > 0 for image in images], axis=0)
    values = np.stack([image[brain] for image in images]).astype(np.float64)
    tissue = np.asarray(shares, np.float64)[:, brain].T
    left = values - (tissue @ np.linalg.lstsq(tissue, values.T, rcond=None)[0]).T
    return {
        'variance': float(values.var(axis=0, ddof=1).mean()),
        'variance_less_means': float(left.var(axis=0, ddof=1).mean()),
    }
