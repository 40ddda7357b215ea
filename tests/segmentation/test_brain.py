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


@pytest.fixture
def stripped(brain):
    return np.where(brain.mask, brain.noisy, 0)


def of_volume(brain, ml):
    """Return the voxel size that gives the brain a volume."""
    return ((ml / (brain.mask.sum() / 1000)) ** (1 / 3),) * 3


def test_a_brain_in_zeros_looks_stripped(brain, stripped):
    found, reason = looks_stripped(stripped, ZOOMS)
    assert found
    assert 'already removed' in reason
    assert reason.startswith(f'{round(100 * (~brain.mask).mean())} % of the voxels are exactly')


@pytest.mark.parametrize('background', ['noise', 'zeros', 'defaced'])
def test_a_head_is_not_stripped(head, background):
    if background == 'zeros':
        head = np.where(head > 40, head, 0)
    if background == 'defaced':
        head[:, 34:, :18] = 0
    found, reason = looks_stripped(head, ZOOMS)
    assert not found
    assert 'still there' in reason


@pytest.mark.parametrize(('ml', 'expected'), [(2000, True), (3500, False)])
def test_what_is_larger_than_any_brain_is_a_head_however_dark_its_rim(
    brain, stripped, ml, expected
):
    assert looks_stripped(stripped, of_volume(brain, ml))[0] is expected


@pytest.mark.parametrize('noise', [0, 5])
def test_more_signal_than_a_brain_has_is_a_head_whatever_surrounds_it(brain, noise):
    air = np.abs(noise * np.random.default_rng(0).standard_normal(brain.mask.shape))
    image = np.where(brain.mask, brain.noisy, air)
    for ml, expected in ((1400, False), (3000, True)):
        assert shows_a_head(image, of_volume(brain, ml)) is expected


def test_the_mask_of_a_stripped_brain_is_what_is_not_zero_with_holes_filled(brain, stripped):
    # A hole, and a crumb that is no part of the brain.
    stripped[20, 24, 18] = 0
    stripped[0, 0, 0] = 90
    np.testing.assert_array_equal(brain_mask(stripped, brain.zooms, stripped=True), brain.mask)


@pytest.mark.parametrize(('zoom', 'volume'), [(1.0, '23'), (8.0, '11')])
def test_a_volume_that_no_brain_has_is_an_error(stripped, zoom, volume):
    with pytest.raises(
        ValueError, match=rf'holds {volume}\d* ml, which is no brain.*SkullStripped'
    ):
        brain_mask(stripped, (zoom,) * 3, stripped=True)


def test_an_image_without_signal_is_an_error():
    with pytest.raises(ValueError, match='no brain was found'):
        brain_mask(np.zeros((10, 10, 10)), (4, 4, 4), stripped=True)


@pytest.fixture
def mask_with(monkeypatch, brain):
    """Return a function that gives the mask of a head of which the network finds some part."""

    def found(head, of_network):
        monkeypatch.setattr(room, '_deepbet', lambda image: of_network)
        return brain_mask(head, brain.zooms, stripped=False)

    return found


def test_the_mask_of_a_head_is_the_networks(brain, head, mask_with):
    found = mask_with(head, brain.mask)
    assert (found & brain.mask).sum() > 0.98 * brain.mask.sum()
    assert not (found & ~brain.mask).any()


def test_threads_to_other_tissue_are_cut(brain, head, mask_with):
    wrong = brain.mask.copy()
    thread = (35, slice(30, 40), 18)
    lump = (slice(34, 39), slice(40, 45), slice(16, 21))
    wrong[thread] = wrong[lump] = True
    # As bright as the brain, so that nothing but its shape gives it away.
    head[thread] = head[lump] = 70
    found = mask_with(head, wrong)
    assert not found[lump].any()
    assert found.sum() > 0.98 * brain.mask.sum()


def test_bright_fat_on_the_rim_is_dropped_and_bright_voxels_inside_are_kept(
    brain, head, mask_with
):
    fat = np.zeros_like(brain.mask)
    fat[16:25, 36:44, 14:23] = True
    fat &= ndimage.binary_dilation(brain.mask) & ~ndimage.binary_erosion(brain.mask, iterations=2)
    vessel = (slice(24, 26), slice(30, 32), slice(18, 20))
    assert not fat[vessel].any()
    head[fat] = head[vessel] = 400
    found = mask_with(head, brain.mask | fat)
    assert not found[fat].any()
    assert found[vessel].all()
    assert (found & brain.mask & ~fat).sum() > 0.97 * (brain.mask & ~fat).sum()


def test_a_bright_coil_beside_the_brain_takes_nothing_off_it(brain, head, mask_with):
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in head.shape], indexing='ij')
    found = mask_with(head * np.exp(2.0 * z - 1.2 * y), brain.mask)
    assert (found & brain.mask).sum() > 0.98 * brain.mask.sum()


def test_a_network_that_finds_nothing_is_an_error(brain, head, mask_with):
    with pytest.raises(ValueError, match='no brain was found'):
        mask_with(head, np.zeros_like(brain.mask))


def test_a_resampled_mask_is_where_it_was_and_has_no_staircase():
    source = Grid((20, 20, 20), np.diag([4.0, 4.0, 4.0, 1.0]))
    target = isotropic_grid(source, 1.0)

    def ball(grid):
        index = np.indices(grid.shape).reshape(3, -1)
        world = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
        return (np.linalg.norm(world - 38, axis=0) < 30).reshape(grid.shape)

    blocky = np.kron(ball(source), np.ones((4, 4, 4), bool))
    fine = resample_mask(ball(source), source, target)
    assert fine.dtype == bool
    assert fine.sum() == pytest.approx(blocky.sum(), rel=0.03)
    # Interpolation without the blur leaves 63 % of the wrong points of a staircase.
    assert (fine != ball(target)).sum() < 0.56 * (blocky != ball(target)).sum()
