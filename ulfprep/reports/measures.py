"""The metrics of a scan as rows of a page, by what they tell of."""

from ulfprep.metrics.registry import Metric, all_metrics, rules_of
from ulfprep.reports.values import shown

OTHER = 'Other'


def metric_groups(qc: dict) -> list[tuple[str, list[dict], str]]:
    """Return the rows of the metrics table.

    Parameters
    ----------
    qc : dict
        QC record.

    Returns
    -------
    list of (str, list of dict, str)
        Category and rows, both in the order of the registry, and why all of them are null where
        it is for one reason. A row has ``metric``, ``value``, ``expected`` (by the rules of the
        verdict), ``outside`` (whether it is not) and ``reason`` (of a null).
    """
    metrics, reasons = qc.get('metrics') or {}, qc.get('null_reasons') or {}
    rules = dict(rules_of(qc.get('direction')))
    known = list(all_metrics())
    groups: dict[str, list[dict]] = {}
    for name in sorted(metrics, key=lambda n: known.index(n) if n in known else len(known)):
        value, rule = metrics[name], rules.get(name)
        # A metric that this version does not know is shown all the same.
        metric = all_metrics().get(name) or Metric(name, name.replace('_', ' '), '', '', OTHER)
        row = {
            'metric': metric,
            'value': shown(qc, f'metrics.{name}'),
            'expected': rule.expected if rule else '',
            'outside': bool(rule) and value is not None and not rule.allows(value),
            'reason': '' if value is not None else reasons.get(name, 'no reason was recorded'),
        }
        groups.setdefault(metric.category, []).append(row)
    return [(category, rows, _common_reason(rows)) for category, rows in groups.items()]


def _common_reason(rows):
    reasons = {row['reason'] for row in rows}
    return reasons.pop() if len(reasons) == 1 else ''
