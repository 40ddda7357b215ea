"""Everything that can be wrong with the input, found and told before anything is computed."""

import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ulfprep.bids.read.checks import check_image, read_grid
from ulfprep.bids.read.decision import expected_of
from ulfprep.bids.read.derived_take import check_given
from ulfprep.bids.read.highfield import other_scan
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.store.outcomes import clashes, is_finished
from ulfprep.bids.task import Task
from ulfprep.note import Note, warnings_in
from ulfprep.physics.grid import Grid
from ulfprep.settings import Settings
from ulfprep.workflows.jobs import find_fusions, job_done

LOGGER = logging.getLogger('ulfprep')
#: Images that are looked at side by side; each is held in memory meanwhile.
MOST_AT_ONCE = 4


def screen(tasks: list[Task], settings: Settings) -> list[Task]:
    """Check all scans, and say what is wrong with them: one line a problem, in the log.

    Scans that are finished are not looked at again. What is refused here costs nothing more. Tasks
    are returned in their order; those that cannot be done have a ``problem``.
    """
    looked = []
    for task, warnings in _looks(tasks, settings):
        for warning in warnings:
            LOGGER.warning('%s: %s', task.scan.path, warning.text)
        if task.problem:
            LOGGER.error('%s', task.problem)
        looked.append(task)
    apart = _kept_apart(looked, settings)
    for before, task in zip(looked, apart, strict=True):
        if task.problem != before.problem:
            LOGGER.error('%s', task.problem)
    # Those that have a grid were looked at: they are to be run, and need the target.
    fresh = any(task.grid is not None and not task.problem for task in apart)
    if fresh and (problem := _target_problem(settings)):
        LOGGER.error('%s', problem)
        apart = [task if task.grid is None else task.refused(problem) for task in apart]
    if count := sum(bool(task.problem) for task in apart):
        LOGGER.error('%d of %d scan(s) cannot be used', count, len(apart))
    return apart


def _looks(tasks: list[Task], settings: Settings):
    """Yield what :func:`_look` says of each scan, a few being looked at side by side."""
    pool = ThreadPoolExecutor(max(1, min(settings.nprocs, MOST_AT_ONCE)))
    try:
        yield from pool.map(lambda task: _look(task, settings), tasks)
    finally:  # who interrupts a run need not wait for a thousand images
        pool.shutdown(cancel_futures=True)


def _look(task: Task, settings: Settings) -> tuple[Task, list[Note]]:
    """Return a task as what is known once its image was looked at, and warnings."""
    if task.problem:
        return task, []
    warnings = warnings_in(task.notes)
    try:
        if not settings.force and is_finished(task, settings):
            return task, []
        image = check_image(task.scan.path)
        warnings += warnings_in(image.notes)
        check_given(task)
    except UnusableScanError as error:
        return task.refused(str(error)), warnings
    return dataclasses.replace(task, grid=Grid(image.data.shape, image.affine)), warnings


def _kept_apart(tasks: list[Task], settings: Settings) -> list[Task]:
    """Return tasks, with a problem those whose files would take the place of another's."""
    clashing = clashes([task for task in tasks if not task.problem], settings)
    return [task.refused(clashing.get(task.name, '')) for task in tasks]


def _target_problem(settings: Settings) -> str:
    """Return what is wrong with the scan of ``--target-like``, without which none has a target."""
    path = settings.target_like
    if not path:
        return ''
    try:
        scan = other_scan(path, settings.modalities[0])
        expected_of(scan, settings.of_another_scanner())
        for warning in warnings_in((*scan.remarks, *check_image(path).notes)):
            LOGGER.warning('%s: %s', path, warning.text)
    except UnusableScanError as error:
        return str(error)
    except (OSError, ValueError, ArithmeticError) as error:
        said = ' '.join(str(error).split())
        return f'{path}: its sidecar cannot be used ({said}); mend it'
    return ''


#: What can become of a scan.
RUN, FINISHED, REFUSED = 'run', 'finished before', 'refused'


@dataclass(frozen=True)
class Planned:
    """What a run would do with a scan."""

    name: str
    direction: str  #: ``enhance``, ``simulate`` or, of a scan that is refused, nothing
    fate: str  #: :data:`RUN`, :data:`FINISHED` or :data:`REFUSED`
    why: str = ''  #: it is refused, or what it is fitted together with


def outlook(tasks: list[Task], settings: Settings) -> list[Planned]:
    """Say what a run would do with each scan, in the order of ``tasks``.

    Of the images only headers are read, so a scan that is cut short or empty inside is not known
    as such here.
    """
    tasks = _kept_apart([_with_header(task) for task in tasks], settings)
    found: dict[str, Planned] = {}
    for task in tasks:
        fate = REFUSED
        if not task.problem:
            fate = FINISHED if _done(task, settings) else RUN
        found[task.name] = Planned(task.name, task.direction, fate, task.problem)
    fusions = find_fusions(tasks, settings)[0] if settings.fuse != 'none' else []
    for fusion in (fusion for fusion in fusions if len(fusion.members) > 1):
        fate = FINISHED if _done(fusion, settings) else RUN
        for task in fusion.members:
            others = ', '.join(other.name for other in fusion.members if other is not task)
            why = f'fitted with {others}'
            found[task.name] = Planned(task.name, task.direction, fate, why)
    return list(found.values())


def _with_header(task: Task) -> Task:
    """Return a task with the grid of its image, or what its header tells is wrong with that."""
    if task.scan.problem:
        return task
    try:
        return dataclasses.replace(task, grid=read_grid(task.scan.path))
    except UnusableScanError as error:
        return dataclasses.replace(task, direction='', problem=str(error))


def _done(job, settings: Settings) -> bool:
    return not settings.force and job_done(job, settings)
