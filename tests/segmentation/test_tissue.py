"""Tissues of scans with small and with large voxels, and what a prior may change in them."""

import numpy as np
import pytest

from ulfprep.physics import Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import isotropic_grid
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.mixels import tissue_shares
from ulfprep.segmentation.template import FLOOR
from ulfprep.segmentation.tissue import MIXTURE, PLAIN_VOXEL, segment

MEANS = (30.0, 75.0, 100.0)


@pytest.fixture(scope='module')
def plain(coarse):
    """Return the segmentation of the coarse scan without a prior."""
    return segment(coarse.scan, coarse.mask, coarse.zooms)


def told(coarse, prior):
    return segment(coarse.scan, coarse.mask, coarse.zooms, prior=prior)


def lattice_of(coarse):
    return isotropic_grid(Grid(coarse.scan.shape, np.diag([*coarse.zooms, 1.0]))).shape


def sure(shape, tissue):
    """A prior as sure of one tissue as the template's ever is, everywhere."""
    prior = np.full((3, *shape), FLOOR / 3, np.float32)
    prior[tissue] += 1 - FLOOR
    return prior


def inner_third(shape):
    middle = np.zeros(shape, bool)
    middle[tuple(slice(n // 3, -(n // 3)) for n in shape)] = True
    return middle


def test_coarse_voxels_get_the_share_of_each_tissue(coarse, plain):
    for tissue in range(3):
        found, true = plain.probs[tissue][coarse.mask], coarse.shares[tissue][coarse.mask]
        assert np.corrcoef(found, true)[0, 1] > 0.93
        assert np.abs(found - true).mean() < 0.07


def test_shares_are_nearer_to_the_truth_than_classes_of_whole_voxels(coarse, plain):
    whole = fit_markov_field(coarse.scan, coarse.mask, coarse.zooms, sigma=5.0)
    ours = np.abs(plain.probs - coarse.shares)[:, coarse.mask].mean()
    assert ours < 0.6 * np.abs(whole.probs - coarse.shares)[:, coarse.mask].mean()


def test_coarse_means_are_not_those_of_mixtures(coarse, plain):
    np.testing.assert_allclose(plain.means, MEANS, rtol=0.1)
    assert plain.means.shape == plain.sds.shape == (3,)
    assert plain.probs.dtype == np.float32
    np.testing.assert_allclose(plain.probs.sum(axis=0)[coarse.mask], 1, atol=1e-5)
    assert not plain.probs[:, ~coarse.mask].any()


def test_the_same_coarse_scan_gives_the_same_bytes(coarse, plain):
    again = told(coarse, None)
    for name in ('probs', 'fine', 'means'):
        assert getattr(again, name).tobytes() == getattr(plain, name).tobytes()


def test_mask_voxels_that_see_no_brain_are_csf(coarse):
    stray = coarse.mask.copy()
    stray[3, 3, 2] = True
    probs = segment(coarse.scan, stray, coarse.zooms).probs
    np.testing.assert_allclose(probs[:, 3, 3, 2], [1, 0, 0], atol=1e-6)


def test_small_voxels_are_classified_as_they_are(small_brain, overlap):
    mask, truth = small_brain
    image = np.tensordot(MEANS, truth.astype(float), 1)
    scan = add_rician_noise(image, 5.0, np.random.default_rng(0))
    found = segment(scan, mask, (PLAIN_VOXEL, 1.0, 1.0))
    assert found.method == MIXTURE
    assert overlap(found.probs, truth).min() > 0.95
    np.testing.assert_allclose(found.means, MEANS, rtol=0.03)
    np.testing.assert_allclose(found.probs.sum(axis=0)[mask], 1, atol=1e-5)
    # Nearly every voxel is mostly of one tissue: nothing was blurred.
    assert (found.probs.max(axis=0)[mask] > 0.8).mean() > 0.9


def test_a_prior_that_knows_nothing_changes_next_to_nothing(coarse, plain, brain):
    flat = np.full((3, *lattice_of(coarse)), 1 / 3, np.float32)
    np.testing.assert_allclose(told(coarse, flat).probs, plain.probs, atol=1e-2)
    flat = np.full((3, *brain.mask.shape), 1 / 3, np.float32)
    without, with_flat = (
        fit_markov_field(brain.noisy, brain.mask, brain.zooms, prior=p) for p in (None, flat)
    )
    np.testing.assert_allclose(with_flat.probs, without.probs, atol=1e-2)


@pytest.mark.parametrize('tissue', [0, 1, 2])
def test_a_prior_moves_coarse_scans_towards_it(coarse, plain, tissue):
    found = told(coarse, sure(lattice_of(coarse), tissue))
    assert found.fine[tissue].sum() > 1.01 * plain.fine[tissue].sum()


@pytest.mark.parametrize('tissue', [0, 2])
def test_signal_of_a_tissue_wins_over_a_contrary_prior(tissue):
    """Lesions and wide ventricles are in no template."""
    brain = np.ones((12, 12, 12), bool)
    image = np.full(brain.shape, MEANS[tissue], np.float32)
    for other in {0, 1, 2} - {tissue}:
        shares = tissue_shares(image, brain, (1, 1, 1), MEANS, 5.0, prior=sure(brain.shape, other))
        assert shares[tissue].min() > 0.75


def test_a_single_voxel_of_clear_signal_is_not_taken_away():
    brain = np.ones((9, 9, 9), bool)
    image = np.full(brain.shape, MEANS[1], np.float32)
    image[4, 4, 4] = MEANS[2] + 5
    shares = tissue_shares(image, brain, (1, 1, 1), MEANS, 4.0, prior=sure(brain.shape, 1))
    assert shares[2, 4, 4, 4] > 0.5


def test_a_ventricle_that_the_prior_takes_for_white_matter_stays(coarse, plain):
    found = told(coarse, sure(lattice_of(coarse), 2))
    ventricle = inner_third(coarse.mask.shape) & (coarse.shares[0] > 0.5) & coarse.mask
    assert ventricle.sum() > 10
    assert found.probs[0][ventricle].sum() > 0.98 * plain.probs[0][ventricle].sum()


def test_a_ventricle_of_a_fine_scan_stays_against_its_prior(brain):
    ventricle = inner_third(brain.mask.shape) & brain.truth[0]
    claimed = brain.truth.astype(np.float32)
    claimed[:, ventricle] = np.array([0, 0, 1])[:, None]
    prior = (1 - FLOOR) * claimed + FLOOR / 3
    found = fit_markov_field(brain.noisy, brain.mask, brain.zooms, sigma=5.0, prior=prior)
    assert ventricle.sum() > 50
    assert (found.probs[0][ventricle] > 0.9).mean() > 0.95


@pytest.mark.parametrize('signals', [(30.0, 75.0, 100.0), (220.0, 120.0, 100.0)])
def test_markov_field_takes_each_tissues_own_prior(build_brain, signals, overlap):
    zooms = (4.0, 4.0, 4.0)
    mask, tissues = build_brain((40, 48, 36), zooms, (140.0, 170.0, 120.0), 4.0, 10.0)
    truth = tissues.astype(np.float32)
    scan = add_rician_noise(np.tensordot(signals, truth, 1), 12.0, np.random.default_rng(1))
    prior = (0.8 * truth + 0.2 / 3) / (0.8 * truth.sum(axis=0) + 0.2)
    known = {'sigma': 12.0, 'expected': np.divide(signals, 100.0), 'beta': 0.3}
    without, found = (fit_markov_field(scan, mask, zooms, prior=p, **known) for p in (None, prior))
    assert overlap(found.probs, tissues).min() > overlap(without.probs, tissues).min() + 0.1
    np.testing.assert_allclose(found.probs.sum(axis=0)[mask], 1, atol=1e-5)
