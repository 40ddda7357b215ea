"""Tissues of other software on a scan: where they land, and what they weigh."""

import numpy as np
import pytest
from derived import affine_of, tissue_labels

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.segmentation.given import given_tissues, with_csf

SIGNALS = (30.0, 80.0, 100.0)
FINE = Grid((120, 128, 110), affine_of((120, 128, 110), (1.2, 1.2, 1.2)))


def shares_of(labels):
    return np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)


@pytest.fixture(scope='module')
def scene():
    """Return a scan with 6 mm slices of the phantom, its mask, grid, and the true shares."""
    shares = shares_of(tissue_labels(FINE.shape))
    grid = Grid((90, 96, 22), affine_of((90, 96, 22), (1.6, 1.6, 6.0)))
    model = ForwardModel.between(grid, FINE, grid.zooms, np.ones(3))
    image = model.acquire(np.tensordot(np.float32(SIGNALS), shares, 1))
    noise = np.random.default_rng(0).normal(0, 1.5, (2, *image.shape))
    image = np.hypot(image + noise[0], noise[1]).astype(np.float32)
    return image, model.acquire(shares.sum(axis=0)) > 0.5, grid, shares


def test_fine_tissues_are_seen_through_the_psf_and_stand_on_the_lattice(scene):
    image, mask, grid, shares = scene
    found = given_tissues(image, mask, grid, shares, FINE, acquired=grid.zooms)
    np.testing.assert_allclose(found.probs.sum(axis=0)[mask], 1, atol=1e-5)
    assert not found.probs[:, ~mask].any()
    model = ForwardModel.between(grid, FINE, grid.zooms, np.ones(3))
    seen = model.acquire(shares)
    inner = mask & (seen.sum(axis=0) > 0.99)
    assert np.abs(found.probs - seen)[:, inner].mean() < 0.01
    assert found.fine.shape == (3, *isotropic_grid(grid).shape)
    np.testing.assert_allclose(found.means, SIGNALS, rtol=0.05)
    assert found.unmixed is False


def test_a_turned_grid_of_other_voxels_gives_the_same_tissues(scene):
    image, mask, grid, shares = scene
    straight = given_tissues(image, mask, grid, shares, FINE, acquired=grid.zooms)
    turned = Grid((110, 120, 128), FINE.affine[:, [2, 0, 1, 3]])
    flipped = np.moveaxis(shares, 3, 1)
    other = given_tissues(image, mask, grid, flipped, turned, acquired=grid.zooms)
    np.testing.assert_allclose(other.probs, straight.probs, atol=1e-5)


def test_tissues_of_coarse_voxels_are_not_made_finer_than_they_are(scene):
    image, mask, grid, _ = scene
    coarse = Grid((60, 64, 24), affine_of((60, 64, 24), (2.4, 2.4, 5.5)))
    found = given_tissues(
        image, mask, grid, shares_of(tissue_labels(coarse.shape)), coarse, acquired=grid.zooms
    )
    assert found.fine is None
    np.testing.assert_allclose(found.probs.sum(axis=0)[mask], 1, atol=1e-5)


def test_shares_on_the_scans_own_voxels_are_taken_as_they_are(scene):
    image, mask, grid, _ = scene
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], mask.shape)
    shares = np.moveaxis(shares, -1, 0).astype(np.float32)
    found = given_tissues(image, mask, grid, shares, grid, acquired=grid.zooms)
    np.testing.assert_allclose(found.probs[:, mask], shares[:, mask], atol=1e-5)


def test_what_nobody_labelled_in_the_mask_is_csf_and_what_lies_outside_is_cut_off():
    shares = np.zeros((3, 1, 1, 4), np.float32)
    shares[1] = [0.4, 0, 1, 1]
    brain = np.array([[[True, True, True, False]]])
    np.testing.assert_allclose(
        with_csf(shares, brain)[:, 0, 0], [[0.6, 1, 0, 0], [0.4, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6
    )


def test_the_tissues_of_another_position_are_refused(scene):
    image, mask, grid, shares = scene
    moved = FINE.affine.copy()
    moved[0, 3] += 60
    with pytest.raises(ValueError, match=r'only \d+ % of the brain has a tissue'):
        given_tissues(image, mask, grid, shares, Grid(FINE.shape, moved))
