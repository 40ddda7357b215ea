"""A small scan whose high-field truth is known, and one fit to it."""

from types import SimpleNamespace

import numpy as np
import pytest
from fields import SIGNALS
from plans import make_plan

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid

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
def scanned():
    """Return a function that scans tissue shares (3, x, y, z) on a grid, after a motion (4x4)."""
    from ulfprep.inr import Acquisition

    def scan(truth, fine, voxel=VOXEL, seed=0, *, modality='T1w', motion=None):
        low, high = SIGNALS[modality]
        vector = np.divide(low, high)
        plan = make_plan(
            means=low,
            target_means=high,
            contrast_vector=tuple(vector),
            noise_sigma=4.0,
            psf_fwhm_mm=voxel,
        )
        grid = resized_grid(fine, voxel)
        if motion is not None:
            grid = Grid(grid.shape, motion @ grid.affine)
        model = ForwardModel.between(grid, fine, voxel, vector)
        image = np.tensordot(high, truth, 1).astype(np.float32)
        seen = model.acquire(truth)
        mask = seen.sum(axis=0) > 0.5
        probs = np.where(mask, seen / np.maximum(seen.sum(axis=0), 1e-3), 0)
        noisy = add_rician_noise(model(image, truth), 4.0, np.random.default_rng(seed))
        return Acquisition(noisy, mask, probs.astype(np.float32), grid, plan, None, modality)

    return scan


@pytest.fixture(scope='session')
def problem(scanned):
    """Return scan, mask, tissue shares, grid, plan and truth of a ball of three tissues."""
    affine = np.eye(4)
    affine[:3, 3] = -20, -30, -10
    fine = Grid((48, 48, 50), affine)
    axes = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in fine.shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    truth = np.stack([radius >= 16, (radius < 16) & (radius >= 11), radius < 11]) & (radius < 19)
    truth = truth.astype(np.float32)
    one = scanned(truth, fine)
    return SimpleNamespace(
        one=one,
        scan=(one.image, one.mask, one.probs, one.grid, one.plan),
        image=np.tensordot(one.plan.target_means, truth, 1).astype(np.float32),
        truth=truth,
        fine=fine,
        plan=one.plan,
        grid=one.grid,
        mask=one.mask,
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
    from ulfprep.inr.warm import warm_start

    return warm_start(problem.one, 2.0, 7)
