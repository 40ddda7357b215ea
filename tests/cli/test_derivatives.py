"""Runs with --derivatives, end to end."""

import json

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, put_freesurfer, put_prep, tissue_labels
from runs import notes, quality, validate

pytestmark = pytest.mark.usefixtures('in_process')

SHAPE, ZOOMS = (60, 64, 24), (2.0, 2.0, 5.0)


def scan_and_field():
    """Return a scan of the derivatives' phantom with a bias field."""
    labels = tissue_labels(SHAPE)
    x = np.linspace(-1, 1, SHAPE[0])[:, None, None]
    field = np.exp(0.3 * x) * np.ones(SHAPE)
    noise = np.random.default_rng(0).normal(0, 2, (2, *SHAPE))
    clean = np.choose(labels, (0.0, 30.0, 90.0, 120.0))
    image = np.hypot(clean * field + noise[0], noise[1]).astype(np.float32)
    return nib.Nifti1Image(image, affine_of(SHAPE, ZOOMS)), field


def load(path):
    return np.asanyarray(nib.load(path).dataobj)


def expect_tissues(anat):
    """Expect those of the phantom."""
    dseg, truth = load(anat / 'sub-01_dseg.nii.gz'), tissue_labels(SHAPE)
    for number, label in ((1, 3), (2, 1), (3, 2)):
        assert dice(dseg == label, truth == number) > 0.85


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def test_mask_tissues_and_bias_of_fmriprep_are_what_ends_in_the_outputs(
    make_dataset, run, tmp_path, capsys
):
    image, field = scan_and_field()
    root = make_dataset('sub-01', image=image)
    corrected = nib.Nifti1Image(5 * image.get_fdata() / field, image.affine)
    put_prep(tmp_path / 'fmriprep', corrected=corrected)
    assert run(root, '-d', tmp_path / 'fmriprep') == 0
    said = 'from --derivatives: brain mask (sub-01_desc-brain_mask.nii.gz of fmriprep), tissues ('
    assert said in capsys.readouterr().err
    anat = tmp_path / 'out/sub-01/anat'
    truth = tissue_labels(SHAPE)
    assert dice(load(anat / 'sub-01_desc-brain_mask.nii.gz') > 0, truth > 0) > 0.97
    expect_tissues(anat)
    inside = truth > 0
    ratio = image.get_fdata() / load(anat / 'sub-01_desc-preproc_T1w.nii.gz')
    assert np.log(ratio / field)[inside].std() < 0.01
    qc = quality(tmp_path / 'out')
    assert qc['precomputed']['mask'] == ['bids:fmriprep:sub-01/anat/sub-01_desc-brain_mask.nii.gz']
    assert len(qc['precomputed']['tissues']) == 3
    assert 'probseg.nii.gz and 2 more of fmriprep' in qc['segmentation']['method']
    told = ' '.join(notes(qc))
    for words in ('Brain mask, brought onto', 'Tissues were not', 'The bias field is that'):
        assert words in told
    for words in ('The brain mask of other software', 'Tissues (CSF, GM, WM) were those of other'):
        assert words in qc['methods']
    assert 'deepbet' not in qc['methods']
    sidecar = json.loads((anat / 'sub-01_res-1mm_desc-enhanced_T1w.json').read_text())
    assert len(sidecar['Sources']) == 6
    sidecar = json.loads((anat / 'sub-01_desc-brain_mask.json').read_text())
    assert 'taken from sub-01_desc-brain_mask.nii.gz of fmriprep' in sidecar['Description']
    description = json.loads((tmp_path / 'out/dataset_description.json').read_text())
    assert description['DatasetLinks']['fmriprep'] == '../fmriprep'
    report = (tmp_path / 'out/sub-01.html').read_text()
    assert 'instead of computed: brain mask, tissues, bias field' in report
    done = validate(tmp_path / 'out')
    assert done.returncode == 0, done.stdout + done.stderr
    capsys.readouterr()
    assert run(root, '-d', tmp_path / 'fmriprep') == 0
    assert 'finished before with the same settings' in capsys.readouterr().err
    # Another mask is another input.
    put_prep(tmp_path / 'fmriprep', labels=np.roll(tissue_labels(), 1, 0), corrected=corrected)
    assert run(root, '-d', tmp_path / 'fmriprep') == 0
    assert 'finished before' not in capsys.readouterr().err


def test_freesurfer_gives_mask_and_tissues_and_the_bias_is_measured(make_dataset, run, tmp_path):
    image, _ = scan_and_field()
    root = make_dataset('sub-01', image=image)
    put_freesurfer(tmp_path / 'subjects')
    assert run(root, '-d', tmp_path / 'subjects') == 0
    anat = tmp_path / 'out/sub-01/anat'
    expect_tissues(anat)
    qc = quality(tmp_path / 'out')
    assert set(qc['precomputed']) == {'mask', 'tissues'}
    assert 'local reference' in qc['methods']


def test_an_image_that_was_denoised_is_not_taken_and_no_source(make_dataset, run, tmp_path):
    from scipy import ndimage

    image, field = scan_and_field()
    root = make_dataset('sub-01', image=image)
    smooth = ndimage.gaussian_filter(image.get_fdata() / field, 1)
    put_prep(tmp_path / 'prep', corrected=nib.Nifti1Image(smooth, image.affine))
    assert run(root, '-d', tmp_path / 'prep') == 0
    anat = tmp_path / 'out/sub-01/anat'
    qc = quality(tmp_path / 'out')
    assert set(qc['precomputed']) == {'mask', 'tissues'}
    assert any('the bias field was not taken from' in note for note in notes(qc))
    sidecar = (anat / 'sub-01_desc-preproc_T1w.json').read_text()
    assert 'prep:sub-01/anat/sub-01_desc-preproc' not in sidecar


def test_a_bad_derivative_costs_its_scan_and_no_other(make_dataset, run, tmp_path, capsys):
    image, _ = scan_and_field()
    root = make_dataset('sub-01', 'sub-02', image=image)
    for subject in ('sub-01', 'sub-02'):
        put_prep(tmp_path / 'prep', subject)
    bad = tmp_path / 'prep/sub-01/anat/sub-01_desc-brain_mask.nii.gz'
    bad.write_bytes(b'')
    assert run(root, '--derivatives', tmp_path / 'prep') == 1
    said = capsys.readouterr().err
    assert f'{bad}: the file is empty' in said
    assert 'Traceback' not in said
    assert (tmp_path / 'out/sub-02/anat/sub-02_desc-qc_T1w.json').is_file()
    assert not (tmp_path / 'out/sub-01/anat/sub-01_desc-qc_T1w.json').exists()


def test_what_earlier_runs_referred_to_stays_linked(make_dataset, run, tmp_path):
    image, _ = scan_and_field()
    root = make_dataset('sub-01', 'sub-02', image=image)
    put_prep(tmp_path / 'prep')
    assert run(root, '-d', tmp_path / 'prep', '--participant-label', '01') == 0
    assert run(root, '--participant-label', '02') == 0
    links = json.loads((tmp_path / 'out/dataset_description.json').read_text())['DatasetLinks']
    assert links == {'raw': '../raw', 'prep': '../prep'}
