"""Distribution of one metric over scans: every scan a dot, quartiles as a box, as plain SVG."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

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


def strip(dots, axis, *, usual=None, rule=None, ideal=None, label='') -> Markup:
    """Return one row of dots as SVG.

    Parameters
    ----------
    dots : sequence of Dot
    axis : Axis
    usual : Fence or None
        Limits beyond which dots are outliers.
    rule : tuple of float or None
        Range that the verdict expects; infinite ends are open.
    ideal : float or None
    label : str
        What is read out instead.
    """
    parts = []
    if rule:
        low, high = (axis.x(v) for v in rule)
        if high > low:
            parts.append(f'<rect class="rule" x="{low:.1f}" width="{high - low:.1f}" '
                         f'y="0" height="{HEIGHT}"/>')  # fmt: skip
    parts += [f'<path class="fence" d="M{x:.1f} 0V{HEIGHT}"/>' for x in _fence_places(usual, axis)]
    if ideal is not None and axis.low <= ideal <= axis.high:
        x = axis.x(ideal)
        parts.append(f'<path class="ideal" d="M{x - 5:.1f} {HEIGHT}h10l-5 -8z"/>')
    parts.append(_dots(dots, axis))
    if len(dots) >= _LEAST:
        parts.append(_box([dot.value for dot in dots], axis))
    return Markup(
        f'<svg class="spread" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _fence_places(usual, axis):
    if usual is None:
        return []
    return [axis.x(v) for v in (usual.low, usual.high) if axis.low < v < axis.high]


def _box(values, axis):
    """Return the quartiles as a box and the median as a line."""
    low, middle, high = (axis.x(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    top, tall = HEIGHT * 0.2, HEIGHT * 0.6
    return (
        f'<rect class="box" x="{low:.1f}" y="{top:.1f}" width="{max(high - low, 1):.1f}" '
        f'height="{tall:.1f}"/><path class="median" d="M{middle:.1f} {top:.1f}v{tall:.1f}"/>'
    )


def _dots(dots, axis):
    """Return ordinary dots as one path, which keeps a page of hundreds light, others as links."""
    places = list(zip(dots, _swarm([axis.x(dot.value) for dot in dots]), strict=True))
    plain = [(dot, place) for dot, place in places if not dot.mark]
    path = ''.join(f'M{x:.1f} {y:.1f}h0' for _, (x, y) in plain)
    numbers = ' '.join(str(dot.row) for dot, _ in plain)
    parts = [f'<path class="dots" data-rows="{numbers}" d="{path}"/>'] if plain else []
    for dot, (x, y) in places:
        if not dot.mark:
            continue
        shape = _shape(dot, x, y, axis)
        text = f'<title>{escape(dot.title)}</title>{shape}'
        if dot.link:
            text = f'<a href="{escape(dot.link)}" data-row="{dot.row}">{text}</a>'
        parts.append(text)
    return ''.join(parts)


def _shape(dot, x, y, axis):
    """Return a marked dot: a circle, or an arrow where its value lies beyond the axis."""
    if axis.low <= dot.value <= axis.high:
        return f'<circle class="{dot.mark}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    out = 6 if dot.value > axis.high else -6
    return f'<path class="{dot.mark}" d="M{x:.1f} {y - 5:.1f}v10l{out} -5z"/>'


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
