"""What the pages have in common: verdicts, templates, scripts, and figures within a budget."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from ulfprep.record import FAILED, LEVELS, LOOK, USABLE, Verdict
from ulfprep.reports.values import duration, gigabytes, number

#: What each level means, and a sign for those who do not see colours.
MEANING = {
    USABLE: ('\u2713', 'no measurement speaks against it; look at the pictures all the same'),
    LOOK: ('!', 'look at what is named here before you use the result'),
    FAILED: ('\u2715', 'not to be used'),
}
#: A page does not grow beyond this, bytes: mail and browsers carry no more with ease.
MOST_BYTES = 8_000_000
#: What a page can do without, the first first; figures that are not named here go last.
LEAST = (
    'entropy', 'tissuechange', 'disagreement', 'segmentation', 'histogram', 'loss', 'contrast',
    'bias', 'tissues', 'claim', 'prediction', 'simcheck',
)  # fmt: skip
#: Figures that are not for the report of a participant.
ELSEWHERE = ('thumbnail',)
_VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def scan_verdict(recorded, problem='', crashes=(), missing=()) -> Verdict:
    """Return the verdict of a scan by its record (or why there is none) and what went wrong."""
    recorded = recorded or Verdict(USABLE)
    failed = [*crashes, *([problem] if problem else [])]
    several = 'figures are' if len(missing) > 1 else 'a figure is'
    rest = [f'{several} missing: {", ".join(missing)}'] if missing else []
    levels = [recorded.level, *[FAILED] * bool(failed), *[LOOK] * bool(rest)]
    return Verdict(max(levels, key=LEVELS.index), (*failed, *recorded.reasons, *rest))


@cache
def words() -> dict:
    """Return sections and captions of a participant's report (``templates/words.yaml``)."""
    import yaml

    return yaml.safe_load(_template('words.yaml'))


def _template(name):
    return files('ulfprep.reports').joinpath('templates', name).read_text('utf-8')


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
    made.filters |= {'duration': duration, 'gigabytes': gigabytes, 'rounded': number}
    return made


def render(template: str, **context) -> str:
    """Return what a template makes of a context."""
    return environment().get_template(template).render(**context)


def svg_address(svg: str) -> str:
    """Return an SVG as a ``data:`` address."""
    # Addresses lose their line breaks, which in SVG part one attribute from the next.
    text = quote(' '.join(svg.splitlines()), safe=" !$&'()*+,-./:;=?@[]_~")
    return f'data:image/svg+xml,{text}'


def script(name: str) -> tuple[str, str]:
    """Return a script of the templates, and its hash as a content security policy states it."""
    text = _template(name)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')
    return text, f'sha256-{digest}'


def embedded(identity, name, path, output_dir):
    """Return one figure as its template takes it; the path is that of its SVG file, or None.

    ``source``, its picture as a data address, is None for what is missing; ``instead`` is the
    address of the file beside the page, for what had to give way.
    """
    caption = dict.fromkeys(('title', 'look', 'caution', 'views', 'first_view'), '')
    caption |= {'alt': 'Figure without a description.'} | words()['figures'].get(name, {})
    figure = {'id': identity, 'name': name, 'caption': caption, 'source': None, 'instead': None}
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

    The figures, all of the page, are changed in place; those of later scans go first. Returns
    whether anything could be left out.
    """
    rank = {name: place for place, name in enumerate(LEAST)}
    saved = 0
    figures = figures[::-1]  # later scans first; sorting keeps the order of equals
    for figure in sorted(figures, key=lambda one: rank.get(one['name'], len(LEAST))):
        if saved >= excess:
            break
        if figure['source']:
            saved += len(figure['source'])
            figure |= {'source': None, 'instead': figure['file']}
    return saved > 0
