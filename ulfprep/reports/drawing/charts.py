"""Figures that are charts: tissue contrast, histogram of residuals."""

import numpy as np

from ulfprep.reports.drawing.style import (
    DARK_TEXT,
    LIGHT_MUTED,
    LIGHT_TEXT,
    TISSUE_COLOURS,
    WIDTH,
    new_figure,
)

#: Pairs of tissues whose contrast is told.
PAIRS = ('WM-GM', 'GM-CSF', 'WM-CSF')
#: Marker of each series, and whether it is filled.
MARKERS = {'scan': ('o', False), 'target': ('D', False), 'achieved': ('s', True)}


def contrast(plan, metrics):
    """Tissue means of scan, target and result, each divided by its white-matter mean.

    Parameters
    ----------
    plan : ContrastPlan
    metrics : mapping
        Of the scan: the result's contrasts, or ratios where it was simulated.
    """
    order = plan.tissues
    series = {
        'scan': _series(order, plan.means, plan.standard_errors),
        'target': _series(order, plan.target_means, plan.target_spread),
        'achieved': achieved(metrics),
    }
    figure = new_figure(WIDTH, 3.4)
    axes = figure.add_axes((0.08, 0.14, 0.44, 0.8))
    highest = 1.0
    for shift, (name, values) in enumerate(series.items()):
        marker, filled = MARKERS[name]
        look = {'marker': marker, 'linestyle': 'none', 'markersize': 8}
        look['markerfacecolor'] = None if filled else 'white'
        if values:
            axes.errorbar([], [], label=name, color=LIGHT_TEXT, **look)
        for place, tissue in enumerate(order):
            mean, error = values.get(tissue, (None, None))
            if mean is None:
                continue
            axes.errorbar(
                place + 0.18 * (shift - 1), mean, yerr=error or None, markeredgewidth=2,
                color=TISSUE_COLOURS.get(tissue, LIGHT_MUTED), ecolor=LIGHT_TEXT, elinewidth=1.2,
                capsize=4, **look,
            )  # fmt: skip
            highest = max(highest, mean + (error or 0))
    axes.set_xticks(range(len(order)), order)
    axes.set_xlim(-0.5, len(order) - 0.5)
    axes.set_ylim(0, highest * 1.25)  # room for the legend
    axes.set_ylabel('mean intensity / white-matter mean')
    axes.grid()
    if any(series.values()):
        axes.legend(loc='upper left', fontsize=9, ncols=3)
    _contrast_table(figure, series, _contrasts(series, plan, metrics))
    return figure


def achieved(metrics):
    """Return the tissue means of the result over that of white matter, from the metrics.

    Parameters
    ----------
    metrics : mapping
        ``ratio_gm_wm_simulated`` and ``ratio_csf_wm_simulated``, or ``contrast_wm_gm`` and
        ``contrast_gm_csf``.

    Returns
    -------
    dict of str to (float, None)
        Empty without them.
    """
    grey, fluid = (metrics.get(f'ratio_{t}_wm_simulated') for t in ('gm', 'csf'))
    if grey is None or fluid is None:
        first, second = (metrics.get(f'contrast_{pair}') for pair in ('wm_gm', 'gm_csf'))
        if first is None or second is None:
            return {}
        # 2 (a - b) / (a + b), solved for b / a.
        grey = (2 - first) / (2 + first)
        fluid = grey * (2 - second) / (2 + second)
    return {'CSF': (fluid, None), 'GM': (grey, None), 'WM': (1.0, None)}


def _series(order, means, errors):
    """Return mean and error of each tissue over the mean of white matter."""
    white = means[order.index('WM')]
    return {
        tissue: (mean / white, None if error is None else error / white)
        for tissue, mean, error in zip(order, means, errors, strict=True)
    }


def _contrasts(series, plan, metrics):
    """Return the pairwise contrasts of each series: what was not measured is of the means."""
    ending = '_simulated' if plan.direction == 'simulate' else ''
    result = {}
    for pair in PAIRS:
        result[pair] = metrics.get(f'contrast_{pair.lower().replace("-", "_")}{ending}')
        a, b = (series['achieved'].get(tissue, (0.0,))[0] for tissue in pair.split('-'))
        if result[pair] is None and a + b:
            result[pair] = 2 * (a - b) / (a + b)
    return {'scan': plan.source_contrast, 'target': plan.target_contrast, 'achieved': result}


def _contrast_table(figure, series, contrasts):
    """Write contrasts and normalised means with standard errors beside the chart."""
    rows = [('Contrast', tuple(series))]
    for pair in PAIRS:
        values = [contrasts[name].get(pair) for name in series]
        cells = ['n/a' if value is None else f'{value:.3f}' for value in values]
        rows.append((pair.replace('-', ' - '), cells))
    rows.append(('Mean / WM mean', tuple(series)))
    for tissue in ('CSF', 'GM'):
        rows.append((tissue, [_with_error(series[name].get(tissue)) for name in series]))
    y = 0.9
    for name, cells in rows:
        head = {'size': 8.5, 'color': LIGHT_MUTED} if isinstance(cells, tuple) else {}
        figure.text(0.55, y, name, **head)
        for column, cell in zip((0.745, 0.865, 0.985), cells, strict=True):
            figure.text(column, y, cell, ha='right', **head)
        y -= 0.13 if name == PAIRS[-1].replace('-', ' - ') else 0.09


def _with_error(value):
    if value is None:
        return 'n/a'
    mean, error = value
    # Never a plus-minus of nothing: the last digit shown is the least that is claimed.
    return f'{mean:.3f}' if error is None else f'{mean:.3f} \u00b1 {max(error, 0.001):.3f}'


def residual_histogram(axes, values):
    """Histogram of residuals (units of sigma) against the unit normal, on a dark ground."""
    edges = np.linspace(-5, 5, 61)
    centres = (edges[:-1] + edges[1:]) / 2
    if values.size:
        # Counts beyond the last edges are kept in the outermost bins, not hidden.
        density, _ = np.histogram(np.clip(values, -5, 5), edges, density=True)
        axes.stairs(density, edges, fill=True, color='#5C7FA6', label='residual')
    normal = np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi)
    axes.plot(centres, normal, color='#F0A30A', linewidth=1.6, label='unit normal')
    axes.set_xlim(-5, 5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel('residual / noise sigma')
    axes.set_ylabel('density')
    axes.grid(axis='y')
    axes.legend(loc='upper right', fontsize=8, labelcolor=DARK_TEXT)
