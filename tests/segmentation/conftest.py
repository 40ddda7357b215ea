"""Brains of three tissues whose truth is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid

MEANS = (30.0, 75.0, 100.0)
COARSE = (1.6, 1.6, 5.0)


def make_brain(shape, zooms, size, rim, cortex):
    """Return mask and tissues (CSF, GM, WM) of nested ellipsoids with a ventricle.

    ``size`` is the brain's extent, ``rim`` and ``cortex`` the thickness of the outer CSF
    and of the grey matter; all in mm.
    """
    axes = [(np.arange(n) - (n - 1) / 2) * z for n, z in zip(shape, zooms, strict=True)]
    position = np.meshgrid(*axes, indexing='ij')
    half = np.array(size) / 2
    radius = np.sqrt(sum((p / h) ** 2 for p, h in zip(position, half, strict=True)))
    ventricle = sum((p / h / 0.25) ** 2 for p, h in zip(position, half, strict=True)) < 1
    depth = (1 - radius) * half.min()
    mask = radius < 1
    csf = mask & ((depth < rim) | ventricle)
    gm = mask & ~csf & (depth < rim + cortex)
    return mask, np.stack([csf, gm, mask & ~csf & ~gm])


def dice_of_tissues(probs, truth):
    """Return the overlap of CSF, GM and WM with the truth."""
    labels = np.where(probs.sum(axis=0) > 0, probs.argmax(axis=0), -1)
    return np.array(
        [
            2 * ((labels == k) & t).sum() / ((labels == k).sum() + t.sum())
            for k, t in enumerate(truth)
        ]
    )


@pytest.fixture(scope='session')
def brain():
    """Return a head-sized brain at 4 mm: mask, truth, clean image, noisy scan (SNR 20)."""
    shape, zooms = (40, 48, 36), (4.0, 4.0, 4.0)
    mask, truth = make_brain(shape, zooms, (140.0, 170.0, 120.0), 8.0, 12.0)
    image = np.tensordot(MEANS, truth.astype(float), 1)
    noisy = add_rician_noise(image, 5.0, np.random.default_rng(0))
    return SimpleNamespace(
        mask=mask, truth=truth, image=image, noisy=noisy, sigma=5.0, zooms=zooms, means=MEANS
    )


@pytest.fixture(scope='session')
def small_brain():
    """Return mask and tissues of a small brain at 1 mm."""
    return make_brain((50, 56, 50), (1.0, 1.0, 1.0), (44.0, 52.0, 44.0), 4.0, 5.0)


@pytest.fixture(scope='session')
def coarse(small_brain):
    """Return that brain in 5 mm slices: scan, mask, true shares and voxel size."""
    mask, truth = small_brain
    fine = Grid(mask.shape, np.eye(4))
    model = ForwardModel.between(resized_grid(fine, COARSE), fine, COARSE, np.ones(3))
    seen = model.acquire(truth.astype(np.float32))
    inside = model.acquire(mask.astype(np.float32)) > 0.5
    scan = add_rician_noise(np.tensordot(MEANS, seen, 1), 5.0, np.random.default_rng(0))
    shares = seen / np.maximum(seen.sum(axis=0), 1e-3)
    return SimpleNamespace(scan=scan, mask=inside, shares=shares, zooms=COARSE)


@pytest.fixture(scope='session')
def overlap():
    """Return the function that compares posteriors with the truth."""
    return dice_of_tissues


@pytest.fixture(scope='session')
def build_brain():
    """Return the function that makes mask and tissues of other sizes."""
    return make_brain


@pytest.fixture(scope='session')
def folded_ball():
    """Return a function that makes labels (1 CSF, 2 GM, 3 WM) and grid, of 1 mm, of a ball.

    It has folds, a ventricle, and these radii of CSF, GM and WM.
    """

    def ball(shape, radii):
        x, y, z = (a - (n - 1) / 2 for a, n in zip(np.indices(shape), shape, strict=True))
        radius = np.sqrt(x**2 + y**2 + z**2)
        folds = 2.5 * (np.sin(x / 3) + np.sin(y / 3) + np.sin(z / 3)) / 1.5
        csf, gm, wm = (
            radius < r + part * folds for r, part in zip(radii, (0, 0.5, 1), strict=True)
        )
        labels = csf.astype(int) + gm + wm
        labels[(np.abs(x) < 5) & (np.abs(y) < 8) & (np.abs(z) < 5)] = 1
        return labels, Grid(shape, np.eye(4))

    return ball
