"""Which scans are fused, which of them is the reference, and what the result is called."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ulfprep.bids.names import ENTITY_NAMES
from ulfprep.bids.read.decision import group_scans
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.derivatives import figures_of, golden_list
from ulfprep.bids.write.sidecars import input_digest
from ulfprep.physics.grid import Grid

CUBE, AXIAL, CORONAL = (2.0, 2.0, 2.0), (1.6, 1.6, 5.0), (1.6, 5.0, 1.6)


def task(name, voxels=None, problem=''):
    stem, _, suffix = name.rpartition('_')
    pairs = (part.split('-') for part in stem.split('_'))
    entities = {ENTITY_NAMES[key]: value for key, value in pairs}
    scan = Scan(Path(f'{name}.nii.gz'), entities, {}, stem, f'bids:raw:{name}', suffix)
    grid = voxels and Grid((20, 20, 20), np.diag([*voxels, 1]))
    return Task(scan, 'enhance', grid=grid, problem=problem)


def groups(fuse, *names, voxels=None, unusable=None):
    """Names of the planned scans of every group, and the notes."""
    tasks = [task(n, (voxels or {}).get(n), (unusable or {}).get(n, '')) for n in names]
    found, notes = group_scans(tasks, fuse)
    return [[s.name for s in fusion.planned] for fusion in found], notes


@pytest.mark.parametrize(
    ('fuse', 'names', 'expected'),
    [
        ('none', ['sub-1_run-1_T1w', 'sub-1_run-2_T1w'], []),
        ('runs', ['sub-1_T1w', 'sub-2_T1w', 'sub-2_ses-A_T1w'], []),
        ('contrasts', ['sub-1_T1w', 'sub-2_T1w', 'sub-2_ses-A_T1w'], []),
        ('all', ['sub-1_T1w', 'sub-2_T1w', 'sub-2_ses-A_T1w'], []),
        (
            'all', ['sub-1_run-1_T1w', 'sub-1_run-2_T1w', 'sub-1_T2w', 'sub-2_T1w'],
            [['sub-1_run-1_T1w', 'sub-1_run-2_T1w', 'sub-1_T2w']],
        ),
    ],
)  # fmt: skip
def test_scans_are_fused_only_if_asked_and_if_there_are_others(fuse, names, expected):
    assert groups(fuse, *names) == (expected, {})


def test_runs_are_those_of_one_modality_whatever_else_differs():
    found, notes = groups(
        'runs',
        'sub-1_acq-axi_T1w', 'sub-1_acq-cor_run-2_T1w', 'sub-1_rec-x_T1w', 'sub-1_T2w',
        'sub-2_run-1_T1w', 'sub-2_ses-A_run-1_T2w', 'sub-2_ses-A_run-2_T2w',
    )  # fmt: skip
    assert found == [
        ['sub-1_acq-axi_T1w', 'sub-1_acq-cor_run-2_T1w', 'sub-1_rec-x_T1w'],
        ['sub-2_ses-A_run-1_T2w', 'sub-2_ses-A_run-2_T2w'],
    ]
    assert notes == {}


def test_neither_subjects_nor_sessions_are_mixed():
    names = [f'sub-{s}{e}_run-{r}_T1w' for s in '12' for e in ('', '_ses-A') for r in '12']
    found, _ = groups('all', *names)
    assert len(found) == 4
    assert all(len({name.rpartition('_run')[0] for name in group}) == 1 for group in found)


def test_contrasts_take_the_first_of_each_and_say_so():
    found, notes = groups(
        'contrasts', 'sub-1_FLAIR', 'sub-1_run-1_T1w', 'sub-1_run-2_T1w', 'sub-1_T2w'
    )
    assert found == [['sub-1_run-1_T1w', 'sub-1_T2w', 'sub-1_FLAIR']]
    assert set(notes) == {'sub-1_run-2_T1w'}
    assert 'sub-1_run-1_T1w' in notes['sub-1_run-2_T1w'].text


def test_contrasts_take_another_where_the_first_is_unusable():
    found, _ = groups(
        'contrasts', 'sub-1_run-1_T1w', 'sub-1_run-2_T1w', 'sub-1_T2w',
        unusable={'sub-1_run-1_T1w': 'empty'},
    )  # fmt: skip
    assert found == [['sub-1_run-2_T1w', 'sub-1_T2w']]


@pytest.mark.parametrize('entity', ['ce-gd', 'echo-2'])
def test_another_contrast_agent_or_echo_is_another_contrast(entity):
    names = ['sub-1_T1w', 'sub-1_acq-b_T1w', f'sub-1_{entity}_T1w', f'sub-1_acq-b_{entity}_T1w']
    apart = [set(names[:2]), set(names[2:])]
    assert [set(group) for group in groups('runs', *names)[0]] == apart
    found, _ = groups('all', *names, 'sub-1_T2w')
    assert [set(group) for group in found] == [{*apart[0], 'sub-1_T2w'}, apart[1]]
    assert groups('contrasts', *names, 'sub-1_T2w')[0][0][0] in names[:2]


def test_the_reference_is_a_t1w_then_the_finest_then_the_first():
    names = ['sub-1_acq-a_T1w', 'sub-1_acq-b_T1w', 'sub-1_acq-c_T1w', 'sub-1_T2w', 'sub-1_FLAIR']
    voxels = dict(zip(names, (AXIAL, CORONAL, CUBE, (1.0, 1.0, 1.0), CUBE), strict=True))
    (order,), _ = groups('all', *names, voxels=voxels)
    assert order == [names[2], names[0], names[1], names[3], names[4]]
    # Lengths of a header are rounded: these two are alike, and go by name.
    voxels[names[2]] = (1.6000001, 1.6, 4.9999998)
    assert groups('all', *names, voxels=voxels)[0][0][:3] == names[:3]


def fusion_of(fuse, *names, **more):
    (found,), _ = group_scans([task(name) for name in names], fuse, **more)
    return found


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['sub-1_ses-A_acq-axi_T1w', 'sub-1_ses-A_acq-cor_T1w'], 'sub-1_ses-A_T1w'),
        (['sub-1_acq-x_run-1_T1w', 'sub-1_acq-x_run-2_T1w'], 'sub-1_acq-x_T1w'),
        (['sub-1_acq-x_run-1_T1w', 'sub-1_acq-y_run-2_T1w'], 'sub-1_T1w'),
        (['sub-1_acq-x_rec-a_run-1_T1w', 'sub-1_rec-a_run-2_T1w'], 'sub-1_rec-a_T1w'),
        # The name is taken by one of them: what is fused is another reconstruction.
        (['sub-1_T1w', 'sub-1_acq-cor_T1w'], 'sub-1_rec-fused_T1w'),
        (['sub-1_T1w', 'sub-1_run-2_T1w', 'sub-1_rec-fused_T1w'], 'sub-1_rec-fused2_T1w'),
        (['sub-1_rec-x_T1w', 'sub-1_rec-x_run-2_T1w'], 'sub-1_rec-xfused_T1w'),
    ],
)
def test_a_fused_image_drops_what_its_scans_differ_in(names, expected):
    (output,) = fusion_of('runs', *names).fused()
    assert output.name == expected
    assert output.role == 'fused'


def test_a_scan_that_is_not_fused_keeps_its_name_too():
    beside = [task('sub-1_T1w')]
    fusion = fusion_of('runs', 'sub-1_run-1_T1w', 'sub-1_run-2_T1w', beside=beside)
    assert fusion.output('T1w').name == 'sub-1_rec-fused_T1w'


def test_one_image_a_contrast_keeps_the_name_of_its_scan():
    fusion = fusion_of('contrasts', 'sub-1_T1w', 'sub-1_acq-x_T2w')
    assert fusion.fused() == ()
    assert [s.name for s in fusion.results()] == ['sub-1_T1w', 'sub-1_acq-x_T2w']
    assert {s.role for s in fusion.results()} == {'scan'}


NAMES = ['sub-1_run-1_T1w', 'sub-1_run-2_T1w', 'sub-1_T2w']


def test_the_files_of_a_group():
    fusion = fusion_of('all', *NAMES)
    files = {s.name: {p.name for p in golden_list(s, 'enhance')} for s in fusion.results()}
    assert set(files) == {*NAMES, 'sub-1_T1w'}
    everything = [name for found in files.values() for name in found]
    assert len(everything) == len(set(everything))
    run = files['sub-1_run-1_T1w']
    kept = ('desc-preproc_T1w.nii.gz', 'desc-residual_T1w.nii.gz', 'dseg.nii.gz',
            'desc-brain_mask.json', 'desc-qc_T1w.json', 'desc-residual_T1w.svg')  # fmt: skip
    assert {f'sub-1_run-1_{name}' for name in kept} <= run
    assert not any('res-1mm' in name for name in run)
    fused = files['sub-1_T1w']
    assert {'sub-1_res-1mm_desc-enhanced_T1w.nii.gz', 'sub-1_res-1mm_dseg.nii.gz',
            'sub-1_desc-qc_T1w.json', 'sub-1_desc-loss_T1w.svg'} <= fused  # fmt: skip
    assert all('res-1mm' in name for name in fused if name.endswith('.nii.gz'))
    # The only T2w has what an ordinary scan has.
    assert files['sub-1_T2w'] == {p.name for p in golden_list(task('sub-1_T2w'), 'enhance')}


def test_disagreement_with_the_network_is_of_scans_and_not_of_what_they_share():
    fusion = fusion_of('all', *NAMES)
    shown = {
        s.name for s in fusion.results() if 'disagreement' in figures_of('enhance', s.role, True)
    }
    assert shown == set(NAMES)
    assert 'disagreement' not in figures_of('enhance', 'member')


def test_a_shared_image_has_the_resolution_of_its_scans():
    fusion = fusion_of('all', *NAMES)
    planned = tuple(dataclasses.replace(s, resolution=0.5) for s in fusion.planned)
    (fused,) = dataclasses.replace(fusion, planned=planned).fused()
    assert all('res-0p5mm' in p.name for p in golden_list(fused, 'enhance') if '_res-' in p.name)


def test_names_stay_when_a_scan_is_left_out():
    whole = fusion_of('all', *NAMES)
    less = whole.without({'sub-1_run-1_T1w': 'it is cut short'})
    assert [s.name for s in less.members] == NAMES[1:]
    assert less.output('T1w').name == whole.output('T1w').name
    assert less.member(less.members[0]).role == 'member'
    assert less.without({'sub-1_run-1_T1w': 'twice'}).left_out == less.left_out


def test_the_digest_is_that_of_all_scans(tmp_path):
    tasks = []
    for name in NAMES[:2]:
        path = tmp_path / f'{name}.nii.gz'
        path.write_bytes(name.encode())
        made = task(name)
        tasks.append(dataclasses.replace(made, scan=dataclasses.replace(made.scan, path=path)))
    (fusion,), _ = group_scans(tasks, 'runs')
    first = {input_digest(result) for result in fusion.results()}
    assert len(first) == 1
    assert first.isdisjoint({input_digest(one) for one in tasks})
    alone = dataclasses.replace(tasks[1], fusion=fusion.without({tasks[1].name: 'moved'}))
    assert input_digest(alone) == input_digest(tasks[1])
    tasks[1].scan.path.write_bytes(b'other')
    second = {input_digest(result) for result in fusion.results()}
    # A file that is gone is no error: the others are fused without it.
    tasks[1].scan.path.unlink()
    third = {input_digest(result) for result in fusion.results()}
    assert len(first | second | third) == 3
