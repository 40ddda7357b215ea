"""What became of every scan that an output folder knows of."""

import json
import shutil
from dataclasses import replace

from many_scans import make_output
from records import FUSION, make_json

from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.store.outcomes import FAILED, FINISHED, LEFTOVER, MISSING, STOPPED, find_outcomes
from ulfprep.record import LeftOut

RECORD = make_json(metrics={'cnr_wm_gm': 2.0, 'snr_wm': 14.0})


def by_name(out):
    outcomes, problems = find_outcomes(out)
    return {one.name: one for one in outcomes}, problems


def test_finished_failed_and_missing(tmp_path):
    made = make_output(RECORD, tmp_path, 60)
    found, problems = by_name(tmp_path)
    assert problems == []
    assert {name for name, one in found.items() if one.status == FINISHED} == {*made['finished']}
    assert {name for name, one in found.items() if one.status == FAILED} == {*made['failed']}
    (missing,) = (one for one in found.values() if one.status == MISSING)
    assert (missing.name, missing.reason, missing.report) == ('sub-059_T1w', STOPPED, '')
    failed = found['sub-020_T1w']
    assert failed.reason
    assert failed.node.endswith('bias')
    assert failed.report == 'sub-020.html'
    assert found['sub-001_T1w'].missing_figures == []


def test_order_is_that_of_readers(tmp_path):
    for subject in ('10', '9', 'A'):
        for run in ('', '_run-10', '_run-2'):
            name = f'sub-{subject}_ses-1{run}'
            write_json(tmp_path / f'sub-{subject}/ses-1/anat/{name}_desc-qc_T1w.json', RECORD)
    write_json(tmp_path / 'sub-9/ses-1/anat/sub-9_ses-1_desc-qc_FLAIR.json', RECORD)
    outcomes, _ = find_outcomes(tmp_path)
    names = [one.name for one in outcomes if one.subject == '9']
    assert names == [
        'sub-9_ses-1_T1w', 'sub-9_ses-1_FLAIR', 'sub-9_ses-1_run-2_T1w', 'sub-9_ses-1_run-10_T1w',
    ]  # fmt: skip
    assert [one.subject for one in outcomes[::3]][:2] == ['9', '9']
    assert outcomes[-1].subject == 'A'
    assert {(one.session, one.modality) for one in outcomes} == {('1', 'T1w'), ('1', 'FLAIR')}


def test_a_broken_qc_file_is_named_and_costs_no_other(tmp_path):
    write_json(tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json', RECORD)
    write_text(tmp_path / 'sub-02/anat/sub-02_desc-qc_T1w.json', '{"entities": ')
    write_json(tmp_path / 'sub-03/anat/sub-03_desc-qc_T1w.json', RECORD | {'metrics': None})
    write_json(tmp_path / 'sub-04/anat/sub-04_desc-qc_T1w.json', [])
    found, problems = by_name(tmp_path)
    assert {name for name, one in found.items() if one.status == FINISHED} == {'sub-01_T1w'}
    assert [name for name, one in found.items() if one.status == FAILED] == [
        'sub-02_T1w', 'sub-03_T1w', 'sub-04_T1w',
    ]  # fmt: skip
    assert len(problems) == 3
    assert 'sub-02_desc-qc_T1w.json' in problems[0]
    assert all('run its scan again' in line for line in problems)


def test_what_left_figures_only_is_half_finished(tmp_path):
    write_text(tmp_path / 'sub-01/figures/sub-01_desc-bias_T1w.svg', '<svg/>')
    found, _ = by_name(tmp_path)
    assert found['sub-01_T1w'].status == MISSING
    assert found['sub-01_T1w'].reason == LEFTOVER


def test_a_finished_scan_remembers_a_failure(tmp_path):
    make_output(RECORD, tmp_path, 20)
    record = json.loads((tmp_path / 'logs/verdicts/sub-020_T1w.json').read_text())
    write_json(tmp_path / 'logs/verdicts/sub-001_T1w.json', record | {'scan': 'sub-001_T1w'})
    found, _ = by_name(tmp_path)
    assert found['sub-001_T1w'].status == FINISHED
    assert found['sub-001_T1w'].reason == record['message']


def test_who_was_left_out_of_a_fusion_is_told_why(tmp_path):
    out = (LeftOut('sub-01_run-3_T1w', 'it could not be registered'),)
    record = make_json(fusion=replace(FUSION, left_out=out))
    write_json(tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json', record)
    images = [
        {'image': f'sub-01_run-{run}_T1w.nii.gz', 'selected': run < 4, 'text': ''}
        for run in (3, 4)
    ]
    write_json(tmp_path / 'logs/selection/sub-01.json', {'images': images})
    found, _ = by_name(tmp_path)
    assert 'could not be registered' in found['sub-01_run-3_T1w'].reason
    # What nobody selected is not missed.
    assert 'sub-01_run-4_T1w' not in found
    assert found['sub-01_T1w'].role == 'fused'


def test_folders_of_several_machines_put_together_are_as_one(tmp_path):
    make_output(RECORD, tmp_path / 'whole', 60)
    for number, subjects in enumerate((range(1, 31), range(31, 61))):
        part = tmp_path / f'part{number}'
        shutil.copytree(tmp_path / 'whole', part)
        for other in {*range(1, 61)} - {*subjects}:
            shutil.rmtree(part / f'sub-{other:03d}', ignore_errors=True)
            for path in part.glob(f'**/sub-{other:03d}*'):
                path.unlink()
        shutil.copytree(part, tmp_path / 'merged', dirs_exist_ok=True)

    def told(out):
        outcomes, _ = find_outcomes(out)
        return [(one.name, one.status, one.reason, one.record, one.report) for one in outcomes]

    assert told(tmp_path / 'merged') == told(tmp_path / 'whole')
    assert len(told(tmp_path / 'part0')) == 30


def test_files_that_vanish_meanwhile_are_missing(tmp_path, monkeypatch):
    from ulfprep.bids.store import outcomes

    make_output(RECORD, tmp_path, 3)
    real = outcomes.read_record

    def read(path):
        if 'sub-002' in path.name and 'desc-qc' in path.name:
            path.unlink()
        return real(path)

    monkeypatch.setattr(outcomes, 'read_record', read)
    found, problems = by_name(tmp_path)
    assert problems == []
    assert found['sub-002_T1w'].status == MISSING
