"""Distributions of the metrics of a study: a dot a scan, quartiles as a box.

``templates/strip.html`` draws them. matplotlib's SVG of the same plot takes several times the
room, and a page of hundreds of scans holds about seventy.
"""

from typing import NamedTuple

import numpy as np

from ulfprep.bids.names import natural
from ulfprep.metrics.outliers import MINIMUM
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import FAILED
from ulfprep.reports.group.study import KIND, Study, named
from ulfprep.reports.values import number
from ulfprep.settings import MODALITIES

DIRECTIONS = {'enhance': 'enhanced', 'simulate': 'simulated'}
WIDTH, HEIGHT, MARGIN = 600, 48, 8
_RADIUS = 2.5
#: Quartiles of fewer scans say nothing.
_LEAST = 5
#: The axis ends so many robust standard deviations beyond the fence; dots beyond stand at its end.
_REACH = 2.0


class Axis(NamedTuple):
    """From where to where values are drawn."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Return the place of a value, what lies beyond at the end."""
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * MARGIN)


def distributions(study: Study, links: dict[str, str]) -> list[dict]:
    """Return the distributions of each metric, by what is comparable; a row a group."""
    found = []
    kinds = sorted(
        study.scans.groupby(KIND[:3]),
        key=lambda pair: (MODALITIES.index(pair[0][0]), pair[0]),
    )
    for index, (kind, scans) in enumerate(kinds, start=1):
        counts = scans['group'].value_counts(sort=False).sort_index()
        few = [name or 'all' for name, count in counts.items() if count < MINIMUM]
        categories, same = {}, []
        for name, values in study.metrics.loc[scans.index].dropna(axis=1, how='all').items():
            # As printed: an axis from 0.379 to 0.379 shows nothing but rounding.
            printed = {number(value, 3) for value in values.dropna()}
            if len(printed) == 1 and len(scans) > 1:
                same.append((name, printed.pop()))
                continue
            plot = _plot(study, kind, values.dropna(), links) | {'id': f'set{index}-{name}'}
            categories.setdefault(all_metrics()[name].category, []).append(plot)
        found.append(
            {
                'id': f'set{index}',
                'title': f'{kind[0]}, {DIRECTIONS[kind[1]]}',
                'settings': kind[2],
                'count': len(scans),
                'few': few if len(counts) > 1 else few[:1],
                'categories': list(categories.items()),
                'same': same,
            }
        )
    return found


def _plot(study, kind, values, links):
    """Return the plot of one metric and what stands beside it."""
    metric = all_metrics()[values.name]
    groups = dict(iter(values.groupby(study.scans['group'])))
    fences = {group: study.fences[*kind, group].get(metric.name) for group in groups}
    axis = _axis(values, [one for one in fences.values() if one])
    strips = []
    for group, own in sorted(groups.items(), key=lambda pair: natural(pair[0])):
        dots = [_dot(study, metric.name, scan, value, links) for scan, value in own.items()]
        places = _strip(dots, axis, fences[group], metric.rule, metric.ideal)
        strips.append({'group': group, 'count': len(own), 'places': places})
    outliers = [one for scan in values.index for one in study.unusual[scan]]
    return {
        'metric': metric,
        'strips': strips,
        'low': number(axis.low, 3),
        'median': number(float(values.median()), 3),
        'high': number(axis.high, 3),
        'outliers': sum(one.metric == metric.name for one in outliers),
    }


def _axis(values, fences):
    """Return an axis for groups with these fences, which a few far values do not stretch."""
    low, high = min(values), max(values)
    if fences:
        low = max(low, min(f.low - _REACH * f.spread for f in fences))
        high = min(high, max(f.high + _REACH * f.spread for f in fences))
    if high <= low:
        margin = 0.05 * abs(low) or 1.0
        return Axis(low - margin, high + margin)
    return Axis(low, high)


def _dot(study, name, scan, value, links):
    """Return a scan as a dot, which is marked where it is an outlier or against a rule."""
    against = name in named(study.scans.at[scan, 'reasons'])
    mark = 'look' if against or any(one.metric == name for one in study.unusual[scan]) else ''
    if against and study.scans.at[scan, 'verdict'] == FAILED:
        mark = FAILED
    row = study.scans.index.get_loc(scan)
    link = links.get(scan) or f'#row{row}'
    title = f'{scan}: {number(value, 3)}'
    return {'row': row, 'value': value, 'title': title, 'link': link, 'mark': mark}


def _strip(dots, axis, usual, rule, ideal):
    """Return the places of one row of dots, of the fence, of what a rule expects, of quartiles.

    ``plain`` holds row, x, y; ``marked`` dot, x, y, and -1, 0 or 1 as it lies beyond the axis;
    ``rule`` left edge and width.
    """
    places = list(zip(dots, _swarm([axis.x(dot['value']) for dot in dots]), strict=True))
    quartiles = [axis.x(q) for q in np.quantile([dot['value'] for dot in dots], (0.25, 0.5, 0.75))]
    left, right = (axis.x(v) for v in (rule.low, rule.high)) if rule else (0, 0)
    limits = (usual.low, usual.high) if usual else ()
    return {
        'plain': [(dot['row'], x, y) for dot, (x, y) in places if not dot['mark']],
        'marked': [
            (dot, x, y, int(dot['value'] > axis.high) - int(dot['value'] < axis.low))
            for dot, (x, y) in places
            if dot['mark']
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
        for place, index in enumerate(members):
            # From the middle outwards, by turns up and down.
            offset = (place + 1) // 2 * (1 if place % 2 else -1) * step
            places[index] = (xs[index], HEIGHT / 2 + offset)
    return places
