"""The figure of the bias correction: pictures before and after, and what became of the tissues."""

import numpy as np

from ulfprep.metrics.contrast import profile
from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import STRIP, Sheet, centre_row
from ulfprep.reports.drawing.style import TISSUE_COLOURS, TISSUE_LABELS, on_dark
from ulfprep.reports.drawing.volumes import DIRECTIONS, ENDS, PLANES, Box

BAR = 0.85  # inches below the pictures that the colour bar needs
CHART = 2.75  # inches of the charts, with their titles
_TISSUES = ('WM', 'GM')
#: How the lines before and after correction look.
_LOOKS = {
    'before': {'linestyle': (0, (2, 1.5)), 'linewidth': 1.4},
    'after': {'linewidth': 2.2, 'marker': 'o', 'markersize': 3.5},
}


def bias(scan, field, preproc, mask, dseg=None):
    """Scan as measured, field, and scan divided by the field, in three planes, with charts.

    Parameters
    ----------
    scan, field, preproc, mask : Volume
        On the scan's grid. Both images share one grey window.
    dseg : Volume, optional
        Tissues (BIDS labels): with them, the medians of white and grey matter are drawn
        along each axis.
    """
    rows = [[panel] * 3 for panel in _of_one_width(centre_row(mask))]
    sheet = Sheet(rows, ('As measured',), foot=BAR + (CHART if dseg is not None else 0.0))
    for x, title in ((0.341, 'Bias field'), (0.671, 'Divided by the field')):
        sheet.write(x, sheet.height - 0.6 * STRIP, title, size=10, weight='bold')
    low, high = grey_window(preproc, mask, dseg=dseg)
    for column, volume in ((0, scan), (2, preproc)):
        sheet.show(0, volume, slice(column, None, 3), cmap='gray', vmin=low, vmax=high)
    _show_field(sheet, field, mask)
    sheet.annotate(0)
    if dseg is not None:
        _profiles(sheet, scan, preproc, dseg)
    return sheet.figure


def _of_one_width(panels):
    """Return panels widened to the widest, so that those below each other line up."""
    rights = [PLANES[panel.plane][1] for panel in panels]
    width = max(panel.box.size(right) for panel, right in zip(panels, rights, strict=True))
    wide = []
    for panel, right in zip(panels, rights, strict=True):
        grow = np.zeros(3)
        grow[right] = (width - panel.box.size(right)) / 2
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
    bar = sheet.colour_bar(
        drawn, 'multiplicative factor of the field (geometric mean in the brain: 1)', ticks=ticks
    )
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.set_xticks(ticks, [f'{tick:.2f}' if spread > 1.05 else f'{tick:.3f}' for tick in ticks])


def _profiles(sheet, before, after, dseg):
    """Draw the medians of white and grey matter along each axis, before and after."""
    white = after.data[dseg.data == TISSUE_LABELS['WM']]
    level = float(np.median(white)) if white.size else 0.0
    level = level if level > 0 else 1.0
    y, height = 0.62 / sheet.height, (CHART - 1.25) / sheet.height
    left, gap = 0.065, 0.02
    width = (0.985 - left - 2 * gap) / 3
    charts = []
    for axis in range(3):
        rect = (left + axis * (width + gap), y, width, height)
        axes = sheet.figure.add_axes(rect, sharey=charts[0] if charts else None)
        charts.append(axes)
        for tissue in _TISSUES:
            for image, look in zip((before, after), _LOOKS.values(), strict=True):
                centres, medians = profile(image.data, dseg.data, TISSUE_LABELS[tissue], axis)
                where = dseg.low[axis] + (centres + 0.5) * dseg.zooms[axis]
                axes.plot(where, medians / level, color=TISSUE_COLOURS[tissue], **look)
        low, high = ENDS[axis]
        axes.set_xlabel(f'{DIRECTIONS[axis]} ({low} to {high}), mm')
        axes.grid()
        axes.tick_params(labelleft=axis == 0)
    charts[0].set_ylabel('median (WM after: 1)')
    _key(sheet)


def _key(sheet):
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=TISSUE_COLOURS[tissue], label=f'{tissue} {when}', **look)
        for tissue in _TISSUES
        for when, look in _LOOKS.items()
    ]
    title = 'Median of white and grey matter along each axis'
    sheet.write(0.012, CHART - 0.35, title, size=10, weight='bold')
    sheet.key(CHART - 0.35, handles, fontsize=8.5, handlelength=2.4)
