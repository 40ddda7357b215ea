"""A phantom scan as files, its figures, and an output folder as a finished run leaves it."""

import json
import shutil

import pytest
from phantom_files import make_files


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
    """All figures of the full-size scan."""
    from ulfprep.reports.drawing.figures import plot_scan

    prefix = tmp_path_factory.mktemp('figures') / 'sub-01'
    return plot_scan(prefix, direction='enhance', plan=plan, fit=fit, **files)


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
        for name, path in drawn.items():
            if name not in leave_out:
                shutil.copy(path, figures / f'{stem}_desc-{name}_T1w.svg')

    return add
