"""Options that the commands share: which scans, and how much effort."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.sources import count_brains, count_pairs, find_brains, find_pairs
from ulfprep.evaluation.trials import REGIMES, Trial, outside_trials, simulated_trials


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


def count_scans(options) -> int:
    """Return how many scans a command asks for, at most, without reading any.

    Raises
    ------
    FileNotFoundError
        If a folder holds nothing; says what was looked for.
    """
    each = options.seeds * len(options.regimes)
    total = sum(each * count_brains(folder, names=options.brains) for folder in options.data)
    total += sum(map(count_pairs, options.pairs))
    if options.cases is not None:
        total += len(list(Path(options.cases).glob('truth/*_dseg.nii.gz')))
    return total


def gather(options, say) -> Iterator[Trial]:
    """Yield the scans that a command asks for, each brain read when its turn comes.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`add_scans`.
    say : callable
        Told what is left out, a line each.

    Yields
    ------
    Trial
    """
    if options.cases is not None:
        yield from outside_trials(options.cases)
    for folder in options.pairs:
        yield from find_pairs(folder, say=say)
    for folder in options.data:
        for brain in find_brains(folder, say=say, names=options.brains):
            yield from simulated_trials([brain], options.regimes, options.seeds)
