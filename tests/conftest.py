"""Small datasets, and quick runs of the true core on them, for all tests."""

import importlib
import shutil
from pathlib import Path
from unittest.mock import create_autospec

import nibabel as nib
import numpy as np
import pytest
from dataset_files import begin_dataset, write_scan

ZOOMS = (6.0, 6.0, 7.5)
SHAPE = (16, 16, 13)


def pytest_collection_modifyitems(items):
    """Fast tests first: the runs of the whole command come last."""
    items.sort(key=lambda item: 'integration' in item.path.parts)


def phantom_image(shape=SHAPE, zooms=ZOOMS, noise=3.0, seed=0) -> nib.Nifti1Image:
    """Return a stripped brain of folded shells: CSF around GM around WM around CSF.

    By default it holds some 340 ml, hardly more than the least that passes for a brain, in
    voxels so large that a sloppy run on it takes a second or two.
    """
    sizes = np.array(shape) * zooms
    axes = [(np.arange(n) - (n - 1) / 2) * zoom for n, zoom in zip(shape, zooms, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = 2 * np.sqrt((x / sizes[0]) ** 2 + (y / sizes[1]) ** 2 + (z / sizes[2]) ** 2)
    radius += 0.03 * np.sin(x / 4) * np.cos(y / 4)
    data = np.zeros(shape)
    for limit, value in ((0.9, 30.0), (0.8, 90.0), (0.6, 120.0), (0.2, 30.0)):
        data[radius < limit] = value
    noise = np.random.default_rng(seed).normal(0, noise, shape)
    data = np.where(data > 0, np.maximum(data + noise, 1), 0)
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    image = nib.Nifti1Image(data.astype(np.float32), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image


def write_dataset(root, *stems, metadata=None, image=None, suffix='T1w') -> Path:
    """Write a BIDS dataset, or more scans into it, and return its folder.

    Stems are such as ``sub-01_ses-A_acq-x_run-1``; every scan is the phantom with a sidecar that
    states 64 mT, unless ``metadata`` says otherwise.
    """
    sidecar = {'MagneticFieldStrength': 0.064} if metadata is None else metadata
    begin_dataset(root)
    for stem in stems:
        write_scan(root, f'{stem}_{suffix}', image or phantom_image(), sidecar)
    return root


@pytest.fixture
def make_dataset(tmp_path):
    """Return :func:`write_dataset` with the folder's name as an option: ``raw`` by default."""

    def make(*stems, name='raw', **more) -> Path:
        return write_dataset(tmp_path / name, *stems, **more)

    return make


def _in_this_process(calls, at_once, bound_gb, logs):
    from ulfprep.workflows.engine.pool import Ended

    for call in calls:
        yield Ended(call.name, call.function(*call.arguments, tell=lambda step: None), 0.0)


def _empty_figures(out_prefix, *, direction, only=None, **files):
    from ulfprep.bids.write.derivatives import FIGURES

    for name in FIGURES[direction]:
        if only is None or name in only:
            Path(f'{out_prefix}_desc-{name}.svg').write_text('<svg/>')


def _stay_in_process(patch) -> None:
    patch.setattr('ulfprep.workflows.engine.pool.in_children', _in_this_process)
    figures = importlib.import_module('ulfprep.reports.drawing.figures')
    drawn = create_autospec(figures.plot_scan, side_effect=_empty_figures)
    patch.setattr(figures, 'plot_scan', drawn)


@pytest.fixture
def in_process(monkeypatch):
    """Run scans in this process and leave their figures empty, which take longer than the rest.

    Everything else is the true core. What children do is tested in tests/faults and
    tests/workflows, what figures show in tests/reports.
    """
    _stay_in_process(monkeypatch)


@pytest.fixture(scope='session')
def finished_once(tmp_path_factory):
    """Return a folder with a dataset of sub-01 (``raw``) and a run of it (``out``, ``wörk dir``).

    Of all tests that begin where a scan is finished; none may change it.
    """
    from runs import QUICK

    from ulfprep.cli.main import main

    base = tmp_path_factory.mktemp('finished')
    root = write_dataset(base / 'raw', 'sub-01')
    with pytest.MonkeyPatch.context() as patch:
        _stay_in_process(patch)
        folders = [str(root), str(base / 'out'), 'participant', '-w', str(base / 'wörk dir')]
        assert main([*folders, *QUICK]) == 0
    return base


@pytest.fixture
def finished(finished_once, tmp_path, in_process) -> Path:
    """Return a dataset of sub-01, which is finished in ``out`` beside it."""
    shutil.copytree(finished_once, tmp_path, dirs_exist_ok=True, copy_function=shutil.copy2)
    return tmp_path / 'raw'


@pytest.fixture
def phantom():
    """Return the phantom as an image."""
    return phantom_image()
