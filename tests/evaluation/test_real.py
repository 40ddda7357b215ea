"""Real scans: which are taken, what is measured of them, what is said of what is missing."""

import json
import sys

import brains
import nibabel as nib
import numpy as np
import pytest
from plans import make_plan
from records import make_json
from runs import validate
from scipy import ndimage
from scipy.io import savemat
from small_brain import small_brain

from ulfprep.bids.files import write_json, write_nifti
from ulfprep.bids.read.checks import check_image
from ulfprep.bids.task import Task
from ulfprep.bids.write.derivatives import COMMON, ENHANCED, QC, path_of
from ulfprep.cli.paths import check_dataset
from ulfprep.evaluation import real, without_truth
from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.publish import read_table
from ulfprep.evaluation.real import STRIPPED, find_datasets, lay_stripped, low_field_dataset
from ulfprep.evaluation.without_truth import read_outputs
from ulfprep.note import warnings_in
from ulfprep.physics import TISSUES, to_dseg
from ulfprep.physics.grid import Grid, resized_grid

SIGNALS = np.array([0, 30, 70, 110], np.float32)
SHARP = np.array([0, 20, 60, 120], np.float32)
NOISE = 3.0


def put_outputs(scan, folder):
    """Write what a run leaves of a scan: the enhanced image is the labels in other greys."""
    _, labels = small_brain()
    fine = Grid(labels.shape, np.eye(4))
    coarse = resized_grid(fine, (2.0, 2.0, 4.0))
    blocks = SIGNALS[labels].reshape(32, 2, 32, 2, 15, 4).mean(axis=(1, 3, 5))
    draw = np.random.default_rng(0).normal(0, NOISE, (2, *blocks.shape))
    preproc = np.hypot(blocks + draw[0], draw[1])
    mask = labels > 0
    probs = np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)
    images = {
        'preproc': (preproc, coarse), 'brain_mask': (blocks > 15, coarse),
        'dseg': ((blocks > 15).astype(np.uint8), coarse), 'enhanced': (SHARP[labels], fine),
        'fine_dseg': (to_dseg(probs, mask), fine), 'uncertainty': (12.0 * mask, fine),
        'entropy': (0.5 * mask, fine), 'claim': (0.75 * mask, fine),
        'residual': (1.0 * (blocks > 15), coarse),
    }  # fmt: skip
    images |= {f'fine_probseg_{t.lower()}': (p, fine) for t, p in zip(TISSUES, probs, strict=True)}
    images |= {f'probseg_{t.lower()}': (blocks / 110, coarse) for t in TISSUES}
    for one in (*COMMON, *ENHANCED):
        data, grid = images[one.key]
        write_nifti(folder / path_of(Task(scan), one), data, grid.affine)
    voxel = (2.0, 2.0, 4.0)
    plan = make_plan(
        noise_sigma=NOISE, voxel_size_mm=voxel, psf_fwhm_mm=voxel, contrast_vector=(1.0,) * 3
    )
    record = make_json(
        contrast=plan, metrics={'cnr': 9.0, 'residual_rms': 0.9, 'claim_mean': 0.75}
    )
    write_json(folder / path_of(Task(scan), QC), record)


@pytest.fixture
def made(make_dataset, tmp_path):
    dataset = low_field_dataset(make_dataset('sub-01'))
    put_outputs(dataset.scans[0], tmp_path / 'derivatives')
    return read_outputs(dataset.scans[0], tmp_path / 'derivatives')


@pytest.fixture
def stripped(tmp_path):
    """Return a folder laid out like that of the stripped scan: 1 mm, no sidecar, sform only."""
    folder = tmp_path / 'data' / STRIPPED
    folder.mkdir(parents=True)
    _, labels = small_brain()
    image = nib.Nifti1Image(ndimage.zoom(SIGNALS[labels], 2, order=1).astype(np.uint8), None)
    image.set_sform(np.eye(4), 1)
    nib.save(image, folder / 'MRI_mT_sub2.nii.gz')
    (folder / 'LICENSE').write_text('MIT\n')
    return folder


def test_the_dataset_laid_for_the_stripped_scan_passes_our_own_checks(stripped, tmp_path):
    root = lay_stripped(stripped, tmp_path / 'inputs' / STRIPPED)
    check_dataset(root)
    (scan,) = low_field_dataset(root).scans
    assert scan.name == 'sub-2_T1w'
    assert not scan.problem
    assert scan.metadata['MagneticFieldStrength'] == 0.064
    assert scan.metadata['SkullStripped'] is True
    assert scan.metadata['AcquisitionVoxelSize'] == [1.6, 1.6, 5.0]
    assert scan.path.read_bytes() == (stripped / 'MRI_mT_sub2.nii.gz').read_bytes()
    assert not warnings_in(check_image(scan.path).notes)
    assert 'khtohidulislam/ULF-MRI-Enhance' in (root / 'README').read_text()
    assert validate(root).returncode == 0


def test_datasets_are_found_one_level_deep_and_scans_of_high_field_left_out(
    make_dataset, stripped, tmp_path
):
    make_dataset('sub-01_ses-A', 'sub-02_ses-B', name='data/mine')
    make_dataset('sub-01_ses-A', name='data/mine', suffix='T2w')
    make_dataset('sub-03_ses-H', name='data/mine', metadata={'MagneticFieldStrength': 3.0})
    make_dataset('sub-01', name='data/high', metadata={'MagneticFieldStrength': 3.0})
    said = []
    found = find_datasets(tmp_path / 'data', tmp_path / 'in', say=said.append)
    assert [dataset.name for dataset in found] == ['mine', STRIPPED]
    names = [scan.name for scan in found[0].scans]
    assert names == ['sub-01_ses-A_T1w', 'sub-01_ses-A_T2w', 'sub-02_ses-B_T1w']
    assert said == [f'{tmp_path / "data/high"}: no T1w or T2w or FLAIR scan below 0.3 T in it']
    quick = find_datasets(tmp_path / 'data', tmp_path / 'in', ['T1w'], said.append)
    assert [scan.suffix for scan in quick[0].scans] == ['T1w', 'T1w']


def test_the_folder_itself_may_be_the_dataset(make_dataset, tmp_path):
    said = []
    (found,) = find_datasets(make_dataset('sub-01'), tmp_path / 'in', say=said.append)
    assert [scan.name for scan in found.scans] == ['sub-01_T1w']
    assert said == []


def test_a_folder_without_low_field_scans_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}: no T1w'):
        find_datasets(tmp_path, tmp_path / 'in', say=lambda line: None)
    with pytest.raises(FileNotFoundError, match='no such folder'):
        find_datasets(tmp_path / 'away', tmp_path / 'in')


def test_the_command_is_that_of_a_user_for_the_low_field_scans_alone(make_dataset, tmp_path):
    root = make_dataset('sub-01_ses-A', 'sub-02_ses-A')
    words = real.command(low_field_dataset(root), tmp_path / 'out', threads=2, sloppy=True)
    assert words[:6] == [
        sys.executable, '-m', 'ulfprep', str(root), f'{tmp_path}/out/derivatives/raw',
        'participant',
    ]  # fmt: skip
    text = ' '.join(words)
    for part in (
        f'-w {tmp_path}/out/work/raw', '--participant-label 01 02 --session-label A ',
        '--modalities T1w', '--nprocs 2', '--sloppy',
    ):  # fmt: skip
        assert part in text


def test_lines_of_a_run_pass_through_and_tell_why_a_scan_failed(capfd):
    code = (
        'import sys; print("sub-1 failed: so", file=sys.stderr); print("end", file=sys.stderr); '
    )
    assert real.run_command([sys.executable, '-c', code], ['sub-1']) == {}
    found = real.run_command([sys.executable, '-c', code + 'sys.exit(3)'], ['sub-1', 'sub-2'])
    assert found == {'sub-1': 'sub-1 failed: so', 'sub-2': 'end (exit status 3)'}
    assert capfd.readouterr().err.count('sub-1 failed: so\nend\n') == 2


def test_contrast_is_that_of_the_greys_and_the_rest_is_where_it_belongs(made):
    before, after = without_truth.score_scan(made, {}, 0.064, 'T1w')
    assert (before['image'], after['image']) == ('bicubic', 'ulfprep')
    assert after['contrast_wm_gm_ulfprep'] == pytest.approx(2 * 60 / 180)
    assert after['contrast_gm_csf_ulfprep'] == pytest.approx(2 * 40 / 80)
    # Blur and slices four voxels thick cost contrast under the labels.
    assert 0.2 < before['contrast_wm_gm_ulfprep'] < 2 * 40 / 180
    # The noise of the scan is that of both; white matter of the scan is about 110.
    assert after['cnr_noise_ulfprep'] == pytest.approx(60 / 120 * 110 / NOISE, rel=0.05)
    assert after['uncertainty_mean'] == pytest.approx(0.1)
    assert after['residual_rms'] == 0.9
    assert after['claim_mean'] == 0.75
    assert before['residual_rms'] > 0.5
    assert not {'claim_mean', 'uncertainty_mean'} & set(before)
    # No spread at all inside the classes of the stand-in: no number rather than infinity.
    assert 'cnr_ulfprep' not in after
    assert before['cnr_ulfprep'] > 0


@pytest.mark.parametrize('greys', [(30, 70, 110), (200, 110, 70), (30, 110, 70)])
def test_the_classes_of_the_mixture_are_named_after_the_modality(greys):
    image, labels = np.zeros((64, 64, 60), np.float32), small_brain()[1]
    for number, grey in enumerate(greys, 1):
        image[labels == number] = grey
    image += np.random.default_rng(0).normal(0, 4, image.shape).astype(np.float32)
    probs = without_truth.mixture_tissues(image, labels > 0, Grid(labels.shape, np.eye(4)), greys)
    hard = np.where(labels > 0, probs.argmax(axis=0) + 1, 0)
    assert (hard == labels)[labels > 0].mean() > 0.98


def test_a_missing_file_of_a_run_is_named(made, tmp_path):
    scan = low_field_dataset(tmp_path / 'raw').scans[0]
    path = tmp_path / 'derivatives' / 'sub-01' / 'anat' / 'sub-01_res-1mm_desc-claim_T1w.nii.gz'
    path.unlink()
    with pytest.raises(FileNotFoundError, match='desc-claim_T1w.nii.gz is missing'):
        read_outputs(scan, tmp_path / 'derivatives')


@pytest.fixture
def tables(make_dataset, monkeypatch, tmp_path):
    """Return the folder of the results of two scans, of which the second one's run fails."""
    (tmp_path / 'data').mkdir()
    root = make_dataset('sub-01_ses-A', 'sub-02_ses-A', name='data/mine')
    _put_kspace(tmp_path / 'data' / without_truth.FOLDER, sequences=['GRE'])
    (root / 'dataset_description.json').write_text(
        json.dumps({'Name': 'Two phantoms', 'BIDSVersion': '1.10.0', 'License': 'CC0'})
    )

    def run(words, names):
        first, second = low_field_dataset(root).scans
        put_outputs(first, tmp_path / 'out' / 'derivatives' / 'mine')
        return {second.name: f'{second.name} FAILED no brain'}

    monkeypatch.setattr(real, 'run_command', run)
    argv = ['real', '--data', str(tmp_path / 'data'), '--out', str(tmp_path / 'out'), '--quick']
    assert main([*argv, '--threads', '1']) == 0
    return tmp_path / 'out'


def test_every_scan_has_two_rows_and_a_failed_run_says_why(tables):
    rows = read_table(tables / 'real.tsv')
    assert rows[['scan', 'image', 'status']].values.tolist() == [
        ['sub-01_ses-A_T1w', 'bicubic', 'ok'],
        ['sub-01_ses-A_T1w', 'ulfprep', 'ok'],
        ['sub-02_ses-A_T1w', 'bicubic', 'failed: sub-02_ses-A_T1w FAILED no brain'],
        ['sub-02_ses-A_T1w', 'ulfprep', 'failed: sub-02_ses-A_T1w FAILED no brain'],
    ]
    assert rows['voxel'][0] == '2x2x4'
    assert rows['contrast_wm_gm_ulfprep'][1] == pytest.approx(2 / 3, rel=1e-4)


def test_the_page_tells_origin_bias_and_what_is_missing(tables):
    text = (tables / 'real.md').read_text()
    for part in (
        'Date: 20', 'commit ', 'processors', 'real --data DATA --out OUT --quick', 'Two phantoms',
        'CC0', 'flatters ulfprep', 'which flatters it', 'FAILED no brain', '0.667',
        '0.055T_FSE_kspace_postEMI.mat is missing',
    ):  # fmt: skip
        assert part in text, part
    assert str(tables.parent) not in text


def test_a_picture_is_drawn_of_what_worked_alone(tables):
    names = sorted(path.name for path in (tables / 'pictures').iterdir())
    assert names == ['mine_sub-01_ses-A_T1w.pdf', 'mine_sub-01_ses-A_T1w.png']
    data = (tables / 'pictures' / names[1]).read_bytes()
    assert data.startswith(b'\x89PNG')
    assert len(data) < 600_000


def _put_kspace(folder, sequences=('GRE', 'FSE'), sigma=0.05, shape=(96, 96, 4)):
    """Write k-space and image of a bright disc in white complex noise, as the 55 mT set has it."""
    folder.mkdir(parents=True)
    x, y = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape[:2]], indexing='ij')
    head = np.repeat((np.hypot(x, y) < 0.6)[..., None] * (1 + 0.1 * x[..., None]), shape[2], 2)
    for seed, name in enumerate(sequences):
        draw = np.random.default_rng(seed).normal(0, sigma, (2, *shape))
        image = head * np.exp(0.5j) + draw[0] + 1j * draw[1]
        space = np.fft.fft2(np.fft.ifftshift(image, axes=(0, 1)), axes=(0, 1))
        savemat(folder / f'0.055T_{name}_kspace_postEMI.mat', {'kspace': space})
        wide = np.pad(np.fft.fftshift(space, axes=(0, 1)), ((48, 48), (48, 48), (0, 0)))
        image = np.fft.ifft2(np.fft.ifftshift(wide, axes=(0, 1)), axes=(0, 1)) * 4
        savemat(folder / f'0.055T_{name}.mat', {'image': np.fft.fftshift(image, axes=(0, 1))})


def test_white_complex_noise_is_found_to_be_just_that(tmp_path):
    _put_kspace(tmp_path / without_truth.FOLDER)
    rows = without_truth.noise_rows(tmp_path)
    assert [(row['sequence'], row['reconstruction']) for row in rows] == [
        ('GRE', 'native'), ('GRE', 'zero-filled'), ('FSE', 'native'), ('FSE', 'zero-filled'),
    ]  # fmt: skip
    for row in rows:
        assert row['status'] == 'ok'
        for name in ('ratio_rayleigh', 'ratio_estimate', 'ratio_brain'):
            assert row[name] == pytest.approx(1, abs=0.1), (name, row)
        assert row['ks_rayleigh'] < 0.02
        assert row['ks_real'] < 0.02
        assert abs(row['kurtosis_real']) < 0.15
        assert row['uneven'] < 1.1
    native = rows[0]
    assert native['sd_real'] == pytest.approx(0.05, rel=0.05)
    assert native['noise_snr'] == pytest.approx(20, rel=0.05)
    assert native['detail'] == pytest.approx(1, abs=0.05)
    assert 'detail' not in rows[1]


def test_noise_that_is_stronger_on_one_side_is_told_from_even_noise():
    draw = np.random.default_rng(0).normal(0, 0.05, (2, 96, 96, 4))
    draw[:, :48] *= 3
    x, y = np.meshgrid(*[np.linspace(-1, 1, 96)] * 2, indexing='ij')
    head = np.repeat((np.hypot(x, y) < 0.6)[..., None], 4, axis=2)
    found = without_truth.noise_scores(head + draw[0] + 1j * draw[1], (1.0, 1.0, 5.0))
    assert found['uneven'] > 2
    assert found['kurtosis_real'] > 0.5
    assert found['ks_rayleigh'] > 0.05


def test_a_broken_file_of_the_noise_set_is_a_row_that_names_it(tmp_path):
    _put_kspace(tmp_path / without_truth.FOLDER, sequences=['GRE'])
    savemat(
        tmp_path / without_truth.FOLDER / '0.055T_FSE_kspace_postEMI.mat', {'other': np.ones(3)}
    )
    (tmp_path / without_truth.FOLDER / '0.055T_GRE.mat').write_bytes(b'no matlab at all' * 20)
    rows = without_truth.noise_rows(tmp_path)
    assert [row['status'].partition(':')[0] for row in rows] == ['ok', *['failed'] * 3]
    assert '0.055T_GRE.mat: not a readable MATLAB file' in rows[1]['status']
    assert 'FSE_kspace_postEMI.mat: kspace must be a complex array' in rows[2]['status']


def test_without_scans_and_noise_the_command_says_so_in_one_line(tmp_path, capsys):
    assert main(['real', '--data', str(tmp_path), '--out', str(tmp_path / 'out')]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == f'{tmp_path}: no T1w or T2w or FLAIR scan below 0.3 T'


@pytest.mark.realdata
def test_noise_of_the_real_complex_set_is_close_to_rayleigh():
    rows = without_truth.noise_rows(brains.data_folder())
    assert len(rows) == 4
    for row in rows:
        assert row['status'] == 'ok'
        assert row['ratio_estimate'] == pytest.approx(1, abs=0.12)
        assert row['ratio_rayleigh'] == pytest.approx(1, abs=0.05)
        assert row['ks_real'] < 0.03
        assert row['ks_rayleigh'] < 0.06
        assert abs(row['correlation']) < 0.02


@pytest.mark.realdata
def test_the_real_stripped_scan_and_dataset_are_found(tmp_path):
    found = find_datasets(brains.data_folder(), tmp_path, say=lambda line: None)
    assert {dataset.name for dataset in found} == {'ulf64mt_lowgan_bids', STRIPPED}
    assert sum(len(dataset.scans) for dataset in found) == 4
    assert validate(tmp_path / STRIPPED).returncode == 0
