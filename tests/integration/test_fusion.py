"""Sessions of several simulated scans through the whole command, quick settings."""

import json

import nibabel as nib
import numpy as np
import pytest
from runs import run_ulfprep, validate
from sessions import MIDDLE, motion, scan_of, write_session

AXIAL, CORONAL = (2.4, 2.4, 6.0), (2.4, 6.0, 2.4)


def run(base, scans, *args):
    root = write_session(base / 'raw', scans)
    done = run_ulfprep(
        root, base / 'out', 'participant', '-w', base / 'work', '--sloppy', '--device', 'cpu',
        '--nprocs', 1, *args,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return base / 'out', done


@pytest.fixture(scope='module')
def orthogonal(tmp_path_factory):
    scans = {
        'sub-01_ses-A_acq-axi_T1w': scan_of(voxel=AXIAL, seed=1),
        'sub-01_ses-A_acq-cor_T1w': scan_of(voxel=CORONAL, moved=motion(), seed=2),
    }
    return run(tmp_path_factory.mktemp('orthogonal'), scans, '--fuse', 'runs')


@pytest.fixture(scope='module')
def contrasts(tmp_path_factory):
    scans = {
        'sub-02_T1w': scan_of(seed=3),
        'sub-02_T2w': scan_of('T2w', moved=motion(-4.0, (1.0, 2.0, 3.0)), seed=4),
    }
    more = ('--fuse', 'contrasts', '--modalities', 'T1w', 'T2w')
    return run(tmp_path_factory.mktemp('contrasts'), scans, *more)


def quality(folder, stem, suffix='T1w'):
    return json.loads((folder / f'{stem}_desc-qc_{suffix}.json').read_text())


def test_two_orthogonal_scans_become_one_image(orthogonal):
    out, _ = orthogonal
    anat = out / 'sub-01/ses-A/anat'
    assert [p.name for p in anat.glob('*enhanced*.nii.gz')] == [
        'sub-01_ses-A_res-1mm_desc-enhanced_T1w.nii.gz'
    ]
    qc = quality(anat, 'sub-01_ses-A')
    (found,) = qc['fusion']['registrations']
    assert found['rotation_deg'] == pytest.approx(6, abs=0.5)
    assert np.allclose(np.array(found['transform'])[:3, :3], motion()[:3, :3], atol=0.01)
    middle = np.array([*MIDDLE, 1.0])
    assert np.linalg.norm((found['transform'] @ middle - motion() @ middle)[:3]) < 0.7
    # Both scans are explained down to their noise, each on its own grid.
    for name in ('acq-axi', 'acq-cor'):
        stem = f'sub-01_ses-A_{name}'
        assert 0.7 < quality(anat, stem)['metrics']['residual_rms'] < 1.3
        residual = nib.load(anat / f'{stem}_desc-residual_T1w.nii.gz')
        scan = nib.load(anat / f'{stem}_desc-preproc_T1w.nii.gz')
        assert residual.shape == scan.shape
        assert np.allclose(residual.affine, scan.affine)


def test_a_fused_image_is_closer_to_the_brain_than_one_scan(orthogonal):
    """Against the same brain scanned at 2 mm without noise; cubic interpolation of the first."""
    from scipy import ndimage

    out, _ = orthogonal
    anat = out / 'sub-01/ses-A/anat'
    enhanced = nib.load(anat / 'sub-01_ses-A_res-1mm_desc-enhanced_T1w.nii.gz')
    truth = scan_of(voxel=(2.0, 2.0, 2.0), noise=0.0)
    scan = nib.load(anat / 'sub-01_ses-A_acq-axi_desc-preproc_T1w.nii.gz')

    def here(image, order):
        index = np.linalg.inv(image.affine) @ truth.affine
        data = image.get_fdata()
        return ndimage.affine_transform(
            data, index[:3, :3], index[:3, 3], truth.shape, order=order
        )

    brain = ndimage.binary_erosion(truth.get_fdata() > 0, iterations=3)
    wanted = truth.get_fdata()[brain]
    fused = np.corrcoef(here(enhanced, 1)[brain], wanted)[0, 1]
    single = np.corrcoef(here(scan, 3)[brain], wanted)[0, 1]
    assert fused > single + 0.01


def test_two_contrasts_share_grid_and_tissues(contrasts):
    out, _ = contrasts
    anat = out / 'sub-02/anat'
    images = [nib.load(anat / f'sub-02_res-1mm_desc-enhanced_{k}.nii.gz') for k in ('T1w', 'T2w')]
    assert images[0].shape == images[1].shape
    assert np.allclose(images[0].affine, images[1].affine)
    tissues = [nib.load(anat / f'sub-02_res-1mm_{k}dseg.nii.gz') for k in ('', 'desc-T2w_')]
    labels = np.asarray(tissues[0].dataobj)
    assert np.mean(labels == np.asarray(tissues[1].dataobj)) > 0.999
    # Bright in the one, dark in the other: CSF.
    csf, white = ([np.median(image.get_fdata()[labels == k]) for image in images] for k in (3, 2))
    assert csf[0] < white[0]
    assert csf[1] > white[1]


@pytest.mark.parametrize('which', ['orthogonal', 'contrasts'])
def test_fused_derivatives_pass_the_validator(which, request):
    out, _ = request.getfixturevalue(which)
    done = validate(out)
    assert done.returncode == 0, done.stdout[-3000:]
    (report,) = out.glob('*.html')
    assert 'No errors' in report.read_text()
