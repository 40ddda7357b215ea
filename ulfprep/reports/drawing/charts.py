"""Figures that are charts: tissue contrast, histogram of residuals."""

import numpy as np

from ulfprep.reports.drawing.style import (
    DARK_MUTED,
    DARK_TEXT,
    LIGHT_MUTED,
    LIGHT_TEXT,
    TISSUE_COLOURS,
    WIDTH,
    new_figure,
)

#: Pairs of tissues whose contrast is told.
PAIRS = ('WM-GM', 'GM-CSF', 'WM-CSF')


def contrast(plan, metrics):
    """Tissue means of scan, target and result, each divided by its white-matter mean.

    Parameters
    ----------
    plan : mapping
        Contrast plan: ``tissues``, ``means``, ``standard_errors``, ``target_means``,
        ``target_spread``, ``source_contrast``, ``target_contrast``.
    metrics : mapping
        Of the scan: the result's contrasts, or ratios where it was simulated.
    """
    order = list(plan.get('tissues') or ('CSF', 'GM', 'WM'))
    series = {
        'scan': _series(order, plan.get('means'), plan.get('standard_errors')),
        'target': _series(order, plan.get('target_means'), plan.get('target_spread')),
        'achieved': achieved(metrics),
    }
    series = {name: _normalise(values) for name, values in series.items()}
    figure = new_figure(WIDTH, 3.4)
    axes = figure.add_axes((0.08, 0.14, 0.44, 0.8))
    looks = {
        'scan': {'marker': 'o', 'filled': False},
        'target': {'marker': 'D', 'filled': False},
        'achieved': {'marker': 's', 'filled': True},
    }
    rows = []
    for place, tissue in enumerate(order):
        for shift, (name, look) in enumerate(looks.items()):
            value = series[name].get(tissue)
            if value is None:
                continue
            mean, error = value
            axes.errorbar(
                place + 0.18 * (shift - 1),
                mean,
                yerr=error or None,
                color=TISSUE_COLOURS.get(tissue, LIGHT_MUTED),
                marker=look['marker'],
                markersize=8,
                markerfacecolor=None if look['filled'] else 'white',
                markeredgewidth=2,
                ecolor=LIGHT_TEXT,
                elinewidth=1.2,
                capsize=4,
            )
            rows.append(mean + (error or 0))
    axes.set_xticks(range(len(order)), order)
    axes.set_xlim(-0.5, len(order) - 0.5)
    axes.set_ylim(0, max([*rows, 1.0]) * 1.25)  # room for the legend
    axes.set_ylabel('mean intensity / white-matter mean')
    grid(axes)
    _contrast_legend(axes, looks, series)
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


def _contrasts(series, plan, metrics):
    """Return the pairwise contrasts of each series: those on record, else of its means."""
    known = {
        'scan': plan.get('source_contrast') or {},
        'target': plan.get('target_contrast') or {},
        'achieved': {
            pair: metrics.get(f'contrast_{pair.lower().replace("-", "_")}{ending}')
            for pair in PAIRS
            for ending in (('_simulated',) if plan.get('direction') == 'simulate' else ('',))
        },
    }
    for name, values in known.items():
        for pair in PAIRS:
            a, b = (series[name].get(tissue, (None,))[0] for tissue in pair.split('-'))
            if values.get(pair) is None and a is not None and b is not None and a + b:
                values = known[name] = {**values, pair: 2 * (a - b) / (a + b)}
    return known


def _series(order, means, errors):
    if not means:
        return {}
    errors = errors or [None] * len(means)
    return {t: (m, e) for t, m, e in zip(order, means, errors, strict=False) if m is not None}


def _normalise(values):
    """Divide means and standard errors by the white-matter mean of the same series."""
    white = values.get('WM')
    if not white or not white[0]:
        return {}
    return {
        t: (v[0] / white[0], None if v[1] is None else v[1] / white[0])
        for t, v in values.items()
        if v is not None
    }


def _contrast_legend(axes, looks, series):
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            linestyle='none',
            marker=look['marker'],
            color=LIGHT_TEXT,
            markerfacecolor=LIGHT_TEXT if look['filled'] else 'white',
            markeredgewidth=1.6,
            markersize=8,
            label=name,
        )
        for name, look in looks.items()
        if series[name]
    ]
    if handles:
        axes.legend(handles=handles, loc='upper left', fontsize=9, ncols=len(handles))


def _contrast_table(figure, series, contrasts):
    """Write contrasts and normalised means with standard errors beside the chart."""
    columns = {'scan': 0.745, 'target': 0.865, 'achieved': 0.985}

    def line(y, name, cells, **options):
        figure.text(0.55, y, name, **options)
        for column, cell in zip(columns.values(), cells, strict=True):
            figure.text(column, y, cell, ha='right', **options)

    line(0.9, 'Contrast', columns, size=8.5, color=LIGHT_MUTED)
    y = 0.81
    for pair in PAIRS:
        values = [contrasts[name].get(pair) for name in columns]
        cells = ['n/a' if value is None else f'{value:.3f}' for value in values]
        line(y, pair.replace('-', ' - '), cells)
        y -= 0.09
    y -= 0.04
    line(y, 'Mean / WM mean', columns, size=8.5, color=LIGHT_MUTED)
    for tissue in ('CSF', 'GM'):
        y -= 0.09
        line(y, tissue, [_with_error(series[name].get(tissue)) for name in columns])


def _with_error(value):
    if value is None:
        return 'n/a'
    mean, error = value
    # Never a plus-minus of nothing: the last digit shown is the least that is claimed.
    if error is None:
        return f'{mean:.3f}'
    return f'{mean:.3f} \u00b1 {max(error, 0.001):.3f}'


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
    axes.grid(axis='y', color=DARK_MUTED, alpha=0.2, linewidth=0.6)
    axes.legend(loc='upper right', fontsize=8, labelcolor=DARK_TEXT)


def grid(axes):
    """Draw faint lines behind a chart on a light ground."""
    axes.grid(color=LIGHT_MUTED, alpha=0.2, linewidth=0.6)
    axes.set_axisbelow(True)
