"""Which files of other software belong to which scan, and which are refused."""

import json

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, put_freesurfer, put_prep, save, tissue_labels

from ulfprep.bids.names import dataset_names
from ulfprep.bids.read.derived_read import DerivativesError
from ulfprep.bids.read.derived_take import check_given, with_derivatives
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.task import Given, Piece, Scan, Task
from ulfprep.bids.write.sidecars import input_digest
from ulfprep.settings import Settings

NAMES = {'session': 'ses', 'acquisition': 'acq', 'run': 'run'}


@pytest.fixture
def scan(tmp_path):
    """Return a function that puts a raw scan into the dataset and returns it."""

    def put(suffix='T1w', **entities):
        stem = '_'.join(['sub-01', *(f'{NAMES[k]}-{v}' for k, v in entities.items())])
        folder = tmp_path / 'raw' / 'sub-01'
        if 'session' in entities:
            folder /= f'ses-{entities["session"]}'
        data = np.full((30, 32, 24), 50, np.float32)
        path = save(
            folder / 'anat' / f'{stem}_{suffix}.nii.gz', data, affine_of(data.shape, (4, 4, 5))
        )
        metadata = {'MagneticFieldStrength': 0.064}
        scan = Scan(path, {'subject': '01', **entities}, metadata, stem, 'bids:raw:x', suffix)
        return Task(scan, 'enhance')

    return put


def given(scan, *folders):
    (found,) = with_derivatives([scan], folders)
    return found.given


def problem(scan, *folders):
    """Return what is said of a file that cannot be taken."""
    (found,) = with_derivatives([scan], folders)
    if not found.problem:
        with pytest.raises(UnusableScanError) as caught:
            check_given(found)
        return str(caught.value)
    return found.problem


def names(piece):
    return [path.name for path in piece.paths] if piece else None


def test_fmriprep_gives_mask_shares_and_corrected_image_in_the_space_of_the_scan(scan, tmp_path):
    image = (tissue_labels((30, 32, 24)) * 9).astype(np.float32)
    corrected = nib.Nifti1Image(image, affine_of(image.shape, (4, 4, 5)))
    put_prep(tmp_path / 'fmriprep', corrected=corrected)
    one = scan()
    found = given(one, tmp_path / 'fmriprep')
    assert names(found.mask) == ['sub-01_desc-brain_mask.nii.gz']
    assert names(found.tissues) == [
        f'sub-01_label-{t}_probseg.nii.gz' for t in ('CSF', 'GM', 'WM')
    ]
    assert names(found.corrected) == ['sub-01_desc-preproc_T1w.nii.gz']
    assert found.tissues.sources[0] == (
        'bids:fmriprep:sub-01/anat/sub-01_label-CSF_probseg.nii.gz'
    )
    (taken,) = with_derivatives([one], (tmp_path / 'fmriprep',))
    assert not taken.problem
    check_given(taken)  # all of them can be used
    assert 'desc-brain_mask.nii.gz of fmriprep (--derivatives)' in taken.given.mask.note


def test_labels_serve_where_shares_are_missing_and_the_table_says_which_is_which(scan, tmp_path):
    folder = tmp_path / 'smriprep'
    anat = put_prep(folder, 'sub-01_ses-A', 'sMRIPrep', shares=False)
    assert given(scan(session='A'), folder).tissues.numbers == (3, 1, 2)
    (anat / 'dseg.tsv').write_text('index\tname\n1\tGray matter\n2\tCSF\n3\tWhite matter\n')
    assert given(scan(session='A'), folder).tissues.numbers == (2, 1, 3)
    (anat / 'dseg.tsv').write_text('index\tname\n1\tGray matter\n2\tCSF\n')
    assert 'dseg.tsv: names no WM' in problem(scan(session='A'), folder)


def test_what_lies_in_a_template_is_nothing_of_the_scan(scan, tmp_path):
    anat = put_prep(tmp_path / 'fmriprep')
    for path in anat.glob('*.nii.gz'):
        if 'space-' not in path.name:
            path.unlink()
    with pytest.raises(
        DerivativesError, match=r'fmriprep: nothing there is of use to any of the 1'
    ):
        given(scan(), tmp_path / 'fmriprep')


def test_masks_of_other_data_types_and_sessions_are_nothing_of_the_scan(scan, tmp_path):
    anat = put_prep(tmp_path / 'own', name='x')
    mask = tissue_labels().astype(np.uint8)
    for place in ('dwi', 'ses-B/anat', 'ses-B/perf'):
        save(tmp_path / 'own' / 'sub-01' / place / 'sub-01_desc-brain_mask.nii.gz', mask)
    found = given(scan(), tmp_path / 'own')
    assert found.mask.paths == (anat / 'sub-01_desc-brain_mask.nii.gz',)


def test_a_name_with_fewer_entities_is_of_the_only_scan_there_is(scan, tmp_path):
    put_prep(tmp_path / 'fmriprep', 'sub-01_ses-A')
    one = scan(session='A', acquisition='x', run='1')
    assert names(given(one, tmp_path / 'fmriprep').mask) == ['sub-01_ses-A_desc-brain_mask.nii.gz']
    scan(session='B')  # another session's is no other candidate
    assert given(one, tmp_path / 'fmriprep').mask
    scan(session='A', acquisition='x', run='2')
    with pytest.raises(DerivativesError, match='the session has 2 T1w scans, so it may be of'):
        given(one, tmp_path / 'fmriprep')


def test_the_average_that_fmriprep_makes_is_not_taken_for_the_scan_of_that_name(scan, tmp_path):
    put_prep(tmp_path / 'fmriprep')
    put_prep(tmp_path / 'own', name='Our own pipeline')
    one = scan()
    scan(acquisition='x')
    with pytest.raises(DerivativesError, match='or of an average'):
        given(one, tmp_path / 'fmriprep')
    assert given(one, tmp_path / 'own').mask


def test_a_sidecar_may_say_of_which_scan_a_file_is(scan, tmp_path):
    anat = put_prep(tmp_path / 'fmriprep')
    one, other = scan(run='1'), scan(run='2')
    sidecar = anat / 'sub-01_desc-preproc_T1w.json'
    source = 'bids:raw:sub-01/anat/sub-01_run-{}_T1w.nii.gz'
    sidecar.write_text(json.dumps({'Sources': [source.format(2)]}))
    with pytest.raises(DerivativesError):
        given(one, tmp_path / 'fmriprep')
    assert given(other, tmp_path / 'fmriprep').tissues
    sidecar.write_text(json.dumps({'Sources': [source.format(1), source.format(2)]}))
    with pytest.raises(DerivativesError):
        given(other, tmp_path / 'fmriprep')


def test_files_of_a_participant_without_session_need_a_participant_with_one_scan(scan, tmp_path):
    put_prep(tmp_path / 'fmriprep')
    one = scan(session='A')
    assert given(one, tmp_path / 'fmriprep').tissues
    scan(session='B')
    with pytest.raises(DerivativesError, match='the participant has 2 T1w scans'):
        given(one, tmp_path / 'fmriprep')


def test_each_run_has_its_own_files(scan, tmp_path):
    for run in ('1', '2'):
        put_prep(tmp_path / 'own', f'sub-01_run-{run}', 'x', shares=False)
    scan(run='1')
    found = given(scan(run='2'), tmp_path / 'own')
    assert names(found.tissues) == ['sub-01_run-2_dseg.nii.gz']


def test_a_t2w_takes_only_what_says_it_is_its_own(scan, tmp_path):
    anat = put_prep(tmp_path / 'own', name='x')
    scan()
    t2w = scan('T2w')
    with pytest.raises(DerivativesError):
        given(t2w, tmp_path / 'own')
    mask = tissue_labels() > 0
    save(anat / 'sub-01_desc-brainT2w_mask.nii.gz', mask.astype(np.uint8))
    found = given(t2w, tmp_path / 'own')
    assert names(found.mask) == ['sub-01_desc-brainT2w_mask.nii.gz']
    assert found.tissues is None


@pytest.mark.parametrize('nested', [False, True])
@pytest.mark.parametrize('name', ['sub-01_ses-A', 'sub-01'])
def test_freesurfer_gives_mask_and_tissues(scan, tmp_path, nested, name):
    folder = tmp_path / 'derived'
    put_freesurfer(folder / 'sourcedata' / 'freesurfer' if nested else folder, name)
    one = scan(session='A', acquisition='x')
    found = given(one, folder)
    assert names(found.mask) == ['brainmask.mgz']
    assert names(found.tissues) == ['aseg.mgz']
    assert found.tissues.name == f'{name}/mri/aseg.mgz of derived'
    assert found.tissues.sources[0].endswith(f'{name}/mri/aseg.mgz')


def test_freesurfer_of_several_scans_is_not_taken(scan, tmp_path):
    put_freesurfer(tmp_path / 'fs')
    one = scan(run='1')
    scan(run='2')
    with pytest.raises(DerivativesError, match='there are 2 T1w scans that FreeSurfer may have'):
        given(one, tmp_path / 'fs')


def test_the_folder_named_first_goes_before_and_a_brain_mask_before_all(scan, tmp_path):
    put_prep(tmp_path / 'a' / 'prep', shares=False, dseg=False)
    put_prep(tmp_path / 'b' / 'prep', shares=False)
    one = scan()
    found = given(one, tmp_path / 'a' / 'prep', tmp_path / 'b' / 'prep')
    assert found.mask.sources[0].startswith('bids:prep:')
    assert found.tissues.sources[0].startswith('bids:prep-2:')
    import dataclasses

    mine = Piece('mask', (one.scan.path,), how='mine')
    own = dataclasses.replace(one, given=Given(mine))
    (taken,) = with_derivatives([own], (tmp_path / 'b' / 'prep',))
    assert taken.given.mask == mine
    assert mine not in taken.given.derived
    assert any('--brain-mask goes before it' in note.text for note in taken.given.notes)


def test_a_choice_and_a_file_that_is_none_cost_their_scan_alone(scan, tmp_path):
    anat = put_prep(tmp_path / 'x' / 'own', name='x', shares=False)
    one = scan()
    save(anat / 'sub-01_dseg.nii', np.asarray(nib.load(anat / 'sub-01_dseg.nii.gz').dataobj))
    said = problem(one, tmp_path / 'x' / 'own')
    assert '2 files could be the dseg of sub-01_T1w' in said
    (anat / 'sub-01_dseg.nii').unlink()
    rng = np.random.default_rng(0)
    for data, affine, words in (
        (rng.normal(100, 5, (20, 20, 20)).astype(np.float32), None, 'values that are no labels'),
        (rng.integers(0, 90, (20, 20, 20)).astype(np.uint8), None, 'labels that are no tissue'),
        ((tissue_labels() == 2).astype(np.uint8), None, 'no voxel of it is CSF or WM'),
        (tissue_labels().astype(np.uint8), affine_of(shift=400), '0 % of it lies in the field of'),
    ):
        save(anat / 'sub-01_dseg.nii.gz', data, affine)
        said = problem(one, tmp_path / 'x' / 'own')
        assert words in said
        assert str(anat / 'sub-01_dseg.nii.gz') in said
        assert '\n' not in said


def test_shares_must_be_shares_of_one_grid(scan, tmp_path):
    anat = put_prep(tmp_path / 'own', name='x', dseg=False)
    one, path = scan(), anat / 'sub-01_label-GM_probseg.nii.gz'
    share = np.asarray(nib.load(path).dataobj)
    for data, words in (
        (255 * share, 'holds values from 0 to 255'),
        (share[:-1], 'lies on another grid'),
        (np.ones_like(share), 'are up to 2.00 in sum'),
    ):
        save(path, data.astype(np.float32))
        assert words in problem(one, tmp_path / 'own')
    path.unlink()
    found = given(one, tmp_path / 'own')  # the mask remains
    assert found.tissues is None
    assert any('that of GM is missing' in note.text for note in found.notes)


def test_another_derivative_makes_another_input(scan, tmp_path):
    one = scan()
    put_prep(tmp_path / 'own', name='x')
    digests = {input_digest(one)}
    digests.add(input_digest(with_derivatives([one], (tmp_path / 'own',))[0]))
    again = input_digest(with_derivatives([one], (tmp_path / 'own',))[0])
    assert again in digests
    put_prep(tmp_path / 'own', name='x', labels=np.flip(tissue_labels(), 0)[1:].copy())
    digests.add(input_digest(with_derivatives([one], (tmp_path / 'own',))[0]))
    assert len(digests) == 3


def test_every_folder_has_a_name_of_its_own(tmp_path):
    folders = [tmp_path / n for n in ('a/freesurfer', 'b/freesurfer', 'raw', 'my data')]
    assert list(dataset_names(tuple(folders))) == [
        'freesurfer',
        'freesurfer-2',
        'raw-2',
        'my-data',
    ]


def test_where_derivatives_lie_is_no_part_of_the_digest(tmp_path):
    settings = Settings(tmp_path, tmp_path / 'out', derivatives=(tmp_path / 'a', tmp_path / 'b'))
    assert settings.digest() == Settings(tmp_path, tmp_path / 'out').digest()
