"""Options that the commands share: which scans, and how much effort."""

import argparse
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.sources import find_brains, find_pairs
from ulfprep.evaluation.trials import REGIMES, Trial, outside_trials, simulated_trial


def add_scans(parser: argparse.ArgumentParser, *, simulated_only: bool = False) -> None:
    """Describe the options that say which scans; those that are simulated here alone."""
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder of the results')
    add(
        '--data', nargs='+', default=[], metavar='DIR',
        help='high-field images, whose low-field scans are simulated: folders of any layout that '
        'docs/evaluation.md names, or the word template for the MNI152 of nilearn',
    )  # fmt: skip
    add('--brains', nargs='+', metavar='NAME', help='of those in --data (default: all)')
    if simulated_only:
        return
    add('--pairs', nargs='+', default=[], type=Path, metavar='DIR', help='paired scans')
    add('--cases', type=Path, metavar='DIR', help="another simulator's scans: bids/, truth/")
    add('--regimes', nargs='+', choices=tuple(REGIMES), default=tuple(REGIMES))
    add('--seeds', type=int, default=2, help='scans of each brain and regime (default 2)')


def add_effort(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say how much effort."""
    add = parser.add_argument
    add('--sloppy', action='store_true', help="the fit's sloppy options, to try things out")
    add('--spacing', type=float, help='of the lattice of the fit, mm')
    add('--epochs', type=int, help='of every fit whose method does not say')
    add('--reference-steps', type=int, default=Effort.steps, help='of the reference set-up')
    add('--reference-points', type=int, default=Effort.points, help='in each of its steps')
    add('--jobs', type=int, default=os.cpu_count() or 1, help='scans at a time, a thread each')


def effort_of(options) -> Effort:
    """Return what the command's options say of every fit."""
    return Effort(
        options.sloppy,
        options.epochs,
        options.spacing,
        options.reference_steps,
        options.reference_points,
    )


def folders_of(options) -> dict:
    """Name the folders of a command, for texts that others read."""
    return {
        'OUT': options.out,
        'DATA': [folder for folder in options.data if folder != 'template'],
        'PAIRS': getattr(options, 'pairs', None),
        'CASES': getattr(options, 'cases', None),
    }


def gather(options, say) -> tuple[Iterator[Trial], int]:
    """Return the scans that a command asks for, and how many there are.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`add_scans`.
    say : callable
        Told what is missing, a line each.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    brains, missing = [], []
    for folder in options.data:
        try:
            brains += find_brains(folder, say=say, names=options.brains)
        except FileNotFoundError as error:
            missing.append(str(error))
    known = [*outside_trials(options.cases)] if options.cases is not None else []
    for folder in options.pairs:
        known += find_pairs(folder, say=say)
    scans = list(itertools.product(range(1, options.seeds + 1), options.regimes, brains))
    if not scans and not known:
        raise FileNotFoundError('\n'.join([*missing, 'there is no scan to enhance']))
    for line in missing:
        say(line)
    made = (simulated_trial(brain, REGIMES[name], seed, name) for seed, name, brain in scans)
    return itertools.chain(known, made), len(known) + len(scans)
