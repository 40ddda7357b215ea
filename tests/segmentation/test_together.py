"""Tissues from several scans at once."""

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import isotropic_grid, resized_grid
from ulfprep.segmentation.together import Run, segment_together

AXIAL, CORONAL, SAGITTAL = (1.6, 1.6, 5.0), (1.6, 5.0, 1.6), (5.0, 1.6, 1.6)
SIGNALS = np.array([25.0, 80.0, 100.0], np.float32)


@pytest.fixture(scope='module')
def truth():
    """Return a folded ball: labels 0 outside, 1 CSF, 2 GM, 3 WM, and its grid of 1 mm."""
    grid = Grid((64, 64, 60), np.eye(4))
    x, y, z = (a - (n - 1) / 2 for a, n in zip(np.indices(grid.shape), grid.shape, strict=True))
    radius = np.sqrt(x**2 + y**2 + z**2)
    folds = 2.5 * (np.sin(x / 3) + np.sin(y / 3) + np.sin(z / 3)) / 1.5
    labels = (radius < 26).astype(int) + (radius < 22 + folds / 2) + (radius < 16 + folds)
    labels[(np.abs(x) < 5) & (np.abs(y) < 8) & (np.abs(z) < 5)] = 1
    return labels, grid


@pytest.fixture(scope='module')
def runs(truth):
    """Return scans with slices of three directions."""
    labels, grid = truth
    image, mask = np.append(0, SIGNALS)[labels].astype(np.float32), (labels > 0)

    def run(voxel, seed, gain):
        scan = resized_grid(grid, voxel)
        model = ForwardModel.between(scan, grid, voxel, np.ones(3))
        noisy = add_rician_noise(model.acquire(image), 5.0, np.random.default_rng(seed))
        brain = model.acquire(mask.astype(np.float32)) > 0.5
        return Run(gain * noisy, brain, scan, gain * 100.0, gain * 5.0, voxel)

    return [run(v, k, g) for k, (v, g) in enumerate(((AXIAL, 1), (CORONAL, 3), (SAGITTAL, 0.5)))]


def agreement(shares, run, truth):
    """Part of the brain whose label is right."""
    labels, grid = truth
    lattice = isotropic_grid(run.grid, 1.0)
    where = np.rint(np.linalg.inv(grid.affine) @ lattice.affine)[:3, 3].astype(int)
    inner = tuple(slice(0, n) for n in grid.shape)
    found = shares.argmax(axis=0) + 1
    shift = tuple(slice(-w, -w + n) for w, n in zip(where, grid.shape, strict=True))
    assert (where <= 0).all()
    brain = (labels > 0) & (shares.sum(axis=0) > 0.5)[shift][inner]
    return (found[shift][inner] == labels)[brain].mean()


def test_three_directions_tell_more_than_one(runs, truth):
    one, three = segment_together(runs[:1]), segment_together(runs)
    wrong = [1 - agreement(shares, runs[0], truth) for shares in (one, three)]
    assert wrong[1] < 0.7 * wrong[0]


def test_shares_sum_to_one_in_the_brain_and_lie_on_the_lattice_over_the_first(runs):
    shares = segment_together(runs[:2], spacing=2.0)
    assert shares.shape == (3, *isotropic_grid(runs[0].grid, 2.0).shape)
    total = shares.sum(axis=0)
    assert 0 < (total > 0).mean() < 1
    np.testing.assert_allclose(total[total > 0], 1, atol=1e-4)


def test_units_of_the_scans_do_not_matter(runs):
    second = runs[1]
    louder = Run(
        7 * second.image, second.mask, second.grid, 7 * second.white, 7 * second.sigma, CORONAL
    )
    one, other = (segment_together([runs[0], run], spacing=2.0) for run in (second, louder))
    np.testing.assert_allclose(one, other, atol=1e-2)


def test_a_scan_of_another_place_is_an_error(runs):
    affine = runs[1].grid.affine.copy()
    affine[:3, 3] += 300
    away = Run(runs[1].image, runs[1].mask, Grid(runs[1].grid.shape, affine), 100.0, 5.0, CORONAL)
    with pytest.raises(ValueError, match='lies elsewhere'):
        segment_together([runs[0], away])
