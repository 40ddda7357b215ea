"""The figure of how the fit went, and why it stopped where it did."""

import numpy as np

from ulfprep.reports.drawing.style import LIGHT_MUTED, WIDTH, new_figure

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


def loss(fit):
    """Terms of the loss, and the residual, against the step of the fit; where and why it stopped.

    Parameters
    ----------
    fit : mapping
        ``history``: ``step`` and one list of equal length a term. Terms that are never positive
        are left out: they have no place on a logarithmic axis. ``options`` and ``stopped`` say
        why it ended, where they are known.
    """
    history = {
        name: np.array([np.nan if v is None else v for v in values], float)
        for name, values in fit['history'].items()
    }
    steps = history.get('step', np.arange(1, 1 + max(map(len, history.values()), default=0)))
    figure = new_figure(WIDTH, 4.0)
    terms = figure.add_axes((0.1, 0.345, 0.475, 0.54))
    charts = [terms]
    if _draw_terms(terms, steps, history, fit.get('options') or {}):
        handles = terms.get_legend_handles_labels()
        figure.legend(
            *handles, loc='lower left', bbox_to_anchor=(0.065, 0.01), ncols=2, fontsize=8.5,
            handlelength=3, columnspacing=2.5,
        )  # fmt: skip
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
