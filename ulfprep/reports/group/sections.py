"""Distributions and the table of all scans, as plain values for the group page."""

from math import isinf
from statistics import median

from ulfprep.bids.names import natural
from ulfprep.metrics.dictionary import METRICS
from ulfprep.metrics.outliers import MINIMUM
from ulfprep.metrics.verdict import RULES
from ulfprep.reports.group.plots import Dot, axis_of, strip
from ulfprep.reports.measures import BETTER
from ulfprep.reports.values import number

DIRECTIONS = {'enhance': 'enhanced', 'simulate': 'simulated'}


def in_words(one):
    """Return an outlying metric as half a sentence."""
    side = {True: ' (worse)', False: ' (better)', None: ''}[one.worse]
    return (
        f'{one.metric} is {number(one.value, 3)}, unusually {one.side}{side}: '
        f'{abs(one.distance):.1f} robust s.d. from the median of {number(one.fence.median, 3)}'
    )


def distributions(study, links):
    """Return the distributions of each metric, by what is comparable.

    Groups of participants stand in one set, a row each, on one axis.

    Parameters
    ----------
    study : Study
    links : dict
        Scan -> address of its report.
    """
    numbers = {scan.outcome.name: i for i, scan in enumerate(study.scans)}
    sets: dict[tuple, dict[str, list]] = {}
    for (*same, group), scans in study.kinds().items():
        sets.setdefault(tuple(same), {})[group] = scans
    found = []
    for index, ((modality, direction, settings), groups) in enumerate(sets.items(), start=1):
        scans = [scan for members in groups.values() for scan in members]
        few = [name or 'all' for name, members in groups.items() if len(members) < MINIMUM]
        categories, same = {}, []
        for name, entry in METRICS.items():
            rows = {g: [s for s in m if s.metric(name) is not None] for g, m in groups.items()}
            rows = {group: members for group, members in rows.items() if members}
            if not rows:
                continue
            # As printed: an axis from 0.379 to 0.379 shows nothing but rounding.
            values = {number(s.metric(name), 3) for members in rows.values() for s in members}
            if len(values) == 1 and len(scans) > 1:
                same.append((name, values.pop()))
                continue
            fences = {group: study.fences[modality, direction, settings, group].get(name)
                      for group in rows}  # fmt: skip
            metric = _metric(name, entry, rows, fences, direction, numbers, links)
            metric['id'] = f'set{index}-{name}'
            categories.setdefault(entry.get('Category', 'Metrics'), []).append(metric)
        found.append(
            {
                'id': f'set{index}',
                'title': f'{modality}, {DIRECTIONS.get(direction, direction)}',
                'settings': settings,
                'count': len(scans),
                'few': few if len(groups) > 1 else few[:1],
                'categories': list(categories.items()),
                'same': same,
            }
        )
    return found


def _metric(name, entry, rows, fences, direction, numbers, links):
    """Return the plot of one metric and what stands beside it."""
    values = [scan.metric(name) for members in rows.values() for scan in members]
    axis = axis_of(values, [one for one in fences.values() if one])
    rule = next(((r.low, r.high) for r in RULES.get(direction, ()) if r.metric == name), None)
    strips = []
    for group, members in sorted(rows.items(), key=lambda pair: natural(pair[0])):
        dots = [_dot(scan, name, numbers, links) for scan in members]
        label = f'{entry["LongName"]}{", " + group if group else ""}: {len(dots)} scans'
        picture = strip(
            dots, axis, usual=fences[group], rule=rule, ideal=entry.get('Ideal'), label=label
        )
        strips.append({'group': group, 'count': len(dots), 'svg': picture})
    better = BETTER.get(entry.get('Better'), '')
    if 'Ideal' in entry:
        better = f'ideal {number(entry["Ideal"])}'
    aim = '; '.join(filter(None, (better, _range(rule))))
    unit = entry.get('Units') or ''
    return {
        'name': name,
        'long_name': entry['LongName'],
        'hint': entry.get('Hint') or entry['Description'],
        'unit': '' if unit == 'dimensionless' else unit,
        'aim': aim[:1].upper() + aim[1:],
        'strips': strips,
        'low': number(axis.low, 3),
        'median': number(median(values), 3),
        'high': number(axis.high, 3),
        'outliers': sum(
            one.metric == name for members in rows.values() for s in members for one in s.unusual
        ),
    }


def _dot(scan, name, numbers, links):
    value = scan.metric(name)
    outlying = any(one.metric == name for one in scan.unusual)
    against = any(reason.startswith(f'{name} is ') for reason in scan.verdict.reasons)
    mark = ''
    if outlying or against:
        mark = 'failed' if scan.verdict.level == 'failed' and against else 'look'
    own = scan.outcome.name
    link = links.get(own) or f'#row{numbers[own]}'
    return Dot(numbers[own], value, f'{own}: {number(value, 3)}', link, mark)


def _range(rule):
    if rule is None:
        return ''
    low, high = rule
    if isinf(high):
        return f'expected at least {number(low)}'
    return f'expected at most {number(high)}' if isinf(low) else (
        f'expected {number(low)} to {number(high)}'
    )  # fmt: skip


def table(study, links, rank):
    """Return columns and rows of the table of all scans, unfinished ones last.

    Returns
    -------
    dict
        ``columns`` (name, long name, unit), ``rows`` (name, link, group, direction, rank, number
        of outliers, cells), a cell being ``(value or None, text, whether it is an outlier)``,
        ``unfinished``, and whether there are several ``directions``.
    """
    names = [n for n in METRICS if any(scan.metric(n) is not None for scan in study.scans)]
    rows = []
    for scan in study.scans:
        outlying = {one.metric for one in scan.unusual}
        cells = []
        for name in names:
            value = scan.metric(name)
            cells.append((value, number(value, 3), name in outlying))
        rows.append(
            {
                'name': scan.outcome.name,
                'link': links.get(scan.outcome.name, ''),
                'group': scan.group,
                'direction': DIRECTIONS.get(scan.kind[1], scan.kind[1]),
                'rank': rank(scan),
                'outliers': len(scan.unusual),
                'cells': cells,
            }
        )
    unfinished = [
        {'name': one.name, 'link': links.get(one.name, ''), 'status': one.status}
        for one in study.unfinished
    ]
    columns = [(name, METRICS[name]['LongName'], METRICS[name].get('Units', '')) for name in names]
    directions = len({row['direction'] for row in rows}) > 1
    return {'columns': columns, 'rows': rows, 'unfinished': unfinished, 'directions': directions}
