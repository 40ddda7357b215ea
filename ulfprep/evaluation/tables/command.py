"""Benchmark of the enhancement against known high-field images; see ``--help``."""

import argparse
import functools
import itertools
import os
import shlex
import sys
import time
from pathlib import Path

from ulfprep.evaluation.cases import brains
from ulfprep.evaluation.fresh import ProcessFailed, in_fresh_process, measured
from ulfprep.evaluation.inr_cases import REGIMES, Trial, outside_trials, simulated_trials
from ulfprep.evaluation.inr_methods import (
    PLAIN,
    TISSUE_BLIND,
    Effort,
    check_name,
    enhance,
    method_names,
    reference_step,
)
from ulfprep.evaluation.inr_prepare import prepare
from ulfprep.evaluation.inr_score import score

#: Epochs of every fit of a quick run.
QUICK_EPOCHS = 2
#: Options that are paths: tables for others to read need not tell them.
PATHS = ('out', 'data', 'cases', 'markdown')


class Countdown:
    """Lines of progress with the time left.

    Parameters
    ----------
    total : int
        Steps in all; those of one name take about as long each time.
    stream : text stream
    clock : callable
        Returns seconds; for tests.
    """

    def __init__(self, total: int, stream=None, clock=time.monotonic):
        self.total, self.done, self.clock = total, 0, clock
        self.stream = stream or sys.stderr
        self.start = clock()

    def __call__(self, what: str) -> None:
        """Say that a step is done."""
        self.done += 1
        taken = self.clock() - self.start
        left = taken / self.done * max(self.total - self.done, 0)
        rest = f'about {left / 60:.0f} min left' if left >= 60 else f'about {left:.0f} s left'
        print(f'{self.done}/{self.total} {what}; {rest}', file=self.stream, flush=True)


def run_trial(
    trial: Trial, methods, effort: Effort, *, target='physics', oracle=False, threads=1, say=None
) -> list[dict]:
    """Enhance a scan by every method, each in a process of its own.

    Parameters
    ----------
    trial : Trial
    methods : sequence of str
        See :func:`ulfprep.evaluation.inr_methods.enhance`.
    effort : Effort
    target : {'physics', 'truth'}
    oracle : bool
        Add rows with the true tissues.
    threads : int
    say : callable, optional
        Called with a line after every method.

    Returns
    -------
    list of dict
        Keys of :data:`ulfprep.evaluation.inr_report.COLUMNS`; what is not known is missing.
    """
    case, rows = trial.case, []
    for tissues in ('own', 'true') if oracle else ('own',):
        tried = [name for name in methods if tissues == 'own' or name not in TISSUE_BLIND]
        first = {
            'regime': trial.regime, 'brain': case.brain, 'seed': case.seed, 'target': target,
            'tissues': tissues,
        }  # fmt: skip
        try:
            with measured() as cost:
                given = prepare(
                    trial, effort.options().spacing, target=target, oracle=tissues == 'true'
                )
        except ValueError as error:
            rows += [first | {'method': n, 'status': f'failed: {error}'} for n in tried]
            continue
        for name in tried:
            row = first | {'method': name}
            try:
                found = in_fresh_process(enhance, name, given, effort, 0, threads, threads=threads)
            except ProcessFailed as error:
                row['status'] = f'failed: {error}'
            else:
                row |= {'status': 'ok', **score(found, given, trial), **vars(found.cost)}
                row |= {'epochs': found.epochs, 'preparation': cost.cpu}
            rows.append(row)
            if say is not None:
                known = f', {row["wall"]:.0f} s' if 'wall' in row else f': {row["status"]}'
                say(f'{trial.regime}, {case.brain}, {name}, {tissues} tissues{known}')
    return with_ratios(rows)


def with_ratios(rows: list[dict]) -> list[dict]:
    """Hold the scores of a scan against those of bicubic, where it was among the methods."""
    base = next((r for r in rows if r['method'] == 'bicubic' and r['status'] == 'ok'), None)
    if base is None:
        return rows
    names = ('contrast', 'edge_f1')
    return [
        row | {f'{name}_of_bicubic': row[name] / base[name] for name in names if name in row}
        for row in rows
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options to a parser."""
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder of the tables')
    add('--data', type=Path, help='real scans: hf3t_aomic/, hf_colin27/')
    add('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    add('--regimes', nargs='+', choices=tuple(REGIMES), default=tuple(REGIMES))
    add(
        '--methods', nargs='+', metavar='NAME',
        help=f'{", ".join(PLAIN)}, and backbones of the field, which may be followed by :alone '
        '(no first estimate) and by @ and their epochs, as in wire:alone@40 (default: all)',
    )  # fmt: skip
    add('--brains', nargs='+', metavar='NAME', help='of those in --data (default: all)')
    add('--seeds', type=int, default=2, help='scans of each kind (default 2)')
    add('--quick', action='store_true', help=f'one seed, {QUICK_EPOCHS} epochs')
    add('--sloppy', action='store_true', help="the fit's sloppy options, to try things out")
    add('--spacing', type=float, help='of the lattice of the fit, mm')
    add('--epochs', type=int, help='of every fit whose method does not say')
    add('--target', choices=('physics', 'truth'), default='physics', help='contrast asked for')
    add('--oracle-tissues', action='store_true', help='add rows with the true tissues')
    add('--sensitivity', action='store_true', help='to seeds and targets instead of the table')
    add('--threads', type=int, default=os.cpu_count() or 1, help='(default: all processors)')
    add('--markdown', type=Path, help='Markdown file between whose marks the tables are put')


def effort_of(options) -> Effort:
    """Return what the command's options say of every fit."""
    quick = QUICK_EPOCHS if options.quick else None
    return Effort(options.sloppy, options.epochs or quick, options.spacing)


def main(argv=None) -> int:
    """Entry point of ``python -m ulfprep.evaluation inr``."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation inr',
        description='Score enhanced scans, by ulfprep and by plainer ways, against known '
        'high-field images.',
    )
    add_arguments(parser)
    options = parser.parse_args(argv)
    if options.data is None and options.cases is None:
        parser.error('give real scans (--data), scans of another simulator (--cases), or both')
    if options.methods is None:
        default = [Effort().options().backbone]
        options.methods = default if options.sensitivity else list(method_names())
    try:
        for name in options.methods:
            check_name(name)
            if options.sensitivity and name in PLAIN:
                raise ValueError(f'{name}: only fits have seeds, and targets to be sensitive to')
    except ValueError as error:
        parser.error(str(error))
    command = f'python -m ulfprep.evaluation inr {shlex.join(_without_paths(argv, options))}'
    try:
        return _sensitivity(options, command) if options.sensitivity else _table(options, command)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _without_paths(argv, options):
    """Return the command's words with the names of folders in the place of their paths."""
    names = {str(getattr(options, name)): name.upper() for name in PATHS}
    return [names.get(str(Path(word)), word) for word in argv]


def _named(lines, options):
    """Return lines with the names of folders in the place of their paths."""
    return [line.replace(f'{options.data}/', 'DATA/') for line in lines]


def _trials(options, missing):
    """Return the scans that the command asks for, and how many there are."""
    parts, count = [], 0
    if options.cases is not None:
        outside = list(outside_trials(options.cases))
        parts.append(outside)
        count += len(outside)
    if options.data is not None:
        found = dict(brains(options.data, missing.append))
        if options.brains is not None:
            found = {name: found[name] for name in options.brains if name in found}
        seeds = 1 if options.quick else options.seeds
        parts.append(simulated_trials(found, options.regimes, seeds))
        count += len(found) * len(options.regimes) * seeds
    if not count:
        raise FileNotFoundError('\n'.join([*missing, f'{options.data}: no brain to scan']))
    for line in missing:
        print(line, file=sys.stderr)
    return itertools.chain(*parts), count


def _table(options, command):
    from ulfprep.evaluation import inr_report as report

    effort, missing = effort_of(options), []
    trials, count = _trials(options, missing)
    seeing = [name for name in options.methods if name not in TISSUE_BLIND]
    methods = len(options.methods) + len(seeing) * options.oracle_tissues
    say, rows = Countdown(count * methods), []
    how = {'target': options.target, 'oracle': options.oracle_tissues, 'threads': options.threads}
    for trial in trials:
        rows += run_trial(trial, options.methods, effort, say=say, **how)
        report.write_table(options.out, 'inr', rows, report.COLUMNS)
    try:
        seconds = in_fresh_process(reference_step, options.threads, threads=options.threads)
    except ProcessFailed as error:
        seconds = str(error)
    about = [*report.machine(options.threads), f'Command: `{command}`', *_named(missing, options)]
    about += report.reference_lines(seconds, rows)
    return _publish('inr', report.document(rows, about), options)


def _sensitivity(options, command):
    from ulfprep.evaluation import inr_report as report
    from ulfprep.evaluation import inr_sensitivity as sensitivity

    effort, missing, rows = effort_of(options), [], []
    trials, count = _trials(options, missing)
    say = Countdown(count * len(options.methods) * sensitivity.FITS)
    for trial in trials:
        for name in options.methods:
            what = f'{trial.regime}, {trial.case.brain}, {name}'
            said = functools.partial(say, what)
            rows.append(sensitivity.run_trial(trial, name, effort, options.threads, said))
            report.write_table(options.out, 'inr-sensitivity', rows, sensitivity.COLUMNS)
    groups, shown = ('regime', 'brain', 'method'), sensitivity.SHOWN
    about = [*report.machine(options.threads), f'Command: `{command}`', *_named(missing, options)]
    lines = [*(f'- {line}' for line in about), '', *report.means_table(rows, groups, shown)]
    return _publish('inr-sensitivity', lines, options)


def _publish(name, lines, options):
    """Print a document, write it, and put it where ``--markdown`` says."""
    from ulfprep.bids.files import write_text
    from ulfprep.evaluation.inr_report import put_between

    print('\n'.join(lines))
    write_text(options.out / f'{name}.md', '\n'.join(lines) + '\n')
    if options.markdown is not None:
        put_between(options.markdown, name, lines)
    return 0
