"""Methods text and references of a run, for the paper that uses its results."""

import re
from importlib.resources import files
from pathlib import Path

from ulfprep.bids.files import write_text


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
    from ulfprep.reports.references import bibliography

    references = {
        key: f'{reference.text} {reference.url}'.strip()
        for key, reference in bibliography().items()
    }
    logs = output_dir / 'logs'
    write_text(logs / 'CITATION.md', citation_text(methods, references))
    source = files('ulfprep.data').joinpath('boilerplate.bib')
    write_text(logs / 'CITATION.bib', source.read_text(encoding='utf-8'))
