"""What the page of a participant says of one scan, in words and tables."""

import re

import pytest
from markupsafe import Markup

from ulfprep.bids.files import write_json
from ulfprep.bids.store.outcomes import FINISHED, Outcome
from ulfprep.metrics.registry import all_metrics
from ulfprep.record import ScanRecord
from ulfprep.reports.pages import environment
from ulfprep.reports.scan_page import metric_groups, scan_context


def outcome(qc):
    """Return a finished scan with the content of a QC file."""
    record = ScanRecord.from_json(qc)
    return Outcome('sub-01_T1w', '01', None, 'T1w', FINISHED, record)


@pytest.fixture
def page(tmp_path):
    """Return a function that gives a part of a scan's page as text of single spaces."""

    def text(qc, template='summary.html', html=False):
        one = outcome(qc)
        scan = scan_context(1, one, [], tmp_path)
        made = environment().get_template(template).render(scan=scan, show=lambda *given: '')
        # Cells of a table stand apart.
        return made if html else Markup(re.sub('<', ' <', made)).striptags().replace(' .', '.')

    return text


def test_targets_stand_beside_what_was_measured(page, qc):
    qc['contrast'] |= {
        'snr_standard_errors': [0.1, 0.05, 0.05],
        'target_spread': [12.0, 20.0, 0.0],
        'target_sources': ['stated with --target-contrast', 'physics', 'physics'],
    }
    text = re.sub(r'\s+', ' ', page(qc))
    row = 'GM 0.7500 \u00b1 0.0025 16.700 \u00b1 0.050 0.650 \u00b1 0.050 1.15 physics'
    assert row in text


def test_relaxation_values_name_field_and_source(page, qc):
    values = {
        'T1_ms': 3695.4, 'T1_sd_ms': 369.5, 'T2_ms': 79.0, 'T2_sd_ms': 7.9, 'PD': 1.0,
        'PD_sd': 0.0, 'sources': ['A 1999', 'B 1997'],
    }  # fmt: skip
    qc['contrast']['relaxation'] = {'source': {}, 'target': {'CSF': values}}
    text = re.sub(r'\s+', ' ', page(qc, 'contrast.html'))
    # As many places as the error allows.
    row = 'CSF at 3 T 3700 \u00b1 370 79.0 \u00b1 7.9 1 A 1999; B 1997'
    assert row in text
    assert 'WM-GM 5.6 5.5 \u22120.1 1' in text


def test_what_a_scan_took_is_told_by_step(page, qc, tmp_path):
    assert 'Memory not recorded' in re.sub(r'\s+', ' ', page(qc))
    node = {'n_procs': 1}
    record = {
        'scan': 'sub-01_T1w', 'shared_with': ['sub-01_T2w'], 'seconds': 262.4,
        'cpu_seconds': 480.3, 'peak_gb': 1.93,
        'nodes': [
            node | {'node': 'conform', 'seconds': 0.4, 'cpu_seconds': 0.3, 'peak_gb': 0.2},
            node | {'node': 'bias', 'seconds': 12.0, 'cpu_seconds': None, 'peak_gb': None},
            node | {'node': 'fit', 'seconds': 250.0, 'cpu_seconds': 480.0, 'peak_gb': 1.93},
        ],
    }  # fmt: skip
    write_json(tmp_path / 'logs/resources/sub-01_T1w.json', record)
    text = re.sub(r'\s+', ' ', page(qc))
    assert (
        'Time 4 min 22 s in all its steps, 8 min 0 s of CPU (shared with sub-01_T2w); longest: '
        'fit, 4 min 10 s'
    ) in text
    assert 'Memory 1.9 GB at most, in fit' in text
    steps = text.split('Time and memory of each step')[1]
    assert 'conform' not in steps
    assert steps.index('fit') < steps.index('bias 12 s not recorded not recorded')


def test_metrics_say_their_meaning_or_why_they_are_missing(qc):
    (title, (rms,), shown), (other, (lpips,), absent) = metric_groups(ScanRecord.from_json(qc))
    assert (title, other) == ('Data consistency', 'Other')
    # A category that is null for one reason is told at once.
    assert (shown, absent) == ('', 'there is no reference image')
    assert (rms['value'].striptags(), rms['reason']) == ('1.02', '')
    assert rms['metric'] is all_metrics()['residual_rms']
    assert (lpips['value'], lpips['reason']) == ('n/a', 'there is no reference image')
    assert lpips['metric'].label == 'lpips'


@pytest.mark.parametrize(('value', 'outside'), [(1.5, True), (1.0, False), (None, False)])
def test_what_lies_outside_of_a_rule_is_marked(qc, value, outside):
    qc['metrics'] = {'residual_rms': value}
    ((_, (row,), _),) = metric_groups(ScanRecord.from_json(qc))
    assert (row['outside'], row['expected']) == (outside, '0.6 to 1.3')
