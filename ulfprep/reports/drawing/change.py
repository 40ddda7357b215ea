"""The figure of where the fit changed the tissues: how much, and which way."""

import numpy as np

from ulfprep.metrics.tissue_change import MOVES, move_metric
from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import Sheet, centre_row
from ulfprep.reports.drawing.style import TISSUE_COLOURS

ARROW = '\u2192'
#: Change of a voxel (share of it) at which the colours end.
FULL = 0.5
#: Change from which the main move of a voxel is worth a colour.
LEAST_MOVE = 0.1
_LEVELS = 8
#: Every move has the colour of the tissue that it leads to, darker from the rarer origin.
_DARKER = {('CSF', 'GM'): 0.6, ('CSF', 'WM'): 0.6, ('WM', 'CSF'): 0.6}
#: The scan is dimmed, so that colours stand out from it.
_DIM = 1.5


def move_colour(move):
    """Return the RGB colour of a move, each value 0 to 1."""
    from matplotlib.colors import to_rgb

    return np.array(to_rgb(TISSUE_COLOURS[move[1]])) * _DARKER.get(move, 1.0)


def change(scan, mask, amount, move, metrics=None):
    """Scan with the share of every voxel that changed its tissue, and with its main move.

    Parameters
    ----------
    scan, mask : Volume
    amount : Volume
        0 to 1, on the scan's grid.
    move : Volume
        0 for none, else the place in :data:`ulfprep.metrics.tissue_change.MOVES` plus one.
    metrics : mapping, optional
        Of the scan: the volumes of all moves are written beside their colours.
    """
    titles = ('Share of each voxel that changed its tissue', 'Where it went')
    sheet = Sheet([centre_row(mask)], titles, foot=0.8)
    inside = mask.data > 0
    low, high = grey_window(scan, mask, 95)  # else bright CSF (T2w) leaves tissue black
    # Bright fat beside the colours would draw the eye.
    scan = scan._replace(data=np.where(inside, scan.data, 0))
    for half in range(2):
        sheet.show(half, scan, cmap='gray', vmin=low, vmax=_DIM * high)
    shown = amount._replace(data=np.where(inside, amount.data, np.nan))
    drawn = sheet.show(0, shown, cmap=_transparent('inferno'), vmin=0, vmax=FULL)
    sheet.paint(1, move._replace(data=_codes(amount.data, move.data)), _table())
    for half in range(2):
        sheet.annotate(half)
    sheet.colour_bar(drawn, 'share of the voxel', rect=(0.06, 0.34), extend='max')
    _key(sheet, metrics or {})
    return sheet.figure


def _codes(amount, move):
    """Return move and strength of every voxel as one number, a row of :func:`_table`."""
    level = np.clip(amount / FULL * _LEVELS, 0, _LEVELS - 1).astype(int)
    counts = (amount >= LEAST_MOVE) & (move > 0)
    return np.where(counts, (move.astype(int) - 1) * _LEVELS + level + 1, 0)


def _table():
    rows = [(0.0, 0.0, 0.0, 0.0)]
    for move in MOVES:
        rows += [(*move_colour(move), alpha) for alpha in np.linspace(0.5, 1.0, _LEVELS)]
    return np.array(rows, np.float32)


def _transparent(name):
    """Return a colour map through whose low end the scan is seen."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    colours = mpl.colormaps[name](np.linspace(0.1, 1.0, 64))
    colours[:, 3] = np.clip(np.linspace(0, 3.0, 64), 0, 0.95)
    return ListedColormap(colours)


def _key(sheet, metrics):
    """Write the colour of every move, and its volume, in two rows right of the colour bar."""
    from matplotlib.lines import Line2D

    handles = []
    for move in MOVES:
        volume = metrics.get(move_metric(*move))
        text = f'{move[0]} {ARROW} {move[1]}'
        text += '' if volume is None else f'  {volume:.1f} ml'
        handles.append(Line2D([], [], color=move_colour(move), linewidth=5, label=text))
    sheet.key(sheet.foot - 0.36, handles, ncols=3, handlelength=1.2, columnspacing=1.8)
