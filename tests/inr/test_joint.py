"""Several scans of one head in one field."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.inr import Acquisition, fit_scan, fit_scans, load_fit, render, save_fit
from ulfprep.inr.estimates import first_estimates
from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid
from ulfprep.physics.registration import register_rigid

AXIAL, CORONAL, SAGITTAL = (1.6, 1.6, 5.0), (1.6, 5.0, 1.6), (5.0, 1.6, 1.6)
#: Signals of CSF, GM, WM in a contrast whose CSF is bright, and at the high field.
LOW_T2W, HIGH_T2W = np.array([220.0, 150.0, 100.0]), np.array([300.0, 140.0, 100.0])


@pytest.fixture(scope='module')
def ball(problem):
    """Return the ball with a bubble of CSF in it: no turn leaves it as it is."""
    axes = np.indices(problem.fine.shape) - np.array([[[[30]]], [[[22]]], [[[20]]]])
    bubble = (axes**2).sum(axis=0) < 36
    truth = problem.truth * ~bubble
    truth[0] += bubble
    return truth


def turned(grid, degrees, shift=(0.0, 0.0, 0.0)):
    """Return the rigid motion of the world about the middle of a grid."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = grid.affine @ np.append((np.array(grid.shape) - 1) / 2, 1)
    motion = np.eye(4)
    motion[:2, :2] = [[c, -s], [s, c]]
    motion[:3, 3] = middle[:3] - motion[:3, :3] @ middle[:3] + shift
    return motion


@pytest.fixture(scope='module')
def scanned(problem, ball):
    """Return a function that scans the ball."""

    def scan(voxel, seed, *, modality='T1w', motion=None):
        plan = replace(problem.plan, psf_fwhm_mm=tuple(voxel))
        if modality != 'T1w':
            plan = replace(
                plan,
                means=tuple(LOW_T2W),
                target_means=tuple(HIGH_T2W),
                contrast_vector=tuple(LOW_T2W / HIGH_T2W),
            )
        grid = resized_grid(problem.fine, voxel)
        if motion is not None:
            grid = Grid(grid.shape, motion @ grid.affine)
        vector = np.array(plan.contrast_vector)
        model = ForwardModel.between(grid, problem.fine, voxel, vector)
        image = np.tensordot(np.array(plan.target_means), ball, 1).astype(np.float32)
        scan = add_rician_noise(model(image, ball), 4.0, np.random.default_rng(seed))
        seen = model.acquire(ball)
        mask = seen.sum(axis=0) > 0.5
        probs = np.where(mask, seen / np.maximum(seen.sum(axis=0), 1e-3), 0)
        return Acquisition(scan, mask, probs.astype(np.float32), grid, plan, None, modality)

    return scan


@pytest.fixture(scope='module')
def three(scanned):
    """Return three orthogonal scans."""
    return [scanned(v, seed) for seed, v in enumerate((AXIAL, CORONAL, SAGITTAL))]


@pytest.fixture(scope='module')
def contrasts(scanned, options):
    """Return the fit of two T1w and a T2w."""
    scans = [scanned(AXIAL, 0), scanned(SAGITTAL, 5, modality='T2w'), scanned(CORONAL, 1)]
    return fit_scans(scans, options, seed=7)


def misfit(problem, ball, fit, contrast=None, targets=None):
    """Root mean square error of image and tissues within the ball."""
    targets = problem.plan.target_means if targets is None else targets
    seen = render(fit, problem.fine, contrast=contrast)
    core = ndimage.binary_erosion(ball.sum(axis=0) > 0, iterations=2)
    image = np.tensordot(targets, ball, 1)
    squared = (seen.intensity - image)[core] ** 2, (seen.probs - ball)[:, core] ** 2
    return tuple(float(np.sqrt(s.mean())) for s in squared)


def test_one_scan_is_a_list_of_one(problem, options):
    options = dataclasses.replace(options, epochs=1)
    fit = fit_scans([Acquisition(*problem.scan)], options, seed=7)
    alone = fit_scan(*problem.scan, options, seed=7)
    for ours, theirs in zip(
        fit.network.state_dict().values(), alone.network.state_dict().values(), strict=True
    ):
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()
    assert fit.history == alone.history
    assert fit.contrasts == alone.contrasts == ('T1w',)


def test_three_orthogonal_scans_show_more_than_one(problem, ball, three, options):
    one, fused = (fit_scans(scans, options, seed=7) for scans in (three[:1], three))
    before, after = misfit(problem, ball, one), misfit(problem, ball, fused)
    assert after[0] < 0.93 * before[0]
    assert after[1] < before[1]
    assert 0.8 < fused.history['residual_rms'][-1] < 1.2


def test_the_same_seed_gives_the_same_field(three, options):
    options = dataclasses.replace(options, epochs=1)
    one, other = (fit_scans(three, options, seed=3) for _ in range(2))
    for ours, theirs in zip(
        one.network.state_dict().values(), other.network.state_dict().values(), strict=True
    ):
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()


def test_runs_of_one_contrast_share_an_image(three, options):
    views, channels = first_estimates(three, options.spacing, 7)
    assert len(channels) == 1
    assert [view.channel for view in views] == [0, 0, 0]
    # Parallel scans are seen from the lattice of the field itself.
    assert all(view.pose is None and view.fine is views[0].fine for view in views)


def test_the_first_estimate_explains_every_scan(scanned, problem):
    motion = turned(problem.fine, 15, (0.7, -0.4, 0.3))
    scans = [scanned(AXIAL, 0), scanned(CORONAL, 1, motion=motion)]
    views, _ = first_estimates(scans, 2.0, 7)
    assert views[1].pose is not None
    for view in views:
        probs = np.exp(view.logits)
        probs = probs / probs.sum(axis=0) * view.inside
        left = view.measured - view.model(view.intensity, probs) - view.outside
        assert view.voxels.sum() > 1000
        assert np.sqrt(np.mean(left[view.voxels] ** 2)) < 1.4 * view.sigma


def test_a_turned_scan_looks_at_the_same_points(scanned, problem):
    """What a turned lattice reads off the field lies where the world says."""
    motion = turned(problem.fine, 15, (0.7, -0.4, 0.3))
    views, channels = first_estimates(
        [scanned(AXIAL, 0), scanned(CORONAL, 1, motion=motion)], 2.0, 7
    )
    fine, (matrix, offset) = channels[0].fine, views[1].pose
    index = np.array([3.0, 7.0, 5.0])
    normalised = matrix @ index + offset
    here = views[1].fine.affine @ np.append(index, 1)
    there = fine.affine @ np.append(normalised * (np.array(fine.shape) - 1), 1)
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_a_scan_of_a_moved_head_registers_and_fuses(problem, ball, scanned, options):
    still = scanned(AXIAL, 0)
    motion = turned(problem.fine, 12, (1.0, -1.5, 0.5))
    moved = scanned(CORONAL, 1, motion=motion)
    # The scanner knows nothing of the motion: its header has the grid where it always is.
    header = Grid(moved.grid.shape, np.linalg.inv(motion) @ moved.grid.affine)
    found = register_rigid(
        moved.image, moved.mask, header, still.image, still.mask, still.grid, same_contrast=True
    )
    assert found.ok
    placed = dataclasses.replace(moved, grid=Grid(header.shape, found.transform @ header.affine))
    astray = dataclasses.replace(moved, grid=header)
    fits = [fit_scans(s, options, seed=7) for s in ([still], [still, placed], [still, astray])]
    alone, fused, ignored = (misfit(problem, ball, fit)[0] for fit in fits)
    assert fused < alone
    assert fused < ignored


def test_contrasts_share_tissues_but_not_intensities(problem, ball, contrasts):
    assert contrasts.contrasts == ('T1w', 'T2w')
    t1w, t2w = (render(contrasts, problem.fine, contrast=name) for name in contrasts.contrasts)
    np.testing.assert_array_equal(t1w.dseg, t2w.dseg)
    np.testing.assert_array_equal(t1w.probs, t2w.probs)
    for seen, targets in ((t1w, problem.plan.target_means), (t2w, HIGH_T2W)):
        for tissue, label in ((1, 1), (2, 2)):
            core = ndimage.binary_erosion(ball[tissue] > 0) & (seen.dseg == label)
            assert seen.intensity[core].mean() == pytest.approx(targets[tissue], rel=0.1)
    default = render(contrasts, problem.fine)
    np.testing.assert_array_equal(default.intensity, t1w.intensity)


def test_a_contrast_that_was_not_fitted_is_an_error(contrasts, problem):
    with pytest.raises(ValueError, match='no FLAIR was fitted; this field shows T1w, T2w'):
        render(contrasts, problem.fine, contrast='FLAIR')


def test_a_fit_of_several_contrasts_survives_the_disk(contrasts, problem, tmp_path):
    save_fit(contrasts, tmp_path / 'field.pt')
    loaded = load_fit(tmp_path / 'field.pt')
    assert loaded.contrasts == contrasts.contrasts
    for name in contrasts.contrasts:
        one, other = (render(fit, problem.fine, contrast=name) for fit in (contrasts, loaded))
        for image in ('intensity', 'probs', 'dseg', 'uncertainty'):
            assert getattr(one, image).tobytes() == getattr(other, image).tobytes()


def test_scans_of_different_places_are_an_error(three, options):
    affine = three[1].grid.affine.copy()
    affine[:3, 3] += 200
    elsewhere = dataclasses.replace(three[1], grid=Grid(three[1].grid.shape, affine))
    with pytest.raises(ValueError, match='scan 2 of the fit does not lie where the first does'):
        fit_scans([three[0], elsewhere], options)


def test_no_scan_is_an_error(options):
    with pytest.raises(ValueError, match='there is no scan to fit'):
        fit_scans([], options)


def test_fit_scan_takes_the_modality_of_its_plan(problem, options):
    scan, mask, probs, grid, plan = problem.scan
    options = dataclasses.replace(options, epochs=1)
    fit = fit_scan(scan, mask, probs, grid, replace(plan, modality='T2w'), options)
    assert fit.contrasts == ('T2w',)
