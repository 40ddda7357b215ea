"""What a run says of its scans, also written again without any work on them: reports, methods."""

import logging
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from ulfprep.bids.files import write_text
from ulfprep.bids.names import session_name
from ulfprep.bids.write.dataset import refuse_output
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop, usage
from ulfprep.log_file import logging_to
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')
#: Labels of participant and session.
Session = tuple[str, str | None]


def write_reports(
    sessions: Iterable[Session],
    output_dir: Path,
    failed: dict[str, dict] | None = None,
    *,
    interactive: bool = False,
) -> bool:
    """Write the reports of sessions, and return whether any could not be written.

    Parameters
    ----------
    sessions : iterable of Session
    output_dir : Path
        Derivatives dataset; it also knows of scans that failed in earlier runs.
    failed : dict, optional
        Name -> record of scans that failed in this run, as
        :func:`ulfprep.bids.store.records.read_failures` returns them.
    interactive : bool
        Put a viewer of the volumes into them.
    """
    from ulfprep.bids.store.records import read_failures
    from ulfprep.reports.participant import write_report

    # The record of this run's failures is written at once; without it (on a full disk) they are
    # known from the run itself.
    records = (failed or {}) | {record['scan']: record for record in read_failures(output_dir)}
    errors: dict[Session, list[dict]] = defaultdict(list)
    for record in records.values():
        entities = record['entities']
        errors[entities['subject'], entities.get('session')].append(record)
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


def reports_only(settings: Settings) -> Exit:
    """Write the reports again, from what the output folder holds.

    It fails if a report cannot be written; what became of the scans does not matter here.
    """
    out = settings.output_dir
    if not out.is_dir():
        raise Stop(Exit.NO_INPUT, f'{out}: there is no such folder; run without --reports-only')
    if reason := refuse_output(out):
        raise usage(reason)
    with logging_to(None, settings.verbose), prepared(settings):
        from ulfprep.bids.store.outcomes import find_outcomes
        from ulfprep.reports.participant import is_reported

        wanted = settings.session_label
        sessions = {
            (one.subject, one.session)
            for label in settings.participant_label or ('*',)
            for one in find_outcomes(out, label)[0]
            if is_reported(one) and (not wanted or one.session in wanted)
        }
        if not sessions:
            raise Stop(
                Exit.NOTHING_SELECTED,
                f'{out}: holds nothing of the participants and sessions that were asked for; run '
                'without --reports-only first',
            )
        in_order = sorted(sessions, key=lambda pair: (pair[0], pair[1] or ''))
        trouble = write_reports(in_order, out, interactive=settings.interactive_report)
        return Exit.FAILURE if trouble else Exit.OK


def boilerplate_only(settings: Settings) -> Exit:
    """Write the methods text that a run would write, and nothing else."""
    with logging_to(None, settings.verbose), prepared(settings):
        from ulfprep.cli.preflight import preflight
        from ulfprep.cli.select import select_scans

        settings = preflight(settings)
        _, tasks = select_scans(settings)
        # As late as this, for it imports what reads the environment.
        from ulfprep.workflows.jobs import job_methods, plan_jobs
        from ulfprep.workflows.screen import screen

        jobs = plan_jobs(screen(tasks, settings), settings)
        methods = list(dict.fromkeys(job_methods(job, settings) for job in jobs))
    if not methods:
        raise Stop(
            Exit.BAD_DATA, f'{settings.bids_dir}: no selected scan can be processed; see above'
        )
    written = write_citation(settings.output_dir, methods)
    print(f'written: {written}', file=sys.stderr)
    return Exit.OK


def write_citation(output_dir: Path, methods: list[str]) -> Path:
    """Write ``logs/CITATION.md``, with the references that methods texts cite, and all as BibTeX.

    Parameters
    ----------
    output_dir : Path
    methods : list of str
        One text a kind of workflow, with citations such as ``[@n4]``.
    """
    from ulfprep.reports.methods import bibliography

    known = bibliography()
    cited = [key for key in re.findall(r'@([\w:-]+)', ' '.join(methods)) if key in known]
    references = [
        f'- [@{key}] {known[key].text} {known[key].url}'.rstrip() for key in dict.fromkeys(cited)
    ]
    parts = ['# Methods', *methods, '# References', '\n'.join(references)]
    written = write_text(output_dir / 'logs/CITATION.md', '\n\n'.join(parts) + '\n')
    source = files('ulfprep.data').joinpath('boilerplate.bib')
    write_text(output_dir / 'logs/CITATION.bib', source.read_text(encoding='utf-8'))
    return written
