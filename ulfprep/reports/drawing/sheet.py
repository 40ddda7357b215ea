"""A sheet of slices at one physical scale, with side letters, positions and a scale bar."""

import numpy as np

from ulfprep.reports.drawing.style import (
    DARK,
    DARK_MUTED,
    DARK_TEXT,
    TISSUE_COLOURS,
    TISSUE_LABELS,
    WIDTH,
    new_figure,
)
from ulfprep.reports.drawing.volumes import ENDS, PLANES, cut

GAP = 0.06  # inches between panels
STRIP = 0.32  # inches of title above the panels of a half
SCALE_BAR = 50.0  # mm


class Sheet:
    """A dark figure of slices: one or more halves of equal layout, stacked.

    Two halves that differ only in their picture let a page flick between them by
    showing the upper or the lower half of the same file. There is one title a half; the foot is
    left free below, in inches, for a colour bar or a chart. Side by side, every row is stretched
    to the sheet's width; rows need not share a scale then (close-ups).
    """

    def __init__(self, rows, titles, foot=0.0, side_by_side=False):
        self.rows, self.titles, self.foot = rows, titles, foot
        sizes = [[panel.size for panel in row] for row in rows]
        room = [WIDTH - GAP * (len(row) + 1) for row in rows]
        scales = [r / sum(w for w, _ in size) for r, size in zip(room, sizes, strict=True)]
        if not side_by_side:
            scales = [min(scales)] * len(rows)
        self.sizes = [
            [(w * s, h * s) for w, h in size] for size, s in zip(sizes, scales, strict=True)
        ]
        self.half = STRIP + sum(max(h for _, h in row) + GAP for row in self.sizes)
        self.height = self.half * len(titles) + foot
        self.figure = new_figure(WIDTH, self.height)
        self.axes = [self._make_half(half) for half in range(len(titles))]
        for half in range(len(titles)):
            self._annotate(half)

    def _make_half(self, half):
        """Create the axes of one half: list of (panel, axes)."""
        made = []
        self.write(0.012, self._title(half), self.titles[half], size=10, weight='bold')
        y = self.height - half * self.half - STRIP
        for row, sizes in zip(self.rows, self.sizes, strict=True):
            tallest = max(h for _, h in sizes)
            used = sum(w for w, _ in sizes) + GAP * (len(sizes) - 1)
            x = (WIDTH - used) / 2
            for panel, (w, h) in zip(row, sizes, strict=True):
                # Panels of one row sit on a common middle line.
                low = y - tallest / 2 - h / 2
                rect = (x / WIDTH, low / self.height, w / WIDTH, h / self.height)
                axes = self.figure.add_axes(rect)
                axes.set_axis_off()
                axes.axis(panel.edges)
                made.append((panel, axes))
                x += w + GAP
            y -= tallest + GAP
        return made

    def _annotate(self, half):
        """Write side letters, slice positions and scale bars, one a scale, on a half."""
        starts = np.cumsum([0, *map(len, self.rows)])
        first = [s for s, row in zip(starts, self.rows, strict=False) if not s or row[0].name]
        for number, (panel, axes) in enumerate(self.axes[half]):
            axis, right, _ = PLANES[panel.plane]
            low, high = ENDS[right]
            _letter(axes, 0.015, 0.5, low, 'left')
            _letter(axes, 0.985, 0.5, high, 'right')
            end = ENDS[axis][panel.position >= 0]
            # Where a slice lies is said once, of the whole of it.
            text = panel.name or f'{panel.plane}, {abs(panel.position):.0f} mm {end}'
            _letter(axes, 0.015, 0.02, text, 'left', size=9, va='bottom')
            if number in first:
                _scale_bar(axes, panel)

    def _title(self, half):
        """Return the middle line of a half's title strip, inches from below."""
        return self.height - half * self.half - 0.6 * STRIP

    def write(self, x, y, text, **options):
        """Write ``text`` at ``x`` (part of the width) and ``y`` (inches from below)."""
        options = {'va': 'center', 'size': 9, **options}
        self.figure.text(x, y / self.height, text, **options)

    def note(self, half, text):
        """Write small print at the right of a half's title strip."""
        self.write(0.993, self._title(half), text, ha='right', size=8.5)

    def show(self, half, volume, panels=slice(None), **options):
        """Draw slices of ``volume`` in the panels of a half; return the last image."""
        drawn = None
        for panel, axes in self.axes[half][panels]:
            image, extent = cut(volume, panel.plane, panel.position, panel.box)
            drawn = _draw(axes, image, extent, **options)
        return drawn

    def grey(self, half, volume, white, panels=slice(None)):
        """Draw slices in grey, from zero to the level that is white."""
        self.show(half, volume, panels, cmap='gray', vmin=0.0, vmax=white)

    def mark(self, half, panel, colour, style='-'):
        """Frame, in the slice of the whole brain, what a close-up of it shows."""
        for whole, axes in self.axes[half]:
            if whole.name or (whole.plane, whole.position) != (panel.plane, panel.position):
                continue
            left, right, low, high = panel.edges
            x, y = [left, right, right, left, left], [low, low, high, high, low]
            axes.plot(x, y, color=colour, linewidth=1.0, linestyle=style, clip_on=False)

    def tint(self, half, dseg, tissues=tuple(TISSUE_LABELS), alpha=0.4):
        """Lay translucent tissue colours over a half."""
        from matplotlib.colors import to_rgb

        table = np.zeros((max(TISSUE_LABELS.values()) + 1, 4), np.float32)
        for tissue in tissues:
            table[TISSUE_LABELS[tissue]] = (*to_rgb(TISSUE_COLOURS[tissue]), alpha)
        self.paint(half, dseg, table)

    def paint(self, half, codes, table):
        """Lay colours over a half: row ``codes`` of ``table``, shape (n, 4), RGBA."""
        for panel, axes in self.axes[half]:
            image, extent = cut(codes, panel.plane, panel.position, panel.box)
            known = np.where(image < len(table), image, 0).astype(int)
            _draw(axes, table[known], extent)

    def outline(self, half, region, colour, width=1.0, level=0.5):
        """Draw the outline of a binary volume in every panel of a half.

        ``level`` above one half draws inside the region's edge, so that the outlines of
        two regions that touch run side by side instead of over each other.
        """
        for panel, axes in self.axes[half]:
            image, extent = cut(region, panel.plane, panel.position, panel.box)
            x, y = _contour(image, extent, level)
            if x.size:
                axes.plot(x, y, color=colour, linewidth=width, solid_joinstyle='round')

    def legend(self, half, entries):
        """Write ``(colour, text)`` entries at the right of a half's title strip."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=c, linewidth=3, label=t) for c, t in entries]
        self.key(self._title(half), handles, handlelength=1.4)

    def key(self, y, handles, **options):
        """Write a legend in one row at the right, ``y`` inches from below."""
        options = {'ncols': len(handles), 'fontsize': 9, 'columnspacing': 1.4} | options
        place = (0.993, y / self.height)
        self.figure.legend(handles=handles, loc='center right', bbox_to_anchor=place, **options)

    def colour_bar(self, mappable, label, left=0.3, width=0.4, ticks=None, extend='neither'):
        """Draw a colour bar at the top of the foot, 0.75 inches high; left and width are parts."""
        rect = (left, (self.foot - 0.24) / self.height, width, 0.14 / self.height)
        axes = self.figure.add_axes(rect)
        bar = self.figure.colorbar(
            mappable, cax=axes, orientation='horizontal', ticks=ticks, extend=extend
        )
        bar.outline.set_edgecolor(DARK_MUTED)
        bar.set_label(label, color=DARK_TEXT)
        return bar


def _draw(axes, image, extent, **options):
    options = {'interpolation': 'none', 'origin': 'lower', 'aspect': 'auto'} | options
    return axes.imshow(image, extent=extent, **options)


def _contour(image, extent, level):
    """Return the outline of a binary slice as one NaN-separated polyline in mm."""
    from skimage.measure import approximate_polygon, find_contours

    # A rim of zeros closes outlines at the border of the slice.
    padded = np.pad((image > 0).astype(np.float32), 1)
    left, right, bottom, top = extent
    step_x = (right - left) / image.shape[1]
    step_y = (top - bottom) / image.shape[0]
    xs, ys = [[]], [[]]
    for line in find_contours(padded, level):
        if len(line) < 6:  # a lone voxel: noise to the eye
            continue
        line = approximate_polygon(line, 0.12)
        xs += [left + (line[:, 1] - 0.5) * step_x, [np.nan]]
        ys += [bottom + (line[:, 0] - 0.5) * step_y, [np.nan]]
    return np.concatenate(xs), np.concatenate(ys)


def _letter(axes, x, y, text, ha, size=11, va='center'):
    ground = {'facecolor': DARK, 'alpha': 0.6, 'pad': 0.8, 'linewidth': 0}
    look = {'ha': ha, 'va': va, 'size': size, 'color': DARK_TEXT, 'bbox': ground}
    axes.text(x, y, text, transform=axes.transAxes, **look)


def _scale_bar(axes, panel):
    """Draw 5 cm, or 2 cm in a close-up, at the lower right."""
    width, height = panel.size
    _, right, low, _ = panel.edges
    length = SCALE_BAR if width > 2 * SCALE_BAR else 20.0
    end, y = right - 0.04 * width, low + 0.03 * height
    for colour, thickness in ((DARK, 4.0), (DARK_TEXT, 2.0)):
        axes.plot([end - length, end], [y, y], color=colour, linewidth=thickness)
    _letter(axes, 0.96, 0.045, f'{length / 10:.0f} cm', 'right', size=9, va='bottom')
