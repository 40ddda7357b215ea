"""Names, golden list, and what counts as finished."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from plans import make_plan
from records import make_json

from ulfprep.bids.files import read_json, write_json, write_nifti, write_text
from ulfprep.bids.names import stem_of
from ulfprep.bids.store.outcomes import is_finished, missing_files
from ulfprep.bids.task import Given, Piece, Scan, Task
from ulfprep.bids.write.dataset import LOOKUP, lookup_table
from ulfprep.bids.write.derivatives import (
    FIELD,
    IMAGE,
    QC,
    derivatives_of,
    figure_path,
    golden_list,
    path_of,
    remove_earlier,
)
from ulfprep.bids.write.sidecars import provenance, sidecar
from ulfprep.physics.labels import to_dseg
from ulfprep.settings import MODALITIES, Settings


def task_of(path=Path('x.nii.gz'), suffix='T1w', metadata=None, **entities):
    entities = {'subject': '01', **entities}
    scan = Scan(path, entities, metadata or {}, stem_of(entities), 'bids:raw:x', suffix)
    return Task(scan, 'enhance')


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_no_two_files_share_a_name(direction):
    paths = golden_list(task_of(), direction)
    assert len(set(paths)) == len(paths)
    assert derivatives_of(direction)[-1] is QC


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_modalities_of_one_session_share_no_name(direction):
    """A T1w, T2w and FLAIR of one session lie side by side, several realisations and all."""
    tasks = [task_of(suffix=suffix) for suffix in MODALITIES]
    paths = [path for task in tasks for path in golden_list(task, direction, 3)]
    assert len(set(paths)) == len(paths)
    t2w = {path.name for path in golden_list(tasks[1], direction)}
    assert {'sub-01_desc-brainT2w_mask.nii.gz', 'sub-01_label-GM_desc-T2w_probseg.json'} <= t2w
    assert {'sub-01_desc-preproc_T2w.nii.gz', 'sub-01_desc-qc_T2w.json'} <= t2w
    assert not any('T1w' in name for name in t2w)


def test_realisations_are_numbered_where_there_are_several():
    def names(count):
        found = golden_list(task_of(), 'simulate', count)
        return [p.name for p in found if '_desc-simulated' in p.name and p.name.endswith('.gz')]

    assert names(1) == ['sub-01_res-ulf_desc-simulated_T1w.nii.gz']
    assert names(2) == [f'sub-01_res-ulf_desc-simulated{k}_T1w.nii.gz' for k in (1, 2)]


@pytest.mark.parametrize('entity', ['mod', 'desc', 'label', 'resolution', 'res'])
def test_unknown_entity_is_an_error_not_a_lost_name(entity):
    with pytest.raises(ValueError, match=f'no name can be made of its entities: {entity}'):
        path_of(task_of(**{entity: 'x'}), QC)


@pytest.mark.parametrize(('millimetres', 'label'), [(0.5, '0p5mm'), (1.0, '1mm'), (2.0, '2mm')])
def test_names_tell_the_resolution(millimetres, label):
    task = dataclasses.replace(task_of(), resolution=millimetres)
    names = {path.name for path in golden_list(task, 'enhance')}
    fine = {
        'desc-enhanced_T1w', 'dseg', 'label-CSF_probseg', 'label-GM_probseg', 'label-WM_probseg',
        'desc-uncertainty_T1w', 'desc-entropy_T1w', 'desc-claim_T1w',
    }  # fmt: skip
    expected = {f'sub-01_res-{label}_{name}.{e}' for name in fine for e in ('nii.gz', 'json')}
    assert {name for name in names if '_res-' in name} == expected
    # What lies on the scan's own grid is called the same.
    usual = {path.name for path in golden_list(task_of(), 'enhance')}
    assert {n for n in names if '_res-' not in n} == {n for n in usual if '_res-' not in n}


@pytest.mark.parametrize('role', ['scan', 'member'])
def test_images_of_other_resolutions_are_removed_and_nothing_else(tmp_path, role):
    task = dataclasses.replace(task_of(), resolution=0.5)
    others = [dataclasses.replace(task, resolution=mm) for mm in (1.0, 2.0, 0.75)]
    neighbours = [task_of(run='1'), task_of(suffix='T2w')]
    written = {path for s in (task, *others, *neighbours) for path in golden_list(s, 'enhance')}
    for path in written:
        write_text(tmp_path / path, 'x')
    task = dataclasses.replace(task, role=role)
    remove_earlier(task, tmp_path)
    kept = {path.relative_to(tmp_path) for path in tmp_path.rglob('*') if path.is_file()}
    wanted = {path for s in (task, *neighbours) for path in golden_list(s, 'enhance')}
    assert kept == wanted


@pytest.fixture
def finished(tmp_path):
    """Return scan and settings with a complete set of files."""
    image = tmp_path / 'in.nii.gz'
    image.write_bytes(b'voxels')
    task = task_of(image)
    settings = Settings(tmp_path, tmp_path / 'out', device='cpu')
    for path in golden_list(task, 'enhance'):
        write_text(tmp_path / 'out' / path, 'x')
    write_json(tmp_path / 'out' / path_of(task, QC), make_json(**provenance(task, settings)))
    return task, settings


@pytest.mark.parametrize('index', [0, 5, -1])
def test_missing_or_empty_file_is_not_finished(finished, index):
    task, settings = finished
    path = settings.output_dir / golden_list(task, 'enhance')[index]
    path.write_bytes(b'')
    assert not is_finished(task, settings)
    path.unlink()
    assert not is_finished(task, settings)


def test_the_figure_of_the_network_is_asked_of_its_tissues_alone(finished, tmp_path):
    task, settings = finished
    learned = dataclasses.replace(settings, segmentation='network')
    write_json(settings.output_dir / path_of(task, QC), make_json(**provenance(task, learned)))
    assert not is_finished(task, learned)
    piece = Piece('tissues', (tmp_path / 'in.nii.gz',), ())
    given = dataclasses.replace(task, given=Given(tissues=piece))
    assert missing_files(given, learned) == []
    assert missing_files(task, learned) == [figure_path(task.scan, 'disagreement')]
    write_text(settings.output_dir / figure_path(task.scan, 'disagreement'), 'x')
    assert is_finished(task, learned)


def test_other_settings_are_not_finished(finished):
    task, settings = finished
    assert not is_finished(task, dataclasses.replace(settings, random_seed=1))
    assert is_finished(task, dataclasses.replace(settings, nprocs=7, verbose=2))
    finer = dataclasses.replace(task, resolution=0.5)
    assert not is_finished(finer, dataclasses.replace(settings, output_resolution=0.5))
    assert not is_finished(dataclasses.replace(task, direction='simulate'), settings)


def test_changed_input_is_not_finished(finished):
    task, settings = finished
    assert not is_finished(task_of(task.scan.path, metadata={'EchoTime': 1}), settings)
    task.scan.path.write_bytes(b'other voxels')
    assert not is_finished(task, settings)


def test_other_version_is_not_finished(finished, monkeypatch):
    monkeypatch.setattr('ulfprep.__version__', '99')
    assert not is_finished(*finished)


def test_sidecars_have_what_bids_asks_for(finished):
    task, settings = finished
    made_by = provenance(task, settings)
    plan = make_plan(contrast_vector=(0.5, 0.9, 1.0))
    for derivative in derivatives_of('enhance')[:-1]:
        content = sidecar(derivative, task, made_by, plan, stripped=True)
        assert content['Sources'] == ['bids:raw:x']
        assert content['Description']
        assert ('Resolution' in content) == ('resolution' in derivative.entities)
        assert ('Type' in content) == (derivative.suffix == 'mask')
        assert content.get('SkullStripped', True) is True
        assert ('SkullStripped' in content) == (derivative.suffix == IMAGE)
        assert content['Contrast']['contrast_vector'] == (0.5, 0.9, 1.0)
        assert content['Provenance']['SettingsHash'] == settings.digest()


def test_sidecars_state_the_resolution_in_words(finished):
    task, settings = finished
    task = dataclasses.replace(task, resolution=0.5)
    made_by = provenance(task, dataclasses.replace(settings, output_resolution=0.5))
    contents = {
        d.key: sidecar(d, task, made_by, make_plan(), True) for d in derivatives_of('enhance')[:-1]
    }
    for key in ('enhanced', 'fine_dseg', 'claim'):
        assert contents[key]['Resolution'].startswith('0.5 mm isotropic')
    assert 'and 0.5 mm, estimated' in contents['enhanced']['Description']
    assert not any('{' in content['Description'] for content in contents.values())
    assert contents['enhanced']['Provenance']['Settings']['output_resolution'] == 0.5


def test_preproc_of_a_head_is_not_stripped(finished):
    task, settings = finished
    preproc = derivatives_of('enhance')[0]
    assert not sidecar(preproc, task, provenance(task, settings), make_plan(), False)[
        'SkullStripped'
    ]


def test_sidecars_name_the_weights_behind_their_tissues(finished):
    task, settings = finished
    made_by = provenance(task, settings)
    told = {}
    for derivative in [*derivatives_of('enhance')[:-1], *derivatives_of('simulate')[:-1]]:
        content = sidecar(derivative, task, made_by, make_plan(), True, weights=('own', 'shared'))
        told[derivative.key] = content.get(FIELD)
        assert FIELD not in sidecar(derivative, task, made_by, make_plan(), True)
    assert {key for key, value in told.items() if not value} == {'preproc', 'brain_mask'}
    assert told['dseg'] == told['probseg_gm'] == told['simulated'] == 'own'
    # What comes of a field has the tissues of all scans that it was fitted to.
    assert told['enhanced'] == told['fine_dseg'] == told['residual'] == 'shared'


def test_dseg_labels():
    probabilities = np.zeros((3, 2, 2, 1), np.float32)
    probabilities[0, 0, 0] = probabilities[1, 0, 1] = probabilities[2, 1, 0] = 0.9  # CSF, GM, WM
    labels = to_dseg(probabilities, np.ones((2, 2, 1), bool))
    np.testing.assert_array_equal(labels[..., 0], [[3, 1], [2, 0]])
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(to_dseg(probabilities, np.zeros((2, 2, 1), bool)), 0)


def test_lookup_table():
    rows = [line.split('\t') for line in lookup_table().splitlines()]
    assert rows[0][:2] == ['index', 'name']
    assert [int(row[0]) for row in rows[1:]] == [entry[0] for entry in LOOKUP] == [0, 1, 2, 3]


def test_images_are_the_same_bytes_under_any_name(tmp_path):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    one = write_nifti(tmp_path / 'one.nii.gz', data, np.eye(4))
    two = write_nifti(tmp_path / 'two.nii.gz', data, np.eye(4))
    assert one.read_bytes() == two.read_bytes()
    # No name, no time, and the mark of one system (3) whichever Python wrote it.
    assert one.read_bytes()[:10] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3])
    assert not list(tmp_path.glob('.*'))


def test_sheared_affine_is_kept_by_the_sform(tmp_path):
    import nibabel as nib

    affine = np.array([[2, 0.7, 0, 0], [0, 2, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1.0]])
    image = nib.load(write_nifti(tmp_path / 'x.nii.gz', np.ones((2, 2, 2)), affine))
    np.testing.assert_allclose(image.affine, affine)
    assert int(image.header['qform_code']) == 0


def test_json_is_strict(tmp_path):
    path = write_json(tmp_path / 'x.json', {'a': np.float32('nan'), 'b': np.arange(2)})
    assert read_json(path) == {'a': None, 'b': [0, 1]}
    assert 'NaN' not in path.read_text()


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_text(tmp_path / 'x.txt', 'old')
    monkeypatch.setattr('os.replace', lambda *args: (_ for _ in ()).throw(OSError(28, 'full')))
    with pytest.raises(OSError, match='full'):
        write_text(path, 'new')
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
