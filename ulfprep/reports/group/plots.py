"""Where the marks of a small plot of one metric stand: a dot a scan, quartiles as a box.

``templates/strip.html`` draws them. matplotlib's SVG of the same plot takes several times the
room, and a page of hundreds of scans holds about seventy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WIDTH, HEIGHT, MARGIN = 600, 48, 8
_RADIUS = 2.5
#: Quartiles of fewer scans say nothing.
_LEAST = 5
#: The axis ends so many robust standard deviations beyond the fence; dots beyond stand at its end.
_REACH = 2.0


class Dot(NamedTuple):
    """One scan.

    Attributes
    ----------
    row : int
        Place of the scan among all finished ones.
    value : float
    title : str
        What is said of it where it is marked.
    link : str
        Where a click leads.
    mark : str
        ``''``, ``look`` (an outlier, or against a rule) or ``failed``.
    """

    row: int
    value: float
    title: str = ''
    link: str = ''
    mark: str = ''


class Axis(NamedTuple):
    """From where to where values are drawn."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Return the place of a value, what lies beyond at the end."""
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * MARGIN)


def axis_of(values: Sequence[float], fences: Sequence = ()) -> Axis:
    """Return an axis that a few far values do not stretch.

    Parameters
    ----------
    values : sequence of float
    fences : sequence of Fence
        Of the groups that share the axis.
    """
    low, high = min(values), max(values)
    if fences:
        low = max(low, min(f.low - _REACH * f.spread for f in fences))
        high = min(high, max(f.high + _REACH * f.spread for f in fences))
    if high <= low:
        margin = 0.05 * abs(low) or 1.0
        return Axis(low - margin, high + margin)
    return Axis(low, high)


def strip(dots: Sequence[Dot], axis: Axis, usual=None, rule=None, ideal=None) -> dict:
    """Return the places of one row of dots.

    Parameters
    ----------
    dots : sequence of Dot
    axis : Axis
    usual : Fence or None
        Limits beyond which dots are outliers.
    rule : Rule or None
        What the verdict expects.
    ideal : float or None

    Returns
    -------
    dict
        ``plain`` (row, x, y) and ``marked`` (dot, x, y, -1, 0 or 1 as it lies beyond the axis),
        ``fence`` (places), ``rule`` (left, width), ``ideal`` and ``box`` (quartiles), or None.
    """
    places = list(zip(dots, _swarm([axis.x(dot.value) for dot in dots]), strict=True))
    quartiles = [axis.x(q) for q in np.quantile([d.value for d in dots], (0.25, 0.5, 0.75))]
    left, right = (axis.x(v) for v in (rule.low, rule.high)) if rule else (0, 0)
    limits = (usual.low, usual.high) if usual else ()
    return {
        'plain': [(dot.row, x, y) for dot, (x, y) in places if not dot.mark],
        'marked': [
            (dot, x, y, int(dot.value > axis.high) - int(dot.value < axis.low))
            for dot, (x, y) in places
            if dot.mark
        ],
        'fence': [axis.x(v) for v in limits if axis.low < v < axis.high],
        'rule': (left, right - left) if right > left else None,
        'ideal': axis.x(ideal) if ideal is not None and axis.low <= ideal <= axis.high else None,
        'box': quartiles if len(dots) >= _LEAST else None,
        'width': WIDTH,
        'height': HEIGHT,
    }


def _swarm(xs):
    """Return a place for each dot; those that would lie on each other stand above each other."""
    bins: dict[int, list[int]] = {}
    for index, x in enumerate(xs):
        bins.setdefault(round(x / (2 * _RADIUS)), []).append(index)
    places = [(0.0, 0.0)] * len(xs)
    room = HEIGHT / 2 - _RADIUS - 1
    for members in bins.values():
        step = min(2 * _RADIUS, room / max(len(members) // 2, 1))
        for number, index in enumerate(members):
            # From the middle outwards, by turns up and down.
            offset = (number + 1) // 2 * (1 if number % 2 else -1) * step
            places[index] = (xs[index], HEIGHT / 2 + offset)
    return places
