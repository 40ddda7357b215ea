"""What a prior may change in the tissues of a scan, and what it may not."""

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import isotropic_grid, resized_grid
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.mixels import tissue_shares
from ulfprep.segmentation.template import FLOOR
from ulfprep.segmentation.tissue import segment

MEANS = (30.0, 75.0, 100.0)
COARSE = (1.6, 1.6, 5.0)


def sure(shape, tissue):
    """A prior as sure of one tissue as the template's ever is, everywhere."""
    prior = np.full((3, *shape), FLOOR / 3, np.float32)
    prior[tissue] += 1 - FLOOR
    return prior


@pytest.fixture(scope='module')
def coarse(build_brain):
    """Return mask, truth, coarse scan and its mask of a small brain, and its lattice."""
    mask, truth = build_brain((50, 56, 50), (1.0, 1.0, 1.0), (44.0, 52.0, 44.0), 4.0, 5.0)
    fine = Grid(mask.shape, np.eye(4))
    grid = resized_grid(fine, COARSE)
    model = ForwardModel.between(grid, fine, COARSE, np.ones(3))
    seen = np.tensordot(MEANS, model.acquire(truth.astype(np.float32)), 1)
    scan = add_rician_noise(seen, 5.0, np.random.default_rng(0))
    inside = model.acquire(mask.astype(np.float32)) > 0.5
    shares = model.acquire(truth.astype(np.float32))
    lattice = isotropic_grid(Grid(scan.shape, np.diag([*COARSE, 1.0]))).shape
    return scan, inside, shares, lattice


def test_no_prior_changes_nothing(coarse):
    scan, mask, _, _ = coarse
    plain, none = segment(scan, mask, COARSE), segment(scan, mask, COARSE, prior=None)
    assert plain.probs.tobytes() == none.probs.tobytes()
    assert plain.fine.tobytes() == none.fine.tobytes()
    assert plain.means.tobytes() == none.means.tobytes()


def test_a_prior_that_knows_nothing_changes_next_to_nothing(coarse, brain):
    scan, mask, _, lattice = coarse
    flat = np.full((3, *lattice), 1 / 3, np.float32)
    plain, told = segment(scan, mask, COARSE), segment(scan, mask, COARSE, prior=flat)
    np.testing.assert_allclose(told.probs, plain.probs, atol=1e-2)
    flat = np.full((3, *brain.mask.shape), 1 / 3, np.float32)
    plain, told = (
        fit_markov_field(brain.noisy, brain.mask, brain.zooms, prior=p) for p in (None, flat)
    )
    np.testing.assert_allclose(told.probs, plain.probs, atol=1e-2)


def test_a_prior_moves_coarse_scans_towards_it(coarse):
    scan, mask, _, lattice = coarse
    plain = segment(scan, mask, COARSE)
    for tissue in (0, 1, 2):
        told = segment(scan, mask, COARSE, prior=sure(lattice, tissue))
        assert told.fine[tissue].sum() > 1.01 * plain.fine[tissue].sum()


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


def test_a_ventricle_that_the_prior_takes_for_white_matter_stays(coarse):
    scan, mask, shares, lattice = coarse
    plain = segment(scan, mask, COARSE)
    told = segment(scan, mask, COARSE, prior=sure(lattice, 2))
    inner = np.zeros(mask.shape, bool)
    inner[tuple(slice(n // 3, -(n // 3)) for n in mask.shape)] = True
    ventricle = inner & (shares[0] > 0.5)
    assert ventricle.sum() > 10
    assert told.probs[0][ventricle].sum() > 0.98 * plain.probs[0][ventricle].sum()


@pytest.mark.parametrize('order', [(0, 1, 2), (2, 1, 0)], ids=['T1w', 'T2w'])
def test_markov_field_takes_each_tissues_own_prior(brain, order, overlap):
    levels = np.empty(3)
    levels[list(order)] = (30.0, 75.0, 100.0)
    image = np.tensordot(levels, brain.truth.astype(float), 1)
    scan = add_rician_noise(image, 12.0, np.random.default_rng(1))
    truth = brain.truth.astype(np.float32)
    prior = (0.8 * truth + 0.2 / 3) / (0.8 * truth.sum(axis=0) + 0.2)
    known = {'sigma': 12.0, 'order': order, 'beta': 0.3}
    plain = fit_markov_field(scan, brain.mask, brain.zooms, **known)
    told = fit_markov_field(scan, brain.mask, brain.zooms, prior=prior, **known)
    assert overlap(told.probs, brain.truth).min() > overlap(plain.probs, brain.truth).min() + 0.01
    np.testing.assert_allclose(told.probs.sum(axis=0)[brain.mask], 1, atol=1e-5)


def test_a_ventricle_of_a_fine_scan_stays_against_its_prior(brain):
    truth = brain.truth.astype(np.float32)
    middle = np.zeros(brain.mask.shape, bool)
    middle[tuple(slice(n // 3, -(n // 3)) for n in brain.mask.shape)] = True
    ventricle = middle & brain.truth[0]
    claimed = truth.copy()
    claimed[:, ventricle] = np.array([0, 0, 1])[:, None]
    prior = (1 - FLOOR) * claimed + FLOOR / 3
    found = fit_markov_field(brain.noisy, brain.mask, brain.zooms, sigma=5.0, prior=prior)
    assert ventricle.sum() > 50
    assert (found.probs[0][ventricle] > 0.9).mean() > 0.95
