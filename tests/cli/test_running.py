"""How a run goes: locks, records of failures, and the flags that change its course."""

import json
import os

import pytest

from ulfprep.bids.store.locks import CACHES, Locks, claim, is_claimed
from ulfprep.bids.store.records import read_failures

pytestmark = pytest.mark.usefixtures('in_process')


@pytest.fixture
def broken_fit(monkeypatch, tmp_path):
    """Have the fit of sub-01 fail, until the function returned is called.

    It returns which failures were on record when another scan was fitted.
    """
    from ulfprep import inr

    whole, seen = inr.fit_scans, []

    def fit_scans(*args, progress, **kwargs):
        if progress.label.startswith('sub-01'):
            raise ValueError('no field could be fitted')
        seen.extend(record['scan'] for record in read_failures(tmp_path / 'out'))
        return whole(*args, progress=progress, **kwargs)

    def mend():
        monkeypatch.setattr(inr, 'fit_scans', whole)
        return seen

    monkeypatch.setattr(inr, 'fit_scans', fit_scans)
    return mend


def qc_time(tmp_path, label):
    path = tmp_path / f'out/sub-{label}/anat/sub-{label}_desc-qc_T1w.json'
    return path.stat().st_mtime_ns if path.is_file() else None


def test_a_participant_that_is_held_is_left_to_its_holder(make_dataset, run, tmp_path, capfd):
    root = make_dataset('sub-01', 'sub-02')
    with Locks(tmp_path / 'out', tmp_path / 'elsewhere') as locks:
        locks.take_participant('01')
        assert run(root) == 75
    assert f'being processed by process {os.getpid()} on' in capfd.readouterr().err
    assert qc_time(tmp_path, '01') is None
    assert qc_time(tmp_path, '02')
    # Neither a report nor a record speaks of what somebody else is doing.
    assert not (tmp_path / 'out/sub-01.html').exists()
    assert read_failures(tmp_path / 'out') == []
    assert run(root) == 0
    assert qc_time(tmp_path, '01')


def test_a_finished_participant_needs_no_lock(finished, run, tmp_path):
    with Locks(tmp_path / 'out', tmp_path / 'wörk dir') as locks:
        locks.take_participant('01')
        assert run(finished) == 0


def test_a_failed_scan_is_on_record_until_it_is_finished(
    make_dataset, run, tmp_path, broken_fit, capfd
):
    root = make_dataset('sub-01', 'sub-02')
    assert run(root) == 1
    (record,) = read_failures(tmp_path / 'out')
    assert record['scan'] == 'sub-01_T1w'
    assert record['entities'] == {'subject': '01', 'session': None, 'suffix': 'T1w'}
    assert record['node'].endswith('.fit')
    assert (record['kind'], record['message']) == ('ValueError', 'no field could be fitted')
    assert (tmp_path / 'out' / record['run'] / 'ulfprep.log').is_file()
    assert str(tmp_path) not in json.dumps(record)
    table = capfd.readouterr().err.partition('scans after')[2]
    assert 'sub-01_T1w  failed' in table
    assert 'no field could be fitted [step fit]' in table
    assert 'details: ' in table
    assert 'sub-02.html' in table
    assert broken_fit() == ['sub-01_T1w']  # while the run went on
    assert run(root) == 0
    assert read_failures(tmp_path / 'out') == []


def test_force_runs_finished_scans_again_and_the_graph_is_drawn(finished, run, tmp_path, capfd):
    before = qc_time(tmp_path, '01')
    assert run(finished, '--force', '--write-graph') == 0
    assert qc_time(tmp_path, '01') > before
    told = capfd.readouterr().err
    assert 'fit 100 %' in told
    (graph,) = (tmp_path / 'out/logs').glob('*/graph.dot')
    assert 'measure' in graph.read_text()
    assert f'graph of the workflow: {graph.parent}' in told


def test_stop_on_first_crash_says_what_was_not_run(make_dataset, run, tmp_path, broken_fit, capfd):
    root = make_dataset('sub-01', 'sub-02')
    assert run(root, '--stop-on-first-crash') == 1
    table = capfd.readouterr().err.partition('scans after')[2]
    assert 'sub-01_T1w  failed' in table
    assert 'sub-02_T1w  not run' in table
    assert [record['scan'] for record in read_failures(tmp_path / 'out')] == ['sub-01_T1w']
    # Without the flag the other is finished.
    assert run(root) == 1
    assert qc_time(tmp_path, '02')


def test_citation_does_not_depend_on_which_run_finished_a_scan(make_dataset, run, tmp_path):
    """A resumed run writes the methods of all scans, as an undisturbed one does."""
    make_dataset('sub-02', suffix='T2w')
    root = make_dataset('sub-01')
    both = ('--modalities', 'T1w', 'T2w')
    citation = tmp_path / 'out/logs/CITATION.md'
    assert run(root, *both) == 0
    whole = citation.read_bytes()
    (tmp_path / 'out/sub-02/anat/sub-02_desc-qc_T2w.json').unlink()
    assert run(root, *both) == 0
    assert citation.read_bytes() == whole
    assert run(root, *both) == 0
    assert citation.read_bytes() == whole
    assert whole.count(b'Results were obtained') == 2


def test_clean_workdir_removes_what_ulfprep_made_and_no_more(finished, run, tmp_path, capfd):
    work = tmp_path / 'wörk dir'
    (made,) = work.glob('ulfprep_*')
    old = work / 'ulfprep_0_0_1_abcdef01'
    claim(old)
    theirs = work / 'ulfprep_results_2025'
    theirs.mkdir()
    (work / 'thesis').mkdir()
    (work / 'ulfprep_notes.txt').write_text('mine')
    # A new folder may get the inode of the old, so that its content has to tell.
    (made / 'of the run before').touch()
    assert run(finished, '--force', '--clean-workdir') == 0
    assert made.is_dir()
    assert not old.exists()
    assert theirs.is_dir()
    assert list(made.iterdir()) != []
    assert not (made / 'of the run before').exists()
    assert (work / 'ulfprep_notes.txt').read_text() == 'mine'
    assert (work / 'thesis').is_dir()
    assert 'left there: thesis, ulfprep_notes.txt, ulfprep_results_2025' in capfd.readouterr().err
    # What the run itself was using is there again, and will be known again.
    assert is_claimed(work / CACHES)
    assert (work / CACHES / 'tmp').is_dir()


def test_a_work_folder_in_use_is_not_cleaned(finished, run, tmp_path, capfd):
    made = list((tmp_path / 'wörk dir').rglob('*.pklz'))
    with Locks(tmp_path / 'other', tmp_path / 'wörk dir'):
        assert run(finished, '--clean-workdir') == 75
    assert 'another run is using this work folder' in capfd.readouterr().err
    assert all(path.exists() for path in made)
    assert made


def test_a_scan_that_needs_more_memory_than_there_is_is_told_of(make_dataset, run, capfd):
    assert run(make_dataset('sub-01'), '--mem', '1G') == 0
    told = capfd.readouterr().err
    (line,) = (line for line in told.splitlines() if 'may need' in line)
    assert line.startswith('sub-01_T1w: may need ')
    assert 'are to be used in all (--mem; ' in line
    assert 'run alone' in line
