"""``python -m ulfprep.evaluation tables``: every method against known high-field images."""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ulfprep.evaluation.baselines import POINTS, STEPS
from ulfprep.evaluation.brains import KNOWN, TEMPLATE, find_brains
from ulfprep.evaluation.comparison import document, volume_document, write_documents
from ulfprep.evaluation.enhancers import DEFAULT, Effort, Method, enhance, parse_method
from ulfprep.evaluation.phantoms import REGIMES, Trial, outside_trials, simulated_trial
from ulfprep.evaluation.prepare import Measured, measure, plan_for
from ulfprep.evaluation.process import in_fresh_process, measured, reason
from ulfprep.evaluation.publish import (
    about,
    keep_slices,
    middle_slices,
    without_paths,
    write_table,
)
from ulfprep.evaluation.score import NAMES, known_volumes, score, volumes_of
from ulfprep.metrics.similarity import line_correlations
from ulfprep.physics.interpolation import carry

#: What is compared unless it is said, baselines first; a quick run leaves the last out.
METHODS = (
    'nearest', 'trilinear', 'bicubic', 'sinc', 'histogram', 'voxel-cg', 'voxel-tv', 'voxel-fit',
    'reference', 'lattice', DEFAULT, f'{DEFAULT}:told', f'{DEFAULT}:oracle',
)  # fmt: skip
#: Steps of the reference set-up in a quick run: far from its end, and the tables say so.
QUICK_STEPS, QUICK_POINTS = 400, 4096


@dataclass(frozen=True, eq=False)
class TrialRows:
    """What became of a trial: rows of both tables; method (and ``truth``) -> slices."""

    rows: list[dict]
    volumes: list[dict] = field(default_factory=list)
    slices: dict[str, list[np.ndarray]] = field(default_factory=dict)


def run_trial(trial: Trial, methods, effort: Effort, *, done=lambda: None) -> TrialRows:
    """Enhance a scan by every method, each in a process of its own; ``done`` is called after."""
    first = {name: getattr(trial, name) for name in ('regime', 'brain', 'labels_by', 'seed')}
    out, prepared = TrialRows([]), {}
    for method in map(parse_method, methods):
        row, tissues = first | {'method': method.name}, 'true' if method.oracle else 'own'
        try:
            if tissues not in prepared:
                spacing = effort.options().spacing
                prepared[tissues] = in_fresh_process(_prepare, trial, spacing, tissues)
            found, cost, known = prepared[tissues]
            scores, out.slices[method.name] = in_fresh_process(
                enhance_and_score, method, trial, found, effort
            )
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one costs no other
            row['status'] = f'failed: {reason(error)}'
        else:
            row |= {'status': 'ok', 'preparation': cost, **scores}
            if not out.volumes:
                out.volumes.extend(
                    first | {'volume_source': source, **ml} for source, ml in known.items()
                )
        out.rows.append(row)
        done()
    if out.slices:
        out.slices['truth'] = middle_slices(trial.truth.image, trial.truth.mask)
    _hold_against(out.rows, trial)
    for row in out.rows:
        for source, start in ((row['method'], ''), (f'{row["method"]} (own)', 'own_')):
            if f'{start}volume_csf' in row:
                ml = {tissue: row[f'{start}volume_{tissue}'] for tissue in NAMES}
                out.volumes.append(first | {'volume_source': source, **ml})
    return out


def enhance_and_score(method: Method, trial: Trial, found: Measured, effort: Effort):
    """Run a method and score it, in one process; returns its scores and slices."""
    given = plan_for(trial, found, 'truth' if method.told else 'physics')
    made = enhance(method.name, given, effort)
    scores = score(made, given, trial) | vars(made.cost) | {'passes': made.passes}
    moved = carry(np.asarray(made.image, np.float32), made.grid, trial.truth.grid)
    return scores, middle_slices(moved, trial.truth.mask)


def _prepare(trial, spacing, tissues):
    with measured() as cost:
        found = measure(trial, spacing, tissues)
    return found, cost.cpu, known_volumes(trial, found)


def _hold_against(rows, trial) -> None:
    """Hold the scores of a scan against those of bicubic, and volumes against the true ones."""
    mlc, mslc = line_correlations(trial.truth.image, trial.truth.mask)
    true = volumes_of(trial.truth.probs, trial.truth.grid)
    rows = [row for row in rows if row['status'] == 'ok']
    base = next((row for row in rows if row['method'] == 'bicubic'), None)
    for row in rows:
        row |= {'mlc_truth': mlc, 'mslc_truth': mslc}
        for tissue, ml in true.items():
            if f'volume_{tissue}' in row and ml:
                row[f'volume_error_{tissue}'] = float(100 * (row[f'volume_{tissue}'] / ml - 1))
        for name in ('contrast', 'edge_f1', 'edge_f1_unfitted') if base is not None else ():
            row[f'{name}_of_bicubic'] = row[name] / base[name]


def add_brains(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say which brains, how much effort and where results go."""
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder of the results')
    add(
        '--data', nargs='+', default=[], metavar='DIR',
        help='high-field images, whose low-field scans are simulated: folders as '
        'docs/evaluation.md says, or the word template for the MNI152 of nilearn',
    )  # fmt: skip
    add('--brains', nargs='+', choices=(*KNOWN, TEMPLATE), help='of those in --data')
    add('--sloppy', action='store_true', help="the fit's sloppy options, to try things out")
    add('--jobs', type=int, default=os.cpu_count() or 1, help='scans at a time, a thread each')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add_brains(parser)
    add = parser.add_argument
    add('--cases', type=Path, metavar='DIR', help="another simulator's scans: bids/, truth/")
    add('--regimes', nargs='+', choices=tuple(REGIMES), default=tuple(REGIMES))
    add('--seeds', type=int, default=2, help='scans of each brain and regime (default 2)')
    add(
        '--methods', nargs='+', metavar='NAME',
        help='baselines, networks and ulfprep; :told, :oracle, :alone and @PASSES may follow '
        f'(default: {" ".join(METHODS)})',
    )  # fmt: skip
    add(
        '--quick', action='store_true',
        help=f'one seed, {QUICK_STEPS} steps of {QUICK_POINTS} points of the reference set-up',
    )  # fmt: skip


def gather(options, say) -> Iterator[Trial]:
    """Yield the scans that the command asks for; ``say`` is told what is left out."""
    if options.cases is not None:
        yield from outside_trials(options.cases)
    for folder in options.data:
        for brain in find_brains(folder, options.brains, say):
            for seed in range(1, options.seeds + 1):
                for name in options.regimes:
                    yield simulated_trial(brain, REGIMES[name], seed, name)


def run(options, argv) -> int:
    """Run the command."""
    from tqdm import tqdm

    if not (options.data or options.cases):
        raise ValueError('give high-field images (--data) or simulated scans (--cases)')
    options.methods = options.methods or METHODS[: -1 if options.quick else None]
    for name in options.methods:
        parse_method(name)
    if options.quick:
        options.seeds = 1
    effort = Effort(options.sloppy, *((QUICK_STEPS, QUICK_POINTS) if options.quick else ()))
    notes: list[str] = []
    trials = list(gather(options, notes.append))
    for note in notes:
        print(note, file=sys.stderr)
    rows, volumes = [], []
    with (
        ThreadPoolExecutor(options.jobs) as pool,
        tqdm(total=len(trials) * len(options.methods), desc='scans x methods') as bar,
    ):
        for outcome in pool.map(
            lambda trial: run_trial(trial, options.methods, effort, done=bar.update), trials
        ):
            rows += outcome.rows
            volumes += outcome.volumes
            write_table(options.out, 'tables', rows)
            write_table(options.out, 'volumes', volumes)
            first = outcome.rows[0]
            if outcome.slices and first['seed'] in (1, None):
                name = f'{first["regime"]}_{first["brain"]}.npz'
                keep_slices(options.out / 'slices' / name, outcome.slices)
    if not rows:
        raise FileNotFoundError('there is no scan to enhance')
    folders = folders_of(options)
    told = about('tables', argv, folders, f'{options.jobs} processes of one thread')
    told += [without_paths(note, folders) for note in notes] + _reference_cost(rows, effort.points)
    lines = document(rows, told)
    print('\n'.join(lines))
    write_documents(options.out, rows, volumes, lines, volume_document(volumes))
    return 0 if any(row['status'] == 'ok' for row in rows) else 1


def folders_of(options) -> dict[str, str]:
    """Return paths of a command's folders -> what they are called where others read."""
    named = {folder: 'DATA' for folder in options.data if folder != TEMPLATE}
    named |= {str(getattr(options, 'cases', None)): 'CASES'}
    return named | {str(options.out): 'OUT'}


def _reference_cost(rows, points: int) -> list[str]:
    """Say how far the reference's set-up was from its published training, and what that costs."""
    done = [row for row in rows if row['status'] == 'ok']
    made = [row for row in done if row['method'].partition('@')[0] == 'reference']
    if not made or min(row['passes'] for row in made) >= STEPS:
        return []
    hours = np.mean([row['cpu'] / row['passes'] for row in made]) * STEPS * POINTS / points / 3600
    told = f'`reference` was trained for {made[0]["passes"]} of its {STEPS} steps, of {points} '
    told += f'points instead of {POINTS}: its scores are no verdict on the method. At this pace '
    return [f'{told}all steps would take {hours:.1f} hours']
