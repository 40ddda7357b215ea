"""What is run as one: a scan by itself, or several that are fitted in one field."""

import dataclasses
import logging
import re
from collections.abc import Iterable

from ulfprep.bids.read.decision import group_scans
from ulfprep.bids.store.outcomes import is_finished, recalled
from ulfprep.bids.task import Fusion, Task
from ulfprep.note import Note, warning
from ulfprep.settings import Settings
from ulfprep.workflows.methods import fusion_methods, scan_methods

LOGGER = logging.getLogger('ulfprep')
Job = Task | Fusion
LAST = 'no other scan of the group could be fitted with it'


def find_fusions(tasks: list[Task], settings: Settings) -> tuple[list[Fusion], dict[str, Note]]:
    """Return which scans are to be fused, and a note on scans that stand alone for it, by name.

    Of the scans that cannot be used, those that may be of low field are planned for as well:
    mended later they change no name.
    """
    chosen = [
        dataclasses.replace(task, problem=without_paths(task.problem, settings))
        for task in sorted(tasks, key=lambda task: task.name)
        if task.direction != 'simulate'
    ]
    beside = [task for task in tasks if task.direction == 'simulate']
    fusions, notes = group_scans(chosen, settings.fuse, beside)
    return [recalled(fusion, settings) for fusion in fusions], notes


def plan_jobs(tasks: list[Task], settings: Settings) -> list[Job]:
    """Return what to run of the tasks that have no problem, scans that are fused as one."""
    if settings.fuse == 'none':
        return [task for task in tasks if not task.problem]
    fusions, notes = find_fusions(tasks, settings)
    if not fusions:
        LOGGER.info('--fuse %s: there is nothing to fuse', settings.fuse)
    jobs: list[Job] = []
    for fusion in fusions:
        jobs += settle(fusion, [task for task in fusion.planned if not task.problem])
    grouped = {task.name for fusion in fusions for task in fusion.planned}
    for task in tasks:
        if task.name not in grouped and not task.problem:
            more = (notes[task.name],) if task.name in notes else ()
            jobs.append(dataclasses.replace(task, notes=(*task.notes, *more)))
    return jobs


def without_paths(text: str, settings: Settings) -> str:
    """Return a message without the folders of this machine, for files that others read."""
    for folder in (settings.bids_dir, settings.output_dir, settings.work_dir):
        text = text.replace(f'{folder}/', '')
    return text


def settle(fusion: Fusion, tasks: Iterable[Task]) -> list[Job]:
    """Return the jobs of a group: those that are fused as one, each that is left out alone.

    ``tasks`` are those of it that can be run, and have no job yet.
    """
    if len(fusion.members) < 2:
        fusion = fusion.without({task.name: LAST for task in fusion.members})
    jobs: list[Job] = []
    if fusion.members:
        first, *others = (task.name for task in fusion.members)
        LOGGER.info('%s is fused with %s, as their anchor', first, ', '.join(others))
        jobs.append(fusion)
    known = {task.name: task for task in tasks}
    for name, reason in fusion.left_out:
        LOGGER.warning('%s is left out of the fusion: %s', name, reason)
        if task := known.get(name):
            names = ', '.join(other.name for other in fusion.planned if other.name != name)
            note = warning(f'it was meant to be fused with {names}, and stands alone: {reason}.')
            jobs.append(dataclasses.replace(task, fusion=fusion, notes=(*task.notes, note)))
    return jobs


def job_done(job: Job, settings: Settings) -> bool:
    """Tell whether a job needs no more work."""
    return all(is_finished(task, settings) for task in job.results())


def job_methods(job: Job, settings: Settings) -> str:
    """Return the methods text of a job; ``[@key]`` cites."""
    return (fusion_methods if isinstance(job, Fusion) else scan_methods)(job, settings)


def safe_name(text: str) -> str:
    """Return a name for a workflow node: letters, digits and underscores only.

    What is replaced is spelled out, so that different names stay different.
    """
    return re.sub(r'[^A-Za-z0-9_]', lambda match: f'_x{ord(match.group()):x}_', text)


def node_name(task: Task) -> str:
    """Return the name of the workflow of a scan."""
    return safe_name(f'scan_{task.name.replace("-", "")}')


def register_name(task: Task) -> str:
    """Return the name of the node that registers a scan."""
    return f'register_{node_name(task)}'


def job_node(job: Job) -> str:
    """Return the name of a job's workflow."""
    if isinstance(job, Fusion):
        # The same whoever is left out, so that work is found again.
        return safe_name(f'fuse_{job.planned[0].name.replace("-", "")}')
    return node_name(job)
