"""Tissues that explain scans through their point-spread functions near a prior."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.physics import ForwardModel
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid
from ulfprep.physics.noise import NoiseEstimate
from ulfprep.segmentation.estimate import View, estimate_tissues, left_over_field

SIGNALS = {'T1w': (30.0, 80.0, 100.0), 'T2w': (220.0, 130.0, 100.0)}
VOXEL = (1.6, 1.6, 5.0)
SIGNALS_OF_PARTS = (30.0, 60.0, 100.0, 82.0)


@pytest.fixture(scope='module')
def truth(folded_ball):
    """Return a folded ball: shares of CSF, GM, WM, its brain and its grid of 1 mm."""
    labels, grid = folded_ball((56, 56, 50), (23, 20, 14))
    return np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32), labels > 0, grid


def vague(shares, brain, width=2.0):
    """Return a prior that knows the truth but for its detail."""
    out = np.stack([ndimage.gaussian_filter(s, width) for s in shares]) + 0.02
    return np.where(brain, out / out.sum(axis=0), 0).astype(np.float32)


def view(truth, modality='T1w', voxel=VOXEL, lesion=None, signals=None):
    shares, brain, grid = truth
    model = ForwardModel.between(resized_grid(grid, voxel), grid, voxel, np.ones(3))
    signals = signals or SIGNALS[modality]
    image = np.tensordot(signals, shares, 1).astype(np.float32)
    if lesion:
        image[lesion] = 250.0
    measured = add_rician_noise(model.acquire(image), 4.0, np.random.default_rng(1))
    voxels = model.acquire(brain.astype(np.float32)) > 0.5
    return View(
        model,
        measured,
        voxels,
        voxel,
        NoiseEstimate(4.0, ''),
        tuple(np.divide(signals, signals[2])),
    )


def estimate(views, prior, brain, *tilt):
    return estimate_tissues(views, prior[:, brain], brain, 1.0, *tilt)


def wrong(shares, truth):
    return float((shares.argmax(axis=0) != truth[0].argmax(axis=0))[truth[1]].mean())


def test_scans_move_the_borders_of_a_prior_and_two_contrasts_more_than_one(truth):
    moved = np.roll(truth[0], 2, axis=1)
    prior = vague(moved + (moved.sum(axis=0) == 0) / 3, truth[1], 1.5)
    one = estimate([view(truth)], prior, truth[1])
    across = view(truth, 'T2w', (5.0, 1.6, 1.6))
    both = estimate([view(truth), across], prior, truth[1])
    assert wrong(both.shares, truth) < wrong(one.shares, truth) < 0.5 * wrong(prior, truth)
    for found in (one, both):
        assert np.allclose(found.shares.sum(axis=0), truth[1], atol=1e-5)


@pytest.mark.parametrize('modality', SIGNALS)
def test_signals_are_those_of_pure_tissue(truth, modality):
    found = estimate([view(truth, modality)], vague(truth[0], truth[1], 0.7), truth[1])
    signals = found.views[0].signals
    error = signals / signals[2] * 100 / SIGNALS[modality] - 1
    assert abs(error[1]) < 0.03
    assert abs(error[0]) < 0.15


def test_a_nucleus_of_its_own_signal_stays_what_the_prior_says(truth):
    """Deep grey matter, between cortex and white matter in brightness, is told apart from both."""
    shares, brain, grid = truth
    x, y, z = (a - n / 2 for a, n in zip(np.indices(grid.shape), grid.shape, strict=True))
    nucleus = ((x - 7) ** 2 + y**2 + z**2 < 36) & (shares[2] > 0)
    parts = np.concatenate([shares, nucleus[None]]).astype(np.float32)
    parts[:3, nucleus] = 0
    prior = vague(parts, brain, 1.5)
    seen = view((parts, brain, grid), signals=SIGNALS_OF_PARTS)
    found = estimate([replace(seen, expected=(0.3, 0.7, 1, 0.7))], prior, brain)
    ratios = found.views[0].signals / found.views[0].signals[2]
    assert abs(ratios[3] - 0.82) < 0.06
    assert abs(ratios[1] - 0.60) < 0.06
    kept = (found.shares.argmax(axis=0)[nucleus] == 3).mean()
    assert kept > 0.6
    # With one signal for all grey matter the nucleus goes over to the white matter around it.
    merged = np.concatenate([prior[:1], prior[1:2] + prior[3:], prior[2:3]])
    one = estimate([replace(seen, expected=(0.3, 0.7, 1))], merged, brain)
    assert (one.shares.argmax(axis=0)[nucleus] == 1).mean() < kept - 0.1


def test_a_field_that_is_left_is_told_from_tissue():
    predicted = np.random.default_rng(0).choice([0.8, 1.0], (80, 80, 30)).astype(np.float32)
    x = np.linspace(-0.15, 0.15, 80)[:, None, None]
    field = np.broadcast_to(np.exp(x), predicted.shape)
    found = left_over_field(predicted * field, predicted, np.ones_like(predicted), VOXEL)
    assert np.log(found / field).std() < 0.4 * np.log(field).std()


def test_the_field_is_one_where_the_prediction_is_right():
    predicted = np.random.default_rng(0).uniform(0.5, 1, (20, 20, 8)).astype(np.float32)
    field = left_over_field(3 * predicted, predicted, np.ones_like(predicted), VOXEL)
    assert np.allclose(field, 1, atol=1e-4)


def test_a_lesion_is_a_surprise_and_moves_neither_signals_nor_the_rest(truth):
    prior = vague(truth[0], truth[1], 0.7)
    centre = tuple(n // 2 - 12 * (a == 0) for a, n in enumerate(truth[2].shape))
    lesion = tuple(slice(c - 3, c + 4) for c in centre)
    plain, struck = (
        estimate([view(truth, lesion=where)], prior, truth[1]) for where in (None, lesion)
    )
    assert np.abs(struck.views[0].signals / plain.views[0].signals - 1).max() < 0.02
    at = tuple(int(c / v) for c, v in zip(centre, VOXEL, strict=True))
    assert struck.surprise[0][at] > 8
    assert abs(plain.surprise[0][at]) < 5


def test_a_smaller_tilt_stays_closer_to_the_prior(truth):
    prior = vague(truth[0], truth[1])
    gaps = [
        float(np.abs(estimate([view(truth)], prior, truth[1], w).shares - prior).sum())
        for w in (6.0, 2.0, 0.3)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_a_brain_thinner_than_a_voxel_is_refused(truth):
    speck = np.zeros_like(truth[1])
    speck[20, 20, 20] = True
    with pytest.raises(ValueError, match='no voxel'):
        estimate([view(truth)], vague(truth[0], truth[1]), speck)
