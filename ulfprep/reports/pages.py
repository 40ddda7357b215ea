"""What the pages have in common: the template engine, and scripts that may run in them."""

import base64
import hashlib
from importlib.resources import files
from urllib.parse import quote


def environment():
    """Return the template engine; whatever is printed is escaped unless it says otherwise."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader('ulfprep.reports'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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
