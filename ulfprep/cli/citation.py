"""Methods text and references of a run, for the paper that uses its results."""

import re
import sys
from importlib.resources import files
from pathlib import Path

from ulfprep.bids.files import write_text
from ulfprep.cli.environment import prepared
from ulfprep.cli.exit_codes import Exit, Stop
from ulfprep.cli.logs import logging_to
from ulfprep.settings import Settings


def citation_text(methods: list[str], references: dict[str, str]) -> str:
    """Return the methods text with the references it cites, as Markdown.

    Parameters
    ----------
    methods : list of str
        One text a kind of workflow, with citations such as ``[@n4]``.
    references : dict
        Key -> reference, ready to print.
    """
    cited = dict.fromkeys(re.findall(r'@([\w:-]+)', ' '.join(methods)))
    listed = [f'- [@{key}] {references[key]}' for key in cited if key in references]
    parts = ['# Methods', *methods, '# References', '\n'.join(listed)]
    return '\n\n'.join(parts) + '\n'


def write_citation(output_dir: Path, methods: list[str]) -> None:
    """Write ``logs/CITATION.md`` and the bibliography beside it."""
    from ulfprep.reports.methods import bibliography

    references = {
        key: f'{reference.text} {reference.url}'.strip()
        for key, reference in bibliography().items()
    }
    logs = output_dir / 'logs'
    write_text(logs / 'CITATION.md', citation_text(methods, references))
    source = files('ulfprep.data').joinpath('boilerplate.bib')
    write_text(logs / 'CITATION.bib', source.read_text(encoding='utf-8'))


def boilerplate_only(settings: Settings) -> Exit:
    """Write the methods text that a run would write, and nothing else.

    Returns
    -------
    Exit
        OK.

    Raises
    ------
    Stop
        If the run could not begin, or no selected scan could be processed.
    """
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
    write_citation(settings.output_dir, methods)
    print(f'written: {settings.output_dir / "logs" / "CITATION.md"}', file=sys.stderr)
    return Exit.OK
