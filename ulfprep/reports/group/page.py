"""The report of a whole study: which scans to look at, on one page."""

from collections import Counter
from pathlib import Path

import numpy as np

from ulfprep import __version__
from ulfprep.bids.files import write_text
from ulfprep.bids.names import natural
from ulfprep.bids.store.outcomes import FAILED as NOT_DONE
from ulfprep.bids.store.outcomes import MISSING
from ulfprep.bids.write.figures import figures_of
from ulfprep.metrics.outliers import DISTANCE, MINIMUM, SMALL
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import FAILED, LOOK, USABLE
from ulfprep.reports.drawing.thumbnail import addresses
from ulfprep.reports.group.distributions import DIRECTIONS, distributions
from ulfprep.reports.group.study import RANKS, Study, differing_settings, named
from ulfprep.reports.pages import environment, script
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
    links, frequent = report_links(study), _frequent(study)
    urgent = sorted(study.outcomes, key=lambda name: _urgency(study, name))
    cards, sets = _cards(study, urgent), distributions(study, links)
    plots = [plot for one in sets for _, plots in one['categories'] for plot in plots]
    html = (
        environment()
        .get_template('group.html')
        .render(
            script=text,
            script_hash=allowed,
            version=__version__,
            ranks=RANKS,
            known=study.scans.to_dict('index'),
            links=links,
            tiles=_tiles(study),
            suspects=[
                (name, _reasons(study, name))
                for name in urgent
                if study.scans.at[name, 'rank'] != USABLE
            ],
            open_rows=OPEN_ROWS,
            frequent=frequent,
            shared=bool(frequent) and frequent[0][1] > SHARED * len(study.scans),
            unfinished=_unfinished(study),
            problems=study.problems,
            cards=cards,
            left_out=sum(bool(file and not source) for source, file in cards.values()),
            sets=sets,
            # Metric -> its first plot.
            plotted={plot['metric'].name: plot['id'] for plot in reversed(plots)},
            table=_table(study),
            directions=DIRECTIONS,
            not_done=study.unfinished,
            group_by=study.group_by,
            groups=_groups(study),
            settings=differing_settings(study),
            distance=number(DISTANCE),
            small=number(SMALL),
            minimum=MINIMUM,
        )
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


def _tiles(study):
    """Return how many scans are what: count, words, class."""
    ranks = Counter(study.scans['rank'])
    states = Counter(one.status for one in study.unfinished)
    total = len(study.scans) + len(study.unfinished)
    found = [
        (ranks[FAILED], 'finished, verdict failed', FAILED),
        (ranks[LOOK], 'finished, verdict look', LOOK),
        (ranks['outlier'], 'usable, unlike the others', 'outlier'),
        (ranks[USABLE], 'usable', USABLE),
        (states[NOT_DONE], 'could not be processed', FAILED),
        (states[MISSING], 'missing: run stopped, or running', FAILED),
    ]
    return [(total, 'scans in this folder', 'plain')] + [
        (count, text, colour if count or colour == USABLE else 'plain')
        for count, text, colour in found
    ]


def _reasons(study, name):
    """Return why one scan has to be looked at: its verdict, and what else is unusual."""
    reasons = study.scans.at[name, 'reasons']
    told = named(reasons)
    return [*reasons, *(one.words for one in study.alarming(name) if one.metric not in told)]


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
        key = (one.status != NOT_DONE, reason, one.node.rpartition('.')[2])
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
    """Return scan -> its thumbnail and the file of it, empty where there is none.

    Scans that share an image with others have no card of their own, unless they have a picture.
    """
    files = {}
    for name in names:
        one = study.outcomes[name]
        if one.role != 'member' or THUMBNAIL in figures_of(one.record.direction, one.role):
            files[name] = one.figures.get(THUMBNAIL)
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


def _table(study: Study) -> dict:
    """Return the columns of the table of all scans, and its cells by scan.

    A cell is ``(value or None, text, whether it is an outlier)``.
    """
    metrics = study.metrics.dropna(axis=1, how='all')
    cells = {}
    for name, values in metrics.iterrows():
        outlying = {one.metric for one in study.unusual[name]}
        found = {metric: None if np.isnan(v) else v for metric, v in values.items()}
        cells[name] = [(v, number(v, 3), metric in outlying) for metric, v in found.items()]
    return {
        'columns': [all_metrics()[name] for name in metrics],
        'cells': cells,
        'outliers': {name: len(unusual) for name, unusual in study.unusual.items()},
        'directions': study.scans['direction'].nunique() > 1,
    }
