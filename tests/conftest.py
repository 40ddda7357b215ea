"""Small datasets and a small stand-in for the slow core, for all tests."""

import importlib
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

ZOOMS = (4.0, 4.0, 5.0)


def pytest_collection_modifyitems(items):
    """Fast tests first: the runs of the whole command come last."""
    items.sort(key=lambda item: 'integration' in item.path.parts)


SHAPE = (30, 32, 24)


def phantom_image(shape=SHAPE, zooms=ZOOMS, noise=3.0, seed=0) -> nib.Nifti1Image:
    """Return a head of nested ellipsoids: skull-free brain with WM, GM and CSF."""
    axes = [np.linspace(-1, 1, n) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt(x**2 + y**2 + z**2)
    data = np.zeros(shape)
    for limit, value in ((0.9, 30.0), (0.8, 90.0), (0.6, 120.0), (0.2, 30.0)):
        data[radius < limit] = value
    rng = np.random.default_rng(seed)
    data = np.hypot(data + rng.normal(0, noise, shape), rng.normal(0, noise, shape))
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -np.array(zooms) * (np.array(shape) - 1) / 2
    image = nib.Nifti1Image(data.astype(np.float32), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image


@pytest.fixture
def make_dataset(tmp_path):
    """Return a function that writes a BIDS dataset and returns its folder.

    It takes stems such as ``sub-01_ses-A_acq-x_run-1``; every scan is the phantom with
    a sidecar that states 64 mT, unless ``metadata`` says otherwise.
    """

    def make(*stems, metadata=None, image=None, name='raw', suffix='T1w') -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        (root / 'dataset_description.json').write_text(
            json.dumps({'Name': 'Phantoms', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'})
        )
        (root / 'README').write_text('Made by a test: nested ellipsoids, no person.\n')
        sidecar = {'MagneticFieldStrength': 0.064} if metadata is None else metadata
        for stem in stems:
            parts = stem.split('_')
            folder = root.joinpath(*[p for p in parts if p.startswith(('sub-', 'ses-'))], 'anat')
            folder.mkdir(parents=True, exist_ok=True)
            nib.save(image or phantom_image(), folder / f'{stem}_{suffix}.nii.gz')
            (folder / f'{stem}_{suffix}.json').write_text(json.dumps(sidecar))
        return root

    return make


def _fake_brain() -> ModuleType:
    module = ModuleType('ulfprep.segmentation.brain')
    module.looks_stripped = lambda image, zooms, expected=None: (
        True,
        'The background is zero: no skull.',
    )
    module.shows_a_head = lambda image, zooms: False
    module.brain_mask = lambda image, zooms, stripped, expected=None: image > 15
    return module


def _fake_tissue() -> ModuleType:
    def segment(image, mask, zooms, *, spacing=1.0, acquired=None, psf='gaussian', expected=None):
        classes = np.digitize(image, [60, 105])
        probs = np.stack([(classes == k) & mask for k in range(3)]).astype(np.float32)
        return SimpleNamespace(
            probs=probs,
            means=np.array([30, 90, 120]),
            sds=np.array([3, 3, 3]),
            fine=None,
            unmixed=False,
            surprise=None,
            noise=None,
            method='embedded HMRF-EM',
        )

    module = ModuleType('ulfprep.segmentation.tissue')
    module.segment = segment
    return module


def _fake_learned() -> ModuleType:
    def learned_tissues(runs, spacing):
        from ulfprep.physics.grid import isotropic_grid

        first = runs[0]
        classes = np.digitize(first.image, [60, 105])
        probs = np.stack([(classes == k) & first.mask for k in range(3)]).astype(np.float32)
        fine = np.ones((3, *isotropic_grid(first.grid, spacing).shape), np.float32) / 3
        return SimpleNamespace(
            probs=probs,
            means=np.array([30, 90, 120]),
            sds=np.array([3, 3, 3]),
            fine=None if len(runs) == 1 else fine,
            unmixed=True,
            surprise=first.mask.astype(np.float32),
            noise=None,
            method='the network',
        )

    module = ModuleType('ulfprep.segmentation.learned')
    module.learned_tissues = learned_tissues
    return module


def _fake_bias() -> ModuleType:
    module = ModuleType('ulfprep.segmentation.bias')
    module.correct_bias = lambda image, mask, zooms, expected=None: (image, np.ones_like(image))
    return module


def _fake_fit() -> ModuleType:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class FitOptions:
        n_steps: int = 10
        likelihood: str = 'mae'
        backbone: str = 'direct'

        @classmethod
        def default(cls, backbone):
            return cls(backbone=backbone)

        @classmethod
        def sloppy(cls, backbone):
            return cls(3, backbone=backbone)

    def fit_scan(image, mask, probs, grid, plan, options, device, seed, progress, lattice_probs):
        assert lattice_probs is None
        for step in range(1, options.n_steps + 1):
            progress(step, options.n_steps, {'total': 1 / step})
        history = {'step': [1, 2, 3], 'total': [1.0, 0.5, 0.3], 'data': [0.9, 0.4, 0.2]}
        return SimpleNamespace(
            image=image,
            mask=mask,
            probs=probs,
            grid=grid,
            history=history,
            options=options,
            stopped='epochs',
            notes=(),
        )

    def fit_scans(acquisitions, options, device, seed, progress, tissues):
        assert tissues is None or tissues.shape[0] == 3
        first = acquisitions[0]
        return fit_scan(
            first.image, first.mask, first.probs, first.grid, first.plan, options, device, seed,
            progress, None,
        )  # fmt: skip

    def save_fit(fit, path):
        np.savez(
            path + '.npz',
            image=fit.image,
            mask=fit.mask,
            probs=fit.probs,
            affine=fit.grid.affine,
        )
        Path(path + '.npz').rename(path)

    module = ModuleType('ulfprep.inr')
    module.FitOptions, module.save_fit = FitOptions, save_fit
    module.fit_scan, module.fit_scans = fit_scan, fit_scans
    module.load_fit = lambda path: dict(np.load(path))
    return module


def _fake_render() -> ModuleType:
    """Nearest voxels of the scan: right shapes, no science."""

    def render(fit, grid, device, contrast=None):
        from ulfprep.physics.labels import to_dseg

        affine = np.linalg.inv(fit['affine']) @ grid.affine
        index = [
            np.clip(
                np.round(affine[a, a] * np.arange(grid.shape[a]) + affine[a, 3]),
                0,
                fit['image'].shape[a] - 1,
            ).astype(int)
            for a in range(3)
        ]
        pick = np.ix_(*index)
        mask = fit['mask'][pick]
        probs = fit['probs'][(slice(None), *pick)] * mask
        return SimpleNamespace(
            intensity=fit['image'][pick] * mask,
            probs=probs,
            dseg=to_dseg(probs, mask),
            uncertainty=mask.astype(np.float32),
            entropy=mask.astype(np.float32),
            claim=mask.astype(np.float32),
        )

    module = ModuleType('ulfprep.inr')
    module.render = render
    return module


def _fake_summary() -> ModuleType:
    module = ModuleType('ulfprep.metrics.summary')
    answer = ({'contrast_wm_gm': 0.25, 'efc': None}, {'efc': 'a stand-in measures none'})
    module.enhance_metrics = lambda **kwargs: answer
    module.simulate_metrics = lambda **kwargs: answer
    return module


def _fake_baselines() -> ModuleType:
    module = ModuleType('ulfprep.physics.interpolation')
    module.bicubic = lambda image, source, target: np.ones(target.shape, np.float32)
    return module


def _fake_together(runs, *, spacing, expected):
    from ulfprep.physics.grid import isotropic_grid

    return np.ones((3, *isotropic_grid(runs[0].grid, spacing).shape), np.float32) / 3


def _fake_registration(*args, same_contrast):
    return SimpleNamespace(
        transform=np.eye(4),
        rotation_deg=1.5,
        translation_mm=2.5,
        similarity_before=0.8,
        similarity_after=0.9,
        ok=True,
        reason='',
    )


def _fake_residual(image, mask, *rest):
    return np.where(mask, 1, 0).astype(np.float32)


def _fake_simulate(image, mask, probs, grid, plan, **options):
    # The scan's own grid will do: nobody here looks at it.
    return SimpleNamespace(
        grid=grid, expected=np.asarray(image, np.float32), sigma=1.0, bias_field=None
    )


def _fake_realise(simulation, *rest, **options):
    return simulation.expected


def _fake_figures() -> ModuleType:
    def plot_scan(out_prefix, *, direction, **files):
        from ulfprep.bids.write.figures import FIGURES

        for name in FIGURES[direction]:
            Path(f'{out_prefix}_desc-{name}.svg').write_text('<svg/>')

    module = ModuleType('ulfprep.reports.drawing.figures')
    module.plot_scan = plot_scan
    return module


def _install(monkeypatch, fake: ModuleType) -> None:
    """Put a stand-in's functions in the place of the real ones, until the test is over."""
    real = importlib.import_module(fake.__name__)
    for name, value in vars(fake).items():
        if not name.startswith('__'):
            monkeypatch.setattr(real, name, value)


def _in_this_process(calls, at_once, bound_gb, logs):
    from ulfprep.workflows.engine.pool import Ended

    for call in calls:
        yield Ended(call.name, call.function(*call.arguments, tell=lambda step: None), 0.0)


@pytest.fixture
def fake_core(monkeypatch):
    """Put quick stand-ins in place of the slow core, for tests of what is around it.

    Only within this process, so that scans are run in it and not in children.
    """
    monkeypatch.setattr('ulfprep.workflows.engine.pool.in_children', _in_this_process)
    for fake in (
        _fake_brain(),
        _fake_tissue(),
        _fake_learned(),
        _fake_bias(),
        _fake_fit(),
        _fake_render(),
        _fake_summary(),
        _fake_baselines(),
        _fake_figures(),
    ):
        _install(monkeypatch, fake)
    monkeypatch.setattr('ulfprep.physics.forward.residual', _fake_residual)
    monkeypatch.setattr('ulfprep.physics.motion.register_rigid', _fake_registration)
    monkeypatch.setattr('ulfprep.segmentation.together.segment_together', _fake_together)
    monkeypatch.setattr('ulfprep.physics.simulation.simulate', _fake_simulate)
    monkeypatch.setattr('ulfprep.physics.simulation.realise', _fake_realise)


@pytest.fixture
def phantom():
    """Return the phantom as an image."""
    return phantom_image()
