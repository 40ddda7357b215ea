"""Scans in, endings out: what is wrong, what is finished, what is run, and what is run again."""

import logging
import traceback
from itertools import count
from pathlib import Path

from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.store.locks import Locks
from ulfprep.bids.task import Task
from ulfprep.bids.write.simulated import export_simulated
from ulfprep.settings import Settings
from ulfprep.workflows.endings import Records
from ulfprep.workflows.engine.failures import Ending, Failure
from ulfprep.workflows.jobs import plan_jobs
from ulfprep.workflows.resources import check_room
from ulfprep.workflows.run import run_jobs
from ulfprep.workflows.screen import screen
from ulfprep.workflows.whole import workflow_folder

LOGGER = logging.getLogger('ulfprep')


def run_scans(
    tasks: list[Task], settings: Settings, crash_dir: Path, locks: Locks | None = None
) -> tuple[list[Ending], list[str]]:
    """Process scans; a bad one never stops the others.

    Crash files go into ``crash_dir``. Participants that are worked on stay locked in ``locks``
    where that is given; else they are released at the end.

    Returns
    -------
    endings : list of Ending
        In the order of ``tasks``.
    methods : list of str
        Methods texts of all scans that are finished, each once.

    Raises
    ------
    NoRoomError
        Where a disk is far too small; nothing is computed then.
    """
    if locks is None:
        with Locks.of(settings) as own:
            return run_scans(tasks, settings, crash_dir, own)
    records = Records(settings, crash_dir)
    tasks = screen(tasks, settings)
    for task in (task for task in tasks if task.problem):
        failure = Failure('check', UnusableScanError.__name__, task.problem)
        records.add(Ending(task.scan, 'failed', failure))
    jobs = plan_jobs(tasks, settings)
    # A group that some scan cannot join is run again without it, and that scan alone.
    for attempt in count():
        waiting = records.claim([job for job in jobs if not records.done(job)], locks)
        if not waiting:
            break
        if not attempt:
            check_room(waiting, workflow_folder(settings), settings)
        folder = crash_dir / f'again-{attempt}' if attempt else crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        jobs = run_jobs(waiting, settings, folder, locks, records)
    if settings.simulate_as_bids:
        for task in tasks:
            records.add(_export(task, records.endings[task.name], settings))
    return [records.endings[task.name] for task in tasks], records.methods_of(tasks)


def _export(task: Task, ending: Ending, settings: Settings) -> Ending:
    """Put a finished simulation into the raw dataset; a scan that cannot be has failed."""
    if ending.status not in ('finished', 'skipped') or task.direction != 'simulate':
        return ending
    try:
        for path in export_simulated(task, settings):
            LOGGER.info('%s: written %s', task.name, path)
    except Exception as error:  # noqa: BLE001 - one scan must not cost the others
        trace = ''.join(traceback.format_exception(error)).strip()
        failure = Failure('export', type(error).__name__, str(error), trace)
        return Ending(task.scan, 'failed', failure)
    return ending
