"""Figures that are charts: loss curves, tissue contrast, histogram of residuals."""

import numpy as np

from ulfprep.reports.style import (
    DARK_MUTED,
    DARK_TEXT,
    LIGHT_MUTED,
    LIGHT_TEXT,
    TISSUE_COLOURS,
    WIDTH,
    new_figure,
)

#: Terms of the fit's loss in the order of their legend, with what each asks for.
LOSS_TERMS = {
    'total': 'total',
    'data': 'data (the scan, through the forward model)',
    'segmentation': 'segmentation (tissues of the scan)',
    'tv': 'total variation (smoothness)',
}
_LINE_COLOURS = ('#1E2730', '#0072B2', '#D55E00', '#009E73', '#8A6BBE', '#8C6D31', '#5B6770')
_LINE_STYLES = ('-', '--', '-.', ':')


#: What the history of a fit holds beside the terms of its loss.
NOT_LOSS = ('step', 'epoch', 'residual_rms')


def loss(history):
    """Loss terms against the step of the fit, both on log-friendly axes.

    Parameters
    ----------
    history : mapping
        ``step`` and one list of equal length a term. Terms that are never positive are
        left out: they have no place on a logarithmic axis.
    """
    figure = new_figure(WIDTH, 3.6)
    axes = figure.add_axes((0.08, 0.15, 0.56, 0.78))
    names = [n for n in LOSS_TERMS if n in history]
    names += sorted(n for n in history if n not in LOSS_TERMS and n not in NOT_LOSS)
    drawn = []
    for name in names:
        values = np.array([np.nan if v is None else v for v in history[name]], float)
        steps = np.asarray(history.get('step', range(1, len(values) + 1)), float)
        if values.shape != steps.shape or not (values > 0).any():
            continue
        index = len(drawn)
        style = _LINE_STYLES[0] if name == 'total' else _LINE_STYLES[index % 4]
        axes.plot(
            steps,
            np.where(values > 0, values, np.nan),
            color=_LINE_COLOURS[index % len(_LINE_COLOURS)],
            linestyle=style,
            linewidth=2.2 if name == 'total' else 1.4,
            label=LOSS_TERMS.get(name, name.replace('_', ' ')),
        )
        drawn.append(name)
    if drawn:
        axes.set_yscale('log')
        axes.legend(loc='upper left', bbox_to_anchor=(1.02, 1.0), fontsize=8.5, handlelength=3)
    else:
        axes.text(0.5, 0.5, 'no loss was recorded', transform=axes.transAxes, ha='center')
    axes.set_xlabel('optimiser step')
    axes.set_ylabel('loss (weighted term, no unit)')
    _grid(axes)
    return figure


def contrast(means, plan):
    """Tissue means of scan, target and result, each divided by its white-matter mean.

    Parameters
    ----------
    means : mapping
        ``'achieved'`` -> {tissue: (mean, standard error)} of the result, or missing.
    plan : mapping
        Contrast plan: ``means``, ``standard_errors``, ``target_means``,
        ``target_spread``, ``tissues``.
    """
    order = list(plan.get('tissues') or ('CSF', 'GM', 'WM'))
    series = {
        'scan': _series(order, plan.get('means'), plan.get('standard_errors')),
        'target': _series(order, plan.get('target_means'), plan.get('target_spread')),
        'achieved': {t: means['achieved'].get(t) for t in order} if means.get('achieved') else {},
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
    _grid(axes)
    _contrast_legend(axes, looks, series)
    _contrast_table(figure, series)
    return figure


def michelson(first, second):
    """Return 2 (a - b) / (a + b), ``None`` without both."""
    if first is None or second is None or not first + second:
        return None
    return 2.0 * (first - second) / (first + second)


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


def _contrast_table(figure, series):
    """Write contrasts and normalised means with standard errors beside the chart."""
    columns = {'scan': 0.745, 'target': 0.865, 'achieved': 0.985}

    def line(y, name, cells, **options):
        figure.text(0.55, y, name, **options)
        for column, cell in zip(columns.values(), cells, strict=True):
            figure.text(column, y, cell, ha='right', **options)

    line(0.9, 'Contrast', columns, size=8.5, color=LIGHT_MUTED)
    y = 0.81
    for a, b in (('WM', 'GM'), ('GM', 'CSF'), ('WM', 'CSF')):
        cells = []
        for name in columns:
            value = michelson(*(series[name].get(t, (None,))[0] for t in (a, b)))
            cells.append('n/a' if value is None else f'{value:.3f}')
        line(y, f'{a} - {b}', cells)
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


def _grid(axes):
    axes.grid(color=LIGHT_MUTED, alpha=0.2, linewidth=0.6)
    axes.set_axisbelow(True)
