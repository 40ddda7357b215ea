"""Scans in, verdicts out: what is wrong, what is finished, what is run, and what is run again."""

import logging
from itertools import count
from pathlib import Path

from ulfprep.bids.read.scan import Scan
from ulfprep.bids.store.locks import Locks
from ulfprep.bids.write.simulated import export_simulated
from ulfprep.settings import Settings
from ulfprep.workflows.engine.failures import Failure, Verdict
from ulfprep.workflows.jobs import plan_jobs
from ulfprep.workflows.records import Records, claim, format_error, methods_of
from ulfprep.workflows.room import check_room
from ulfprep.workflows.run import run_jobs
from ulfprep.workflows.scan import make_task
from ulfprep.workflows.screen import screen
from ulfprep.workflows.whole import workflow_folder

LOGGER = logging.getLogger('ulfprep')


def run_scans(
    scans: list[Scan], settings: Settings, crash_dir: Path, locks: Locks | None = None
) -> tuple[list[Verdict], list[str]]:
    """Process scans; a bad one never stops the others.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    crash_dir : Path
        Where crash files of this run go.
    locks : Locks, optional
        Open; participants that are worked on stay locked in it. Without, they are released at
        the end.

    Returns
    -------
    verdicts : list of Verdict
        In the order of ``scans``.
    methods : list of str
        Methods texts of all scans that are finished, each once.

    Raises
    ------
    NoRoomError
        Where a disk is far too small; nothing is computed then.
    """
    if locks is None:
        with Locks.of(settings) as own:
            return run_scans(scans, settings, crash_dir, own)
    records = Records(settings, crash_dir)
    tasks, refused = screen(scans, settings)
    for one in refused.values():
        records.add(Verdict(one.scan, 'failed', one.failure))
    jobs = plan_jobs(tasks, refused, settings)
    # A group that some scan cannot join is run again without it, and that scan alone.
    for attempt in count():
        waiting = claim([job for job in jobs if not records.done(job)], locks, records)
        if not waiting:
            break
        if not attempt:
            check_room(waiting, workflow_folder(settings), settings)
        folder = crash_dir / f'again-{attempt}' if attempt else crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        jobs = run_jobs(waiting, settings, folder, locks, records)
    if settings.simulate_as_bids:
        for scan in scans:
            records.add(_export(records.verdicts[scan.name], settings))
    verdicts = [records.verdicts[scan.name] for scan in scans]
    return verdicts, methods_of(verdicts, settings)


def _export(verdict: Verdict, settings: Settings) -> Verdict:
    """Put a finished simulation into the raw dataset; a scan that cannot be has failed."""
    scan = verdict.scan
    if (
        verdict.status not in ('finished', 'skipped')
        or make_task(scan, settings).direction != 'simulate'
    ):
        return verdict
    try:
        for path in export_simulated(scan, settings):
            LOGGER.info('%s: written %s', scan.name, path)
    except Exception as error:  # noqa: BLE001 - one scan must not cost the others
        failure = Failure('export', type(error).__name__, str(error), format_error(error))
        return Verdict(scan, 'failed', failure)
    return verdict
