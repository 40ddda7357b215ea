"""The small picture of a result by which the group page tells scans apart."""

import base64
import io

import numpy as np

from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import centre_row
from ulfprep.reports.drawing.style import DARK
from ulfprep.reports.drawing.volumes import cut

WIDTH, HEIGHT = 300, 110  # as it is shown, pixels
_DENSITY = 1.5  # stored pixels for one shown
_GAP = 4
_QUALITY = 70
_SVG = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}" version="1.1">\n'
    '<rect width="{width}" height="{height}" fill="{ground}"/>\n'
    '<image width="{width}" height="{height}" xlink:href="data:image/jpeg;base64,{picture}"/>\n'
    '</svg>\n'
)


def thumbnail(volume, mask, dseg=None):
    """Return the result in three planes, side by side and without a word, as SVG text.

    It is 300 by 110 pixels and about 10 kB; matplotlib's would be five times as large.

    Parameters
    ----------
    volume, mask : Volume
    dseg : Volume or None
        Tissues. All are on one grid.
    """
    from PIL import Image

    _, white = grey_window(volume, mask, 99.8, dseg)
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
    buffer = io.BytesIO()
    sheet.save(buffer, format='JPEG', quality=_QUALITY, optimize=True)
    picture = base64.b64encode(buffer.getvalue()).decode('ascii')
    return _SVG.format(width=WIDTH, height=HEIGHT, ground=DARK, picture=picture)
