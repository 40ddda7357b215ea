"""What became of every scan that an output folder knows of."""

import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from many_scans import make_output
from records import FUSION, make_json

from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.names import entities_of
from ulfprep.bids.read.decision import group_scans
from ulfprep.bids.store.outcomes import (
    FAILED,
    FINISHED,
    LEFTOVER,
    MISSING,
    STOPPED,
    clashes,
    find_outcomes,
    recalled,
)
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.sidecars import fusion_record
from ulfprep.record import LeftOut
from ulfprep.settings import MODALITIES, Settings

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


SETTINGS = Settings(Path('raw'), Path('out'))


def scan(stem, suffix='T1w', folder='raw', extension='.nii.gz'):
    path = Path(folder, f'{stem}_{suffix}{extension}')
    return Scan(path, entities_of(stem), {}, stem, f'bids:raw:{path.name}', suffix)


def found(*scans, direction='enhance', **settings):
    made = [Task(one, direction) for one in scans]
    return clashes(made, dataclasses.replace(SETTINGS, **settings))


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_scans_that_differ_in_an_entity_or_their_modality_share_nothing(direction):
    stems = ['sub-1', 'sub-01', 'sub-1_ses-1', 'sub-1_task-1', 'sub-1_acq-1', 'sub-1_rec-sim1']
    scans = [scan(stem, suffix) for stem in stems for suffix in MODALITIES]
    more = {'n_realisations': 2, 'simulate_as_bids': Path('ulf')}
    assert found(*scans, direction=direction, **more) == {}


def test_both_of_a_pair_are_named_and_nobody_else():
    one, two = scan('sub-01_acq-x'), scan('sub-01_acq-x', extension='.nii')
    two = dataclasses.replace(two, stem='sub-01_other_acq-x')
    why = found(one, two, scan('sub-01'))
    assert set(why) == {one.name, two.name}
    assert why[one.name] == (
        f'{one.path}: its files would have the same names as those of {two.path}; rename one of '
        'the two'
    )


@pytest.mark.parametrize(
    ('one', 'two'),
    [
        ('sub-01_acq-x', 'sub-01_acq-X'),
        ('sub-a', 'sub-A'),
        ('sub-a_run-1', 'sub-A_run-2'),
        ('sub-01_ses-pre', 'sub-01_ses-Pre_run-1'),
        ('sub-M\u00fc', 'sub-Mu\u0308'),
    ],
)
@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_names_that_some_disks_take_for_one(one, two, direction):
    why = found(scan(one), scan(two), direction=direction)
    assert len(why) == 2
    assert all('differ in capital letters alone from' in text for text in why.values())


# Images that several scans share


def fused_names(stems, settings=SETTINGS, folder='raw'):
    (fusion,), _ = group_scans([Task(scan(stem, folder=folder)) for stem in stems], 'runs')
    return [one.name for one in recalled(fusion, settings).fused()]


def test_a_shared_image_takes_no_name_of_an_image_that_is_left_out(tmp_path):
    assert fused_names(['sub-01_run-1', 'sub-01_run-2'], folder=tmp_path) == ['sub-01_T1w']
    (tmp_path / 'sub-01_T1w.nii').write_bytes(b'')
    assert fused_names(['sub-01_run-1', 'sub-01_run-2'], folder=tmp_path) == [
        'sub-01_rec-fused_T1w'
    ]


def test_a_shared_image_takes_no_name_that_differs_in_capital_letters(tmp_path):
    stems = ['sub-01_rec-a_run-1', 'sub-01_rec-a_run-2']
    (tmp_path / 'sub-01_rec-A_T1w.nii').write_bytes(b'')
    assert fused_names(stems, folder=tmp_path) == ['sub-01_rec-afused_T1w']


def test_a_shared_image_does_not_replace_that_of_other_scans(tmp_path):
    settings = Settings(tmp_path / 'raw', tmp_path)
    first, others = ['sub-01_acq-a', 'sub-01_acq-b'], ['sub-01_acq-c', 'sub-01_acq-d']
    (fusion,), _ = group_scans([Task(scan(stem)) for stem in first], 'runs')
    (fused,) = fusion.fused()
    qc = tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json'
    write_json(qc, make_json(fusion=fusion_record(fused, [])))
    assert fused_names(others, settings) == ['sub-01_rec-fused_T1w']
    # The same with one more, or one less, is the same image made anew.
    for again in (first, ['sub-01_acq-a', 'sub-01_acq-c']):
        assert fused_names(again, settings) == ['sub-01_T1w']
