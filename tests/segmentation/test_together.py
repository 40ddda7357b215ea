"""Tissues from several scans at once."""

from dataclasses import replace

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import isotropic_grid, resized_grid
from ulfprep.physics.noise import NoiseEstimate
from ulfprep.segmentation.tissue import Run, segment_together

AXIAL, CORONAL, SAGITTAL = (1.6, 1.6, 5.0), (1.6, 5.0, 1.6), (5.0, 1.6, 1.6)
SIGNALS = np.array([0, 25.0, 80.0, 100.0], np.float32)


@pytest.fixture(scope='module')
def truth(folded_ball):
    """Return labels and grid of a folded ball."""
    return folded_ball((64, 64, 60), (26, 22, 16))


@pytest.fixture(scope='module')
def runs(truth):
    """Return scans with slices of three directions."""
    labels, grid = truth

    def run(voxel, seed, gain):
        scan = resized_grid(grid, voxel)
        model = ForwardModel.between(scan, grid, voxel, np.ones(3))
        image = model.acquire(SIGNALS[labels])
        noisy = add_rician_noise(image, 5.0, np.random.default_rng(seed))
        brain = model.acquire((labels > 0).astype(np.float32)) > 0.5
        return Run(gain * noisy, brain, scan, gain * 100.0, NoiseEstimate(gain * 5.0, ''), voxel)

    return [run(v, k, g) for k, (v, g) in enumerate(((AXIAL, 1), (CORONAL, 3), (SAGITTAL, 0.5)))]


def agreement(shares, run, truth):
    """Part of the brain whose label is right."""
    labels, grid = truth
    lattice = isotropic_grid(run.grid, 1.0)
    where = np.rint(np.linalg.inv(grid.affine) @ lattice.affine)[:3, 3].astype(int)
    assert (where <= 0).all()
    shares = shares[:, *(slice(-w, n - w) for w, n in zip(where, grid.shape, strict=True))]
    brain = (labels > 0) & (shares.sum(axis=0) > 0.5)
    return (shares.argmax(axis=0) + 1 == labels)[brain].mean()


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
    first, second = runs[:2]
    louder = replace(
        second,
        image=7 * second.image,
        white=7 * second.white,
        noise=NoiseEstimate(7 * second.noise.sigma, ''),
    )
    one, other = (segment_together([first, run], spacing=2.0) for run in (second, louder))
    np.testing.assert_allclose(one, other, atol=1e-2)


def test_a_scan_of_another_place_is_an_error(runs):
    affine = runs[1].grid.affine.copy()
    affine[:3, 3] += 300
    away = replace(runs[1], grid=Grid(runs[1].grid.shape, affine))
    with pytest.raises(ValueError, match='lies elsewhere'):
        segment_together([runs[0], away])
