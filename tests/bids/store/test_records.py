"""What is selected, what is left out and why, and how that is said."""

from pathlib import Path

import pytest

from ulfprep.bids.read.dataset import select
from ulfprep.bids.read.filters import parse_filters
from ulfprep.bids.store.records import (
    failure_path,
    read_failures,
    read_selection,
    remove_failure,
    selection_lines,
    write_failure,
    write_selection,
)
from ulfprep.bids.task import Scan
from ulfprep.reports.participant import write_report
from ulfprep.settings import Settings


def settings_of(root, filters='', **more):
    asked = parse_filters(filters, 'own.json') if filters else {}
    return Settings(root, root.parent / 'out', bids_filters=asked, **more)


def reasons(root, **more):
    selection = select(settings_of(root, **more))
    return {image.path.name: image.reason for image in selection.left_out}


def test_every_image_that_is_left_out_has_its_reason(make_dataset):
    root = make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-01_part-phase', 'sub-01_ses-B')
    for suffix in ('T2w', 'PDw'):
        make_dataset('sub-01', suffix=suffix)
    (root / 'sub-01/anat/sub-02_T1w.nii.gz').write_bytes(b'')
    (root / 'sub-01/anat/T1w.nii.gz').write_bytes(b'')
    assert reasons(root, filters='{"T1w": {"run": [null, 1]}}') == {
        'sub-01_PDw.nii.gz': 'only T1w, T2w, FLAIR can be processed',
        'sub-01_T2w.nii.gz': 'not one of --modalities T1w',
        'sub-01_part-phase_T1w.nii.gz': 'part-phase is no image of magnitudes',
        'sub-01_run-2_T1w.nii.gz': '--bids-filter-file: run is 2, not absent or 1',
        'sub-02_T1w.nii.gz': 'its name is not that of an image of sub-01',
        'T1w.nii.gz': 'its name is not that of an image of sub-01',
    }
    of_others = reasons(root, session_label=('B',))
    assert set(of_others.values()) == {'not of a session that --session-label asks for'}


def test_the_log_tells_of_every_image_of_a_session(make_dataset):
    root = make_dataset('sub-01_ses-A_run-1', 'sub-01_ses-A_run-2', 'sub-01_ses-B', 'sub-02')
    make_dataset('sub-01_ses-A', 'sub-02_ses-C', suffix='T2w')
    settings = settings_of(root, '{"bold": {}, "T2w": {}}')
    alone = 'each is processed by itself'
    left_out = 'left out, such as sub-02_ses-C_T2w.nii.gz: not one of --modalities T1w'
    assert selection_lines(select(settings), settings) == [
        'sub-01_ses-A_T2w.nii.gz: left out: not one of --modalities T1w',
        f'sub-01_ses-A_run-1_T1w: selected (1 of 2 T1w in this session; {alone})',
        f'sub-01_ses-A_run-2_T1w: selected (2 of 2 T1w in this session; {alone})',
        'sub-01_ses-B_T1w: selected (the only T1w selected of this session)',
        'sub-02_T1w: selected (the only T1w selected of this participant)',
        f'1 image(s) of 1 other session(s) {left_out}',
        '--bids-filter-file: passed over as queries of others: bold',
    ]
    fused = settings_of(root, fuse='runs')
    assert '--fuse runs says which are fitted together' in selection_lines(select(fused), fused)[1]


def test_the_report_tells_of_every_image_of_its_session_alone(make_dataset, tmp_path):
    root = make_dataset('sub-01_ses-A_run-1', 'sub-01_ses-A_run-2', 'sub-01_ses-B')
    make_dataset('sub-01_ses-A', suffix='T2w')
    settings = settings_of(root, '{"T1w": {"run": [1, null]}}')
    write_selection(select(settings), settings)
    page = write_report(settings.output_dir, '01', 'A').read_text()
    section = page.partition('id="which-scans"')[2].partition('</section>')[0]
    assert 'never averaged' in ' '.join(section.split())
    for name, what in {
        'sub-01_ses-A_run-1_T1w.nii.gz': 'selected (the only T1w selected of this session)',
        'sub-01_ses-A_run-2_T1w.nii.gz': '--bids-filter-file: run is 2, not 1 or absent',
        'sub-01_ses-A_T2w.nii.gz': 'left out: not one of --modalities T1w',
    }.items():
        assert what in section.partition(name)[2].partition('</tr>')[0]
    assert 'ses-B' not in section
    assert str(tmp_path) not in page


def test_a_report_without_a_record_has_no_such_section(tmp_path):
    assert 'which-scans' not in write_report(tmp_path, '01').read_text()
    record = tmp_path / 'logs/selection/sub-01.json'
    record.parent.mkdir(parents=True)
    for broken in ('', '[]', '{"images": [1]}', '{"images": {"a": 1}}'):
        record.write_text(broken)
        assert read_selection(tmp_path, '01', None) == []


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
