"""``python -m ulfprep.evaluation tables``: every method against known high-field images."""

import argparse
import sys

import numpy as np

from ulfprep.evaluation.columns import COLUMNS, VOLUMES
from ulfprep.evaluation.enhancers import DEFAULT, Effort, check_method
from ulfprep.evaluation.fresh import ProcessFailed, in_fresh_process
from ulfprep.evaluation.options import (
    add_effort,
    add_scans,
    count_scans,
    effort_of,
    folders_of,
    gather,
)
from ulfprep.evaluation.progress import Countdown
from ulfprep.evaluation.publish import write_table
from ulfprep.evaluation.slices import keep_slices

#: What is compared unless it is said, baselines first.
METHODS = (
    'nearest', 'trilinear', 'bicubic', 'sinc', 'histogram', 'voxel-cg', 'voxel-tv',
    'voxel-fit', 'reference', 'synthsr', 'eclare', 'smore', 'unires',
    'lattice', DEFAULT, f'{DEFAULT}:told', f'{DEFAULT}:oracle',
)  # fmt: skip
#: What a quick run leaves out of them.
NOT_QUICK = (f'{DEFAULT}:oracle',)
#: Steps of the reference set-up in a quick run: far from its end, and the tables say so.
QUICK_STEPS, QUICK_POINTS = 400, 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options to a parser."""
    add_scans(parser)
    parser.add_argument(
        '--methods', nargs='+', metavar='NAME',
        help='baselines, backbones and ulfprep; :told, :oracle, :alone and @PASSES may follow '
        f'(default: {" ".join(METHODS)})',
    )  # fmt: skip
    parser.add_argument(
        '--quick', action='store_true',
        help=f'one seed, {QUICK_STEPS} steps of {QUICK_POINTS} points of the reference set-up; '
        'ulfprep as it comes',
    )  # fmt: skip
    add_effort(parser)


def main(argv=None) -> int:
    """Entry point of the command."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation tables',
        description='Score enhanced scans, by ulfprep and by others, against known high-field '
        'images.',
    )
    add_arguments(parser)
    options = parser.parse_args(argv)
    if not (options.data or options.pairs or options.cases):
        parser.error(
            'give high-field images (--data), pairs (--pairs) or simulated scans (--cases)'
        )
    if options.methods is None:
        left_out = NOT_QUICK if options.quick else ()
        options.methods = [name for name in METHODS if name not in left_out]
    try:
        for name in options.methods:
            check_method(name)
    except ValueError as error:
        parser.error(str(error))
    if options.quick:
        options.seeds = 1
        options.reference_steps = min(options.reference_steps, QUICK_STEPS)
        options.reference_points = min(options.reference_points, QUICK_POINTS)
    try:
        return _run(options, argv)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options, argv) -> int:
    from ulfprep.evaluation.about import command_line, machine
    from ulfprep.evaluation.tables.document import document, write_documents
    from ulfprep.evaluation.tables.run import run_trials

    notes: list[str] = []

    def note(line):
        notes.append(line)
        print(line, file=sys.stderr, flush=True)

    effort = effort_of(options)
    say = Countdown(count_scans(options) * len(options.methods))
    trials = gather(options, note)
    rows, volumes = [], []
    options.out.mkdir(parents=True, exist_ok=True)
    for outcome in run_trials(trials, options.methods, effort, jobs=options.jobs, say=say):
        rows += outcome.rows
        volumes += outcome.volumes
        write_table(options.out, 'tables', rows, COLUMNS)
        write_table(options.out, 'volumes', volumes, VOLUMES)
        _keep_slices(options.out, outcome)
    if not rows:
        raise FileNotFoundError('there is no scan to enhance')
    about = [
        *machine(1, options.jobs),
        f'Command: `{command_line("tables", argv, folders_of(options))}`',
        *_named(notes, options),
        *_reference_cost(effort, rows),
    ]
    print('\n'.join(document(rows, volumes, about)))
    write_documents(options.out, rows, volumes, about)
    return 0 if any(row['status'] == 'ok' for row in rows) else 1


def _keep_slices(out, outcome) -> None:
    """Keep three slices of the first seed's images, for the figures."""
    first = next((r for r in outcome.rows if r['status'] == 'ok'), None)
    if first is None or first['seed'] not in (1, None):
        return
    path = out / 'slices' / f'{first["regime"]}_{first["brain"]}.npz'
    keep_slices(path, outcome.slices)


def _named(lines, options):
    """Return lines with the names of folders in the place of their paths."""
    for folder in [*options.data, *options.pairs, options.cases]:
        if folder not in (None, 'template'):
            lines = [line.replace(f'{folder}', 'DATA') for line in lines]
    return lines


def _reference_cost(effort: Effort, rows) -> list[str]:
    """Say what the reference's training costs, and how many of our fits that is."""
    from ulfprep.evaluation.enhancers.reference import POINTS, STEPS, seconds_a_step

    if not any(row['method'].startswith('reference') for row in rows):
        return []
    points = 4096 if effort.sloppy else POINTS
    try:
        seconds = in_fresh_process(seconds_a_step, points, threads=1)
    except ProcessFailed as error:
        return [f'Cost of the reference set-up: n/a ({error})']
    hours = STEPS * seconds / 3600
    made = [row['epochs'] for row in rows if row['method'] == 'reference' and 'epochs' in row]
    lines = []
    if made and max(made) < STEPS:
        lines.append(
            f'`reference` was trained for {max(made):.0f} of its {STEPS} steps, of '
            f'{effort.points} points instead of {POINTS}: its scores are no verdict on the method'
        )
    lines += [
        (
            f'The published training, {STEPS} steps of {points} points, takes {seconds:.2f} '
            f'processor seconds a step here: {hours:.2f} hours'
        )
    ]
    fits = [row['cpu'] for row in rows if row['method'] == DEFAULT and row['status'] == 'ok']
    if fits:
        mean = float(np.mean(fits))
        lines.append(f'That is {3600 * hours / mean:.0f} times the {mean:.0f} s of {DEFAULT}')
    return lines
