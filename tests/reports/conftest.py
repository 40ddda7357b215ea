"""A phantom scan as files, its figures, and an output folder as a finished run leaves it."""

import json
import shutil

import pytest
from browser import browser
from phantom_files import make_files
from plans import make_plan
from records import RECORD, make_json

from ulfprep.reports.drawing.figures import plot_scan
from ulfprep.reports.drawing.volumes import load


@pytest.fixture(scope='module')
def chromium():
    with browser('--enable-unsafe-swiftshader') as found:
        yield found


@pytest.fixture(scope='session')
def plan():
    return make_plan()


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
    return RECORD.fit | {'history': history, 'options': options}


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """Images of a scan of 112 x 136 x 40 voxels and of its 1 mm results."""
    return make_files(tmp_path_factory.mktemp('images'))


@pytest.fixture(scope='session')
def coarse_files(tmp_path_factory):
    """The same at a quarter of the resolution, for what is quick to draw."""
    return make_files(tmp_path_factory.mktemp('coarse'), coarsen=4)


@pytest.fixture(scope='session')
def volumes(coarse_files):
    return {name: load(path) for name, path in coarse_files.items()}


@pytest.fixture(scope='session')
def drawn(tmp_path_factory, files, plan, fit):
    """All figures of the full-size scan."""
    prefix = tmp_path_factory.mktemp('figures') / 'sub-01'
    return plot_scan(prefix, direction='enhance', plan=plan, fit=fit, **files)


@pytest.fixture
def qc(plan, fit):
    """The content of the QC file of a finished scan."""
    return json.loads(json.dumps(make_json(contrast=plan, fit=fit)))


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
