"""What the pages have in common: templates, scripts, pictures, and how large a page may be."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from ulfprep.reports.values import duration, gigabytes

#: A page does not grow beyond this, bytes: mail and browsers carry no more with ease.
MOST_BYTES = 8_000_000
#: What a page can do without, the first first; figures that are not named here go last.
LEAST = (
    'entropy',
    'tissuechange',
    'disagreement',
    'segmentation',
    'histogram',
    'loss',
    'contrast',
    'bias',
    'tissues',
    'claim',
    'prediction',
    'simcheck',
)
#: Figures that are not for the report of a participant.
ELSEWHERE = ('thumbnail',)
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


@cache
def words() -> dict:
    """Return sections and captions of a participant's report (``templates/words.yaml``)."""
    import yaml

    file = files('ulfprep.reports').joinpath('templates', 'words.yaml')
    return yaml.safe_load(file.read_text('utf-8'))


def caption_of(name: str) -> dict:
    """Return the words around a figure; empty ones for a figure that nobody described."""
    empty = dict.fromkeys(('title', 'look', 'caution', 'views', 'first_view'), '')
    return empty | {'alt': 'Figure without a description.'} | words()['figures'].get(name, {})


@cache
def environment():
    """Return the template engine; whatever is printed is escaped unless it says otherwise."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader('ulfprep.reports'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {'duration': duration, 'gigabytes': gigabytes}
    return made


def svg_address(svg: str) -> str:
    """Return an SVG as a ``data:`` address."""
    # Addresses lose their line breaks, which in SVG part one attribute from the next.
    text = quote(' '.join(svg.splitlines()), safe=" !$&'()*+,-./:;=?@[]_~")
    return f'data:image/svg+xml,{text}'


def script(name: str) -> tuple[str, str]:
    """Return a script of the templates, and its hash as a content security policy states it."""
    text = files('ulfprep.reports').joinpath('templates', name).read_text('utf-8')
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')
    return text, f'sha256-{digest}'


def embedded(identity, name, path, output_dir):
    """Return one figure: its picture as a data address, or that it is missing.

    Parameters
    ----------
    identity : str
        Its id in the page.
    name : str
    path : Path or None
        SVG file; None where there is none.
    output_dir : Path
        Where the page lies.

    Returns
    -------
    dict
        ``source`` is None for what is missing; ``instead`` is the address of the file beside the
        page, for what had to give way.
    """
    figure = {'id': identity, 'name': name, 'caption': caption_of(name)}
    figure |= {'source': None, 'instead': None, 'file': None}
    if path is None:
        return figure
    svg = path.read_text(encoding='utf-8')
    box = _VIEW_BOX.search(svg)
    width, height = (float(v) for v in box.groups()) if box else (1.0, 1.0)
    return figure | {
        'source': svg_address(svg),
        'file': quote(path.relative_to(output_dir).as_posix()),
        'width': f'{width:g}',
        'height': f'{height:g}',
        'half': f'{height / 2:g}',
    }


def give_way(figures, excess):
    """Leave pictures out of a page until it has become so many bytes smaller.

    Parameters
    ----------
    figures : list of dict
        All of the page, as :func:`embedded` returns them; changed in place. Those of later
        scans go first.
    excess : int

    Returns
    -------
    bool
        Whether anything could be left out.
    """
    rank = {name: place for place, name in enumerate(LEAST)}
    saved = 0
    for _, figure in sorted(
        enumerate(figures), key=lambda pair: (rank.get(pair[1]['name'], len(LEAST)), -pair[0])
    ):
        if saved >= excess:
            break
        if figure['source']:
            saved += len(figure['source'])
            figure |= {'source': None, 'instead': figure['file']}
    return saved > 0
