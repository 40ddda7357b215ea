"""Metrics as rows of a page."""

from ulfprep.metrics.registry import all_metrics
from ulfprep.reports.measures import metric_groups


def test_metrics_say_their_meaning_or_why_they_are_missing(qc):
    (title, (rms,), shown), (other, (lpips,), absent) = metric_groups(qc)
    assert (title, other) == ('Data consistency', 'Other')
    # A category that is null for one reason is told at once.
    assert (shown, absent) == ('', 'there is no reference image')
    assert (rms['value'].striptags(), rms['reason']) == ('1.02', '')
    assert rms['metric'] is all_metrics()['residual_rms']
    assert (rms['metric'].shown_unit, rms['metric'].good) == ('sigma', 'ideal: 1')
    assert (lpips['value'], lpips['reason']) == ('n/a', 'there is no reference image')
    assert lpips['metric'].label == 'lpips'


def test_groups_and_rows_come_in_the_order_of_the_registry(qc):
    qc['metrics'] = {'residual_rms': 1.0, 'unknown': 2.0, 'cnr_wm_gm': 1.0}
    groups = metric_groups(qc)
    assert [title for title, _, _ in groups] == ['Contrast', 'Data consistency', 'Other']
    metric = groups[0][1][0]['metric']
    assert (metric.shown_unit, metric.good) == ('', 'higher is better')


def test_what_lies_outside_of_a_rule_is_marked(qc):
    qc['metrics'] = {'residual_rms': 1.5}
    ((_, (row,), _),) = metric_groups(qc)
    assert row['outside']
    assert row['expected'] == '0.6 to 1.3'
    assert row['metric'].rule.failed == 'under 0.3 or over 2'
    qc['metrics'] = {'residual_rms': None}
    ((_, (row,), _),) = metric_groups(qc)
    assert not row['outside']


def test_a_record_without_metrics_has_no_rows():
    assert metric_groups({}) == metric_groups({'metrics': None}) == []
