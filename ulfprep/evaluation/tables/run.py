"""Enhance scans by every method, and score what comes out."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from ulfprep.evaluation.enhancers import (
    Effort,
    check_method,
    enhance,
    missing,
)
from ulfprep.evaluation.fresh import ProcessFailed, in_fresh_process, measured
from ulfprep.evaluation.prepare import Measured, measure, plan_for
from ulfprep.evaluation.score import score
from ulfprep.evaluation.slices import middle_slices
from ulfprep.evaluation.trials import Trial
from ulfprep.evaluation.volumes import known_volumes, volumes_of
from ulfprep.metrics.lines import line_correlations
from ulfprep.physics.interpolation import carry


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a trial.

    Attributes
    ----------
    rows : list of dict
        One a method, keys of :data:`ulfprep.evaluation.columns.COLUMNS`.
    volumes : list of dict
        Keys of :data:`ulfprep.evaluation.columns.VOLUMES`.
    slices : dict of list of numpy.ndarray
        Method (and ``truth``) -> axial, coronal and sagittal slice through the brain's middle.
    """

    rows: list[dict]
    volumes: list[dict]
    slices: dict[str, list[np.ndarray]] = field(default_factory=dict)


def run_trials(
    trials: Iterable[Trial], methods, effort: Effort, *, jobs: int = 1, say=None
) -> Iterator[Outcome]:
    """Run trials, several at a time, and yield what became of them in their order.

    Parameters
    ----------
    trials : iterable of Trial
    methods : sequence of str
        See :func:`ulfprep.evaluation.enhancers.check_method`.
    effort : Effort
    jobs : int
        Trials at a time. Every method has a process of one thread.
    say : callable, optional
        Called with a line after every method.

    Yields
    ------
    Outcome
    """
    with ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for trial in trials:
            waiting.append(pool.submit(run_trial, trial, methods, effort, say=say))
            # Scans are large: no more of them are held than are worked on and one.
            if len(waiting) > jobs:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def run_trial(trial: Trial, methods, effort: Effort, *, say=None) -> Outcome:
    """Enhance a scan by every method, each in a process of its own.

    Parameters
    ----------
    trial, methods, effort, say
        See :func:`run_trials`.

    Returns
    -------
    Outcome
    """
    case = trial.case
    first = {
        'regime': trial.regime, 'brain': case.brain, 'labels_by': trial.labels_by,
        'seed': case.seed,
    }  # fmt: skip
    rows, slices, volumes = [], {}, []
    measurements: dict[bool, tuple] = {}

    def tried(method) -> dict:
        """What becomes of a method: its scores, or why there are none."""
        target, oracle = method.preparation
        if missing(method):
            return {'status': missing(method)}
        try:
            if oracle not in measurements:
                measurements[oracle] = in_fresh_process(
                    _prepare, trial, effort.options().spacing, oracle, threads=1
                )
            found, cost, known = measurements[oracle]
            scores, slices[method.name] = in_fresh_process(
                enhance_and_score, method.name, trial, found, target, effort, threads=1
            )
        except ProcessFailed as error:
            return {'status': f'failed: {error}'}
        if not volumes:
            volumes.extend(first | {'source': source, **ml} for source, ml in known.items())
        return {'status': 'ok', 'preparation': cost, **scores}

    for name in methods:
        row = first | {'method': name} | tried(check_method(name))
        rows.append(row)
        if say is not None:
            told = f', {row["wall"]:.0f} s' if 'wall' in row else f': {row["status"]}'
            say(f'{trial.regime}, {case.brain}, {name}{told}')
    if slices:
        slices['truth'] = middle_slices(trial.truth.image, trial.truth.mask)
    return Outcome(_held_against(rows, trial), volumes + _volume_rows(first, rows), slices)


def enhance_and_score(name, trial: Trial, found: Measured, target: str, effort: Effort):
    """Run a method and score it, in one process; returns its scores and slices.

    Parameters
    ----------
    name : str
    trial : Trial
    found : Measured
    target : {'physics', 'truth'}
    effort : Effort

    Returns
    -------
    scores : dict of float
    slices : list of numpy.ndarray
    """
    given = plan_for(trial, found, target)
    made = enhance(name, given, effort)
    scores = score(made, given, trial) | vars(made.cost)
    if made.epochs is not None:
        scores['epochs'] = made.epochs
    moved = carry(np.asarray(made.image, np.float32), made.grid, trial.truth.grid)
    return scores, middle_slices(moved, trial.truth.mask)


def _prepare(trial, spacing, oracle):
    with measured() as cost:
        found = measure(trial, spacing, oracle=oracle)
    return found, cost.cpu, known_volumes(trial, found)


def _held_against(rows, trial):
    """Hold the scores of a scan against those of bicubic, and volumes against the true ones."""
    mlc, mslc = line_correlations(trial.truth.image, trial.truth.mask)
    true = volumes_of(trial.truth.probs, trial.truth.grid)
    base = next((r for r in rows if r['method'] == 'bicubic' and r['status'] == 'ok'), None)
    out = []
    for row in rows:
        if row['status'] == 'ok':
            row = row | {'mlc_truth': mlc, 'mslc_truth': mslc}
            row['contrast_of_truth'] = row['contrast'] / row['contrast_truth']
            for tissue, ml in true.items():
                if f'volume_{tissue}' in row and ml:
                    row[f'volume_error_{tissue}'] = float(100 * (row[f'volume_{tissue}'] / ml - 1))
            for name in ('contrast', 'edge_f1', 'edge_f1_unfitted'):
                if base is not None:
                    row[f'{name}_of_bicubic'] = row[name] / base[name]
        out.append(row)
    return out


def _volume_rows(first, rows):
    out = []
    for row in rows:
        for source, start in ((row['method'], ''), (f'{row["method"]} (own)', 'own_')):
            ml = {tissue: row.get(f'{start}volume_{tissue}') for tissue in ('csf', 'gm', 'wm')}
            if None not in ml.values():
                out.append(first | {'source': source, **ml})
    return out
