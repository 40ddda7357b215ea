"""The reports of a run, and those of earlier runs written again."""

import logging
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.names import session_name
from ulfprep.bids.write.dataset import refuse_output
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.logs import logging_to
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')
Session = tuple[str, str | None]


def write_reports(
    sessions: Iterable[Session],
    output_dir: Path,
    failed: dict[str, dict] | None = None,
    *,
    interactive: bool = False,
) -> bool:
    """Write the report of every participant (and session) named.

    Parameters
    ----------
    sessions : iterable of (str, str or None)
        Labels of participant and session.
    output_dir : Path
        Derivatives dataset; it also knows of scans that failed in earlier runs.
    failed : dict, optional
        Name -> record of scans that failed in this run, in the words of
        :func:`ulfprep.bids.store.records.read_failures`.
    interactive : bool
        Put a viewer of the volumes into them.

    Returns
    -------
    bool
        Whether any could not be written.
    """
    from ulfprep.bids.store.records import read_failures
    from ulfprep.reports.participant import write_report

    # The record of this run's failures is written at once; without it (on a full disk) they are
    # known from the run itself.
    records = (failed or {}) | {record['scan']: record for record in read_failures(output_dir)}
    errors: dict[Session, list[dict]] = {}
    for record in records.values():
        errors.setdefault(session_of(record), []).append(record)
    trouble = False
    for subject, session in dict.fromkeys(sessions):
        try:
            own = errors.get((subject, session), ())
            path = write_report(output_dir, subject, session, own, interactive=interactive)
            LOGGER.info('report: %s', path)
        except Exception as error:  # one bad report must not cost the others
            name = session_name(subject, session).replace('_', ' ')
            LOGGER.error('%s: the report could not be written: %r', name, error)
            LOGGER.debug('', exc_info=error)
            trouble = True
    return trouble


def session_of(record: dict) -> Session:
    """Return participant and session of a QC file or the record of a failed scan."""
    entities = record['entities']
    return entities['subject'], entities.get('session')


def reported_sessions(settings: Settings) -> list[Session]:
    """Return participants and sessions of which an output folder holds something, sorted.

    Parameters
    ----------
    settings : Settings
        Only ``output_dir`` and the labels are used.
    """
    from ulfprep.bids.store.outcomes import find_outcomes
    from ulfprep.reports.participant import is_reported

    wanted = set(settings.session_label)
    found = {
        (one.subject, one.session)
        for label in settings.participant_label or ('*',)
        for one in find_outcomes(settings.output_dir, label)[0]
        if is_reported(one) and (not wanted or one.session in wanted)
    }
    return sorted(found, key=lambda pair: (pair[0], pair[1] or ''))


def reports_only(settings: Settings) -> Exit:
    """Write the reports again, from what the output folder holds.

    Returns
    -------
    Exit
        OK, or FAILURE if some report could not be written. What became of the scans does not
        matter here.

    Raises
    ------
    Stop
        If there is nothing to report.
    """
    out = settings.output_dir
    if not out.is_dir():
        raise Stop(Exit.NO_INPUT, f'{out}: there is no such folder; run without --reports-only')
    if reason := refuse_output(out):
        raise Stop(Exit.USAGE, reason)
    with logging_to(None, settings.verbose), prepared(settings):
        sessions = reported_sessions(settings)
        if not sessions:
            raise Stop(
                Exit.NOTHING_SELECTED,
                f'{out}: holds nothing of the participants and sessions that were asked for; run '
                'without --reports-only first',
            )
        trouble = write_reports(sessions, out, interactive=settings.interactive_report)
        return Exit.FAILURE if trouble else Exit.OK
