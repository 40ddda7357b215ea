"""The methods text of a page, to read and to paste: HTML, Markdown, BibTeX."""

from typing import NamedTuple

from markupsafe import Markup

from ulfprep.reports.references import Reference, bibliography, cite

#: Used where the QC record has no methods text.
METHODS = """\
The scan was corrected for its bias field with N4 [@n4], its brain was extracted
[@deepbet] and its tissues were segmented with a hidden Markov random field [@fast]. Tissue
contrasts expected at the target field strength follow from the field dependence of
relaxation times [@bottomley; @rooney; @marques]. Synthesis between field strengths goes
through one forward model of contrast, point-spread function and noise [@hulfsynth]."""
#: Closes every methods text.
FRAMEWORK = """\
The workflow is a BIDS App [@bidsapps] for data in the Brain Imaging Data Structure [@bids],
runs on Nipype [@nipype], and this report follows the example of fMRIPrep [@fmriprep]."""


class Methods(NamedTuple):
    """Methods text of a page.

    Attributes
    ----------
    parts : list of (list of str, markupsafe.Markup)
        Labels of the scans that a text is of (none for what closes them all), and the text.
    references : list of Reference
        What the texts cite, in the order of their numbers.
    html, markdown, bibtex : str
        The same as source text; only what is cited is in the bibliography.
    """

    parts: list[tuple[list[str], Markup]]
    references: list[Reference]
    html: str
    markdown: str
    bibtex: str


def methods_of(scans) -> Methods:
    """Return the methods text of a page.

    Parameters
    ----------
    scans : sequence of ReportedScan
        Those that finished count.
    """
    labels: dict[str, list[str]] = {}
    for scan in scans:
        if scan.qc:
            labels.setdefault(str(scan.qc.get('methods') or METHODS), []).append(scan.label)
    texts = [*((names, text) for text, names in labels.items()), ([], FRAMEWORK)]
    known, cited = bibliography(), {}
    parts = [(names, cite(text, known, cited)) for names, text in texts]
    references = [known[key] for key in cited]
    several = len(texts) > 2
    return Methods(
        parts,
        references,
        _html(parts, references, several),
        _markdown(texts, references, several),
        '\n\n'.join(reference.source for reference in references) + '\n',
    )


def _html(parts, references, several):
    pieces = ['<h2>Methods</h2>']
    for names, text in parts:
        if several and names:
            pieces.append(Markup('<h3>{}</h3>').format(', '.join(names)))
        pieces.append(text)
    pieces += ['<h2>References</h2>', '<ol>']
    for reference in references:
        item = Markup('<li id="ref-{0}">{1} <a href="{2}">{2}</a></li>')
        pieces.append(item.format(reference.key, reference.text, reference.url))
    return '\n'.join(map(str, [*pieces, '</ol>'])) + '\n'


def _markdown(texts, references, several):
    pieces = ['# Methods']
    for names, text in texts:
        if several and names:
            pieces.append(f'## {", ".join(names)}')
        pieces.append(text.strip())
    listed = [f'- [@{one.key}] {one.text} {one.url}'.strip() for one in references]
    return '\n\n'.join([*pieces, '# References', '\n'.join(listed)]) + '\n'
