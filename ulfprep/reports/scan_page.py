"""What the page of a participant prints of one scan."""

from ulfprep.bids.store.outcomes import FINISHED
from ulfprep.bids.store.records import read_resources
from ulfprep.metrics.registry import Metric, all_metrics, rules_of
from ulfprep.metrics.tissue_change import MOVES, move_metric
from ulfprep.record import ScanRecord
from ulfprep.reports.pages import ELSEWHERE, embedded, scan_verdict, words
from ulfprep.reports.values import printers, shown
from ulfprep.settings import WEIGHTINGS

CONTRAST = 'contrast'


def label_of(scan) -> str:
    """Return the entities that tell a scan from the others of its session."""
    label = ' '.join(e for e in scan.name.split('_') if not e.startswith(('sub-', 'ses-')))
    return f'{label} (fused)' if scan.role == 'fused' else label


def scan_context(index, scan, crashes, output_dir):
    """Return what the page prints of one scan: plain values, and printers of its QC record.

    The index makes ids unique; of the crashes of the whole page (``scan``, ``gist``) the scan's
    own are taken.
    """
    record = scan.record
    direction = record.direction if record else 'enhance'
    missing = [name for name in scan.missing_figures if name not in ELSEWHERE]
    gists = [crash['gist'] for crash in crashes if crash['scan'] == scan.name]
    problem = '' if scan.status == FINISHED or gists else scan.reason
    made = {
        name: embedded(f's{index}-figure-{name}', name, scan.figures.get(name), output_dir)
        for name in dict.fromkeys([*scan.figures, *scan.wanted_figures])
        if name not in ELSEWHERE
    }
    return {
        **printers(record.to_json() if record else {}),
        'id': f's{index}',
        'stem': scan.name,
        'label': label_of(scan),
        'direction': direction,
        'weighting': WEIGHTINGS[scan.modality],
        'problem': problem,
        'crashes': gists,
        'verdict': scan_verdict(record and record.verdict, problem, gists, missing),
        'rules': list(rules_of(direction)),
        'finished': bool(record),
        'resources': read_resources(output_dir, scan.name) if record else None,
        'notes': record.notes if record else (),
        'moves': _moves(record.metrics) if record else [],
        'sections': _sections(index, direction, made),
        'contrast_figures': [made[CONTRAST]] if CONTRAST in made else [],
        'figures': list(made.values()),
        'metrics': metric_groups(record) if record else [],
        'missing': missing,
    }


def _sections(index, direction, made):
    """Return the sections that hold figures; what belongs to none comes last."""
    found = [(one['title'], one['lead'], one['figures']) for one in words()['sections'][direction]]
    placed = {CONTRAST, *(name for _, _, names in found for name in names)}
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


def _moves(metrics):
    """Return how many ml of which tissue became which other one, such as ``CSF → GM``."""
    found = [(metrics.get(move_metric(*move)), ' \u2192 '.join(move)) for move in MOVES]
    return sorted((one for one in found if one[0] is not None), key=lambda one: -one[0])


def metric_groups(record: ScanRecord) -> list[tuple[str, list[dict], str]]:
    """Return the rows of the metrics table by category, in the order of the registry.

    The third value says why all metrics of a category are null where it is for one reason. A row
    has ``metric``, ``value``, ``expected`` (by the rules of the verdict), ``outside`` (whether it
    is not) and ``reason`` (of a null).
    """
    metrics, known = record.metrics, all_metrics()
    rules = dict(rules_of(record.direction))
    groups: dict[str, list[dict]] = {}
    for name in [*(n for n in known if n in metrics), *(n for n in metrics if n not in known)]:
        value, rule = metrics[name], rules.get(name)
        # A metric that this version does not know is shown all the same.
        metric = known.get(name) or Metric(name, name.replace('_', ' '), '', '', 'Other')
        why = record.null_reasons.get(name, 'no reason was recorded')
        row = {
            'metric': metric,
            'value': shown({'metrics': metrics}, f'metrics.{name}'),
            'expected': rule.expected if rule else '',
            'outside': bool(rule) and value is not None and not rule.allows(value),
            'reason': '' if value is not None else why,
        }
        groups.setdefault(metric.category, []).append(row)
    found = []
    for category, rows in groups.items():
        reasons = {row['reason'] for row in rows}
        found.append((category, rows, reasons.pop() if len(reasons) == 1 else ''))
    return found
