"""What the page of a participant prints of one scan."""

from ulfprep.bids.store.outcomes import FINISHED
from ulfprep.bids.store.records import read_resources
from ulfprep.metrics.registry import Metric, all_metrics, rules_of
from ulfprep.metrics.tissue_change import MOVES, move_metric
from ulfprep.record import ScanRecord
from ulfprep.reports.judgement import scan_verdict
from ulfprep.reports.pages import ELSEWHERE, embedded, words
from ulfprep.reports.values import printers, shown
from ulfprep.settings import WEIGHTINGS

CONTRAST = 'contrast'
OTHER = 'Other'


def label_of(scan) -> str:
    """Return the entities that tell a scan from the others of its session."""
    label = ' '.join(e for e in scan.name.split('_') if not e.startswith(('sub-', 'ses-')))
    return f'{label} (fused)' if scan.role == 'fused' else label


def scan_context(index, scan, crashes, output_dir):
    """Return what the page prints of one scan.

    Parameters
    ----------
    index : int
        Makes ids unique.
    scan : Outcome
    crashes : list of dict
        Of the whole page: ``scan``, ``gist``.
    output_dir : Path

    Returns
    -------
    dict
        Plain values, and the functions of :func:`ulfprep.reports.values.printers` of its QC
        record.
    """
    record = scan.record
    direction = record.direction if record else 'enhance'
    role = record.fusion.role if record and record.fusion else 'scan'
    expected = [name for name in scan.wanted_figures if name not in ELSEWHERE]
    missing = [name for name in scan.missing_figures if name not in ELSEWHERE]
    gists = [crash['gist'] for crash in crashes if crash['scan'] == scan.name]
    problem = '' if scan.status == FINISHED or gists else scan.reason
    made = {}
    for name in dict.fromkeys([*scan.figures, *expected]):
        identity = f's{index}-figure-{name}'
        made[name] = embedded(identity, name, scan.figures.get(name), output_dir)
    contrast = [made[CONTRAST]] if CONTRAST in made else []
    return {
        **printers(record.to_json() if record else {}),
        'id': f's{index}',
        'stem': scan.name,
        'label': label_of(scan),
        'direction': direction,
        'role': role,
        'source_name': (record.source if record else '').rpartition('/')[2].partition('.')[0],
        'weighting': WEIGHTINGS[scan.modality],
        'problem': problem,
        'crashes': gists,
        'verdict': scan_verdict(record and record.verdict, problem, gists, missing),
        'rules': list(rules_of(direction)),
        'finished': bool(record),
        'resources': read_resources(output_dir, scan.name) if record else None,
        'notes': record.notes if record else (),
        'moves': moves(record.metrics) if record else [],
        'sections': _sections(index, direction, made),
        'contrast_figures': contrast,
        'figures': [figure for name, figure in made.items() if name not in ELSEWHERE],
        'metrics': metric_groups(record) if record else [],
        'missing': missing,
    }


def _sections(index, direction, made):
    """Return the sections that hold figures; what belongs to none comes last."""
    found = [(one['title'], one['lead'], one['figures']) for one in words()['sections'][direction]]
    placed = {CONTRAST, *ELSEWHERE, *(name for _, _, names in found for name in names)}
    found.append(('Other figures', '', sorted(set(made) - placed)))
    return [
        {
            'id': f's{index}-{title.lower().replace(" ", "-")}',
            'title': title,
            'lead': lead,
            'figures': [made[name] for name in names if name in made],
        }
        for title, lead, names in found
        if any(name in made for name in names)
    ]


def moves(metrics) -> list[tuple[float, str]]:
    """Return how many ml of which tissue became which other one, such as ``CSF → GM``."""
    found = [(metrics.get(move_metric(*move)), ' \u2192 '.join(move)) for move in MOVES]
    return sorted((one for one in found if one[0] is not None), key=lambda one: -one[0])


def metric_groups(record: ScanRecord) -> list[tuple[str, list[dict], str]]:
    """Return the rows of the metrics table.

    Parameters
    ----------
    record : ScanRecord

    Returns
    -------
    list of (str, list of dict, str)
        Category and rows, both in the order of the registry, and why all of them are null where
        it is for one reason. A row has ``metric``, ``value``, ``expected`` (by the rules of the
        verdict), ``outside`` (whether it is not) and ``reason`` (of a null).
    """
    metrics, reasons = record.metrics, record.null_reasons
    rules = dict(rules_of(record.direction))
    printed = {'metrics': metrics}
    known = list(all_metrics())
    groups: dict[str, list[dict]] = {}
    for name in sorted(metrics, key=lambda n: known.index(n) if n in known else len(known)):
        value, rule = metrics[name], rules.get(name)
        # A metric that this version does not know is shown all the same.
        metric = all_metrics().get(name) or Metric(name, name.replace('_', ' '), '', '', OTHER)
        row = {
            'metric': metric,
            'value': shown(printed, f'metrics.{name}'),
            'expected': rule.expected if rule else '',
            'outside': bool(rule) and value is not None and not rule.allows(value),
            'reason': '' if value is not None else reasons.get(name, 'no reason was recorded'),
        }
        groups.setdefault(metric.category, []).append(row)
    return [
        (category, rows, reasons.pop() if len(reasons) == 1 else '')
        for category, rows in groups.items()
        for reasons in [{row['reason'] for row in rows}]
    ]
