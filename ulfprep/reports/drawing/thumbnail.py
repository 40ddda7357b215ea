"""The small picture of a result by which the group page tells scans apart."""

import base64
import io
import re
from contextlib import suppress

import numpy as np

from ulfprep.reports.drawing.pictures import white_level
from ulfprep.reports.drawing.slices import centre_row
from ulfprep.reports.drawing.style import DARK, image_address
from ulfprep.reports.drawing.volumes import cut
from ulfprep.reports.pages import svg_address

WIDTH, HEIGHT = 300, 110  # as it is shown, pixels
_DENSITY = 1.5  # stored pixels for one shown
_GAP = 4
_SVG = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" version="1.1">\n'
    '<rect width="{width}" height="{height}" fill="{ground}"/>\n'
    '<image width="{width}" height="{height}" xlink:href="{picture}"/>\n'
    '</svg>\n'
)
#: Characters that all thumbnails of a page may take together, and what one is made smaller than
#: before it is left out.
BUDGET, SMALLEST = 5_000_000, 1500
_RASTER = re.compile(r'data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)')


def thumbnail(volume, mask, dseg=None):
    """Return the result in three planes as SVG text, a fifth as large as matplotlib's."""
    from PIL import Image

    white = white_level(volume, mask, 99.8, dseg)
    # Noise around the brain would be most of the file and tell nothing.
    volume = volume._replace(data=np.where(mask.data > 0, volume.data, 0))
    sheet = Image.new('L', (round(WIDTH * _DENSITY), round(HEIGHT * _DENSITY)))
    panels = centre_row(mask)
    widths, heights = zip(*(panel.size for panel in panels), strict=True)
    gaps = _GAP * (len(panels) - 1)
    # One scale for all planes, in shown pixels a millimetre.
    scale = min((WIDTH - gaps - 2 * _GAP) / sum(widths), (HEIGHT - 2 * _GAP) / max(heights))
    x = (WIDTH - sum(widths) * scale - gaps) / 2
    for panel, width, height in zip(panels, widths, heights, strict=True):
        image, (left, right, low, high) = cut(volume, panel.plane, panel.position, panel.box)
        grey = np.clip(255 * image[::-1] / white, 0, 255).astype(np.uint8)
        size = [max(round(d * scale * _DENSITY), 1) for d in (right - left, high - low)]
        picture = Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS)
        sheet.paste(picture, [round(c * _DENSITY) for c in (x, (HEIGHT - height * scale) / 2)])
        x += width * scale + _GAP
    picture = image_address(sheet, 'jpeg', quality=70)
    return _SVG.format(width=WIDTH, height=HEIGHT, ground=DARK, picture=picture)


def addresses(pictures, budget=BUDGET):
    """Return scan -> ``data:`` address for the SVG files (scan -> path) of thumbnails.

    Where all would take more characters than the budget, all are drawn smaller; where even that
    is too much, some are left out, as are those that vanished.
    """
    found = {}
    for name, path in pictures.items():
        with suppress(OSError, UnicodeDecodeError):
            svg = path.read_text(encoding='utf-8')
            raster = _RASTER.search(svg)
            found[name] = raster[0] if raster else svg_address(svg)
    if sum(map(len, found.values())) > budget:
        share = max(budget // len(found), SMALLEST)
        found = {name: _smaller(address, share) for name, address in found.items()}
    kept, used = {}, 0
    for name, address in found.items():
        if used + len(address) <= budget:
            kept[name] = address
            used += len(address)
    return kept


def _smaller(address, limit):
    """Return a raster in fewer pixels, so that its address takes ``limit`` characters at most."""
    match = _RASTER.fullmatch(address)
    if len(address) <= limit or not match:
        return address
    from PIL import Image

    with suppress(OSError, ValueError):  # half of one
        picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert('L')
        for scale in (0.75, 0.5, 0.35, 0.25):
            size = [max(round(scale * length), 1) for length in picture.size]
            small = picture.resize(size, Image.Resampling.LANCZOS)
            address = image_address(small, 'jpeg', quality=70)
            if len(address) <= limit:
                break
    return address
