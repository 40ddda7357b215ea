"""Reports written again, and methods texts, without any work on scans."""

import json

import pytest

from ulfprep.cli.exit_codes import Exit
from ulfprep.cli.main import main

pytestmark = pytest.mark.usefixtures('in_process')


def test_reports_come_back_with_their_errors(make_dataset, run, tmp_path):
    root, out = make_dataset('sub-01', 'sub-02_ses-A', 'sub-02_ses-B'), tmp_path / 'out'
    (root / 'sub-02/ses-A/anat/sub-02_ses-A_T1w.nii.gz').write_bytes(b'')
    assert run(root) == 1

    def reports():
        return {path.name: path.read_bytes() for path in out.glob('*.html')}

    def remove():
        for path in out.glob('*.html'):
            path.unlink()

    before = reports()
    assert set(before) == {'sub-01.html', 'sub-02_ses-A.html', 'sub-02_ses-B.html'}
    assert b'0 bytes' in before['sub-02_ses-A.html']
    remove()
    # The scans themselves are not needed, nor the dataset.
    assert main([str(root.parent / 'gone'), str(out), 'participant', '--reports-only']) == 0
    assert reports() == before
    # Only those that are asked for.
    remove()
    assert run(root, '--reports-only', '--participant-label', '02', '--session-label', 'B') == 0
    assert [*reports()] == ['sub-02_ses-B.html']
    assert run(root, '--reports-only', '--participant-label', '03') == Exit.NOTHING_SELECTED


def test_no_results_no_reports(make_dataset, run, capsys):
    assert run(make_dataset('sub-01'), '--reports-only') == Exit.NO_INPUT
    assert 'without --reports-only' in capsys.readouterr().err


def test_a_failure_stays_in_the_report_until_the_scan_is_finished(make_dataset, run, tmp_path):
    root = make_dataset('sub-01_run-1', 'sub-01_run-2')
    scan = root / 'sub-01/anat/sub-01_run-1_T1w.nii.gz'
    content = scan.read_bytes()
    scan.write_bytes(b'')
    report = tmp_path / 'out/sub-01.html'
    filters = tmp_path / 'filters.json'
    filters.write_text(json.dumps({'T1w': {'run': 2}}))
    assert run(root) == 1
    assert '0 bytes' in report.read_text()
    # Nothing was done about it by a run of the other scan.
    assert run(root, '--bids-filter-file', str(filters)) == 0
    assert '0 bytes' in report.read_text()
    scan.write_bytes(content)
    assert run(root) == 0
    assert '0 bytes' not in report.read_text()


def test_boilerplate_only_writes_what_a_run_would_write(make_dataset, run, tmp_path):
    root = make_dataset('sub-01')
    assert run(root, '--boilerplate-only') == 0
    logs = tmp_path / 'out/logs'
    text = (logs / 'CITATION.md').read_text()
    assert sorted(p.name for p in tmp_path.glob('out/*')) == ['logs']
    assert sorted(p.name for p in logs.iterdir()) == ['CITATION.bib', 'CITATION.md']
    assert run(root) == 0
    assert (logs / 'CITATION.md').read_text() == text


def test_boilerplate_of_nothing_usable_is_65(make_dataset, run, capsys):
    assert run(make_dataset('sub-01', metadata={}), '--boilerplate-only') == Exit.BAD_DATA
    assert '--source-field' in capsys.readouterr().err


def test_a_participant_run_again_says_the_same_whatever_the_others_did(
    make_dataset, run, tmp_path, monkeypatch
):
    # What a run took is another each time, and not what this is about.
    monkeypatch.setattr('ulfprep.workflows.engine.steps.Costs.add', lambda *_: None)
    names = [f'sub-{number:02d}' for number in range(1, 6)]
    root = make_dataset(*names, metadata={'MagneticFieldStrength': 3})
    assert run(root) == 0
    report = tmp_path / 'out/sub-01.html'
    before = report.read_bytes()
    assert main([str(root), str(tmp_path / 'out'), 'group']) == 0
    assert run(root, '--participant-label', '01', '--force') == 0
    # As in the first run, when there was no table of the others yet.
    assert report.read_bytes() == before
    assert run(root, '--reports-only', '--participant-label', '01') == 0
    assert report.read_bytes() == before
