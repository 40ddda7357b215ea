"""Scores against a known truth, the scan and what was asked for."""

import numpy as np
import pytest
from plans import make_plan
from scipy import ndimage

from ulfprep.evaluation.phantoms import low_field_signal
from ulfprep.evaluation.prepare import Enhanced, prepare
from ulfprep.evaluation.score import (
    compare,
    contrast_to_spread,
    coverage,
    image_tissues,
    residual_rms,
    score,
    truth_at_target,
    unfitted_edges,
)
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import bicubic


@pytest.fixture(scope='module')
def given(trial):
    """Return what every method is given of the small brain, on a lattice of 2 mm."""
    return prepare(trial, 2.0)


def test_the_truth_itself_scores_full_marks_in_any_unit(trial, given):
    found = Enhanced(400 * trial.truth.image, trial.truth.grid, trial.truth.probs)
    scores = score(found, given, trial)
    assert scores['contrast_error'] == pytest.approx(0, abs=1e-4)
    for name in ('ssim', 'edge_f1', 'own_dice_csf', 'own_dice_gm', 'own_dice_wm'):
        assert scores[name] == pytest.approx(1, abs=1e-3), name
    assert scores['psnr'] > 80
    assert scores['dice_wm'] > 0.9
    assert scores['own_volume_gm'] == pytest.approx((trial.truth.labels == 2).sum() / 1000)


def test_blur_costs_edges_similarity_and_contrast_to_spread(trial):
    truth = trial.truth
    blurred = ndimage.gaussian_filter(truth.image, 2)
    one, other = (compare(image, truth.grid, truth) for image in (truth.image, blurred))
    for name in ('psnr', 'ssim', 'edge_f1'):
        assert other[name] < one[name], name
    assert contrast_to_spread(blurred, truth) < 0.7 * contrast_to_spread(truth.image, truth)


def test_an_image_on_another_grid_is_scored_where_it_lies(trial):
    truth = trial.truth
    coarse = resized_grid(truth.grid, (2, 2, 2))
    moved = Grid(coarse.shape, coarse.affine.copy())
    moved.affine[:3, 3] += 6
    image = bicubic(truth.image, truth.grid, coarse)
    assert compare(image, coarse, truth)['psnr'] > compare(image, moved, truth)['psnr'] + 3


def test_an_image_that_shows_nothing_has_no_tissues(trial):
    flat = np.where(trial.truth.mask, 1.0, 0).astype(np.float32)
    assert image_tissues(flat, trial.truth) == {}


def test_edges_without_a_fit_are_those_of_the_image_s_own_contrast(trial):
    truth = trial.truth
    assert unfitted_edges(7 * truth.image, truth) == pytest.approx(1)
    faint = np.where(truth.mask, 1 + 0.1 * (truth.image - 1), 0)
    assert unfitted_edges(faint, truth) < 0.8


def test_an_uncertainty_as_large_as_the_error_covers_two_thirds(trial, given):
    wanted = truth_at_target(trial, given.plan)
    noise = np.random.default_rng(0).normal(0, 20, wanted.shape)
    made = Enhanced(
        wanted + noise, trial.truth.grid, trial.truth.probs, np.full(wanted.shape, 20.0)
    )
    found = score(made, given, trial)
    assert found['within_1_sd'] == pytest.approx(0.683, abs=0.01)
    assert found['within_1.96_sd'] == pytest.approx(0.95, abs=0.01)


def test_a_larger_uncertainty_where_the_error_is_larger_ranks_it():
    rng = np.random.default_rng(0)
    sd = rng.uniform(0.5, 2, 100_000)
    found = coverage(sd * rng.standard_normal(sd.size), sd)
    assert found['within_1_sd'] == pytest.approx(0.683, abs=0.01)
    assert found['rank_correlation'] > 0.2


def test_the_truth_has_the_means_that_were_asked_for_and_keeps_its_order(trial):
    truth = trial.truth
    wanted = truth_at_target(trial, make_plan(target_means=(30.0, 70.0, 100.0)))
    for label, mean in zip((1, 2, 3), (30, 70, 100), strict=True):
        assert np.median(wanted[truth.labels == label]) == pytest.approx(mean, rel=0.05)
    order = np.argsort(truth.image[truth.mask])
    assert (np.diff(wanted[truth.mask][order]) >= -1e-9).all()
    with pytest.raises(ValueError, match='must rise'):
        truth_at_target(trial, make_plan(target_means=(100.0, 70.0, 30.0)))


def test_the_residual_of_what_was_scanned_is_the_noise(trial, given):
    """The low-field signal itself, told of no contrast, explains the scan."""
    signal = low_field_signal(trial.truth.image, trial.truth.labels) * given.plan.means[2]
    assert residual_rms(Enhanced(signal, trial.truth.grid), given) == pytest.approx(1, abs=0.4)
    assert residual_rms(Enhanced(signal / 2, trial.truth.grid), given) > 3
