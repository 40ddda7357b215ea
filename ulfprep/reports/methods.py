"""The methods text of a page, to read and to paste, and the bibliography that it cites."""

import re
from functools import partial
from importlib.resources import files
from typing import NamedTuple

from markupsafe import Markup, escape

#: Closes every methods text.
FRAMEWORK = """\
The workflow is a BIDS App [@bidsapps] for data in the Brain Imaging Data Structure [@bids],
runs on Nipype [@nipype], and this report follows the example of fMRIPrep [@fmriprep]."""

_ENTRY = re.compile(r'@\w+\{\s*([^,\s]+)\s*,(.*?)\n\}', re.DOTALL)
_FIELD = re.compile(r'^\s*(\w+)\s*=\s*\{(.*)\},?\s*$', re.MULTILINE)
_CITATION = re.compile(r'\[(@[\w:-]+(?:\s*;\s*@[\w:-]+)*)\]')
_EMPHASIS = re.compile(r'\*([^*\n]+)\*')


class Reference(NamedTuple):
    """One entry of the bibliography: ready to print, and as BibTeX."""

    key: str
    text: str
    url: str
    source: str


def methods_of(scans) -> dict:
    """Return the methods text of a page for the label and text of each scan that finished.

    ``parts``: labels of the scans that a text is of (none for what closes them all), the text as
    HTML and as it is; ``references``: what the texts cite, in the order of their numbers;
    ``bibtex``: the same as BibTeX.
    """
    labels: dict[str, list[str]] = {}
    for label, text in scans:
        labels.setdefault(text, []).append(label)
    texts = [*((names, text) for text, names in labels.items()), ([], FRAMEWORK)]
    known, cited = bibliography(), {}
    parts = [(names, cite(text, known, cited), text) for names, text in texts]
    references = [known[key] for key in cited]
    bibtex = '\n\n'.join(reference.source for reference in references) + '\n'
    return {'parts': parts, 'references': references, 'bibtex': bibtex}


def bibliography() -> dict[str, Reference]:
    """Return the bibliography that ships with ulfprep, by its keys."""
    source = files('ulfprep.data').joinpath('boilerplate.bib').read_text(encoding='utf-8')
    return {entry[1]: _reference(*entry.groups(), entry[0]) for entry in _ENTRY.finditer(source)}


def _reference(key, body, source):
    """Turn a BibTeX entry of ours (one field a line, values in braces) into a line of text."""
    field = {name: re.sub(r'[{}]', '', value) for name, value in _FIELD.findall(body)}
    where = field.get('journal') or field.get('booktitle', '')
    if 'volume' in field:
        where += f' {field["volume"]}'
    if 'pages' in field:
        where += f'{":" if "volume" in field else ", "}{field["pages"]}'
    if 'note' in field:
        where += f' {field["note"]}'
    text = f'{_authors(field["author"])} ({field["year"]}). {field["title"]}. {where}.'
    return Reference(key, text.replace('--', '\u2013'), field.get('url', ''), source)


def _authors(names):
    """Return ``Tustison NJ, Avants BB, et al.`` for a BibTeX author list."""
    people = []
    for name in names.removesuffix(' and others').split(' and '):
        family, _, given = name.partition(', ')
        initials = ''.join(part[0] for part in re.split(r'[\s-]+', given) if part)
        people.append(f'{family} {initials}'.strip())
    if len(people) > 3 or names.endswith(' and others'):
        people[2:] = ['et al.']
    return ', '.join(people)


def cite(text, known, numbers):
    """Return plain text with ``[@key; @key]`` and ``*emphasis*`` as HTML paragraphs.

    Citations become numbered links: ``numbers`` holds the keys cited so far with their number and
    grows in the order of citation. Everything else is escaped.
    """

    def html(paragraph):
        linked = _CITATION.sub(
            partial(_links, known=known, numbers=numbers), str(escape(paragraph))
        )
        # What comes from the text was escaped; only the tags added here are markup.
        return Markup('<p>{}</p>').format(Markup(_EMPHASIS.sub(r'<em>\1</em>', linked)))

    paragraphs = (p.strip() for p in re.split(r'\n\s*\n', str(text)))
    return Markup('\n').join(html(p) for p in paragraphs if p)


def _links(match, known, numbers):
    links = []
    for key in re.findall(r'@([\w:-]+)', match.group(1)):
        if key not in known:
            links.append(f'{key}: not in the bibliography')
            continue
        number = numbers.setdefault(key, len(numbers) + 1)
        links.append(f'<a href="#ref-{key}">{number}</a>')
    return f'[{", ".join(links)}]'
