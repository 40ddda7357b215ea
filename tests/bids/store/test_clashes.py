"""No two scans write one file, whatever they are called."""

import dataclasses
from pathlib import Path

import pytest
from records import make_json

from ulfprep.bids.files import write_json
from ulfprep.bids.names import entities_of
from ulfprep.bids.read.decision import group_scans
from ulfprep.bids.store.outcomes import clashes, recalled
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.sidecars import fusion_record
from ulfprep.settings import MODALITIES, Settings

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
