"""Whose word on the skull counts, and the user's own mask."""

import nibabel as nib
import numpy as np
import pytest

from ulfprep.note import Note, warnings_in
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry_mask
from ulfprep.segmentation.prepare import Volume, find_brain, is_stripped

SHAPE, ZOOMS = (50, 60, 20), np.array([4.0, 4.0, 8.0])


def world(grid):
    index = np.indices(grid.shape).reshape(3, -1)
    return (grid.affine[:3, :3] @ index + grid.affine[:3, 3:]).T.reshape(*grid.shape, 3)


def brain_on(grid):
    """Return an ellipsoid of 1.5 l about (5, -8, 3) mm."""
    return (((world(grid) - (5, -8, 3)) / (70, 80, 64)) ** 2).sum(axis=-1) < 1


def grid_of(shape, zooms, turn=0.0, codes='RAS'):
    """Return a grid about the origin, turned about two axes (degrees), in any order of axes."""
    a, b = np.deg2rad([turn, turn / 2])
    one = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    two = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = one @ two @ np.diag(zooms)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    image = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    to = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt('RAS'), nib.orientations.axcodes2ornt(codes)
    )
    turned = image.as_reoriented(to)
    return Grid(turned.shape, turned.affine)


@pytest.fixture
def scan():
    """Return data and grid of a scan of the brain in air."""
    grid = grid_of(SHAPE, ZOOMS)
    noise = np.random.default_rng(0).normal(0, 5, (2, *SHAPE))
    return np.hypot(100 * brain_on(grid) + noise[0], noise[1]).astype(np.float32), grid


def own_mask(mask, grid):
    """Return a mask as the user gives it."""
    return Volume(mask.astype(np.float32), grid, 'm.nii.gz (--brain-mask)', 'Mine.')


@pytest.mark.parametrize(
    ('shape', 'zooms', 'turn', 'codes'),
    [
        ((200, 240, 160), (1.0, 1.0, 1.0), 0, 'LIA'),
        ((120, 120, 90), (2.0, 2.0, 2.0), 25, 'PSR'),
        ((40, 50, 40), (5.0, 5.0, 5.0), 10, 'RAS'),
        (SHAPE, ZOOMS, 0, 'LPS'),
    ],
)
def test_a_mask_on_any_grid_lands_where_the_brain_is(scan, shape, zooms, turn, codes):
    data, grid = scan
    its = grid_of(shape, zooms, turn, codes)
    mask, notes = find_brain(data, grid, stripped=False, given=own_mask(brain_on(its), its))
    truth = brain_on(grid)
    overlap = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    # Exact on the scan's own grid; else no worse than half a voxel of either.
    assert overlap > (0.999 if tuple(zooms) == tuple(ZOOMS) else 0.96)
    middle = [world(grid)[m].mean(axis=0) for m in (mask, truth)]
    np.testing.assert_allclose(*middle, atol=0.5)
    assert Note('Mine.') in notes
    assert not warnings_in(notes)


def test_nothing_is_made_up_beyond_the_field_of_view_of_the_mask():
    its, grid = grid_of((50, 60, 10), ZOOMS), grid_of(SHAPE, ZOOMS)
    carried = carry_mask(np.ones(its.shape), its, grid)
    assert carried[..., 5:15].all()
    assert not carried[..., :5].any()
    assert not carried[..., 15:].any()


def test_a_mask_that_is_not_of_this_brain_is_named(scan):
    data, grid = scan
    small = (((world(grid)) / 20) ** 2).sum(axis=-1) < 1
    with pytest.raises(ValueError, match=r'holds \d+ ml, which is no brain; .*m.nii.gz'):
        find_brain(data, grid, stripped=False, given=own_mask(small, grid))


def test_a_mask_beside_the_brain_is_warned_of(scan):
    data, grid = scan
    beside = np.roll(brain_on(grid), -14, axis=0)
    _, notes = find_brain(data, grid, stripped=False, given=own_mask(beside, grid))
    assert any('shows signal' in note.text for note in warnings_in(notes))


@pytest.mark.parametrize(('option', 'word'), [('skip', 'stripped already'), ('force', 'a head')])
def test_the_users_word_on_the_skull_is_named(scan, option, word):
    data, grid = scan
    said_by = f'--skull-strip {option}'
    stripped, note = is_stripped(data, grid.zooms, said=option == 'skip', said_by=said_by)
    assert stripped is (option == 'skip')
    assert word in note.text
    assert said_by in note.text


def test_the_sidecars_word_goes_before_the_image(scan):
    data, grid = scan
    said, note = is_stripped(data, grid.zooms, said=False)
    found, other = is_stripped(data * brain_on(grid), grid.zooms)
    assert (said, found) == (False, True)
    assert 'SkullStripped: false' in note.text
    assert 'SkullStripped' not in other.text


def test_a_head_whose_sidecar_says_that_it_is_stripped_is_told_apart(scan):
    """More signal than a brain has: the image is believed, the user's own word before it."""
    data, grid = scan
    larger = 1.35 * grid.zooms
    stripped, note = is_stripped(data, larger, said=True)
    assert not stripped
    assert warnings_in([note])[0].text.startswith('its sidecar says SkullStripped: true')
    assert '--skull-strip skip' in note.text
    assert is_stripped(data, larger, said=True, said_by='--skull-strip skip')[0]
