"""Colours, type and the SVG writer shared by all figures."""

import base64
import io
import re
from contextlib import contextmanager
from pathlib import Path

from ulfprep.bids.files import write_text
from ulfprep.bids.write.dataset import LOOKUP
from ulfprep.physics import TISSUES

#: One colour a tissue in every figure and on every page. Sky blue, orange and purple keep
#: apart for the common forms of colour blindness and on both dark and light grounds.
TISSUE_COLOURS = {t: colour for t in TISSUES for _, name, _, colour in LOOKUP if name == t}
#: BIDS labels of the tissues.
TISSUE_LABELS = {t: label for t in TISSUES for label, name, *_ in LOOKUP if name == t}
MASK_COLOUR = '#F5F0A0'

DARK, DARK_TEXT, DARK_MUTED = '#000000', '#DCE3EA', '#8E9BA8'
LIGHT, LIGHT_TEXT, LIGHT_MUTED = '#FFFFFF', '#1E2730', '#67727E'

#: Width of a figure, inches (matplotlib writes 72 SVG points an inch).
WIDTH = 10.0
_PNG = re.compile(r'data:image/png;base64,([^"]*)')

_RC = {
    # Shapes instead of text: the page looks the same on a machine without the fonts.
    'svg.fonttype': 'path',
    # Element ids come from this salt and not from the clock.
    'svg.hashsalt': 'ulfprep',
    'svg.image_inline': True,
    'font.family': 'sans-serif',
    'font.sans-serif': ['DejaVu Sans'],
    'font.size': 9.0,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.linewidth': 0.7,
    'axes.axisbelow': True,
    'grid.alpha': 0.2,
    'grid.linewidth': 0.6,
    'legend.frameon': False,
    'legend.borderpad': 0.0,
    'path.simplify': True,
}
#: What has the colour of the ground, of text, and of what stands back.
_GROUND = ('figure.facecolor', 'savefig.facecolor', 'axes.facecolor')
_TEXT = ('axes.labelcolor', 'text.color', 'xtick.labelcolor', 'ytick.labelcolor')
_MUTED = ('axes.edgecolor', 'grid.color', 'xtick.color', 'ytick.color')


@contextmanager
def figure_style(dark):
    """Apply the project's matplotlib settings; ``dark`` for pictures of the brain."""
    import matplotlib as mpl

    look = (DARK, DARK_TEXT, DARK_MUTED) if dark else (LIGHT, LIGHT_TEXT, LIGHT_MUTED)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        for names, colour in zip((_GROUND, _TEXT, _MUTED), look, strict=True):
            mpl.rcParams.update(dict.fromkeys(names, colour))
        yield


def new_figure(width, height):
    """Return a figure of the given inches that belongs to no window and no pyplot state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def save_svg(figure, path, smooth=False):
    """Write a figure (or its SVG text) so that its bytes depend on its content; return the path.

    ``smooth`` lets the page interpolate between pixels; voxels of the scan should be seen.
    """
    if isinstance(figure, str):
        return write_text(Path(path), figure)
    buffer = io.StringIO()
    nothing = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
    figure.savefig(buffer, format='svg', metadata=nothing)
    text = _PNG.sub(_smaller, buffer.getvalue())
    # The document type names a file on the net that no reader needs.
    text = re.sub(r'<!DOCTYPE.*?>\s*', '', text, flags=re.DOTALL)
    if smooth:
        text = re.sub(r'image-rendering:[\w-]+;?', '', text)
    return write_text(Path(path), text)


def _smaller(match):
    """Return a picture in fewer bytes: opaque grey as JPEG, a map with a palette, as it was."""
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(match[1]))).convert('RGBA')
    red, green, blue, alpha = picture.split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    if grey and alpha.getextrema()[0] == 255:
        return image_address(red, 'jpeg', quality=90)
    pixels = np.ascontiguousarray(picture).view(np.uint32)[..., 0]
    colours, index = np.unique(pixels, return_inverse=True)
    if len(colours) > 256:
        return match[0]
    picture = Image.frombytes('P', picture.size, index.astype(np.uint8).tobytes())
    picture.putpalette(colours.view(np.uint8).tobytes(), rawmode='RGBA')
    return image_address(picture, 'png')


def image_address(picture, kind, **options):
    """Return a picture (of PIL) as a ``data:`` address, ``png`` or ``jpeg``."""
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, optimize=True, **options)
    return f'data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode("ascii")}'


def on_dark(name):
    """Return a colour map that draws what is not a number in the colour of a dark ground."""
    import matplotlib as mpl

    return mpl.colormaps[name].with_extremes(bad=DARK)
