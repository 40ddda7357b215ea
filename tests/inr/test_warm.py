"""The first estimate explains the scan before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from ulfprep.inr.warm import warm_start
from ulfprep.physics.grid import brain_bounds, isotropic_grid


def probabilities(warm):
    probs = np.exp(warm.logits)
    return probs / probs.sum(axis=0) * warm.inside


def test_bounds_hold_the_whole_brain(problem, warm):
    assert warm.voxels.sum() == problem.mask.sum()
    np.testing.assert_array_equal(problem.mask[warm.bounds], warm.voxels)
    assert warm.scan.shape == warm.voxels.shape
    assert warm.fine.shape == warm.inside.shape
    pairs = ((warm.voxels, warm.scan), (warm.inside, warm.fine))
    volumes = [mask.sum() * np.prod(grid.zooms) for mask, grid in pairs]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)


def test_the_fine_lattice_is_part_of_the_output_grid(problem, warm):
    whole = isotropic_grid(problem.grid, 2.0)
    offset = np.linalg.inv(whole.affine) @ warm.fine.affine
    np.testing.assert_allclose(offset[:3, :3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(offset[:3, 3], np.rint(offset[:3, 3]), atol=1e-9)


def test_pushed_through_the_model_it_leaves_the_noise(problem, warm):
    plan = problem.plan
    predicted = warm.model(warm.intensity, probabilities(warm)) + warm.outside
    left = (problem.one.image[warm.bounds] / plan.means[2] - predicted)[warm.voxels]
    sigma = plan.noise_sigma / plan.means[2]
    assert 0.8 < np.sqrt(np.mean(left**2)) / sigma < 1.3


def test_intensities_are_those_of_the_high_field_and_none_outside(problem, warm):
    to_truth = np.linalg.inv(problem.fine.affine) @ warm.fine.affine
    # The true tissue at the nearest point of each of the lattice's.
    where = [
        np.clip(np.rint(to_truth[a, 3] + to_truth[a, a] * np.arange(n)).astype(int), 0, size - 1)
        for a, (n, size) in enumerate(zip(warm.fine.shape, problem.fine.shape, strict=True))
    ]
    truth = problem.truth[np.ix_(range(3), *where)]
    target = np.array(problem.plan.target_means) / problem.plan.means[2]
    for tissue in (1, 2):
        core = (truth[tissue] > 0) & (probabilities(warm)[tissue] > 0.9)
        assert core.sum() > 100
        assert warm.intensity[core].mean() == pytest.approx(target[tissue], rel=0.08)
    assert not warm.intensity[~warm.inside].any()
    assert (warm.intensity >= 0).all()


def test_tissue_is_never_quite_excluded(warm):
    assert warm.logits.shape == (3, *warm.inside.shape)
    assert warm.logits.min() >= np.log(1e-3) - 1e-6
    np.testing.assert_allclose(np.exp(warm.logits).sum(axis=0)[warm.inside], 1, atol=3e-3)


def test_noise_of_the_estimate_grows_with_noise_of_the_scan(problem, warm):
    assert (warm.noise > 0).all()
    louder = replace(problem.one, plan=replace(problem.plan, noise_sigma=6.0))
    # More noise is met with more smoothing, so that it does not arrive in full.
    assert warm_start(louder, 2.0, 7).smoothness > warm.smoothness
    assert np.median(warm.noise) < problem.plan.noise_sigma / problem.plan.means[2]


def test_the_same_seed_gives_the_same_bytes(problem, warm):
    again = warm_start(problem.one, 2.0, 7)
    for name in ('intensity', 'logits', 'outside', 'noise'):
        assert getattr(again, name).tobytes() == getattr(warm, name).tobytes(), name


def test_scale_of_the_scan_does_not_matter(problem, warm):
    scaled = {
        k: tuple(10 * v for v in getattr(problem.plan, k)) for k in ('means', 'target_means')
    }
    plan = replace(problem.plan, **scaled, noise_sigma=40.0)
    again = warm_start(replace(problem.one, image=10 * problem.one.image, plan=plan), 2.0, 7)
    np.testing.assert_allclose(again.intensity, warm.intensity, atol=1e-3)


def test_tissues_on_the_lattice_are_taken_as_they_are(problem):
    one = problem.one
    lattice = isotropic_grid(one.grid, 2.0)
    shares = np.random.default_rng(0).dirichlet((1, 1, 1), lattice.shape)
    shares = np.moveaxis(shares, -1, 0).astype(np.float32)
    warm = warm_start(replace(one, lattice_probs=shares), 2.0)
    _, fine_bounds = brain_bounds(one.mask, one.grid, 2.0)
    expected = np.maximum(shares[(slice(None), *fine_bounds)], 1e-3)
    found, inside = np.exp(warm.logits), warm.inside
    np.testing.assert_allclose(found[:, inside], expected[:, inside], rtol=1e-4)
