"""Tissues and bias fields of other software on a scan: where they land, and what is refused."""

import numpy as np
import pytest
from derived import affine_of, tissue_labels
from scipy import ndimage

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.given import NoFieldError, divided_field, given_tissues, with_csf

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


def given(scene, shares, source):
    image, mask, grid, _ = scene
    return given_tissues(image, mask, grid, shares, source, acquired=grid.zooms)


def test_fine_tissues_are_seen_through_the_psf_and_stand_on_the_lattice(scene):
    _, mask, grid, shares = scene
    found = given(scene, shares, FINE)
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
    shares = scene[3]
    straight = given(scene, shares, FINE)
    turned = Grid((110, 120, 128), FINE.affine[:, [2, 0, 1, 3]])
    other = given(scene, np.moveaxis(shares, 3, 1), turned)
    np.testing.assert_allclose(other.probs, straight.probs, atol=1e-5)


def test_tissues_of_coarse_voxels_are_not_made_finer_than_they_are(scene):
    coarse = Grid((60, 64, 24), affine_of((60, 64, 24), (2.4, 2.4, 5.5)))
    found = given(scene, shares_of(tissue_labels(coarse.shape)), coarse)
    assert found.fine is None
    np.testing.assert_allclose(found.probs.sum(axis=0)[scene[1]], 1, atol=1e-5)


def test_shares_on_the_scans_own_voxels_are_taken_as_they_are(scene):
    _, mask, grid, _ = scene
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], mask.shape)
    shares = np.moveaxis(shares, -1, 0).astype(np.float32)
    found = given(scene, shares, grid)
    np.testing.assert_allclose(found.probs[:, mask], shares[:, mask], atol=1e-5)


def test_what_nobody_labelled_in_the_mask_is_csf_and_what_lies_outside_is_cut_off():
    shares = np.zeros((3, 1, 1, 4), np.float32)
    shares[1] = [0.4, 0, 1, 1]
    brain = np.array([[[True, True, True, False]]])
    np.testing.assert_allclose(
        with_csf(shares, brain)[:, 0, 0], [[0.6, 1, 0, 0], [0.4, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6
    )


def test_the_tissues_of_another_position_are_refused(scene):
    moved = FINE.affine.copy()
    moved[0, 3] += 60
    with pytest.raises(ValueError, match=r'only \d+ % of the brain has a tissue'):
        given(scene, scene[3], Grid(FINE.shape, moved))


SHAPE, ZOOMS = (80, 88, 30), (2.0, 2.0, 5.0)
GRID = Grid(SHAPE, affine_of(SHAPE, ZOOMS))


@pytest.fixture(scope='module')
def biased():
    """Return a noisy scan with a bias field, its mask, and the field."""
    labels = tissue_labels(SHAPE)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing='ij')
    field = np.exp(0.3 * x - 0.25 * y**2 + 0.2 * z * x)
    rng = np.random.default_rng(0)
    signal = np.choose(labels, (5.0, 30.0, 80.0, 100.0)) * field
    noise = rng.normal(0, 6, (2, *SHAPE))
    image = np.hypot(signal + noise[0], noise[1]).astype(np.float32)
    mask = labels > 0
    return image, mask, field / np.exp(np.log(field[mask]).mean())


def wrong(found, field, mask):
    return np.log(found / field)[mask].std()


def test_the_field_is_found_whatever_the_scale(biased):
    image, mask, field = biased
    found = divided_field(image, mask, GRID, 0.013 * image / field, GRID)
    assert wrong(found, field, mask) < 0.01 < 0.1 < np.log(field[mask]).std()
    assert abs(np.log(found[mask]).mean()) < 1e-4
    assert found.shape == image.shape


def test_the_field_is_found_on_flipped_axes_and_in_rounded_numbers(biased):
    image, mask, field = biased
    affine = GRID.affine @ np.array(
        [[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0] * 3 + [1]]
    )
    flipped = Grid(SHAPE, affine)
    rounded = np.rint(image / field * 2)[::-1]
    assert wrong(divided_field(image, mask, GRID, rounded, flipped), field, mask) < 0.01


def test_the_field_is_found_on_the_finer_grid_of_freesurfer(biased):
    image, mask, field = biased
    fine = Grid((150, 160, 140), affine_of((150, 160, 140), (1.0, 1.0, 1.0)))
    # Rounded to whole numbers of which white matter has 110, and zero outside the brain.
    other = np.rint(carry((image * mask / field).astype(np.float32), GRID, fine) * 1.1)
    assert wrong(divided_field(image, mask, GRID, other, fine), field, mask) < 0.02


@pytest.mark.parametrize('what', ['denoised', 'other contrast', 'another scan', 'moved'])
def test_more_than_a_bias_correction_is_refused(biased, what):
    image, mask, field = biased
    clean = image / field
    other = {
        'denoised': ndimage.gaussian_filter(clean, 0.6),
        'other contrast': clean**0.7,
        'another scan': np.random.default_rng(1).permutation(clean.ravel()).reshape(SHAPE),
        'moved': np.roll(clean, 2, axis=0),
    }[what]
    with pytest.raises(NoFieldError, match='difference is left from voxel to voxel'):
        divided_field(image, mask, GRID, other, GRID)


def test_an_image_without_the_brain_is_refused(biased):
    image, mask, _ = biased
    with pytest.raises(NoFieldError, match='less than half of the brain'):
        divided_field(image, mask, GRID, np.where(mask, 0, image), GRID)
