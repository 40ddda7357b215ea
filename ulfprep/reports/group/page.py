"""The report of a whole study: which scans to look at, on one page."""

from collections import Counter
from pathlib import Path

from ulfprep import __version__
from ulfprep.bids.files import write_text
from ulfprep.bids.names import natural
from ulfprep.bids.store.outcomes import FAILED
from ulfprep.metrics.outliers import DISTANCE, MINIMUM, SMALL
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import USABLE
from ulfprep.reports.drawing.thumbnail import addresses
from ulfprep.reports.group.distributions import DIRECTIONS, distributions
from ulfprep.reports.group.study import RANKS, Study, differing_settings, named
from ulfprep.reports.pages import render, script
from ulfprep.reports.participant import is_reported
from ulfprep.reports.values import number

THUMBNAIL = 'thumbnail'
#: Rows of the first table that stand open.
OPEN_ROWS = 40
#: A metric that speaks against more than this share of the scans is no mishap of each.
SHARED = 0.15


def write_group_page(output_dir: Path, study: Study) -> Path:
    """Write ``group.html`` and return it: the same bytes for the same derivatives."""
    text, allowed = script('group.js')
    frequent, scans = _frequent(study), study.scans
    urgent = sorted(study.outcomes, key=lambda name: _urgency(study, name))
    metrics = study.metrics.dropna(axis=1, how='all')
    links, cards = report_links(study), _cards(study, urgent)
    sets = distributions(study, links)
    plots = [plot for one in sets for _, plots in one['categories'] for plot in plots]
    html = render(
        'group.html',
        script=text,
        script_hash=allowed,
        version=__version__,
        ranks=RANKS,
        known=scans.to_dict('index'),
        counts=Counter(scans['rank']),
        links=links,
        suspects=[(n, study.reasons(n)) for n in urgent if scans.at[n, 'rank'] != USABLE],
        open_rows=OPEN_ROWS,
        frequent=frequent,
        shared=bool(frequent) and frequent[0][1] > SHARED * len(scans),
        unfinished=_unfinished(study),
        not_done=study.unfinished,
        problems=study.problems,
        cards=cards,
        left_out=sum(bool(file and not source) for source, file in cards.values()),
        sets=sets,
        # Metric -> its first plot.
        plotted={plot['metric'].name: plot['id'] for plot in reversed(plots)},
        columns=[all_metrics()[name] for name in metrics],
        values=metrics.astype(object).where(metrics.notna(), None).to_dict('index'),
        unusual=study.unusual,
        directions=DIRECTIONS,
        group_by=study.group_by,
        groups=_groups(study),
        settings=differing_settings(study),
        distance=number(DISTANCE),
        small=number(SMALL),
        minimum=MINIMUM,
    )
    return write_text(output_dir / 'group.html', html)


def report_links(study: Study) -> dict[str, str]:
    """Return the place of each scan in its participant's report, where there is one."""
    places: Counter = Counter()
    links = {}
    outcomes = [*study.outcomes.values(), *study.unfinished]
    for one in sorted(outcomes, key=lambda one: natural(one.name)):
        if one.report and is_reported(one):
            places[one.report] += 1
            links[one.name] = f'{one.report}#s{places[one.report]}'
    return links


def _urgency(study, name):
    """Return a sort key: the worst rank first, then most reasons, then who lies farthest out."""
    scan = study.scans.loc[name]
    farthest = max((abs(one.distance) for one in study.alarming(name)), default=0.0)
    return list(RANKS).index(scan['rank']), -len(scan['reasons']), -farthest, natural(name)


def _frequent(study):
    """Return which metrics speak against several scans: what they share is no single mishap."""
    counts: Counter = Counter()
    for name, reasons in study.scans['reasons'].items():
        counts.update(named(reasons) | {one.metric for one in study.alarming(name)})
    # Sets have no order that would be the same in every run; the registry has.
    shared = [(name, counts[name]) for name in all_metrics() if counts[name] > 1]
    return sorted(shared, key=lambda pair: -pair[1])[:6]


def _unfinished(study):
    """Return failed and missing scans, those of one reason together, frequent reasons first."""
    found: dict[tuple, list] = {}
    for one in study.unfinished:
        # The message may name the scan's own files.
        reason = one.reason.replace(one.name, '*').replace(f'sub-{one.subject}', 'sub-*')
        key = (one.status != FAILED, reason, one.node.rpartition('.')[2])
        found.setdefault(key, []).append(one)
    rows = sorted(found.items(), key=lambda pair: (pair[0][0], -len(pair[1]), pair[0]))
    return [
        {
            'status': 'missing' if missing else 'failed',
            'reason': outcomes[0].reason if len(outcomes) == 1 else reason,
            'step': step,
            'scans': [one.name for one in outcomes],
            'logs': sorted({one.run for one in outcomes if one.run}),
        }
        for (missing, reason, step), outcomes in rows
    ]


def _cards(study: Study, names) -> dict[str, tuple[str, str]]:
    """Return scan -> its thumbnail and the file of it; none for scans that share an image."""
    outcomes = [study.outcomes[name] for name in names]
    files = {one.name: one.figures.get(THUMBNAIL) for one in outcomes if one.role != 'member'}
    sources = addresses({name: path for name, path in files.items() if path})
    return {
        name: (sources.get(name, ''), '/'.join(path.parts[-3:]) if path else '')
        for name, path in files.items()
    }


def _groups(study: Study) -> list[tuple]:
    """Return one row a group: how many of its scans are what."""
    if not study.group_by:
        return []
    return [
        (name, [len(rows), *(int((rows['rank'] == rank).sum()) for rank in RANKS)])
        for name, rows in sorted(study.scans.groupby('group'), key=lambda pair: natural(pair[0]))
    ]
