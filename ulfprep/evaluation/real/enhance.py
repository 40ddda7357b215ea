"""Enhance a dataset by the command that users run, and say what became of each scan."""

import subprocess
import sys
from pathlib import Path

from ulfprep.bids.read.scan import Scan
from ulfprep.bids.store.outcomes import FINISHED, find_outcomes
from ulfprep.evaluation.real.inputs import Dataset


def enhance(dataset: Dataset, out: Path, *, threads: int, sloppy: bool = False) -> dict[str, str]:
    """Enhance the low-field scans of a dataset; finished ones are not run again.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        Gets ``derivatives/NAME`` and ``work/NAME``.
    threads : int
    sloppy : bool
        Poor but fast, for tests.

    Returns
    -------
    dict of str
        Name of each scan -> why it is not finished; empty where it is.
    """
    said = run(command(dataset, out, threads=threads, sloppy=sloppy))
    known = {one.name: one for one in find_outcomes(derivatives_of(dataset, out))[0]}
    reasons = {}
    for scan in dataset.scans:
        outcome = known.get(scan.name)
        finished = outcome is not None and outcome.status == FINISHED
        # A failed run may leave the results of an earlier one: not those that were asked for.
        recorded = outcome.reason if outcome is not None and (not finished or said) else ''
        reasons[scan.name] = recorded or ('' if finished else said or 'the run left no results')
    return reasons


def derivatives_of(dataset: Dataset, out: Path) -> Path:
    """Folder of the derivatives of a dataset."""
    return out / 'derivatives' / dataset.name


def command(dataset: Dataset, out: Path, *, threads: int, sloppy: bool = False) -> list[str]:
    """Return the command as a user would type it."""
    words = [sys.executable, '-m', 'ulfprep', dataset.folder, derivatives_of(dataset, out)]
    words += ['participant', '-w', out / 'work' / dataset.name, '--nprocs', threads]
    words += ['--participant-label', *labels(dataset.scans, 'subject')]
    if sessions := labels(dataset.scans, 'session'):
        words += ['--session-label', *sessions]
    words += ['--modalities', *dataset.modalities]
    return [str(word) for word in words] + (['--sloppy'] if sloppy else [])


def labels(scans: tuple[Scan, ...], entity: str) -> list[str]:
    """Labels of an entity, each once; none where a scan has none, for then all are wanted."""
    found = [scan.entities.get(entity) for scan in scans]
    return [] if None in found else list(dict.fromkeys(found))


def run(words: list[str]) -> str:
    """Run a command, its lines going to stderr as they come.

    Parameters
    ----------
    words : list of str

    Returns
    -------
    str
        Its last line where it did not end well, else nothing.
    """
    last = ''
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, errors='replace') as process:
        for line in process.stderr:
            print(line, end='', file=sys.stderr, flush=True)
            last = line.strip() or last
    return f'{last} (exit status {process.returncode})' if process.returncode else ''
