"""Records of failed scans outlive the run and go when the scan is finished."""

from pathlib import Path

import pytest

from ulfprep.bids.store.records import failure_path, read_failures, remove_failure, write_failure
from ulfprep.bids.task import Scan


@pytest.fixture
def scan():
    return Scan(Path('x'), {'subject': '01', 'run': '2'}, {}, 'sub-01_run-2', 'bids:raw:x', 'T2w')


def test_what_is_written_is_read_back(tmp_path, scan):
    write_failure(
        tmp_path, scan, node='a.b', kind='ValueError', message='bad', traceback='T', run='logs/r'
    )
    write_failure(tmp_path, scan, node='a.c', kind='ValueError', message='worse')
    (record,) = read_failures(tmp_path)
    assert record['scan'] == 'sub-01_run-2_T2w'
    assert record['entities'] == {
        'subject': '01', 'run': '2', 'session': None, 'suffix': 'T2w',
    }  # fmt: skip
    assert (record['status'], record['node'], record['message']) == ('failed', 'a.c', 'worse')


def test_a_finished_scan_has_no_record(tmp_path, scan):
    write_failure(tmp_path, scan, node='a', kind='E', message='')
    remove_failure(tmp_path, scan)
    remove_failure(tmp_path, scan)
    assert read_failures(tmp_path) == []


def test_what_is_no_record_is_left_out(tmp_path, scan):
    assert read_failures(tmp_path) == []
    write_failure(tmp_path, scan, node='a', kind='E', message='')
    folder = failure_path(tmp_path, 'x').parent
    for name, text in {'a': '{"scan": ', 'b': '[]', 'c': '{"scan": "x"}', 'd': '\xff'}.items():
        (folder / f'{name}.json').write_text(text)
    assert [record['scan'] for record in read_failures(tmp_path)] == [scan.name]
