"""The figure of how bright each tissue is, before and after."""

import numpy as np

from ulfprep.reports.drawing.style import (
    LIGHT_MUTED,
    TISSUE_COLOURS,
    TISSUE_LABELS,
    WIDTH,
    new_figure,
)

_BINS = 120
_DASHES = (0, (4, 2))
_RESULT = {'enhance': 'Enhanced', 'simulate': 'Simulated scan'}
_SOURCE = {'enhance': 'Scan', 'simulate': 'Source scan'}


def histogram(before, before_dseg, after, after_dseg, plan, direction='enhance'):
    """Histograms of the intensities of each tissue before and after, with its target mean.

    Parameters
    ----------
    before, before_dseg : Volume
        Scan and its tissues.
    after, after_dseg : Volume
        Result and its tissues.
    plan : ContrastPlan
    direction : str
    """
    order = plan.tissues
    means, targets = (dict(zip(order, v, strict=True)) for v in (plan.means, plan.target_means))
    figure = new_figure(WIDTH, 4.6)
    rows = (
        (before, before_dseg, means, _SOURCE[direction]),
        (after, after_dseg, targets, _RESULT[direction]),
    )
    for level in (means, targets):
        level['WM'] = level['WM'] or 1.0  # none was found: intensities stay as they are
    counted = [_densities(volume, dseg, level['WM']) for volume, dseg, level, _ in rows]
    edges = np.linspace(0, _limit(counted, targets), _BINS + 1)
    charts = []
    for place, ((_, _, level, title), values) in enumerate(zip(rows, counted, strict=True)):
        rect = (0.07, 0.565 - 0.435 * place, 0.9, 0.36)
        axes = figure.add_axes(rect, sharex=charts[0] if charts else None)
        charts.append(axes)
        for tissue in order:
            density = np.histogram(np.clip(values[tissue], 0, edges[-1]), edges)[0]
            share = density / max(density.sum(), 1) * 100
            colour = TISSUE_COLOURS[tissue]
            axes.stairs(share, edges, fill=True, color=colour, alpha=0.35)
            axes.stairs(share, edges, color=colour, linewidth=1.4)
        top = axes.get_ylim()[1]
        axes.set_ylim(0, top * 1.3)
        for tissue in order:
            colour = TISSUE_COLOURS[tissue]
            if place == 0:
                axes.axvline(level[tissue] / level['WM'], color=colour, linewidth=1.6)
            axes.axvline(
                targets[tissue] / targets['WM'], color=colour, linewidth=1.6, linestyle=_DASHES
            )
        axes.set_title(title, loc='left', size=10, weight='bold', pad=5)
        axes.set_ylabel('% of the tissue')
        axes.set_xlim(0, edges[-1])
        axes.grid(axis='y')
        axes.tick_params(labelbottom=place == 1)
    charts[1].set_xlabel('intensity / white-matter mean (as measured above, as aimed at below)')
    _legend(figure, order)
    return figure


def _densities(volume, dseg, white):
    """Return the intensities of each tissue, divided by that of white matter."""
    return {t: volume.data[dseg.data == label] / white for t, label in TISSUE_LABELS.items()}


def _limit(counted, targets):
    """Return where the axis ends: beyond nearly all voxels and every target."""
    high = [np.percentile(v, 99.5) for values in counted for v in values.values() if v.size]
    high += [mean / targets['WM'] for mean in targets.values()]
    return 1.05 * float(max(high))


def _legend(figure, order):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=TISSUE_COLOURS[t], label=t) for t in order]
    for label, style in (('mean measured', '-'), ('target mean', _DASHES)):
        handles.append(Line2D([], [], color=LIGHT_MUTED, linestyle=style, label=label))
    figure.legend(
        handles=handles, loc='upper right', bbox_to_anchor=(0.975, 0.995), ncols=len(handles)
    )
