"""The interactive viewer of a scan's volumes, inside its report."""

import base64
import json
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from ulfprep.reports.pages import MOST_BYTES, environment
from ulfprep.reports.scan_page import label_of
from ulfprep.reports.viewer.layers import find_layers

#: Left for what is written after the viewers.
SPARE = 100_000
#: Finest voxels of images and of maps (mm; maps vary over several millimetres), and those where
#: the page would grow too large.
FINE, COARSE = (1.0, 2.0), (2.0, 3.0)


def viewers(output_dir, scans, size):
    """Return the viewers of as many scans as fit into one page.

    Parameters
    ----------
    output_dir : path-like
        Derivatives dataset.
    scans : sequence of Outcome
        Those of the page, in its order.
    size : int
        Bytes of the page without them.

    Returns
    -------
    dict of str to Markup
        Name of the scan -> HTML: its viewer, coarser where its share of the room asks for it, or
        that there is no room. The first viewer brings the library with it.
    """
    room, library = MOST_BYTES - SPARE - size, True
    found = {}
    for number, scan in enumerate(scans):
        share = room / (len(scans) - number)
        html = viewer_html(output_dir, scan, library=library)
        if _size(html) > share:
            html = viewer_html(output_dir, scan, library=library, detail=COARSE)
        if _size(html) > room:
            html = _render(scan, too_large=True)
        elif 'class="volumes"' in html:
            library = False
        room -= _size(html)
        if html:
            found[scan.name] = html
    return found


def _size(html):
    return len(html.encode())


def viewer_html(output_dir, scan, *, library=True, detail=FINE):
    """Return the viewer of one scan as HTML that needs nothing else.

    Parameters
    ----------
    output_dir : path-like
    scan : Outcome
    library : bool
        Whether to put the library into it, which a page needs once.
    detail : (float, float)
        Finest voxels of images and of maps, mm.

    Returns
    -------
    Markup
        Empty where the scan has not finished.
    """
    if not scan.record:
        return Markup()
    layers, left_out = find_layers(Path(output_dir), scan, *detail)
    return _render(scan, layers=layers, left_out=left_out, library=library)


def _render(scan, **context):
    layers = context.pop('layers', [])
    context = {'layers': layers, 'left_out': [], 'library': False, 'too_large': False} | context
    library = niivue() if context['library'] and layers else ''
    template = environment().get_template('viewer.html')
    return Markup(
        template.render(
            **(context | {'library': library}),
            identity=f'volumes-{scan.name}',
            label=label_of(scan),
            # Nothing in it can end the element that holds it.
            content=Markup(json.dumps(layers).replace('<', '\\u003c')),
        )
    )


def niivue():
    """Return the library as it stands in a page: gzip, base64."""
    content = files('ulfprep.data').joinpath('niivue', 'niivue.umd.js.gz').read_bytes()
    return base64.b64encode(content).decode('ascii')
