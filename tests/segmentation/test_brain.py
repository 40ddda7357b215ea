"""Is the skull still there, and where is the brain?"""

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.physics import Grid
from ulfprep.physics.grid import isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.segmentation import brain as room
from ulfprep.segmentation.brain import brain_mask, looks_stripped, shows_a_head

ZOOMS = (1.0, 1.0, 1.0)


@pytest.fixture
def head(brain):
    """Return the brain in a head: air, bright scalp, skull; all with noise."""
    outer = ndimage.binary_dilation(brain.mask, iterations=3)
    scalp = outer & ~ndimage.binary_dilation(brain.mask, iterations=1)
    image = brain.image + np.where(scalp, 160.0, 0.0)
    rng = np.random.default_rng(0)
    return np.hypot(image + 5 * rng.standard_normal(image.shape), 5)


def test_a_brain_in_zeros_looks_stripped(brain):
    stripped, reason = looks_stripped(np.where(brain.mask, brain.noisy, 0), ZOOMS)
    assert stripped
    assert 'already removed' in reason
    zero = round(100 * (~brain.mask).mean())
    assert reason.startswith(f'{zero} % of the voxels are exactly zero')


def test_a_head_in_noise_is_not_stripped(head):
    stripped, reason = looks_stripped(head, ZOOMS)
    assert not stripped
    assert reason.startswith('0 %')
    assert 'still there' in reason


def test_a_head_on_a_zeroed_background_is_not_stripped(head):
    stripped, reason = looks_stripped(np.where(head > 40, head, 0), ZOOMS)
    assert not stripped
    assert 'still there' in reason


def test_what_is_larger_than_any_brain_is_a_head_however_dark_its_rim(brain):
    image = np.where(brain.mask, brain.noisy, 0)
    volume = brain.mask.sum() / 1000
    for size, expected in ((2000, True), (3500, False)):
        zoom = (size / volume) ** (1 / 3)
        assert looks_stripped(image, (zoom,) * 3)[0] is expected


@pytest.mark.parametrize('noise', [0, 5])
def test_more_signal_than_a_brain_has_is_a_head_whatever_surrounds_it(brain, noise):
    """Of a brain of 1.4 l and of the same with three times its signal, in zeros or in noise."""
    rng = np.random.default_rng(0)
    air = np.abs(noise * rng.standard_normal(brain.mask.shape))
    image = np.where(brain.mask, brain.noisy, air)
    volume = brain.mask.sum() / 1000
    for size, expected in ((1400, False), (3000, True)):
        assert shows_a_head(image, ((size / volume) ** (1 / 3),) * 3) is expected


def test_a_defaced_head_is_not_stripped(head):
    head[:, 34:, :18] = 0
    assert not looks_stripped(head, ZOOMS)[0]


def test_the_mask_of_a_stripped_brain_is_what_is_not_zero_with_holes_filled(brain):
    image = np.where(brain.mask, brain.noisy, 0)
    # A hole, and a crumb that is no part of the brain.
    image[20, 24, 18] = 0
    image[0, 0, 0] = 90
    np.testing.assert_array_equal(brain_mask(image, brain.zooms, stripped=True), brain.mask)


@pytest.mark.parametrize(('zoom', 'volume'), [(1.0, '23'), (8.0, '11')])
def test_a_volume_that_no_brain_has_is_an_error(brain, zoom, volume):
    image = np.where(brain.mask, brain.noisy, 0)
    with pytest.raises(
        ValueError, match=rf'holds {volume}\d* ml, which is no brain.*SkullStripped'
    ):
        brain_mask(image, (zoom,) * 3, stripped=True)


def test_an_image_without_signal_is_an_error():
    with pytest.raises(ValueError, match='no brain was found'):
        brain_mask(np.zeros((10, 10, 10)), (4, 4, 4), stripped=True)


@pytest.fixture
def network(monkeypatch):
    """Return a function that sets what the neural network is to find."""

    def answer(mask):
        monkeypatch.setattr(room, '_deepbet', lambda image: mask)

    return answer


def test_the_mask_of_a_head_is_the_networks(brain, head, network):
    network(brain.mask)
    found = brain_mask(head, brain.zooms, stripped=False)
    assert (found & brain.mask).sum() > 0.98 * brain.mask.sum()
    assert not (found & ~brain.mask).any()


def test_threads_to_other_tissue_are_cut(brain, head, network):
    wrong = brain.mask.copy()
    thread = (35, slice(30, 40), 18)
    lump = (slice(34, 39), slice(40, 45), slice(16, 21))
    wrong[thread] = wrong[lump] = True
    # As bright as the brain, so that nothing but its shape gives it away.
    head[thread] = head[lump] = 70
    network(wrong)
    found = brain_mask(head, brain.zooms, stripped=False)
    assert not found[lump].any()
    assert found.sum() > 0.98 * brain.mask.sum()


def test_bright_fat_on_the_rim_is_dropped_and_bright_voxels_inside_are_kept(brain, head, network):
    fat = np.zeros_like(brain.mask)
    fat[16:25, 36:44, 14:23] = True
    fat &= ndimage.binary_dilation(brain.mask) & ~ndimage.binary_erosion(brain.mask, iterations=2)
    head[fat] = 400
    vessel = (slice(24, 26), slice(30, 32), slice(18, 20))
    assert not fat[vessel].any()
    head[vessel] = 400
    network(brain.mask | fat)
    found = brain_mask(head, brain.zooms, stripped=False)
    assert not found[fat].any()
    assert found[vessel].all()
    assert (found & brain.mask & ~fat).sum() > 0.97 * (brain.mask & ~fat).sum()


def test_a_bright_coil_beside_the_brain_takes_nothing_off_it(brain, head, network):
    network(brain.mask)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in head.shape], indexing='ij')
    near_coil = head * np.exp(2.0 * z - 1.2 * y)
    found = brain_mask(near_coil, brain.zooms, stripped=False)
    assert (found & brain.mask).sum() > 0.98 * brain.mask.sum()


def test_a_network_that_finds_nothing_is_an_error(brain, head, network):
    network(np.zeros_like(brain.mask))
    with pytest.raises(ValueError, match='no brain was found'):
        brain_mask(head, brain.zooms, stripped=False)


def test_a_resampled_mask_keeps_place_and_volume(brain):
    source = Grid(brain.mask.shape, np.diag([*brain.zooms, 1.0]))
    target = isotropic_grid(source, 2.0)
    fine = resample_mask(brain.mask, source, target)
    assert fine.shape == target.shape
    assert fine.dtype == bool
    volumes = [m.sum() * np.prod(g.zooms) for m, g in ((brain.mask, source), (fine, target))]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.03)
    for mask, grid in ((brain.mask, source), (fine, target)):
        middle = grid.affine @ np.append(ndimage.center_of_mass(mask), 1)
        np.testing.assert_allclose(
            middle[:3], (source.affine @ [19.5, 23.5, 17.5, 1])[:3], atol=0.1
        )


def test_a_resampled_mask_has_no_staircase():
    source = Grid((20, 20, 20), np.diag([4.0, 4.0, 4.0, 1.0]))
    target = isotropic_grid(source, 1.0)

    def ball(grid):
        index = np.indices(grid.shape).reshape(3, -1)
        world = (grid.affine @ np.vstack([index, np.ones(index.shape[1])]))[:3]
        return (np.linalg.norm(world - 38, axis=0) < 30).reshape(grid.shape)

    blocky = np.kron(ball(source), np.ones((4, 4, 4), bool))
    fine = resample_mask(ball(source), source, target)
    # Interpolation without the blur leaves 63 % of the wrong points of a staircase.
    assert (fine != ball(target)).sum() < 0.56 * (blocky != ball(target)).sum()
