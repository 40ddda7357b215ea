"""What a figure shows of this very scan, in numbers, from its QC record."""

from markupsafe import Markup

from ulfprep.metrics.tissue_change import MOVES, move_metric
from ulfprep.reports.values import listed, shown

ARROW = '\u2192'


def finding(name, qc):
    """Return a figure's measured numbers as sentences, ``''`` where there are none.

    Parameters
    ----------
    name : str
        Of the figure.
    qc : dict
        QC record of the scan.
    """
    write = {'bias': _bias, 'tissuechange': _change}.get(name)
    return write(qc, qc.get('metrics') or {}) if write else ''


def _bias(qc, metrics):
    names = ('bias_range', 'wm_cov_before', 'wm_cov_after')
    if None in [metrics.get(name) for name in names]:
        return ''
    text = Markup(
        'Between the 1st and the 99th percentile of the brain the field spans a factor of {}. '
        'White matter varies by {} of its mean as measured and by {} after division, noise '
        'included.'
    ).format(_fixed(qc, 'bias_range', 2), *(_percent(qc, name) for name in names[1:]))
    ratios = [f'wm_gm_ratio_{when}' for when in ('before', 'after')]
    if None not in [metrics.get(name) for name in ratios]:
        text += Markup(
            ' The median of white matter is {} times that of grey matter as measured and {} '
            'times after.'
        ).format(*(_fixed(qc, name, 3) for name in ratios))
    return text


def _change(qc, metrics):
    if metrics.get('tissue_change_mean') is None:
        return ''
    moves = {move: move_metric(*move) for move in MOVES}
    moves = {move: name for move, name in moves.items() if metrics.get(name) is not None}
    moves = dict(sorted(moves.items(), key=lambda pair: -metrics[pair[1]]))
    told = [
        Markup('{} {} {} {}').format(a, ARROW, b, _fixed(qc, name, 1))
        for (a, b), name in moves.items()
    ]
    return Markup('On average {} of a voxel changed its tissue: {} ml.').format(
        _percent(qc, 'tissue_change_mean'), listed(told)
    )


def _fixed(qc, name, places):
    return shown(qc, f'metrics.{name}', places=places)


def _percent(qc, name):
    return shown(qc, f'metrics.{name}', 3, scale=100) + ' %'
