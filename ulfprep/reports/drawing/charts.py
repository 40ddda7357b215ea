"""Figures that are charts: tissue contrast, intensities of the tissues, how the fit went."""

import numpy as np

from ulfprep.reports.drawing.style import (
    LIGHT_MUTED,
    LIGHT_TEXT,
    TISSUE_COLOURS,
    TISSUE_LABELS,
    WIDTH,
    new_figure,
)

#: Pairs of tissues whose contrast is told.
PAIRS = ('WM-GM', 'GM-CSF', 'WM-CSF')
#: Marker of each series, and its filling.
MARKERS = {'scan': ('o', 'white'), 'target': ('D', 'white'), 'achieved': ('s', None)}
#: Terms of the fit's loss in the order of their legend: what each asks for, and the option that
#: holds its weight.
LOSS_TERMS = {
    'total': ('total, weighted sum of all', ''),
    'data': ('data (the scan, through the forward model)', ''),
    'segmentation': ('segmentation (tissues of the scan)', 'weight_segmentation'),
    'classes': ('classes (usual grey of each tissue)', 'weight_class'),
    'tv': ('total variation of the image (smoothness)', 'weight_tv'),
    'tv_tissue': ('total variation of the tissues', 'weight_tv_tissue'),
}
#: What the history of a fit holds beside the terms of its loss.
NOT_LOSS = ('step', 'epoch', 'residual_rms')
_COLOURS = ('#1E2730', '#0072B2', '#D55E00', '#009E73', '#8A6BBE', '#8C6D31', '#5B6770')
_STYLES = ('-', '--', '-.', ':')
_STOP = '#B3261E'
_BINS = 120
_DASHES = (0, (4, 2))
#: What stands over the intensities before and after.
_TITLES = {'enhance': ('Scan', 'Enhanced'), 'simulate': ('Source scan', 'Simulated scan')}


def contrast(plan, metrics):
    """Tissue means of scan, target and result, each divided by its white-matter mean."""
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
        marker, filling = MARKERS[name]
        look = {'marker': marker, 'linestyle': 'none', 'markersize': 8, 'markerfacecolor': filling}
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
    axes.legend(loc='upper left', fontsize=9, ncols=3)
    _contrast_table(figure, series, _contrasts(series, plan, metrics))
    return figure


def achieved(metrics):
    """Return tissue -> (mean over that of white matter, None), from what was measured."""
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
    pairs = {p.replace('-', ' - '): [_told(contrasts[n].get(p)) for n in series] for p in PAIRS}
    means = {t: [_told(*series[n].get(t, ())) for n in series] for t in ('CSF', 'GM')}
    for top, title, rows in ((0.9, 'Contrast', pairs), (0.5, 'Mean / WM mean', means)):
        for line, (name, cells) in enumerate({title: series, **rows}.items()):
            look = {} if line else {'size': 8.5, 'color': LIGHT_MUTED}
            y = top - 0.09 * line
            figure.text(0.55, y, name, **look)
            for column, cell in zip((0.745, 0.865, 0.985), cells, strict=True):
                figure.text(column, y, cell, ha='right', **look)


def _told(value=None, error=None):
    if value is None:
        return 'n/a'
    # Never a plus-minus of nothing: the last digit shown is the least that is claimed.
    return f'{value:.3f}' if error is None else f'{value:.3f} \u00b1 {max(error, 0.001):.3f}'


def histogram(before, before_dseg, after, after_dseg, plan, direction='enhance'):
    """Histograms of the intensities of each tissue in scan and result, with its target mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    order = plan.tissues
    means, targets = (dict(zip(order, v, strict=True)) for v in (plan.means, plan.target_means))
    for level in (means, targets):
        level['WM'] = level['WM'] or 1.0  # none was found: intensities stay as they are
    counted = [
        {t: image.data[dseg.data == label] / white for t, label in TISSUE_LABELS.items()}
        for image, dseg, white in (
            (before, before_dseg, means['WM']),
            (after, after_dseg, targets['WM']),
        )
    ]
    # The axis ends beyond nearly all voxels and every target.
    high = [np.percentile(v, 99.5) for values in counted for v in values.values() if v.size]
    high += [mean / targets['WM'] for mean in targets.values()]
    edges = np.linspace(0, 1.05 * float(max(high)), _BINS + 1)
    figure = new_figure(WIDTH, 4.6)
    charts = []
    for place, (title, values) in enumerate(zip(_TITLES[direction], counted, strict=True)):
        rect = (0.07, 0.565 - 0.435 * place, 0.9, 0.36)
        axes = figure.add_axes(rect, sharex=charts[0] if charts else None)
        charts.append(axes)
        for tissue in order:
            density = np.histogram(np.clip(values[tissue], 0, edges[-1]), edges)[0]
            share = density / max(density.sum(), 1) * 100
            colour = TISSUE_COLOURS[tissue]
            axes.stairs(share, edges, fill=True, color=colour, alpha=0.35)
            axes.stairs(share, edges, color=colour, linewidth=1.4)
        axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
        for tissue in order:
            line = {'color': TISSUE_COLOURS[tissue], 'linewidth': 1.6}
            if place == 0:
                axes.axvline(means[tissue] / means['WM'], **line)
            axes.axvline(targets[tissue] / targets['WM'], linestyle=_DASHES, **line)
        axes.set_title(title, loc='left', size=10, weight='bold', pad=5)
        axes.set_ylabel('% of the tissue')
        axes.set_xlim(0, edges[-1])
        axes.grid(axis='y')
        axes.tick_params(labelbottom=place == 1)
    charts[1].set_xlabel('intensity / white-matter mean (as measured above, as aimed at below)')
    handles = [Patch(facecolor=TISSUE_COLOURS[t], label=t) for t in order]
    for label, style in (('mean measured', '-'), ('target mean', _DASHES)):
        handles.append(Line2D([], [], color=LIGHT_MUTED, linestyle=style, label=label))
    place = {'loc': 'upper right', 'bbox_to_anchor': (0.975, 0.995)}
    figure.legend(handles=handles, ncols=len(handles), **place)
    return figure


def loss(history, fit):
    """Terms of the loss, and the residual, against the step of the fit; where and why it stopped.

    The history of the fit holds ``step`` and one list of equal length a term. Terms that are
    never positive are left out: they have no place on a logarithmic axis.
    """
    history = {name: np.array(values, float) for name, values in history.items()}
    steps = history.get('step', np.arange(1, 1 + max(map(len, history.values()), default=0)))
    figure = new_figure(WIDTH, 4.0)
    terms = figure.add_axes((0.1, 0.345, 0.475, 0.54))
    charts = [terms]
    if _draw_terms(terms, steps, history, fit.get('options') or {}):
        handles = terms.get_legend_handles_labels()
        place = {'loc': 'lower left', 'bbox_to_anchor': (0.065, 0.01), 'ncols': 2}
        figure.legend(*handles, **place, fontsize=8.5, handlelength=3, columnspacing=2.5)
    if 'residual_rms' in history:
        charts.append(figure.add_axes((0.67, 0.345, 0.31, 0.54)))
        _draw_residual(charts[1], steps, history['residual_rms'])
    for axes in charts:
        if len(steps):
            axes.axvline(steps[-1], color=_STOP, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.set_xlabel('step')
        axes.grid()
    figure.text(0.1, 0.945, stopped_because(fit), color=_STOP, weight='bold', va='center')
    return figure


def stopped_because(fit):
    """Return a sentence on where and why a fit stopped, '' where that is not known."""
    epochs = (fit.get('history') or {}).get('epoch')
    options = fit.get('options') or {}
    if not epochs or not fit.get('stopped'):
        return ''
    if fit['stopped'] == 'converged':
        return f'No network was trained: the estimate itself, after {epochs[-1]} rounds'
    if fit['stopped'] == 'noise floor':
        planned, patience = options.get('epochs', '?'), options.get('patience', 'several')
        return (
            f'Stopped early, after epoch {epochs[-1]} of {planned}: the residual is as small as '
            f'the noise, and {patience} epochs made no progress'
        )
    return f'Stopped after epoch {epochs[-1]}, the last that was planned'


def _draw_terms(axes, steps, history, options):
    """Draw a line for each term; return how many there are."""
    names = [n for n in LOSS_TERMS if n in history]
    names += sorted(n for n in history if n not in LOSS_TERMS and n not in NOT_LOSS)
    names = [n for n in names if history[n].shape == steps.shape and (history[n] > 0).any()]
    for place, name in enumerate(names):
        label, option = LOSS_TERMS.get(name, (name.replace('_', ' '), ''))
        weight = options.get(option)
        axes.plot(
            steps,
            np.where(history[name] > 0, history[name], np.nan),
            color=_COLOURS[place % len(_COLOURS)],
            linestyle=_STYLES[0] if name == 'total' else _STYLES[place % 4],
            linewidth=2.2 if name == 'total' else 1.4,
            label=label if weight is None else f'{label}, weight {weight:g}',
        )
    if names:
        axes.set_yscale('log')
    else:
        axes.text(0.5, 0.5, 'no loss was recorded', transform=axes.transAxes, ha='center')
    axes.set_ylabel('term of the loss (no unit)')
    return len(names)


def _draw_residual(axes, steps, values):
    """Draw the residual over the steps, and the noise that it should reach."""
    axes.plot(steps, values, color=_COLOURS[1], linewidth=1.8)
    axes.axhline(1.0, color=LIGHT_MUTED, linewidth=1.2)
    low, high = np.nanmin([*values, 1.0]), np.nanmax([*values, 1.0])
    room = 0.15 * max(high - low, 0.1)
    axes.set_ylim(low - room, high + room)
    axes.annotate(
        'noise', (0.02, 1.0), (0, 3), xycoords=('axes fraction', 'data'),
        textcoords='offset points', color=LIGHT_MUTED, size=8.5,
    )  # fmt: skip
    axes.set_ylabel('residual RMS / noise sigma')
