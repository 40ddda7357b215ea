"""Metrics as rows of a page."""

from ulfprep.metrics.dictionary import METRICS
from ulfprep.metrics.verdict import RULES
from ulfprep.reports.measures import metric_groups, rule_rows

DICTIONARY = {
    'residual_rms': {
        'LongName': 'R.m.s.', 'Description': 'Root mean square', 'Units': 'sigma',
        'Category': 'Data consistency', 'Better': 'ideal', 'Ideal': 1.0, 'Hint': 'In plain words',
    },
    'cnr': {'LongName': 'CNR', 'Units': 'dimensionless', 'Category': 'Contrast',
            'Better': 'higher'},
}  # fmt: skip


def test_metrics_say_their_meaning_or_why_they_are_missing(qc):
    (title, (rms,), shown), (other, (lpips,), absent) = metric_groups(qc, DICTIONARY)
    assert (title, other) == ('Data consistency', 'Other')
    # A category that is null for one reason is told at once.
    assert (shown, absent) == ('', 'there is no reference image')
    assert (rms['long_name'], rms['value'].striptags(), rms['reason']) == ('R.m.s.', '1.02', '')
    assert (rms['unit'], rms['hint'], rms['better']) == ('sigma', 'In plain words', 'ideal: 1')
    assert (lpips['value'], lpips['reason']) == ('n/a', 'there is no reference image')
    assert lpips['long_name'] == 'lpips'


def test_groups_and_rows_come_in_the_order_of_the_dictionary(qc):
    qc['metrics'] = {'cnr': 1.0, 'unknown': 2.0, 'residual_rms': 1.0}
    groups = metric_groups(qc, DICTIONARY)
    assert [title for title, _, _ in groups] == ['Data consistency', 'Contrast', 'Other']
    assert groups[1][1][0]['unit'] == ''
    assert groups[1][1][0]['better'] == 'higher is better'


def test_what_lies_outside_of_a_rule_is_marked(qc):
    qc['metrics'] = {'residual_rms': 1.5}
    ((_, (row,), _),) = metric_groups(qc, DICTIONARY)
    assert row['outside']
    assert row['expected'] == '0.6 to 1.3'
    qc['metrics'] = {'residual_rms': None}
    ((_, (row,), _),) = metric_groups(qc, DICTIONARY)
    assert not row['outside']


def test_a_record_without_metrics_has_no_rows():
    assert metric_groups({}, METRICS) == metric_groups({'metrics': None}, METRICS) == []


def test_every_rule_is_stated():
    for direction, rules in RULES.items():
        rows = rule_rows(direction)
        assert [row[0] for row in rows] == [rule.metric for rule in rules]
        assert all(all(row) for row in rows)
    rows = {row[0]: row for row in rule_rows('enhance')}
    assert rows['residual_rms'][1:3] == ('0.6 to 1.3', 'under 0.3 or over 2')
