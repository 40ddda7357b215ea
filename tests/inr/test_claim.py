"""How much of the detail of an image a scanner supports."""

import numpy as np
import pytest

from ulfprep.inr.uncertainty import claim, local_mean, surviving
from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.grid import resized_grid

SPACING = (1.0, 1.0, 1.0)
FINE = Grid((40, 40, 40), np.eye(4))
INSIDE = np.zeros(FINE.shape, bool)
INSIDE[3:-3, 3:-3, 3:-3] = True
CORE = (slice(10, 30),) * 3


def stripes(axis, period):
    """Return an even brain with stripes across one axis."""
    wave = np.cos(2 * np.pi * np.arange(40) / period)
    wave = np.moveaxis(wave[:, None, None], 0, axis)
    return np.where(INSIDE, 0.8 + 0.1 * wave, 0).astype(np.float32)


def claimed(image, voxel=(1.6, 1.6, 5.0), smoothness=0.02, noise=0.0):
    scan = resized_grid(FINE, voxel)
    model = ForwardModel.between(scan, FINE, voxel, np.ones(3))
    sent, back = surviving(model, image, INSIDE, smoothness, SPACING)
    return claim(sent, back, INSIDE, np.full(FINE.shape, noise, np.float32), SPACING)


def mixed():
    return (stripes(0, 6.0) + stripes(1, 8.0) + stripes(2, 7.0)) / 3


def test_a_perfect_scanner_supports_everything():
    found = claimed(mixed(), voxel=(1.0, 1.0, 1.0), smoothness=1e-4)
    assert found[CORE].min() > 0.97


def test_it_lies_between_zero_and_one_and_is_zero_outside_the_brain():
    found = claimed(mixed(), noise=0.03)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found[~INSIDE].any()


def test_it_falls_with_noise():
    values = [claimed(mixed(), noise=sigma)[CORE].mean() for sigma in (0.0, 0.02, 0.04)]
    assert values[0] > values[1] + 0.05 > values[2] + 0.1


def test_it_falls_with_slice_thickness():
    values = [claimed(mixed(), voxel=(1.6, 1.6, mm))[CORE].mean() for mm in (2.0, 4.0, 8.0)]
    assert values[0] > values[1] > values[2]


def test_detail_across_thick_slices_is_not_supported_and_detail_in_the_plane_is():
    assert claimed(stripes(2, 7.0))[CORE].max() < 0.1
    assert claimed(stripes(0, 7.0))[CORE].min() > 0.5


def test_an_even_brain_has_nothing_to_claim():
    # Beyond the mask the image goes on evenly: its border is no detail.
    assert claimed(INSIDE.astype(np.float32), noise=0.02).max() == 0


def test_the_same_image_gives_the_same_bytes():
    assert claimed(mixed(), noise=0.02).tobytes() == claimed(mixed(), noise=0.02).tobytes()


def test_an_average_over_the_brain_takes_nothing_from_outside():
    image = np.where(INSIDE, 2.0, 100.0).astype(np.float32)
    mean = local_mean(image, INSIDE, 10.0, SPACING)
    np.testing.assert_allclose(mean[INSIDE], 2.0, rtol=1e-5)


def test_the_window_is_in_millimetres():
    image = np.random.default_rng(0).standard_normal(FINE.shape).astype(np.float32)
    spread = [local_mean(image, INSIDE, 6.0, (s,) * 3)[CORE].std() for s in (1.0, 2.0)]
    # Half as many voxels along each axis hold an eighth of the values.
    assert spread[1] / spread[0] == pytest.approx(8**0.5, rel=0.25)
