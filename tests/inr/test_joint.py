"""Several scans of one head in one field."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fields import SIGNALS, motion_about, same_images, weights
from scipy import ndimage

from ulfprep.inr import fit_scan, fit_scans, load_fit, render, save_fit
from ulfprep.inr.estimates import first_estimates
from ulfprep.physics import Grid
from ulfprep.physics.registration import register_rigid

AXIAL, CORONAL, SAGITTAL = (1.6, 1.6, 5.0), (1.6, 5.0, 1.6), (5.0, 1.6, 1.6)


@pytest.fixture(scope='module')
def ball(problem):
    """Return the ball with a bubble of CSF in it: no turn leaves it as it is."""
    axes = np.indices(problem.fine.shape) - np.array([[[[30]]], [[[22]]], [[[20]]]])
    bubble = (axes**2).sum(axis=0) < 36
    truth = problem.truth * ~bubble
    truth[0] += bubble
    return truth


@pytest.fixture(scope='module')
def scan(scanned, problem, ball):
    return partial(scanned, ball, problem.fine)


@pytest.fixture(scope='module')
def three(scan):
    """Return three orthogonal scans."""
    return [scan(v, seed) for seed, v in enumerate((AXIAL, CORONAL, SAGITTAL))]


@pytest.fixture(scope='module')
def contrasts(scan, options):
    """Return the fit of two T1w and a T2w."""
    scans = [scan(AXIAL, 0), scan(SAGITTAL, 5, modality='T2w'), scan(CORONAL, 1)]
    return fit_scans(scans, options, seed=7)


@pytest.fixture(scope='module')
def estimates(scan, problem):
    """Return views and channels of a scan and another of the moved head."""
    motion = motion_about(problem.fine, 15, (0.7, -0.4, 0.3))
    return first_estimates([scan(AXIAL, 0), scan(CORONAL, 1, motion=motion)], 2.0, 7)


def misfit(problem, ball, fit):
    """Root mean square error of image and tissues within the ball."""
    seen = render(fit, problem.fine)
    core = ndimage.binary_erosion(ball.sum(axis=0) > 0, iterations=2)
    image = np.tensordot(problem.plan.target_means, ball, 1)
    squared = (seen.intensity - image)[core] ** 2, (seen.probs - ball)[:, core] ** 2
    return tuple(float(np.sqrt(s.mean())) for s in squared)


def test_one_scan_is_a_list_of_one_of_the_modality_of_its_plan(problem, options):
    options, (*scan, plan) = replace(options, epochs=1), problem.scan
    alone = fit_scan(*scan, replace(plan, modality='T2w'), options, seed=7)
    fit = fit_scans([replace(problem.one, modality='T2w')], options, seed=7)
    assert weights(fit) == weights(alone)
    assert fit.history == alone.history
    assert fit.contrasts == alone.contrasts == ('T2w',)


def test_three_orthogonal_scans_show_more_than_one(problem, ball, three, options):
    one, fused = (fit_scans(scans, options, seed=7) for scans in (three[:1], three))
    before, after = misfit(problem, ball, one), misfit(problem, ball, fused)
    assert after[0] < 0.93 * before[0]
    assert after[1] < before[1]
    assert 0.8 < fused.history['residual_rms'][-1] < 1.2


def test_the_same_seed_gives_the_same_field(three, options):
    options = replace(options, epochs=1)
    one, other = (fit_scans(three, options, seed=3) for _ in range(2))
    assert weights(one) == weights(other)


def test_runs_of_one_contrast_share_an_image(three, options):
    views, channels = first_estimates(three, options.spacing, 7)
    assert len(channels) == 1
    assert [view.channel for view in views] == [0, 0, 0]
    # Parallel scans are seen from the lattice of the field itself.
    assert all(view.pose is None and view.fine is views[0].fine for view in views)


def test_the_first_estimate_explains_every_scan(estimates):
    views, _ = estimates
    assert views[1].pose is not None
    for view in views:
        probs = np.exp(view.logits)
        probs = probs / probs.sum(axis=0) * view.inside
        left = view.measured - view.model(view.intensity, probs) - view.outside
        assert view.voxels.sum() > 1000
        assert np.sqrt(np.mean(left[view.voxels] ** 2)) < 1.4 * view.sigma


def test_a_turned_scan_looks_at_the_same_points(estimates):
    """What a turned lattice reads off the field lies where the world says."""
    (_, turned), (channel,) = estimates
    matrix, offset = turned.pose
    index = np.array([3.0, 7.0, 5.0])
    normalised = matrix @ index + offset
    here = turned.fine.affine @ np.append(index, 1)
    shape = np.array(channel.fine.shape)
    there = channel.fine.affine @ np.append(normalised * (shape - 1), 1)
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_a_scan_of_a_moved_head_registers_and_fuses(problem, ball, scan, options):
    still = scan(AXIAL, 0)
    motion = motion_about(problem.fine, 12, (1.0, -1.5, 0.5))
    moved = scan(CORONAL, 1, motion=motion)
    # The scanner knows nothing of the motion: its header has the grid where it always is.
    header = Grid(moved.grid.shape, np.linalg.inv(motion) @ moved.grid.affine)
    found = register_rigid(
        moved.image, moved.mask, header, still.image, still.mask, still.grid, same_contrast=True
    )
    assert found.ok
    placed = replace(moved, grid=Grid(header.shape, found.transform @ header.affine))
    astray = replace(moved, grid=header)
    fits = [fit_scans(s, options, seed=7) for s in ([still], [still, placed], [still, astray])]
    alone, fused, ignored = (misfit(problem, ball, fit)[0] for fit in fits)
    assert fused < alone
    assert fused < ignored


def test_contrasts_share_tissues_but_not_intensities(problem, ball, contrasts):
    assert contrasts.contrasts == ('T1w', 'T2w')
    t1w, t2w = (render(contrasts, problem.fine, contrast=name) for name in contrasts.contrasts)
    np.testing.assert_array_equal(t1w.dseg, t2w.dseg)
    np.testing.assert_array_equal(t1w.probs, t2w.probs)
    for seen, name in ((t1w, 'T1w'), (t2w, 'T2w')):
        for tissue in (1, 2):
            core = ndimage.binary_erosion(ball[tissue] > 0) & (seen.dseg == tissue)
            target = SIGNALS[name][1][tissue]
            assert seen.intensity[core].mean() == pytest.approx(target, rel=0.1)
    assert same_images(render(contrasts, problem.fine), t1w)


def test_a_contrast_that_was_not_fitted_is_an_error(contrasts, problem):
    with pytest.raises(ValueError, match='no FLAIR was fitted; this field shows T1w, T2w'):
        render(contrasts, problem.fine, contrast='FLAIR')


def test_a_fit_of_several_contrasts_survives_the_disk(contrasts, problem, tmp_path):
    save_fit(contrasts, tmp_path / 'field.pt')
    loaded = load_fit(tmp_path / 'field.pt')
    assert loaded.contrasts == contrasts.contrasts
    for name in contrasts.contrasts:
        one, other = (render(fit, problem.fine, contrast=name) for fit in (contrasts, loaded))
        assert same_images(one, other)


def test_scans_of_different_places_are_an_error(three, options):
    affine = three[1].grid.affine.copy()
    affine[:3, 3] += 200
    elsewhere = replace(three[1], grid=Grid(three[1].grid.shape, affine))
    with pytest.raises(ValueError, match='scan 2 of the fit does not lie where the first does'):
        fit_scans([three[0], elsewhere], options)


def test_no_scan_is_an_error(options):
    with pytest.raises(ValueError, match='there is no scan to fit'):
        fit_scans([], options)
