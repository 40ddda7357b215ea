"""A small scan whose high-field truth is known, and one fit to it."""

from types import SimpleNamespace

import numpy as np
import pytest
from plans import make_plan

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid

HIGH = np.array([25.0, 65.0, 100.0])
LOW = np.array([45.0, 80.0, 100.0])
VOXEL = (1.6, 1.6, 5.0)


@pytest.fixture(scope='package', autouse=True)
def one_thread():
    """Keep torch to one thread: on problems this small, more only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='session')
def problem():
    """Return scan, mask, tissue shares, grid, plan and truth of a ball of three tissues."""
    affine = np.eye(4)
    affine[:3, 3] = -20, -30, -10
    fine = Grid((48, 48, 50), affine)
    axes = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in fine.shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    mask = radius < 19
    truth = np.stack([radius >= 16, (radius < 16) & (radius >= 11), radius < 11]) & mask
    truth = truth.astype(np.float32)
    image = np.tensordot(HIGH, truth, 1).astype(np.float32)
    grid = resized_grid(fine, VOXEL)
    model = ForwardModel.between(grid, fine, VOXEL, LOW / HIGH)
    scan = add_rician_noise(model(image, truth), 4.0, np.random.default_rng(0))
    scan_mask = model.acquire(mask.astype(np.float32)) > 0.5
    seen = model.acquire(truth)
    probs = np.where(scan_mask, seen / np.maximum(seen.sum(axis=0), 1e-3), 0)
    plan = make_plan(
        means=tuple(LOW),
        target_means=tuple(HIGH),
        contrast_vector=tuple(LOW / HIGH),
        noise_sigma=4.0,
        psf_fwhm_mm=VOXEL,
    )
    return SimpleNamespace(
        scan=(scan, scan_mask, probs.astype(np.float32), grid, plan),
        image=image,
        truth=truth,
        fine=fine,
        plan=plan,
        grid=grid,
        mask=scan_mask,
    )


@pytest.fixture(scope='session')
def options():
    """Return options for a fit of a second, with several blocks an epoch."""
    from ulfprep.inr import FitOptions

    return FitOptions(
        epochs=4, spacing=2.0, block_mm=24.0, lattice_spacings=(12.0, 6.0), hidden=16
    )


@pytest.fixture(scope='session')
def fitted(problem, options):
    """Return that fit."""
    from ulfprep.inr import fit_scan

    return fit_scan(*problem.scan, options, seed=7)


@pytest.fixture(scope='session')
def warm(problem):
    """Return the first estimate at 2 mm."""
    from ulfprep.inr import Acquisition
    from ulfprep.inr.warm import warm_start

    return warm_start(Acquisition(*problem.scan), 2.0, 7)
