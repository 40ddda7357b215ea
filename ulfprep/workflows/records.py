"""What became of scans so far, kept in the output folder as soon as it is known."""

import logging
import traceback
from pathlib import Path

from ulfprep.bids.qc_file import BrokenRecordError, read_record
from ulfprep.bids.store.locks import LockedError, Locks
from ulfprep.bids.store.records import remove_verdict, write_verdict
from ulfprep.bids.write.derivatives import QC, path_of
from ulfprep.settings import Settings
from ulfprep.workflows.engine.failures import Failure, Verdict
from ulfprep.workflows.jobs import Job, job_done, scans_of, without_paths

LOGGER = logging.getLogger('ulfprep')


class Records:
    """The verdicts of a run, by name of the scan.

    Parameters
    ----------
    settings : Settings
    run_dir : Path
        Folder of the run's log.
    """

    def __init__(self, settings: Settings, run_dir: Path):
        self.settings = settings
        self.verdicts: dict[str, Verdict] = {}
        out = settings.output_dir
        self.run = run_dir.relative_to(out) if run_dir.is_relative_to(out) else run_dir

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict; of a scan that failed there is a record until it is finished."""
        self.verdicts[verdict.scan.name] = verdict
        out, failure = self.settings.output_dir, verdict.failure
        if verdict.status in ('finished', 'skipped'):
            remove_verdict(out, verdict.scan)
        # What another process is just working on is its affair.
        elif failure and failure.kind != LockedError.__name__:
            try:
                write_verdict(
                    out,
                    verdict.scan,
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
        for scan in scans_of(job):
            LOGGER.info('%s: finished before with the same settings, not run again', scan.name)
            self.add(Verdict(scan, 'skipped'))
        return True


def claim(jobs: list[Job], locks: Locks, records: Records) -> list[Job]:
    """Lock the participants of jobs; return the jobs that are this run's to do.

    Those of participants that another process holds have failed for now.
    """
    mine = []
    for job in jobs:
        try:
            for label in sorted({scan.subject for scan in scans_of(job)}):
                locks.take_participant(label)
        except LockedError as error:
            failure = Failure('lock', type(error).__name__, str(error))
            for scan in scans_of(job):
                records.add(Verdict(scan, 'failed', failure))
            continue
        # The process that held it a moment ago may have finished it.
        if not records.done(job):
            mine.append(job)
    return mine


def methods_of(verdicts: list[Verdict], settings: Settings) -> list[str]:
    """Return the methods texts of finished scans, each once, whichever run finished them."""
    texts = []
    for verdict in verdicts:
        if verdict.status not in ('finished', 'skipped'):
            continue
        try:
            texts.append(read_record(settings.output_dir / path_of(verdict.scan, QC)).methods)
        except (OSError, BrokenRecordError):
            continue
    return list(dict.fromkeys(texts))


def format_error(error: Exception) -> str:
    """Return an exception's traceback as text."""
    return ''.join(traceback.format_exception(error)).strip()
