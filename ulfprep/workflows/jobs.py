"""What is run as one: a scan by itself, or several that share a field; and what came of it."""

import dataclasses
import logging

from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.fusion import group_scans
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Fusion, Scan
from ulfprep.bids.store.finished import is_finished, missing_files, recalled
from ulfprep.settings import MODALITIES, Settings
from ulfprep.workflows.engine.failures import Failure, Verdict
from ulfprep.workflows.group import GroupTask, register_name
from ulfprep.workflows.highfield import NAME as HIGHFIELD
from ulfprep.workflows.methods import fusion_methods, scan_methods
from ulfprep.workflows.reference import NAME as REFERENCE
from ulfprep.workflows.scan import Task, node_name
from ulfprep.workflows.screen import Refused

LOGGER = logging.getLogger('ulfprep')
Job = Task | GroupTask
#: Failures that say nothing of the scan: the same may succeed another time.
TEMPORARY = frozenset({'WorkerKilledError', 'MemoryError'})
LAST = 'no other scan of the group could be fitted with it'


def plan_jobs(tasks: list[Task], refused: dict[str, Refused], settings: Settings):
    """Return what to run, scans that are fused as one.

    Parameters
    ----------
    tasks : list of Task
    refused : dict
        Name -> scan that cannot be run at all (:func:`ulfprep.workflows.screen.screen`).
    settings : Settings

    Returns
    -------
    list of Task and GroupTask
    """
    if settings.fuse == 'none':
        return list(tasks)
    known = {task.scan.name: task for task in tasks}
    chosen = [task for task in tasks if task.direction == 'enhance']
    voxels = {task.scan.name: size for task in chosen if (size := _voxel_size(task))}
    # Mended later they change no name: those that would not be fused are not planned for either.
    broken = [one for one in refused.values() if one.direction != 'simulate']
    reasons = {one.scan.name: without_paths(one.failure.message, settings) for one in broken}
    scans = [*(task.scan for task in chosen), *(one.scan for one in broken)]
    scans.sort(key=lambda scan: scan.name)
    beside = [task.scan for task in tasks if task.direction != 'enhance']
    beside += [one.scan for one in refused.values() if one.direction == 'simulate']
    fusions, notes = group_scans(scans, settings.fuse, voxels, reasons, beside)
    if not fusions:
        LOGGER.info('--fuse %s: there is nothing to fuse', settings.fuse)
    jobs: list[Job] = []
    for fusion in fusions:
        jobs += settle(recalled(fusion, settings), known)
    grouped = {scan.name for fusion in fusions for scan in fusion.planned}
    for task in tasks:
        name = task.scan.name
        if name not in grouped:
            more = (notes[name],) if name in notes else ()
            jobs.append(dataclasses.replace(task, notes=(*task.notes, *more)))
    return jobs


def _voxel_size(task: Task) -> tuple[float, float, float] | None:
    """Return the voxel size of a scan's file, mm; of finished scans only the header is read."""
    from nibabel.affines import voxel_sizes

    if task.voxel_size:
        return task.voxel_size
    try:
        return tuple(voxel_sizes(read_grid(task.scan.path)[1]).tolist())
    except UnusableScanError:  # its place in a group is then the last
        return None


def without_paths(text: str, settings: Settings) -> str:
    """Return a message without the folders of this machine, for files that others read."""
    for folder in (settings.bids_dir, settings.output_dir, settings.work_dir):
        text = text.replace(f'{folder}/', '')
    return text


def settle(fusion: Fusion, tasks: dict[str, Task]) -> list[Job]:
    """Return the jobs of a group: those that are fused as one, each that is left out alone.

    Parameters
    ----------
    fusion : Fusion
    tasks : dict
        Name -> task of each scan that can be run.
    """
    if len(fusion.members) < 2:
        fusion = fusion.without({scan.name: LAST for scan in fusion.members})
    jobs: list[Job] = []
    if fusion.members:
        chosen = [tasks[scan.name] for scan in fusion.members]
        names = ', '.join(scan.name for scan in fusion.members[1:])
        LOGGER.info('%s is fused with %s, as their reference', fusion.members[0].name, names)
        jobs.append(GroupTask(fusion, tuple(chosen)))
    for name, reason in fusion.left_out:
        LOGGER.warning('%s is left out of the fusion: %s', name, reason)
        if name in tasks:
            others = ', '.join(scan.name for scan in fusion.planned if scan.name != name)
            note = f'Warning: it was meant to be fused with {others}, and stands alone: {reason}.'
            task = tasks[name]
            scan = dataclasses.replace(task.scan, fusion=fusion)
            jobs.append(dataclasses.replace(task, scan=scan, notes=(*task.notes, note)))
    return jobs


def results_of(job: Job) -> tuple[Scan, ...]:
    """Return everything a job writes files of."""
    return job.fusion.results() if isinstance(job, GroupTask) else (job.scan,)


def scans_of(job: Job) -> tuple[Scan, ...]:
    """Return the input scans of a job."""
    return tuple(task.scan for task in tasks_of(job))


def tasks_of(job: Job) -> tuple[Task, ...]:
    """Return the tasks of the input scans of a job."""
    return job.tasks if isinstance(job, GroupTask) else (job,)


def job_done(job: Job, settings: Settings) -> bool:
    """Tell whether a job needs no more work."""
    direction = 'enhance' if isinstance(job, GroupTask) else job.direction
    return all(is_finished(scan, settings, direction) for scan in results_of(job))


def job_node(job: Job) -> str:
    """Return the name of a job's workflow."""
    return job.node if isinstance(job, GroupTask) else node_name(job.scan)


def job_methods(job: Job, settings: Settings) -> str:
    """Return the methods text of a job; ``[@key]`` cites."""
    if isinstance(job, GroupTask):
        return fusion_methods(job.fusion, [task.fields for task in job.tasks], settings)
    return scan_methods(job.scan, job.direction, job.fields, settings)


def judge(
    job: Job, settings: Settings, failures: list[Failure]
) -> tuple[list[Verdict], list[Job]]:
    """Say what became of a job that was run.

    Parameters
    ----------
    job : Task or GroupTask
    settings : Settings
    failures : list of Failure
        Of this run, all jobs'.

    Returns
    -------
    verdicts : list of Verdict
        Of its scans; none where there is more to do.
    again : list of Task and GroupTask
        What to run instead, where some scans of a group cannot be fused.
    """
    own = [f for f in failures if _part(f, 1) == job_node(job)]
    # Without the reference no scan has a target: its failure is theirs.
    shared = next((f for f in failures if _part(f, 1).startswith(REFERENCE)), None)
    going_on = not shared and not settings.stop_on_first_crash
    if isinstance(job, GroupTask) and own and going_on:
        reasons = _culprits(job, own, settings)
        if reasons:
            # Those left out before have jobs of their own.
            return [], settle(job.fusion.without(reasons), {t.scan.name: t for t in job.tasks})
    if isinstance(job, Task) and going_on and (problem := _reference_problem(own)):
        reference = job.scan.highfield.without(without_paths(problem, settings))
        LOGGER.warning('%s: %s', job.scan.name, reference.notes[-1].removeprefix('Warning: '))
        scan = dataclasses.replace(job.scan, highfield=reference)
        return [], [dataclasses.replace(job, scan=scan, notes=(*job.notes, reference.notes[-1]))]
    verdicts = []
    for task in tasks_of(job):
        failure = shared or next((f for f in own if _concerns(f, task.scan)), None)
        failure = failure or _incomplete(job, task, settings, own)
        if failure and not own and failures and settings.stop_on_first_crash:
            verdicts.append(Verdict(task.scan, 'not run'))
            continue
        verdicts.append(Verdict(task.scan, 'failed' if failure else 'finished', failure))
    return verdicts, []


def _concerns(failure: Failure, scan: Scan) -> bool:
    """Tell whether a failure costs a scan anything: those of others' files do not."""
    kind, _, rest = _part(failure, 2).partition('_')
    if kind == 'results':
        return rest == node_name(scan)
    if kind in ('outputs', 'render') and rest.partition('_')[0] in MODALITIES:
        return rest.partition('_')[0] == scan.suffix
    return True


def _reference_problem(own: list[Failure]) -> str:
    """Return why a scan's high-field reference cannot be used, if nothing else is wrong."""
    if not own or any(_part(f, 2) != HIGHFIELD or f.kind in TEMPORARY for f in own):
        return ''
    return (own[0].message or own[0].kind).rstrip('.')


def _incomplete(job: Job, task: Task, settings: Settings, own: list[Failure]) -> Failure | None:
    """Return why not all files of a scan that did not fail itself are there."""
    wanted: tuple[Scan, ...] = (task.scan,)
    if isinstance(job, GroupTask):
        wanted = (job.fusion.member(task.scan), job.fusion.output(task.scan.suffix))
    if all(is_finished(scan, settings, task.direction) for scan in wanted):
        return None
    if own:
        return own[0]
    missing = [p for scan in wanted for p in missing_files(scan, settings, task.direction)]
    what = 'its QC file is stale'
    if missing:
        what = f'{len(missing)} of its files are missing, the first: {missing[0]}'
    return Failure('outputs', 'Incomplete', what)


def _part(failure: Failure, place: int) -> str:
    parts = failure.node.split('.')
    return parts[place] if len(parts) > place else ''


def _culprits(job: GroupTask, own: list[Failure], settings: Settings) -> dict[str, str]:
    """Return the members without which the others may go on, and why."""
    if any(failure.kind in TEMPORARY for failure in own):
        return {}
    reasons = {}
    for scan in job.fusion.members:
        where = {node_name(scan), register_name(scan)}
        for failure in own:
            if _part(failure, 2) in where:
                said = failure.message or failure.kind
                reasons.setdefault(scan.name, without_paths(said, settings))
    return reasons
