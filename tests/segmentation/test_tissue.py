"""Tissues of scans with small and with large voxels."""

import numpy as np
import pytest

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.grid import resized_grid
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.tissue import PLAIN_VOXEL, segment

MEANS = (30.0, 75.0, 100.0)
COARSE = (1.6, 1.6, 5.0)


@pytest.fixture(scope='module')
def small_brain(build_brain):
    """Return mask and tissues of a small brain at 1 mm."""
    return build_brain((56, 64, 56), (1.0, 1.0, 1.0), (50.0, 58.0, 50.0), 4.0, 5.0)


@pytest.fixture(scope='module')
def coarse(small_brain):
    """Return scan, mask and true tissue shares of that brain in 5 mm slices."""
    mask, truth = small_brain
    fine = Grid(mask.shape, np.eye(4))
    model = ForwardModel.between(resized_grid(fine, COARSE), fine, COARSE, np.ones(3))
    seen = model.acquire(truth.astype(np.float32))
    inside = model.acquire(mask.astype(np.float32)) > 0.5
    scan = add_rician_noise(np.tensordot(MEANS, seen, 1), 5.0, np.random.default_rng(0))
    return scan, inside, seen / np.maximum(seen.sum(axis=0), 1e-3)


@pytest.fixture(scope='module')
def coarse_tissues(coarse):
    """Return the segmentation of the coarse scan."""
    scan, mask, _ = coarse
    return segment(scan, mask, COARSE)


def test_coarse_voxels_get_the_share_of_each_tissue(coarse, coarse_tissues):
    _, mask, shares = coarse
    for tissue in range(3):
        found, true = coarse_tissues.probs[tissue][mask], shares[tissue][mask]
        assert np.corrcoef(found, true)[0, 1] > 0.93
        assert np.abs(found - true).mean() < 0.07


def test_shares_are_nearer_to_the_truth_than_classes_of_whole_voxels(coarse, coarse_tissues):
    scan, mask, shares = coarse
    plain = fit_markov_field(scan, mask, COARSE, sigma=5.0)
    ours = np.abs(coarse_tissues.probs - shares)[:, mask].mean()
    assert ours < 0.6 * np.abs(plain.probs - shares)[:, mask].mean()


def test_coarse_means_are_not_those_of_mixtures(coarse_tissues):
    np.testing.assert_allclose(coarse_tissues.means, MEANS, rtol=0.1)
    assert coarse_tissues.means.shape == coarse_tissues.sds.shape == (3,)


def test_shares_sum_to_one_in_the_brain_and_are_zero_outside(coarse, coarse_tissues):
    _, mask, _ = coarse
    probs = coarse_tissues.probs
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=0)[mask], 1, atol=1e-5)
    assert not probs[:, ~mask].any()


def test_the_same_coarse_scan_gives_the_same_bytes(coarse, coarse_tissues):
    scan, mask, _ = coarse
    assert segment(scan, mask, COARSE).probs.tobytes() == coarse_tissues.probs.tobytes()


def test_mask_voxels_that_see_no_brain_are_csf(coarse):
    scan, mask, _ = coarse
    stray = mask.copy()
    stray[3, 3, 2] = True
    probs = segment(scan, stray, COARSE).probs
    np.testing.assert_allclose(probs[:, 3, 3, 2], [1, 0, 0], atol=1e-6)


def test_small_voxels_are_classified_as_they_are(small_brain, overlap):
    mask, truth = small_brain
    image = np.tensordot(MEANS, truth.astype(float), 1)
    scan = add_rician_noise(image, 5.0, np.random.default_rng(0))
    found = segment(scan, mask, (PLAIN_VOXEL, 1.0, 1.0))
    assert overlap(found.probs, truth).min() > 0.95
    np.testing.assert_allclose(found.means, MEANS, rtol=0.03)
    # Nearly every voxel is mostly of one tissue: nothing was blurred.
    assert (found.probs.max(axis=0)[mask] > 0.8).mean() > 0.9
