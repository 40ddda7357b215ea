"""The report of a whole study: which scans to look at, on one page."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ulfprep import __version__
from ulfprep.bids.files import write_text
from ulfprep.bids.names import natural
from ulfprep.bids.store.outcomes import FAILED as NOT_DONE
from ulfprep.bids.store.outcomes import MISSING
from ulfprep.bids.write.figures import figures_of
from ulfprep.metrics.dictionary import METRICS
from ulfprep.metrics.outliers import DISTANCE, MINIMUM, SMALL
from ulfprep.metrics.verdict import FAILED, LOOK, USABLE
from ulfprep.reports.group import sections as group_sections
from ulfprep.reports.group.pictures import addresses, picture_address
from ulfprep.reports.group.study import Study, StudyScan, differing_settings
from ulfprep.reports.pages import environment, script
from ulfprep.reports.values import number

THUMBNAIL = 'thumbnail'
#: What a scan is to the reader, from worst to best, and in words.
RANKS = {FAILED: 'failed', LOOK: 'look', 'outlier': 'unlike the others', USABLE: 'usable'}
#: Rows of the first table that stand open.
OPEN_ROWS = 40
#: Reasons of a scan that stand open in it.
SHOWN_REASONS = 2
#: A metric that speaks against more than this share of the scans is no mishap of each.
SHARED = 0.15


def write_group_page(
    output_dir: Path, study: Study, pictures: Iterable[tuple[str, str]] = ()
) -> Path:
    """Write ``group.html``: self-contained, the same bytes for the same derivatives.

    Parameters
    ----------
    output_dir : Path
    study : Study
    pictures : iterable of (str, str)
        Caption and SVG text of figures of the whole study, such as averages.

    Returns
    -------
    Path
        The page.
    """
    text, allowed = script('group.js')
    template = environment().get_template('group.html')
    html = template.render(script=text, script_hash=allowed, **group_context(study, pictures))
    return write_text(output_dir / 'group.html', html)


def group_context(study: Study, pictures: Iterable[tuple[str, str]] = ()) -> dict:
    """Return everything that the template prints, as plain values."""
    links, frequent = report_links(study), _frequent(study.scans)
    sheet, sets = _sheet(study, links), group_sections.distributions(study, links)
    suspects = sorted((scan for scan in study.scans if rank(scan) != USABLE), key=_urgency)
    return {
        'version': __version__,
        'ranks': RANKS,
        'tiles': _tiles(study),
        'suspects': [
            _suspect(scan, links, sheet['sheet'], place < OPEN_ROWS)
            for place, scan in enumerate(suspects)
        ],
        'open_rows': OPEN_ROWS,
        'frequent': frequent,
        'shared': bool(frequent) and frequent[0][1] > SHARED * len(study.scans),
        'unfinished': _unfinished(study, links),
        'problems': study.problems,
        **sheet,
        'sets': sets,
        'plotted': _plotted(sets),
        'table': group_sections.table(study, links, rank),
        'group_by': study.group_by,
        'groups': _groups(study),
        'settings': differing_settings(study),
        'pictures': [(caption, picture_address(svg)) for caption, svg in pictures],
        'distance': number(DISTANCE),
        'small': number(SMALL),
        'minimum': MINIMUM,
    }


def rank(scan: StudyScan) -> str:
    """Return the verdict on a scan, or ``outlier`` where only the other scans speak against it."""
    if scan.verdict.level == USABLE and scan.alarming:
        return 'outlier'
    return scan.verdict.level


def report_links(study: Study) -> dict[str, str]:
    """Return the place of each scan in its participant's report, where there is one."""
    outcomes = sorted(
        [*(scan.outcome for scan in study.scans), *study.unfinished],
        key=lambda one: natural(one.name),
    )
    places: Counter = Counter()
    links = {}
    for one in outcomes:
        if not one.report or (one.status == MISSING and not one.figures):
            continue  # of what left no file the report says nothing
        places[one.report] += 1
        links[one.name] = f'{one.report}#s{places[one.report]}'
    return links


def _urgency(scan):
    order = list(RANKS).index(rank(scan))
    farthest = max((abs(one.distance) for one in scan.alarming), default=0.0)
    # Most reasons first among those of one rank, then who lies farthest out.
    return order, -len(scan.verdict.reasons), -farthest, natural(scan.outcome.name)


def _tiles(study):
    ranks = Counter(rank(scan) for scan in study.scans)
    states = Counter(one.status for one in study.unfinished)
    total = len(study.scans) + len(study.unfinished)
    return [
        (total, 'scans in this folder', 'plain'),
        (ranks[FAILED], 'finished, verdict failed', FAILED if ranks[FAILED] else 'plain'),
        (ranks[LOOK], 'finished, verdict look', LOOK if ranks[LOOK] else 'plain'),
        (
            ranks['outlier'],
            'usable, unlike the others',
            'outlier' if ranks['outlier'] else 'plain',
        ),
        (ranks[USABLE], 'usable', USABLE),
        (states[NOT_DONE], 'could not be processed', FAILED if states[NOT_DONE] else 'plain'),
        (
            states[MISSING],
            'missing: run stopped, or running',
            FAILED if states[MISSING] else 'plain',
        ),
    ]


def _plotted(sets):
    """Return metric -> id of its first plot."""
    found: dict[str, str] = {}
    for one in sets:
        for _, metrics in one['categories']:
            for metric in metrics:
                found.setdefault(metric['name'], metric['id'])
    return found


def _suspect(scan, links, sheet, shown):
    """Return why one scan has to be looked at; with its picture where that is to be shown."""
    card = next((card for card in sheet if card['name'] == scan.outcome.name), None)
    reasons = list(scan.verdict.reasons)
    named = [reason.partition(' is ')[0] for reason in reasons]
    reasons += [group_sections.in_words(one) for one in scan.alarming if one.metric not in named]
    return {
        'name': scan.outcome.name,
        'link': links.get(scan.outcome.name, ''),
        'pictured': card is not None,
        'source': card['source'] if card and shown else '',
        'group': scan.group,
        'rank': rank(scan),
        'reasons': reasons[:SHOWN_REASONS],
        'more': reasons[SHOWN_REASONS:],
    }


def _frequent(scans):
    """Return which metrics speak against several scans: what they share is no single mishap."""
    counts: Counter = Counter()
    for scan in scans:
        named = {reason.partition(' is ')[0] for reason in scan.verdict.reasons}
        counts.update((named & METRICS.keys()) | {one.metric for one in scan.alarming})
    # Sets have no order that would be the same in every run; the dictionary has.
    shared = [(name, counts[name]) for name in METRICS if counts[name] > 1]
    return sorted(shared, key=lambda pair: -pair[1])[:6]


def _unfinished(study, links):
    """Return failed and missing scans, those of one reason together, frequent reasons first."""
    found: dict[tuple, list] = {}
    for one in study.unfinished:
        # The message may name the scan's own files.
        reason = one.reason.replace(one.name, '*').replace(f'sub-{one.subject}', 'sub-*')
        step = one.node.rpartition('.')[2]
        found.setdefault((one.status != NOT_DONE, reason, step), []).append(one)
    rows = sorted(found.items(), key=lambda pair: (pair[0][0], -len(pair[1]), pair[0]))
    return [
        {
            'status': 'missing' if missing else 'failed',
            'reason': outcomes[0].reason if len(outcomes) == 1 else reason,
            'step': step,
            'scans': [(one.name, links.get(one.name, '')) for one in outcomes],
            'logs': sorted({one.run for one in outcomes if one.run}),
        }
        for (missing, reason, step), outcomes in rows
    ]


def _sheet(study: Study, links) -> dict:
    """Return the thumbnails, the scans to look at first."""
    shown = [scan for scan in study.scans if _has_picture(scan)]
    shown.sort(key=_urgency)
    files = {
        scan.outcome.name: scan.outcome.figures[THUMBNAIL]
        for scan in shown
        if THUMBNAIL in scan.outcome.figures
    }
    sources = addresses(files)
    cards = [
        {
            'name': scan.outcome.name,
            'link': links.get(scan.outcome.name, ''),
            'rank': rank(scan),
            'group': scan.group,
            'source': sources.get(scan.outcome.name, ''),
            'file': _inside(files.get(scan.outcome.name)),
            'simulated': scan.outcome.qc['direction'] == 'simulate',
        }
        for scan in shown
    ]
    left_out = sum(1 for name in files if name not in sources)
    return {'sheet': cards, 'sheet_left_out': left_out}


def _has_picture(scan):
    """Tell whether a scan has an image of its own; one of several fused ones has not."""
    direction, role = scan.outcome.qc['direction'], scan.outcome.role
    try:
        return role != 'member' or THUMBNAIL in figures_of(direction, role)
    except KeyError:  # a direction that this version does not know
        return True


def _inside(path: Path | None) -> str:
    """Return the path of a figure inside the output folder."""
    return '/'.join(path.parts[-3:]) if path else ''


def _groups(study: Study) -> Sequence[tuple]:
    """Return one row a group: how many of its scans are what."""
    if not study.group_by:
        return []
    found: dict[str, Counter] = {}
    for scan in study.scans:
        found.setdefault(scan.group, Counter())[rank(scan)] += 1
    return [
        (name, [sum(counts.values()), *(counts[one] for one in RANKS)])
        for name, counts in sorted(found.items(), key=lambda p: natural(p[0]))
    ]
