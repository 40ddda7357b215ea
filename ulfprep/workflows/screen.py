"""Everything that can be wrong with the input, found and told before anything is computed."""

import dataclasses
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ulfprep.bids.read.checks import check_image
from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.derived_take import check_precomputed
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.store.finished import clashes, is_finished
from ulfprep.settings import Settings
from ulfprep.workflows.engine.failures import Failure
from ulfprep.workflows.reference import reference_scan
from ulfprep.workflows.scan import Task, make_task

LOGGER = logging.getLogger('ulfprep')
#: Images that are looked at side by side; each is held in memory meanwhile.
MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Refused:
    """A scan that cannot be used.

    Attributes
    ----------
    scan : Scan
    failure : Failure
        Why.
    direction : {'enhance', 'simulate'} or None
        What would have been done with it, where that is known.
    """

    scan: Scan
    failure: Failure
    direction: str | None = None


def screen(scans: list[Scan], settings: Settings) -> tuple[list[Task], dict[str, Refused]]:
    """Check all scans, and say what is wrong with them: one line a problem, in the log.

    Scans that are finished are not looked at again. What is refused here costs nothing more.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings

    Returns
    -------
    tasks : list of Task
        What to do with those that can be used (or are finished), in the order of ``scans``.
    refused : dict
        Name -> a scan that cannot be used.
    """
    tasks: list[Task] = []
    refused: dict[str, Refused] = {}
    fresh: set[str] = set()
    for scan, (task, problem, warnings) in zip(scans, _looks(scans, settings), strict=True):
        for warning in warnings:
            LOGGER.warning('%s: %s', scan.path, warning)
        if problem is None:
            tasks.append(task)
            if task.voxel_size:
                fresh.add(scan.name)
            continue
        LOGGER.error('%s', problem)
        refused[scan.name] = _refused(scan, problem, task)
    clashing = clashes([(task.scan, task.direction) for task in tasks], settings)
    for task in (task for task in tasks if task.scan.name in clashing):
        problem = UnusableScanError(clashing[task.scan.name])
        LOGGER.error('%s', problem)
        refused[task.scan.name] = _refused(task.scan, problem, task)
    tasks = [task for task in tasks if task.scan.name not in clashing]
    if fresh and (problem := _reference_problem(settings)):
        LOGGER.error('%s', problem)
        refused |= {
            t.scan.name: _refused(t.scan, problem, t) for t in tasks if t.scan.name in fresh
        }
        tasks = [task for task in tasks if task.scan.name not in fresh]
    if refused:
        LOGGER.error('%d of %d scan(s) cannot be used', len(refused), len(scans))
    return tasks, refused


def _looks(scans: list[Scan], settings: Settings):
    """Yield what :func:`_look` says of each scan, a few being looked at side by side."""
    pool = ThreadPoolExecutor(max(1, min(settings.nprocs, MOST_AT_ONCE)))
    try:
        yield from pool.map(lambda scan: _look(scan, settings), scans)
    finally:  # who interrupts a run need not wait for a thousand images
        pool.shutdown(cancel_futures=True)


def _look(scan: Scan, settings: Settings):
    """Return what to do with a scan, what forbids it, and warnings; keep nothing of its image."""
    task, warnings = None, []
    try:
        task = make_task(scan, settings)
        warnings += _warnings(task.notes)
        if not settings.force and is_finished(scan, settings, task.direction):
            return task, None, []
        image = check_image(scan.path)
        warnings += _warnings(image.notes)
        check_precomputed(scan)
        size = tuple(float((column**2).sum() ** 0.5) for column in image.affine[:3, :3].T)
    except UnusableScanError as error:
        return task, error, warnings
    return dataclasses.replace(task, voxel_size=size), None, warnings


def _warnings(notes) -> list[str]:
    """Return the warnings among notes, without the word."""
    return [note.removeprefix('Warning: ') for note in notes if note.startswith('Warning: ')]


def _reference_problem(settings: Settings) -> UnusableScanError | None:
    """Return what is wrong with the scan of ``--target-like``, without which none has a target."""
    path = settings.target_like
    if not path:
        return None
    try:
        reference = reference_scan(path, settings.modalities[0])
        for warning in _warnings(reference.remarks):
            LOGGER.warning('%s: %s', path, warning)
        expected_of(reference, settings.of_another_scanner())
        for warning in _warnings(check_image(path).notes):
            LOGGER.warning('%s: %s', path, warning)
    except UnusableScanError as error:
        return error
    except (OSError, ValueError, ArithmeticError) as error:
        said = ' '.join(str(error).split())
        return UnusableScanError(f'{path}: its sidecar cannot be used ({said}); mend it')
    return None


def _refused(scan: Scan, problem: UnusableScanError, task: Task | None) -> Refused:
    trace = ''.join(traceback.format_exception(problem)).strip()
    failure = Failure('check', type(problem).__name__, str(problem), trace)
    return Refused(scan, failure, task.direction if task else None)
