"""What a figure shows of this very scan, in numbers, from its QC record."""

from ulfprep.metrics.dictionary import move_metric
from ulfprep.metrics.tissue_change import MOVES
from ulfprep.reports.texts import number

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
    metrics = qc.get('metrics') or {}
    write = {'bias': _bias, 'tissuechange': _change}.get(name)
    return write(metrics) if write else ''


def _bias(metrics):
    names = ('bias_range', 'wm_cov_before', 'wm_cov_after')
    span, before, after = (metrics.get(name) for name in names)
    if None in (span, before, after):
        return ''
    text = (
        f'Between the 1st and the 99th percentile of the brain the field spans a factor of '
        f'{span:.2f}. White matter varies by {_percent(before)} of its mean as measured and by '
        f'{_percent(after)} after division, noise included.'
    )
    ratios = [metrics.get(f'wm_gm_ratio_{when}') for when in ('before', 'after')]
    if None not in ratios:
        text += (
            f' The median of white matter is {ratios[0]:.3f} times that of grey matter as '
            f'measured and {ratios[1]:.3f} times after.'
        )
    return text


def _change(metrics):
    mean = metrics.get('tissue_change_mean')
    if mean is None:
        return ''
    volumes = {move: metrics.get(move_metric(*move)) or 0.0 for move in MOVES}
    moves = sorted(volumes, key=lambda move: -volumes[move])
    listed = ', '.join(f'{a} {ARROW} {b} {volumes[a, b]:.1f}' for a, b in moves)
    return f'On average {_percent(mean)} of a voxel changed its tissue: {listed} ml.'


def _percent(share):
    return f'{number(100 * share, 3)} %'
