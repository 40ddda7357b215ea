"""Time and memory in words."""

import pytest

from ulfprep.reports.cost import cost_rows, duration, node_rows

RECORD = {
    'scan': 'sub-01_T1w',
    'nodes': [
        {'node': 'conform', 'seconds': 0.4, 'cpu_seconds': 0.3, 'peak_gb': 0.2, 'n_procs': 1},
        {'node': 'fit', 'seconds': 250.0, 'cpu_seconds': 480.0, 'peak_gb': 1.93, 'n_procs': 2},
        {'node': 'bias', 'seconds': 12.0, 'cpu_seconds': None, 'peak_gb': None, 'n_procs': 1},
    ],
    'seconds': 262.4,
    'cpu_seconds': 480.3,
    'peak_gb': 1.93,
}


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(None, 'not measured'), (0.44, '0.4 s'), (12.4, '12 s'), (59.9, '1 min 0 s'),
     (250, '4 min 10 s'), (3900, '1 h 5 min')],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_what_a_scan_took():
    assert cost_rows(RECORD) == [
        ('Time', '4 min 22 s in all its steps, 8 min 0 s of CPU; longest: fit, 4 min 10 s'),
        ('Memory', '1.9 GB at most, in fit'),
    ]
    assert [row[0] for row in node_rows(RECORD)] == ['fit', 'bias']
    assert node_rows(RECORD)[1] == ('bias', '12 s', 'not measured', 'not measured')


def test_steps_that_other_scans_shared_are_told():
    (_, text), _ = cost_rows(RECORD | {'shared_with': ['sub-01_T2w']})
    assert '(shared with sub-01_T2w)' in text


def test_what_nobody_measured_is_said():
    assert cost_rows(None) == [('Time and memory', 'not recorded')]
    assert node_rows(None) == []
    assert cost_rows({'seconds': 3.0})[0] == ('Time', '3.0 s in all its steps')
