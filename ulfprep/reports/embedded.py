"""Figures inside a page, and which of them give way where it would grow too large."""

import re
from urllib.parse import quote

from ulfprep.reports.captions import CAPTIONS, UNKNOWN
from ulfprep.reports.pages import svg_address

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
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


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
    figure = {'id': identity, 'name': name, 'caption': CAPTIONS.get(name, UNKNOWN)}
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
    """Leave pictures out of a page until it has become so much smaller.

    Parameters
    ----------
    figures : list of dict
        All of the page, as :func:`embedded` returns them; changed in place. Those of later
        scans go first.
    excess : int
        Bytes to save.

    Returns
    -------
    bool
        Whether anything could be left out.
    """
    saved = 0
    for position in sorted(range(len(figures)), key=lambda k: (_rank(figures[k]['name']), -k)):
        if saved >= excess:
            break
        figure = figures[position]
        if figure['source']:
            saved += len(figure['source'])
            figure |= {'source': None, 'instead': figure['file']}
    return saved > 0


def _rank(name):
    return LEAST.index(name) if name in LEAST else len(LEAST)
