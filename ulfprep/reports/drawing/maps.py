"""Figures of maps on the scan: bias field, what the fit changed, where the network disagrees."""

import numpy as np

from ulfprep.metrics.contrast import profile
from ulfprep.metrics.tissue_change import MOVES, move_metric
from ulfprep.reports.drawing.pictures import white_level
from ulfprep.reports.drawing.sheet import STRIP, Sheet
from ulfprep.reports.drawing.slices import centre_row
from ulfprep.reports.drawing.style import TISSUE_COLOURS, TISSUE_LABELS, on_dark
from ulfprep.reports.drawing.volumes import DIRECTIONS, ENDS, PLANES, Box

BAR = 0.85  # inches below the pictures of the bias field that the colour bar needs
CHART = 2.75  # inches of the charts, with their titles
#: How the lines before and after correction look.
_LOOKS = {
    'before': {'linestyle': (0, (2, 1.5)), 'linewidth': 1.4},
    'after': {'linewidth': 2.2, 'marker': 'o', 'markersize': 3.5},
}
#: Change of a voxel (share of it) at which the colours end, and from which its main move is
#: worth a colour.
MOST_CHANGE, LEAST_CHANGE = 0.5, 0.1
_LEVELS = 8
#: Every move has the colour of the tissue that it leads to, darker from the rarer origin.
_DARKER = {('CSF', 'GM'): 0.6, ('CSF', 'WM'): 0.6, ('WM', 'CSF'): 0.6}
#: S.d. of the Gaussian that averages the disagreement, mm.
AVERAGED = 1.5
#: Disagreement from which on the scan is coloured, and where the colours end.
LEAST, FULL = 3.0, 6.0


def bias(scan, field, preproc, mask, dseg=None):
    """Scan as measured, field, and scan divided by the field; with tissues, charts along axes."""
    rows = [[panel] * 3 for panel in _of_one_width(centre_row(mask))]
    sheet = Sheet(rows, ('As measured',), foot=BAR + (CHART if dseg is not None else 0.0))
    for x, title in ((0.341, 'Bias field'), (0.671, 'Divided by the field')):
        sheet.write(x, sheet.height - 0.6 * STRIP, title, size=10, weight='bold')
    white = white_level(preproc, mask, dseg=dseg)
    for column, volume in ((0, scan), (2, preproc)):
        sheet.grey(0, volume, white, slice(column, None, 3))
    _show_field(sheet, field, mask)
    if dseg is not None:
        _profiles(sheet, scan, preproc, dseg)
    return sheet.figure


def _of_one_width(panels):
    """Return panels widened to the widest, so that those below each other line up."""
    width = max(panel.size[0] for panel in panels)
    wide = []
    for panel in panels:
        grow = np.zeros(3)
        grow[PLANES[panel.plane][1]] = (width - panel.size[0]) / 2
        wide.append(panel._replace(box=Box(panel.box.low - grow, panel.box.high + grow)))
    return wide


def _show_field(sheet, field, mask):
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import NullLocator

    inside = mask.data > 0
    values = field.data[inside] if inside.any() else field.data
    # A factor of two is as far from one as a factor of a half.
    spread = float(np.percentile(np.abs(np.log(np.maximum(values, 1e-3))), 99.5))
    spread = np.exp(max(spread, 0.02))
    shown = field._replace(data=np.where(inside, field.data, np.nan))
    norm = LogNorm(1 / spread, spread)
    drawn = sheet.show(0, shown, slice(1, None, 3), cmap=on_dark('PuOr_r'), norm=norm)
    ticks = np.geomspace(1 / spread, spread, 5)
    label = 'multiplicative factor of the field (geometric mean in the brain: 1)'
    bar = sheet.colour_bar(drawn, label, ticks=ticks)
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.set_xticks(ticks, [f'{tick:.2f}' if spread > 1.05 else f'{tick:.3f}' for tick in ticks])


def _profiles(sheet, before, after, dseg):
    """Draw the medians of white and grey matter along each axis, before and after."""
    from matplotlib.lines import Line2D

    white = after.data[dseg.data == TISSUE_LABELS['WM']]
    level = float(np.median(white)) if white.size else 0.0
    level = level if level > 0 else 1.0
    lines = [
        (tissue, image, when)
        for tissue in ('WM', 'GM')
        for image, when in ((before, 'before'), (after, 'after'))
    ]
    y, height = 0.62 / sheet.height, (CHART - 1.25) / sheet.height
    left, gap = 0.065, 0.02
    width = (0.985 - left - 2 * gap) / 3
    first = None
    for axis in range(3):
        axes = sheet.figure.add_axes((left + axis * (width + gap), y, width, height), sharey=first)
        first = first or axes
        for tissue, image, when in lines:
            centres, medians = profile(image.data, dseg.data, TISSUE_LABELS[tissue], axis)
            where = dseg.low[axis] + (centres + 0.5) * dseg.zooms[axis]
            axes.plot(where, medians / level, color=TISSUE_COLOURS[tissue], **_LOOKS[when])
        low, high = ENDS[axis]
        axes.set_xlabel(f'{DIRECTIONS[axis]} ({low} to {high}), mm')
        axes.grid()
        axes.tick_params(labelleft=axis == 0)
    first.set_ylabel('median (WM after: 1)')
    title = 'Median of white and grey matter along each axis'
    sheet.write(0.012, CHART - 0.35, title, size=10, weight='bold')
    handles = [
        Line2D([], [], color=TISSUE_COLOURS[tissue], label=f'{tissue} {when}', **_LOOKS[when])
        for tissue, _, when in lines
    ]
    sheet.key(CHART - 0.35, handles, fontsize=8.5, handlelength=2.4)


def _dimmed(scan, inside, mask):
    """Return the brain alone, and a white level at which colours stand out from it."""
    # Bright fat beside the colours would draw the eye; bright CSF (T2w) would leave tissue black.
    brain = scan._replace(data=np.where(inside, scan.data, 0))
    return brain, 1.5 * white_level(scan, mask, 95)


def change(scan, mask, amount, move, metrics):
    """Scan with the share of every voxel that changed its tissue, and with its main move.

    The share is 0 to 1, the move 0 for none, else the place in
    :data:`ulfprep.metrics.tissue_change.MOVES` plus one. Volumes of all moves, from the metrics,
    stand beside their colours.
    """
    from matplotlib.lines import Line2D

    titles = ('Share of each voxel that changed its tissue', 'Where it went')
    sheet = Sheet([centre_row(mask)], titles, foot=0.8)
    inside = mask.data > 0
    brain, white = _dimmed(scan, inside, mask)
    for half in range(2):
        sheet.grey(half, brain, white)
    shown = amount._replace(data=np.where(inside, amount.data, np.nan))
    drawn = sheet.show(0, shown, cmap=_transparent('inferno'), vmin=0, vmax=MOST_CHANGE)
    sheet.paint(1, move._replace(data=_codes(amount.data, move.data)), _table())
    sheet.colour_bar(drawn, 'share of the voxel', 0.06, 0.34, extend='max')
    handles = []
    for origin, goal in MOVES:
        volume = metrics.get(move_metric(origin, goal))
        text = f'{origin} \u2192 {goal}' + ('' if volume is None else f'  {volume:.1f} ml')
        look = {'color': move_colour((origin, goal)), 'linewidth': 5}
        handles.append(Line2D([], [], label=text, **look))
    # In two rows right of the colour bar.
    sheet.key(sheet.foot - 0.36, handles, ncols=3, handlelength=1.2, columnspacing=1.8)
    return sheet.figure


def move_colour(move):
    """Return the RGB colour of a move, each value 0 to 1."""
    from matplotlib.colors import to_rgb

    return np.array(to_rgb(TISSUE_COLOURS[move[1]])) * _DARKER.get(move, 1.0)


def _codes(amount, move):
    """Return move and strength of every voxel as one number, a row of :func:`_table`."""
    level = np.clip(amount / MOST_CHANGE * _LEVELS, 0, _LEVELS - 1).astype(int)
    counts = (amount >= LEAST_CHANGE) & (move > 0)
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


def disagreement(scan, mask, surprise):
    """Map of what the network does not expect (zero where not compared), and it on the scan."""
    titles = (
        'Scan minus what the anatomy of the network expects of it',
        f'Scan, coloured where that is beyond {LEAST:g}',
    )
    sheet = Sheet([centre_row(mask)], titles, foot=0.78)
    inside = mask.data > 0
    compared = inside & (surprise.data != 0)
    shown = surprise._replace(data=in_usual_units(lightly_averaged(surprise, compared)))
    drawn = sheet.show(0, shown, cmap=on_dark('RdBu_r'), vmin=-FULL, vmax=FULL)
    sheet.grey(1, *_dimmed(scan, inside, mask))
    sheet.show(1, shown, cmap=_beyond_least(), vmin=-FULL, vmax=FULL)
    sheet.note(0, f'averaged over about {2.3548 * AVERAGED:.1f} mm')
    label = 'units of what is usual in this scan (robust standard deviation); red: brighter'
    ticks = (-FULL, -LEAST, 0, LEAST, FULL)
    sheet.colour_bar(drawn, label, 0.2, 0.6, ticks=ticks, extend='both')
    return sheet.figure


def lightly_averaged(volume, inside):
    """Return the mean over a Gaussian among the voxels inside, NaN elsewhere."""
    from scipy.ndimage import gaussian_filter

    sigma = AVERAGED / volume.zooms
    total = gaussian_filter(np.where(inside, volume.data, 0).astype(np.float32), sigma)
    share = gaussian_filter(inside.astype(np.float32), sigma)
    return np.where(inside, total / np.maximum(share, 1e-6), np.nan)


def in_usual_units(values):
    """Return values divided by their robust s.d. about zero; those that are NaN stay so.

    What is left of a scan holds noise, of which an average has less, and folds that the network
    does not know, of which it has hardly less: how much is usual after it is known of no unit.
    """
    known = np.abs(values[np.isfinite(values)])
    usual = 1.4826 * float(np.median(known)) if known.size else 0.0
    return values / (usual or 1.0)


def _beyond_least():
    """Return a map from blue to red, brighter the further out, with nothing up to LEAST."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    edge = (1 - LEAST / FULL) / 2
    ends = [(0.0, '#9BE7FF'), (edge, '#1E7BFF'), (0.5, '#1747B5')]
    ends += [(0.5, '#B3210F'), (1 - edge, '#FF4A1E'), (1.0, '#FFE08A')]
    values = np.linspace(-FULL, FULL, 256)
    colours = LinearSegmentedColormap.from_list('disagreement', ends)(np.linspace(0, 1, 256))
    colours[:, 3] = np.where(np.abs(values) < LEAST, 0, 0.9)
    return ListedColormap(colours)
