"""The participant level: scans in, derivatives and reports out."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ulfprep import __version__
from ulfprep.bids.store.locks import CACHES, claim
from ulfprep.cli.environment import container_in_words, prepared, temporary_files_in
from ulfprep.cli.exit_codes import Exit, Stop, ending_at
from ulfprep.cli.paths import check_outputs, make_folder
from ulfprep.cli.preflight import describe_device, preflight
from ulfprep.cli.select import check_valid, select_scans
from ulfprep.log_file import logging_to
from ulfprep.machine import too_much_memory
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')
#: Failures that another run may not meet.
TEMPORARY = frozenset({'WorkerKilledError', 'LockedError'})


def run_participant(settings: Settings) -> Exit:
    """Process the selected scans of a dataset and write a report for each participant."""
    # First of all: to look for a GPU imports libraries that read the environment.
    with prepared(settings):
        asked = settings.device
        settings = preflight(settings)
        run = f'{datetime.now(UTC):%Y%m%d-%H%M%S}_{uuid4().hex[:8]}'
        run_dir = settings.output_dir / 'logs' / run
        make_folder(run_dir, 'output folder')
        log_file, caches = run_dir / 'ulfprep.log', settings.work_dir / CACHES
        with logging_to(log_file, settings.verbose):
            LOGGER.info('ulfprep %s, research use only; log: %s', __version__, log_file)
            LOGGER.info('%s', describe_device(asked, settings.device))
            if container := container_in_words():
                LOGGER.info('%s', container)
            try:
                if settings.clean_workdir:
                    empty_work_folder(settings.work_dir)
                claim(caches)
                with temporary_files_in(caches / 'tmp'):
                    return _run(settings, run_dir)
            except Stop as stop:
                LOGGER.debug('stopped: %s', stop)
                raise
            except OSError as error:
                LOGGER.error('input/output error: %s; log: %s', error, log_file)
                LOGGER.debug('', exc_info=error)
                return Exit.IO_ERROR
            except Exception:
                LOGGER.exception('unexpected error; log: %s', log_file)
                return Exit.FAILURE


def _run(settings: Settings, run_dir: Path) -> Exit:
    """Do the work, with log and environment in place."""
    from ulfprep.bids.files import write_text
    from ulfprep.bids.store.locks import Locks
    from ulfprep.bids.store.records import selection_lines, write_selection
    from ulfprep.bids.write.dataset import write_dataset_files

    start = time.monotonic()
    heading = f'# Settings of a run of ulfprep {__version__}, which --config-file repeats.\n'
    write_text(run_dir / 'settings.toml', heading + settings.to_toml())
    if not settings.use_plugin and (warning := too_much_memory(settings.mem_gb)):
        LOGGER.warning('%s', warning)
    LOGGER.info('indexing %s', settings.bids_dir)
    selection, tasks = select_scans(settings)
    LOGGER.info('%d %s scan(s) selected', len(tasks), ' and '.join(settings.modalities))
    for line in selection_lines(selection, settings):
        LOGGER.info('%s', line)
    write_selection(selection, settings)
    check_valid(selection, settings)
    participants = sorted({task.scan.subject for task in tasks})
    check_outputs(settings.output_dir, participants)
    tidy_up(settings, participants)
    write_dataset_files(settings)
    if settings.simulate_as_bids:
        from ulfprep.bids.write.simulated import start_dataset

        start_dataset(settings.simulate_as_bids, settings)

    from ulfprep.cli.reports import write_citation, write_reports
    from ulfprep.workflows.base import run_scans
    from ulfprep.workflows.engine.failures import ending_table
    from ulfprep.workflows.resources import NoRoomError

    trouble = False
    # Held until the reports are written too.
    with Locks.of(settings) as locks:
        with ending_at({NoRoomError: Exit.CANNOT_CREATE}):
            endings, methods = run_scans(tasks, settings, run_dir, locks)
        try:
            if methods:
                write_citation(settings.output_dir, methods)
        except OSError as error:  # it must not hide the endings of the scans
            LOGGER.error('the methods text cannot be written: %s', error)
            trouble = True
        failed = {e.scan.name: e.as_error() for e in endings if e.failure}
        trouble |= write_reports(
            own_sessions(endings),
            settings.output_dir,
            failed,
            interactive=settings.interactive_report,
        )
    minutes = (time.monotonic() - start) / 60
    LOGGER.info('scans after %.1f min:\n%s', minutes, ending_table(endings))
    LOGGER.info('log and crash files: %s', run_dir)
    return exit_code(endings, trouble)


def tidy_up(settings: Settings, participants: list[str]) -> None:
    """Remove files that killed runs left half-written, of the dataset and of participants."""
    from ulfprep.bids.files import remove_leftovers
    from ulfprep.bids.store.records import COSTS, FAILURES, SELECTED

    for root in filter(None, (settings.output_dir, settings.simulate_as_bids)):
        # Not in the folders of other runs: an array of tasks has thousands of them, and each task
        # would search all. The group level does.
        shallow = (root, root / 'logs', *(root / name for name in (COSTS, SELECTED, FAILURES)))
        left = [path for folder in shallow for path in remove_leftovers(folder)]
        for label in participants:
            left += remove_leftovers(root / f'sub-{label}', deep=True)
        if left:
            LOGGER.info('%s: removed %d half-written file(s) of a killed run', root, len(left))


def empty_work_folder(work_dir: Path) -> None:
    """Remove what earlier runs left in the work folder, and say what was not touched."""
    from ulfprep.bids.store.locks import LockedError, clean_work_folder

    with ending_at({LockedError: Exit.TEMPORARY}):
        removed, left = clean_work_folder(work_dir)
    LOGGER.info('%s: %d folder(s) of earlier runs removed', work_dir, len(removed))
    if left:
        LOGGER.info('not made by ulfprep and left there: %s', ', '.join(p.name for p in left))


def own_sessions(endings: list) -> list[tuple[str, str | None]]:
    """Return the participants and sessions that no other process works on, and reports of."""
    others = {e.scan.subject for e in endings if e.failure and e.failure.kind == 'LockedError'}
    scans = [ending.scan for ending in endings if ending.scan.subject not in others]
    return list(dict.fromkeys((scan.subject, scan.session) for scan in scans))


def exit_code(endings: list, reports_failed: bool = False) -> Exit:
    """Return the exit code for what became of the scans."""
    kinds = [ending.failure.kind for ending in endings if ending.failure]
    if not kinds:
        return Exit.FAILURE if reports_failed else Exit.OK
    if len(kinds) == len(endings) and set(kinds) == {'UnusableScanError'}:
        return Exit.BAD_DATA
    if set(kinds) <= TEMPORARY and all(e.status != 'not run' for e in endings):
        return Exit.TEMPORARY
    if set(kinds) == {'OSError'}:  # of a full or broken disk; missing files have subclasses
        return Exit.IO_ERROR
    return Exit.FAILURE
