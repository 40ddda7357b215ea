"""The participant level: scans in, derivatives and reports out."""

import logging
import time
from pathlib import Path

from ulfprep import __version__
from ulfprep.cli.device import describe_device
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.logs import logging_to, new_run_id
from ulfprep.cli.preflight import preflight
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')


def run_participant(settings: Settings) -> Exit:
    """Process the selected scans of a dataset and write a report for each participant.

    Returns
    -------
    Exit
        OK if every scan is finished, FAILURE if some failed, BAD_DATA if all failed
        because none was usable, TEMPORARY if all failures were killed processes.

    Raises
    ------
    Stop
        If the run cannot begin.
    """
    # First of all, for looking for a GPU already imports what reads the environment.
    with prepared(settings):
        asked = settings.device
        settings = preflight(settings)
        run_dir = settings.output_dir / 'logs' / new_run_id()
        run_dir.mkdir(parents=True, exist_ok=True)
        with logging_to(run_dir / 'ulfprep.log', settings.verbose):
            return _run_logged(settings, run_dir, describe_device(asked, settings.device))


def _run_logged(settings: Settings, run_dir: Path, device: str) -> Exit:
    """Do the work; whatever goes wrong is in the log."""
    log_file = run_dir / 'ulfprep.log'
    LOGGER.info('ulfprep %s, research use only; log: %s', __version__, log_file)
    LOGGER.info('%s', device)
    try:
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
    from ulfprep.bids.sidecars import write_dataset_files

    start = time.monotonic()
    write_text(run_dir / 'settings.toml', settings.to_toml())
    LOGGER.info('indexing %s', settings.bids_dir)
    scans = select_scans(settings)
    LOGGER.info('%d %s scan(s) selected', len(scans), ' and '.join(settings.modalities))
    write_dataset_files(settings)
    if settings.simulate_as_bids:
        from ulfprep.bids.simulated_dataset import start_dataset

        start_dataset(settings.simulate_as_bids, settings)

    from ulfprep.cli.citation import write_citation
    from ulfprep.workflows.base import run_scans
    from ulfprep.workflows.failures import verdict_table

    verdicts, methods = run_scans(scans, settings, run_dir)
    if methods:
        write_citation(settings.output_dir, methods)
    reports_failed = write_reports(verdicts, settings.output_dir)
    minutes = (time.monotonic() - start) / 60
    LOGGER.info('verdicts after %.1f min:\n%s', minutes, verdict_table(verdicts))
    code = exit_code(verdicts, reports_failed)
    LOGGER.info('log and crash files: %s', run_dir)
    return code


def select_scans(settings: Settings) -> list:
    """Return the scans of a run; what selects nothing ends it."""
    from ulfprep.bids.dataset import (
        DatasetError,
        NoScansError,
        UnknownLabelError,
        find_scans,
    )
    from ulfprep.bids.masks import MaskChoiceError, MaskError, NoMaskError, with_masks
    from ulfprep.bids.precomputed import DerivativesError, with_derivatives

    try:
        scans = find_scans(settings)
        if settings.brain_mask:
            scans = with_masks(scans, settings.brain_mask)
        return with_derivatives(scans, settings.derivatives) if settings.derivatives else scans
    except DerivativesError as error:
        raise Stop(Exit.NOTHING_SELECTED, str(error)) from error
    except NoMaskError as error:
        raise Stop(Exit.NO_INPUT, str(error)) from error
    except MaskChoiceError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except MaskError as error:
        raise Stop(Exit.BAD_DATA, str(error)) from error
    except UnknownLabelError as error:
        raise Stop(Exit.NOTHING_SELECTED, str(error)) from error
    except NoScansError as error:
        raise Stop(Exit.NOTHING_SELECTED, str(error)) from error
    except DatasetError as error:
        raise Stop(Exit.INVALID_DATASET, str(error)) from error


def write_reports(verdicts: list, output_dir: Path) -> bool:
    """Write the report of every participant (and session); return whether any failed."""
    from ulfprep.reports.participant import write_report

    groups: dict[tuple, list] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.scan.subject, verdict.scan.session), []).append(verdict)
    failed = False
    for (subject, session), members in groups.items():
        errors = [verdict.as_error() for verdict in members if verdict.failure]
        try:
            path = write_report(output_dir, subject, session, errors)
            LOGGER.info('report: %s', path)
        except Exception as error:  # one bad report must not cost the others
            name = f'sub-{subject}' + (f' ses-{session}' if session else '')
            LOGGER.error('%s: the report could not be written: %r', name, error)
            LOGGER.debug('', exc_info=error)
            failed = True
    return failed


def exit_code(verdicts: list, reports_failed: bool = False) -> Exit:
    """Return the exit code that sums up what became of the scans."""
    kinds = [verdict.failure.kind for verdict in verdicts if verdict.failure]
    if not kinds:
        return Exit.FAILURE if reports_failed else Exit.OK
    if len(kinds) == len(verdicts) and set(kinds) == {'UnusableScanError'}:
        return Exit.BAD_DATA
    if set(kinds) == {'WorkerKilledError'}:
        return Exit.TEMPORARY
    return Exit.FAILURE
