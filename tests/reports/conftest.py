"""A phantom scan as files, its figures, and an output folder as a finished run leaves it."""

import json
import shutil

import numpy as np
import pytest

ZOOMS = (1.6, 1.6, 5.0)
SHAPE = (112, 136, 40)
FIELD_OF_VIEW = np.array(SHAPE) * ZOOMS


def head(shape, zooms):
    """Return the BIDS labels of nested ellipsoids: ventricles, white matter, cortex, rim."""
    axes = [(np.arange(n) + 0.5) * z - n * z / 2 for n, z in zip(shape, zooms, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt((x / 65) ** 2 + (y / 80) ** 2 + (z / 60) ** 2)
    # Folds, so that outlines have the length that those of a brain have.
    fold = radius + 0.05 * np.sin(x / 4) * np.sin(y / 4) * np.sin(z / 5)
    labels = np.zeros(shape, np.uint8)
    labels[radius < 1] = 3
    labels[fold < 0.95] = 1
    labels[fold < 0.8] = 2
    labels[np.sqrt((np.abs(x) - 12) ** 2 / 8**2 + y**2 / 30**2 + z**2 / 15**2) < 1] = 3
    return labels


def save(path, data, affine):
    import nibabel as nib

    nib.save(nib.Nifti1Image(np.ascontiguousarray(data), affine), path)
    return path


def grid_affine(zooms, rotation=None):
    """Affine of a grid centred in the scanner, its axes turned by ``rotation``."""
    rotation = np.eye(3) if rotation is None else rotation
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.asarray(zooms)
    affine[:3, 3] = -rotation @ (FIELD_OF_VIEW / 2) + affine[:3, :3] @ [0.5, 0.5, 0.5]
    return affine


def make_files(folder, coarsen=1):
    """Write all images of a scan; ``coarsen`` enlarges the voxels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    zooms = np.array(ZOOMS) * coarsen
    shape = tuple(np.array(SHAPE) // coarsen)
    fine_zooms = np.full(3, 1.0 * coarsen)
    fine_shape = tuple(np.round(FIELD_OF_VIEW / fine_zooms).astype(int))
    scan_affine, fine_affine = grid_affine(zooms), grid_affine(fine_zooms)
    labels, fine = head(shape, zooms), head(fine_shape, fine_zooms)
    grey = np.array([0, 300, 400, 120], np.float32)
    noise = rng.standard_normal(shape).astype(np.float32)
    image = np.abs(grey[labels] + 18 * noise)
    ramp = np.linspace(0.85, 1.15, shape[0], dtype=np.float32)[:, None, None]
    field = np.broadcast_to(ramp, shape)
    enhanced = grey[fine] * 1.02
    spread = np.where(fine > 0, 12, 0).astype(np.float32)
    # Every voxel of grey matter became white matter by a quarter.
    grew = labels == 1
    return {
        'scan': save(folder / 'scan.nii.gz', image * field, scan_affine),
        'preproc': save(folder / 'preproc.nii.gz', image, scan_affine),
        'bias_field': save(folder / 'field.nii.gz', field, scan_affine),
        'brain_mask': save(folder / 'mask.nii.gz', (labels > 0).astype(np.uint8), scan_affine),
        'dseg': save(folder / 'dseg.nii.gz', labels, scan_affine),
        'bicubic': save(folder / 'bicubic.nii.gz', enhanced * 0.95 + 5, fine_affine),
        'enhanced': save(folder / 'enhanced.nii.gz', enhanced, fine_affine),
        'fine_dseg': save(folder / 'fine.nii.gz', fine, fine_affine),
        'residual': save(folder / 'residual.nii.gz', noise * (labels > 0), scan_affine),
        'uncertainty': save(folder / 'uncertainty.nii.gz', spread, fine_affine),
        'entropy': save(folder / 'entropy.nii.gz', spread / 12, fine_affine),
        'claim': save(folder / 'claim.nii.gz', spread / 24, fine_affine),
        'tissue_change': save(folder / 'c.nii.gz', np.float32(0.25) * grew, scan_affine),
        'tissue_move': save(folder / 'm.nii.gz', np.uint8(4) * grew, scan_affine),
    }


@pytest.fixture(scope='session')
def plan():
    return {
        'direction': 'enhance',
        'source_field_T': 0.064,
        'target_field_T': 3.0,
        'source_sequence': {'kind': 'IR-FSE', 'inversion_time': 0.3},
        'target_sequence': {'kind': 'MPRAGE', 'inversion_time': 0.9},
        'defaults_used': ['InversionTime is not in the sidecar: 0.3 assumed'],
        'tissues': ['CSF', 'GM', 'WM'],
        'means': [120.0, 300.0, 400.0],
        'standard_errors': [2.0, 1.0, 1.0],
        'snr': [6.7, 16.7, 22.2],
        'noise_sigma': 18.0,
        'noise_method': 'Rayleigh background',
        'target_means': [110.0, 260.0, 400.0],
        'contrast_vector': [1.09, 1.15, 1.0],
        'source_contrast': {'WM-GM': 0.286, 'GM-CSF': 0.857, 'WM-CSF': 1.077},
        'target_contrast': {'WM-GM': 0.424, 'GM-CSF': 0.811, 'WM-CSF': 1.137},
        'rank': 3,
        'condition_number': 14.2,
        'equations': [
            {'name': 'WM-GM', 'target': 5.6, 'achieved': 5.5, 'residual': -0.1, 'weight': 1.0}
        ],
        'active_bounds': [],
        'psf_fwhm_mm': [1.6, 1.6, 5.0],
        'psf_source': 'voxel size of the file',
        'voxel_size_mm': [1.6, 1.6, 5.0],
    }


@pytest.fixture(scope='session')
def history():
    steps = list(range(10, 210, 10))
    return {
        'step': steps,
        'epoch': list(range(1, 21)),
        'residual_rms': [1 + 3 / s for s in steps],
        'total': [100.0 / s + 1 for s in steps],
        'data': [80.0 / s + 0.8 for s in steps],
        'tv': [0.0 for _ in steps],
    }


@pytest.fixture(scope='session')
def fit(history):
    """What a QC record holds of a fit."""
    options = {'steps': 200, 'epochs': 20, 'patience': 8, 'weight_tv': 0.4}
    return {'history': history, 'options': options, 'stopped': 'epochs', 'device': 'cpu'}


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """Images of a scan of 112 x 136 x 40 voxels and of its 1 mm results."""
    return make_files(tmp_path_factory.mktemp('images'))


@pytest.fixture(scope='session')
def coarse_files(tmp_path_factory):
    """The same at a quarter of the resolution, for what is quick to draw."""
    return make_files(tmp_path_factory.mktemp('coarse'), coarsen=4)


@pytest.fixture(scope='session')
def drawn(tmp_path_factory, files, plan, fit):
    """All figures of the full-size scan, and the CPU-seconds they took."""
    import time

    from ulfprep.reports.drawing.figures import plot_scan

    prefix = tmp_path_factory.mktemp('figures') / 'sub-01'
    start = time.process_time()
    figures = plot_scan(prefix, direction='enhance', plan=plan, fit=fit, **files)
    return figures, time.process_time() - start


@pytest.fixture
def qc(plan, fit):
    """A QC record of a finished scan."""
    return {
        'entities': {'subject': '01', 'session': None},
        'source': 'bids:raw:sub-01/anat/sub-01_T1w.nii.gz',
        'direction': 'enhance',
        'metrics': {'residual_rms': 1.02, 'lpips': None},
        'null_reasons': {'lpips': 'there is no reference image'},
        'notes': ['The scan came with its skull.'],
        'contrast': json.loads(json.dumps(plan)),
        'segmentation': {'method': 'embedded HMRF-EM', 'means': [1, 2, 3], 'sds': [1, 1, 1]},
        'fit': fit,
        'methods': 'The bias field was corrected with N4 [@n4].',
        'settings': {'random_seed': 1, 'segmentation': 'auto'},
        'settings_hash': '0123456789ab',
        'seed': 1,
        'versions': {'ulfprep': '0.1.0', 'python': '3.11'},
    }


@pytest.fixture
def add_scan(tmp_path, drawn):
    """Return a function that puts a finished scan into the output folder ``tmp_path``."""

    def add(stem, record, leave_out=()):
        subject = stem.split('_')[0]
        session = next((e for e in stem.split('_') if e.startswith('ses-')), '')
        anat = tmp_path / subject / session / 'anat'
        figures = tmp_path / subject / 'figures'
        anat.mkdir(parents=True, exist_ok=True)
        figures.mkdir(parents=True, exist_ok=True)
        if record is not None:
            (anat / f'{stem}_desc-qc_T1w.json').write_text(json.dumps(record))
        for name, path in drawn[0].items():
            if name not in leave_out:
                shutil.copy(path, figures / f'{stem}_desc-{name}_T1w.svg')

    return add
