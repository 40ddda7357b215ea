"""The metrics of a scan as rows of a page, by what they tell of."""

from collections.abc import Mapping

from ulfprep.metrics.verdict import RULES
from ulfprep.reports.values import shown

BETTER = {'higher': 'higher is better', 'lower': 'lower is better', 'none': ''}
OTHER = 'Other'


def metric_groups(
    qc: dict, dictionary: Mapping[str, Mapping]
) -> list[tuple[str, list[dict], str]]:
    """Return the rows of the metrics table.

    Parameters
    ----------
    qc : dict
        QC record.
    dictionary : mapping
        Metric -> ``LongName``, ``Description``, ``Units``, ``Category``, ``Better``, ``Ideal``,
        ``Hint``; whatever is missing there is left out here.

    Returns
    -------
    list of (str, list of dict, str)
        Category and rows, both in the order of the dictionary, and why all of them are null where
        it is for one reason. A row has ``name``,
        ``long_name``, ``value``, ``unit``, ``hint``, ``definition``, ``better``, ``expected``
        (by the rules of the verdict), ``outside`` (whether it is not), and ``reason`` (of a null).
    """
    metrics, reasons = qc.get('metrics') or {}, qc.get('null_reasons') or {}
    rules = {rule.metric: rule for rule in RULES.get(qc.get('direction'), ())}
    groups = {entry.get('Category', OTHER): [] for entry in dictionary.values()}
    for name in sorted(metrics, key=_order(dictionary)):
        value, entry, rule = metrics[name], dictionary.get(name) or {}, rules.get(name)
        row = {
            'name': name,
            'long_name': entry.get('LongName') or name.replace('_', ' '),
            'value': shown(qc, f'metrics.{name}'),
            'unit': {'dimensionless': ''}.get(entry.get('Units'), entry.get('Units') or ''),
            'hint': entry.get('Hint') or '',
            'definition': entry.get('Description') or '',
            'better': _better(entry),
            'expected': rule.expected if rule else '',
            'outside': bool(rule) and value is not None and not rule.allows(value),
            'reason': '' if value is not None else reasons.get(name, 'no reason was recorded'),
        }
        groups.setdefault(entry.get('Category', OTHER), []).append(row)
    return [(category, rows, _common_reason(rows)) for category, rows in groups.items() if rows]


def rule_rows(direction: str) -> list[tuple[str, str, str, str]]:
    """Return the rules of the verdict: metric, what is expected, when it failed, what it means."""
    rows = []
    for rule in RULES.get(direction, ()):
        bounds = [f'under {rule.least:g}'] if rule.least != -float('inf') else []
        bounds += [f'over {rule.most:g}'] if rule.most != float('inf') else []
        rows.append((rule.metric, rule.expected, ' or '.join(bounds) or 'never', rule.reason))
    return rows


def _common_reason(rows):
    reasons = {row['reason'] for row in rows}
    return reasons.pop() if len(reasons) == 1 else ''


def _better(entry):
    if entry.get('Better') == 'ideal':
        return f'ideal: {entry.get("Ideal", 0):g}'
    return BETTER.get(entry.get('Better'), '')


def _order(dictionary):
    known = {name: k for k, name in enumerate(dictionary)}
    return lambda name: known.get(name, len(known))
