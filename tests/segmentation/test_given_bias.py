"""The bias field between a scan and its corrected copy, and what is no such copy."""

import numpy as np
import pytest
from derived import affine_of, tissue_labels
from scipy import ndimage

from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.given import NoFieldError, divided_field

SHAPE, ZOOMS = (80, 88, 30), (2.0, 2.0, 5.0)
GRID = Grid(SHAPE, affine_of(SHAPE, ZOOMS))


@pytest.fixture(scope='module')
def scene():
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


def test_the_field_is_found_whatever_the_scale(scene):
    image, mask, field = scene
    found = divided_field(image, mask, GRID, 0.013 * image / field, GRID)
    assert wrong(found, field, mask) < 0.01 < 0.1 < np.log(field[mask]).std()
    assert abs(np.log(found[mask]).mean()) < 1e-4
    assert found.shape == image.shape


def test_the_field_is_found_on_flipped_axes_and_in_rounded_numbers(scene):
    image, mask, field = scene
    affine = GRID.affine @ np.array(
        [[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0] * 3 + [1]]
    )
    flipped = Grid(SHAPE, affine)
    rounded = np.rint(image / field * 2)[::-1]
    assert wrong(divided_field(image, mask, GRID, rounded, flipped), field, mask) < 0.01


def test_the_field_is_found_on_the_finer_grid_of_freesurfer(scene):
    image, mask, field = scene
    fine = Grid((150, 160, 140), affine_of((150, 160, 140), (1.0, 1.0, 1.0)))
    # Rounded to whole numbers of which white matter has 110, and zero outside the brain.
    other = np.rint(carry((image * mask / field).astype(np.float32), GRID, fine) * 1.1)
    assert wrong(divided_field(image, mask, GRID, other, fine), field, mask) < 0.02


@pytest.mark.parametrize('what', ['denoised', 'other contrast', 'another scan', 'moved'])
def test_more_than_a_bias_correction_is_refused(scene, what):
    image, mask, field = scene
    clean = image / field
    other = {
        'denoised': ndimage.gaussian_filter(clean, 0.6),
        'other contrast': clean**0.7,
        'another scan': np.random.default_rng(1).permutation(clean.ravel()).reshape(SHAPE),
        'moved': np.roll(clean, 2, axis=0),
    }[what]
    with pytest.raises(NoFieldError, match='difference is left from voxel to voxel'):
        divided_field(image, mask, GRID, other, GRID)


def test_an_image_without_the_brain_is_refused(scene):
    image, mask, _ = scene
    with pytest.raises(NoFieldError, match='less than half of the brain'):
        divided_field(image, mask, GRID, np.where(mask, 0, image), GRID)
