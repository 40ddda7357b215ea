"""Standard deviation and entropy of an enhanced image."""

import numpy as np
import pytest

from ulfprep.inr.uncertainty import DOUBTED, standard_deviation, tissue_entropy
from ulfprep.inr.warm import TEXTURE

SHAPE = (24, 24, 24)
CONTRAST = np.array([1.1, 1.2, 1.0], np.float32)
TARGETS = np.array([0.25, 0.7, 1.0], np.float32)
INSIDE = np.ones(SHAPE, bool)
INSIDE[:2] = False


def tissues(csf, gm, wm):
    return np.stack([np.full(SHAPE, p, np.float32) for p in (csf, gm, wm)]) * INSIDE


def spread(probs, noise=0.0):
    level = np.full(SHAPE, noise, np.float32)
    return standard_deviation(probs, INSIDE, level, CONTRAST, TARGETS)


def test_a_point_of_one_tissue_is_known_to_the_texture_of_its_tissue():
    found = spread(tissues(0, 0, 1))
    np.testing.assert_allclose(found[INSIDE], TEXTURE, rtol=1e-5)
    assert not found[~INSIDE].any()
    assert found.dtype == np.float32


def test_noise_adds_its_variance():
    found = spread(tissues(0, 0, 1), noise=0.1)
    np.testing.assert_allclose(found[INSIDE], np.hypot(TEXTURE, 0.1), rtol=1e-4)


def test_what_dims_a_tissue_in_the_enhanced_image_dims_its_noise():
    dimmed, plain = (spread(p, noise=0.1)[INSIDE] for p in (tissues(0, 1, 0), tissues(0, 0, 1)))
    parts = np.sqrt((dimmed**2 - TEXTURE**2) / (plain**2 - TEXTURE**2))
    np.testing.assert_allclose(parts, 1 / CONTRAST[1], rtol=1e-4)


@pytest.mark.parametrize('between', [(1, 2), (0, 2)])
def test_a_point_between_two_tissues_is_the_less_sure_the_more_they_differ(between):
    shares = [0.0, 0.0, 0.0]
    for k in between:
        shares[k] = 0.5
    # Of two values in equal parts the s.d. is half of what lies between them.
    half = 0.5 * (TARGETS[between[1]] - TARGETS[between[0]])
    found = spread(tissues(*shares))[INSIDE]
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
