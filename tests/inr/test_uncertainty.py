"""What an enhanced image does not know: standard deviation, entropy, and unsupported detail."""

import numpy as np
import pytest

from ulfprep.inr.uncertainty import (
    DOUBTED,
    claim,
    local_mean,
    standard_deviation,
    surviving,
    tissue_entropy,
)
from ulfprep.inr.warm import TEXTURE
from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.grid import resized_grid

CONTRAST = np.array([1.1, 1.2, 1.0], np.float32)
TARGETS = np.array([0.25, 0.7, 1.0], np.float32)
SPACING = (1.0, 1.0, 1.0)
FINE = Grid((40, 40, 40), np.eye(4))
INSIDE = np.zeros(FINE.shape, bool)
INSIDE[3:-3, 3:-3, 3:-3] = True
CORE = (slice(10, 30),) * 3


def spread(*shares, noise=0.0):
    """Return the s.d. of an even brain of these shares of CSF, GM and WM."""
    probs = np.stack([np.full(FINE.shape, p, np.float32) for p in shares]) * INSIDE
    level = np.full(FINE.shape, noise, np.float32)
    return standard_deviation(probs, INSIDE, level, CONTRAST, TARGETS)


def test_a_point_of_one_tissue_is_known_to_the_texture_of_its_tissue():
    found = spread(0, 0, 1)
    np.testing.assert_allclose(found[INSIDE], TEXTURE, rtol=1e-5)
    assert not found[~INSIDE].any()
    assert found.dtype == np.float32


@pytest.mark.parametrize(('shares', 'factor'), [((0, 0, 1), 1), ((0, 1, 0), 1 / CONTRAST[1])])
def test_noise_adds_its_variance_dimmed_as_its_tissue_is(shares, factor):
    found = spread(*shares, noise=0.1)
    np.testing.assert_allclose(found[INSIDE], np.hypot(TEXTURE, 0.1 * factor), rtol=1e-4)


@pytest.mark.parametrize('between', [(1, 2), (0, 2)])
def test_a_point_between_two_tissues_is_the_less_sure_the_more_they_differ(between):
    shares = [0.5 if k in between else 0.0 for k in range(3)]
    # Of two values in equal parts the s.d. is half of what lies between them.
    half = 0.5 * (TARGETS[between[1]] - TARGETS[between[0]])
    found = spread(*shares)[INSIDE]
    np.testing.assert_allclose(found, np.hypot(TEXTURE, DOUBTED * half), rtol=1e-4)


@pytest.mark.parametrize(
    ('probs', 'bits'),
    [((0, 0, 1), 0), ((0, 0.5, 0.5), 1), ((1 / 3,) * 3, np.log2(3)), ((0, 0, 0), 0)],
)
def test_entropy_in_bits(probs, bits):
    found = tissue_entropy(np.array(probs, np.float32).reshape(3, 1, 1, 1))
    assert found.shape == (1, 1, 1)
    assert found.dtype == np.float32
    assert found[0, 0, 0] == pytest.approx(bits, abs=1e-6)


def stripes(axis, period):
    """Return an even brain with stripes across one axis."""
    wave = np.cos(2 * np.pi * np.arange(40) / period)
    wave = np.moveaxis(wave[:, None, None], 0, axis)
    return np.where(INSIDE, 0.8 + 0.1 * wave, 0).astype(np.float32)


MIXED = (stripes(0, 6.0) + stripes(1, 8.0) + stripes(2, 7.0)) / 3


def claimed(image=MIXED, voxel=(1.6, 1.6, 5.0), smoothness=0.02, noise=0.0):
    model = ForwardModel.between(resized_grid(FINE, voxel), FINE, voxel, np.ones(3))
    sent, back = surviving(model, image, INSIDE, smoothness, SPACING)
    return claim(sent, back, INSIDE, np.full(FINE.shape, noise, np.float32), SPACING)


@pytest.mark.parametrize(
    ('image', 'given', 'least', 'most'),
    [
        (MIXED, {'voxel': (1.0, 1.0, 1.0), 'smoothness': 1e-4}, 0.97, 1),
        (MIXED, {'noise': 0.03}, 0, 1),
        (stripes(2, 7.0), {}, 0, 0.1),  # across thick slices
        (stripes(0, 7.0), {}, 0.5, 1),  # in their plane
    ],
)
def test_detail_is_supported_where_the_scanner_resolves_it(image, given, least, most):
    found = claimed(image, **given)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert not found[~INSIDE].any()
    assert least <= found[CORE].min() <= found[CORE].max() <= most
    assert claimed(image, **given).tobytes() == found.tobytes()


def test_a_claim_falls_with_noise_and_with_slice_thickness():
    values = [claimed(noise=sigma)[CORE].mean() for sigma in (0.0, 0.02, 0.04)]
    assert values[0] > values[1] + 0.05 > values[2] + 0.1
    values = [claimed(voxel=(1.6, 1.6, mm))[CORE].mean() for mm in (2.0, 4.0, 8.0)]
    assert values[0] > values[1] > values[2]


def test_an_even_brain_has_nothing_to_claim():
    # Beyond the mask the image goes on evenly: its border is no detail.
    assert claimed(INSIDE.astype(np.float32), noise=0.02).max() == 0


def test_an_average_over_the_brain_takes_nothing_from_outside():
    image = np.where(INSIDE, 2.0, 100.0).astype(np.float32)
    mean = local_mean(image, INSIDE, 10.0, SPACING)
    np.testing.assert_allclose(mean[INSIDE], 2.0, rtol=1e-5)


def test_the_window_is_in_millimetres():
    image = np.random.default_rng(0).standard_normal(FINE.shape).astype(np.float32)
    spread = [local_mean(image, INSIDE, 6.0, (s,) * 3)[CORE].std() for s in (1.0, 2.0)]
    # Half as many voxels along each axis hold an eighth of the values.
    assert spread[1] / spread[0] == pytest.approx(8**0.5, rel=0.25)
