"""How scans ended: told from what failed, and kept in the output folder at once."""

import dataclasses
import logging
from pathlib import Path

from ulfprep.bids.store.locks import LockedError, Locks
from ulfprep.bids.store.outcomes import is_finished, missing_files
from ulfprep.bids.store.records import (
    BrokenRecordError,
    read_record,
    remove_failure,
    write_failure,
)
from ulfprep.bids.task import Fusion, Task
from ulfprep.bids.write.derivatives import QC, path_of
from ulfprep.settings import MODALITIES, Settings
from ulfprep.workflows.engine.failures import Ending, Failure
from ulfprep.workflows.jobs import (
    Job,
    job_done,
    job_node,
    node_name,
    register_name,
    settle,
    without_paths,
)

LOGGER = logging.getLogger('ulfprep')
#: Failures that say nothing of the scan: the same may succeed another time.
TEMPORARY = frozenset({'WorkerKilledError', 'MemoryError'})
#: Workflows that prepare the image which scans shall look like, and that which one is measured
#: against.
TARGET_LIKE, HIGHFIELD = 'target_wf', 'highfield'


class Records:
    """The endings of a run, by name of the scan; ``run_dir`` is the folder of its log."""

    def __init__(self, settings: Settings, run_dir: Path):
        self.settings = settings
        self.endings: dict[str, Ending] = {}
        out = settings.output_dir
        self.run = run_dir.relative_to(out) if run_dir.is_relative_to(out) else run_dir

    def add(self, ending: Ending) -> None:
        """Keep an ending; of a scan that failed there is a record until it is finished."""
        self.endings[ending.scan.name] = ending
        out, failure = self.settings.output_dir, ending.failure
        if ending.status in ('finished', 'skipped'):
            remove_failure(out, ending.scan)
        # What another process is just working on is its affair.
        elif failure and failure.kind != LockedError.__name__:
            try:
                write_failure(
                    out,
                    ending.scan,
                    node=failure.node,
                    kind=failure.kind,
                    message=without_paths(failure.message, self.settings),
                    traceback=without_paths(failure.traceback, self.settings),
                    run=self.run.as_posix(),
                )
            except OSError as error:  # it is told at the end all the same
                LOGGER.error('the record of a failure cannot be written: %s', error)

    def done(self, job: Job) -> bool:
        """Tell whether a job needs no work, and say so of its scans."""
        if self.settings.force or not job_done(job, self.settings):
            return False
        for task in job.members:
            LOGGER.info('%s: finished before with the same settings, not run again', task.name)
            self.add(Ending(task.scan, 'skipped'))
        return True

    def claim(self, jobs: list[Job], locks: Locks) -> list[Job]:
        """Lock the participants of jobs; return the jobs that are this run's to do.

        Those of participants that another process holds have failed for now.
        """
        mine = []
        for job in jobs:
            try:
                for label in sorted({task.scan.subject for task in job.members}):
                    locks.take_participant(label)
            except LockedError as error:
                failure = Failure('lock', type(error).__name__, str(error))
                for task in job.members:
                    self.add(Ending(task.scan, 'failed', failure))
                continue
            # The process that held it a moment ago may have finished it.
            if not self.done(job):
                mine.append(job)
        return mine

    def methods_of(self, tasks: list[Task]) -> list[str]:
        """Return the methods texts of finished scans, each once, whichever run finished them."""
        texts = []
        for task in tasks:
            if self.endings[task.name].status in ('finished', 'skipped'):
                try:
                    record = read_record(self.settings.output_dir / path_of(task, QC))
                    texts.append(record.methods)
                except (OSError, BrokenRecordError):
                    continue
        return list(dict.fromkeys(texts))


def ending_of(
    job: Job, settings: Settings, failures: list[Failure]
) -> tuple[list[Ending], list[Job]]:
    """Say what became of a job that was run; ``failures`` are those of all jobs.

    Returns
    -------
    endings : list of Ending
        Of its scans; none where there is more to do.
    again : list of Task and Fusion
        What to run instead, where some scans of a group cannot be fused.
    """
    own = [f for f in failures if _part(f, 1) == job_node(job)]
    # Without the image of --target-like no scan has a target: its failure is theirs.
    shared = next((f for f in failures if _part(f, 1).startswith(TARGET_LIKE)), None)
    if own and not shared and not settings.stop_on_first_crash:
        if isinstance(job, Fusion):
            if reasons := _culprits(job, own, settings):
                # Those left out before have jobs of their own.
                return [], settle(job.without(reasons), job.members)
        elif problem := _highfield_problem(own):
            highfield = job.highfield.without(without_paths(problem, settings))
            note = highfield.notes[-1]
            LOGGER.warning('%s: %s', job.name, note.text)
            return [], [dataclasses.replace(job, highfield=highfield, notes=(*job.notes, note))]
    endings = []
    for task in job.members:
        failure = shared or next((f for f in own if _concerns(f, task)), None)
        failure = failure or _incomplete(job, task, settings, own)
        if failure and not own and failures and settings.stop_on_first_crash:
            endings.append(Ending(task.scan, 'not run'))
            continue
        endings.append(Ending(task.scan, 'failed' if failure else 'finished', failure))
    return endings, []


def _concerns(failure: Failure, task: Task) -> bool:
    """Tell whether a failure costs a scan anything: those of others' files do not."""
    kind, _, rest = _part(failure, 2).partition('_')
    if kind == 'results':
        return rest == node_name(task)
    if kind in ('outputs', 'render') and rest.partition('_')[0] in MODALITIES:
        return rest.partition('_')[0] == task.scan.suffix
    return True


def _highfield_problem(own: list[Failure]) -> str:
    """Return why a scan's high-field image cannot be used, if nothing else is wrong."""
    if any(_part(f, 2) != HIGHFIELD or f.kind in TEMPORARY for f in own):
        return ''
    return (own[0].message or own[0].kind).rstrip('.')


def _incomplete(job: Job, task: Task, settings: Settings, own: list[Failure]) -> Failure | None:
    """Return why not all files of a scan that did not fail itself are there."""
    wanted: tuple[Task, ...] = (task,)
    if isinstance(job, Fusion):
        wanted = (job.member(task), job.output(task.scan.suffix))
    if all(is_finished(one, settings) for one in wanted):
        return None
    if own:
        return own[0]
    missing = [path for one in wanted for path in missing_files(one, settings)]
    what = 'its QC file is stale'
    if missing:
        what = f'{len(missing)} of its files are missing, the first: {missing[0]}'
    return Failure('outputs', 'Incomplete', what)


def _part(failure: Failure, place: int) -> str:
    parts = failure.node.split('.')
    return parts[place] if len(parts) > place else ''


def _culprits(fusion: Fusion, own: list[Failure], settings: Settings) -> dict[str, str]:
    """Return the members without which the others may go on, and why."""
    if any(failure.kind in TEMPORARY for failure in own):
        return {}
    reasons: dict[str, str] = {}
    for task in fusion.members:
        for failure in own:
            if _part(failure, 2) in (node_name(task), register_name(task)):
                said = failure.message or failure.kind
                reasons.setdefault(task.name, without_paths(said, settings))
    return reasons
