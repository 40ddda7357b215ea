"""Distributions of the metrics of a study, as plain values for the group page."""

import numpy as np

from ulfprep.bids.names import natural
from ulfprep.metrics.outliers import MINIMUM
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import FAILED
from ulfprep.reports.group.plots import Dot, axis_of, strip
from ulfprep.reports.group.study import KIND, Study, named
from ulfprep.reports.values import number
from ulfprep.settings import MODALITIES

DIRECTIONS = {'enhance': 'enhanced', 'simulate': 'simulated'}


def distributions(study: Study, links: dict[str, str]) -> list[dict]:
    """Return the distributions of each metric, by what is comparable.

    Groups of participants stand in one set, a row each, on one axis.
    """
    found = []
    order = {modality: place for place, modality in enumerate(MODALITIES)}
    kinds = sorted(
        study.scans.groupby(KIND[:3]),
        key=lambda pair: (order.get(pair[0][0], len(order)), pair[0]),
    )
    for index, (kind, scans) in enumerate(kinds, start=1):
        groups = {name: list(rows.index) for name, rows in scans.groupby('group')}
        few = [name or 'all' for name, members in groups.items() if len(members) < MINIMUM]
        categories, same = {}, []
        for name, values in study.metrics.loc[scans.index].dropna(axis=1, how='all').items():
            # As printed: an axis from 0.379 to 0.379 shows nothing but rounding.
            printed = {number(value, 3) for value in values.dropna()}
            if len(printed) == 1 and len(scans) > 1:
                same.append((name, printed.pop()))
                continue
            plot = _plot(study, name, kind, groups, links) | {'id': f'set{index}-{name}'}
            categories.setdefault(all_metrics()[name].category, []).append(plot)
        found.append(
            {
                'id': f'set{index}',
                'title': f'{kind[0]}, {DIRECTIONS.get(kind[1], kind[1])}',
                'settings': kind[2],
                'count': len(scans),
                'few': few if len(groups) > 1 else few[:1],
                'categories': list(categories.items()),
                'same': same,
            }
        )
    return found


def _plot(study, name, kind, groups, links):
    """Return the plot of one metric and what stands beside it."""
    metric, rows = all_metrics()[name], study.metrics[name].dropna()
    groups = {group: rows[rows.index.isin(members)] for group, members in groups.items()}
    groups = {group: values for group, values in groups.items() if len(values)}
    fences = {group: study.fences[*kind, group].get(name) for group in groups}
    values = np.concatenate(list(groups.values()))
    axis = axis_of(values, [one for one in fences.values() if one])
    strips = []
    for group, own in sorted(groups.items(), key=lambda pair: natural(pair[0])):
        dots = [_dot(study, name, scan, value, links) for scan, value in own.items()]
        places = strip(dots, axis, fences[group], metric.rule, metric.ideal)
        strips.append({'group': group, 'count': len(own), 'places': places})
    outliers = [one for own in groups.values() for s in own.index for one in study.unusual[s]]
    return {
        'metric': metric,
        'strips': strips,
        'low': number(axis.low, 3),
        'median': number(float(np.median(values)), 3),
        'high': number(axis.high, 3),
        'outliers': sum(one.metric == name for one in outliers),
    }


def _dot(study, name, scan, value, links):
    against = name in named(study.scans.at[scan, 'reasons'])
    mark = 'look' if against or any(one.metric == name for one in study.unusual[scan]) else ''
    if against and study.scans.at[scan, 'verdict'] == FAILED:
        mark = FAILED
    row = study.scans.index.get_loc(scan)
    return Dot(row, value, f'{scan}: {number(value, 3)}', links.get(scan) or f'#row{row}', mark)
