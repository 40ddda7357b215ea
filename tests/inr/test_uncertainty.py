"""Standard deviation and entropy of an enhanced image."""

import numpy as np
import pytest

from ulfprep.inr.uncertainty import DETAIL, TEXTURE, standard_deviation, tissue_entropy

SHAPE = (24, 24, 24)
SPACING = (1.0, 1.0, 1.0)
CONTRAST = np.array([1.1, 1.2, 1.0], np.float32)
INSIDE = np.ones(SHAPE, bool)
INSIDE[:2] = False


def tissues(csf, gm, wm):
    return np.stack([np.full(SHAPE, p, np.float32) for p in (csf, gm, wm)]) * INSIDE


def spread(probs=None, lost=0.0, noise=0.0, intensity=1.0):
    """Return the s.d. of an even image."""
    probs = tissues(0, 0, 1) if probs is None else probs
    image = np.full(SHAPE, intensity, np.float32) * INSIDE
    seen = image * np.tensordot(CONTRAST, probs, 1)
    back = seen + np.float32(lost) * INSIDE
    level = np.full(SHAPE, noise, np.float32)
    return standard_deviation(image, probs, seen, back, INSIDE, level, CONTRAST, SPACING)


def test_an_image_that_loses_nothing_is_known_to_the_texture_of_its_tissue():
    found = spread()
    np.testing.assert_allclose(found[INSIDE], DETAIL * TEXTURE, rtol=1e-5)
    assert not found[~INSIDE].any()
    assert found.dtype == np.float32


@pytest.mark.parametrize('source', ['lost', 'noise'])
def test_independent_errors_add_their_variances(source):
    found = spread(**{source: 0.1})
    expected = DETAIL * np.hypot(TEXTURE, 0.1)
    np.testing.assert_allclose(found[INSIDE], expected, rtol=1e-4)


def test_what_dims_a_tissue_in_the_scan_dims_its_noise_no_less():
    bright = spread(tissues(0, 1, 0), noise=0.1)[INSIDE]
    plain = spread(tissues(0, 0, 1), noise=0.1)[INSIDE]
    parts = np.sqrt((bright**2 - (DETAIL * TEXTURE) ** 2) / (plain**2 - (DETAIL * TEXTURE) ** 2))
    np.testing.assert_allclose(parts, 1 / CONTRAST[1], rtol=1e-4)


def test_a_point_between_two_tissues_is_less_sure_than_one_of_either():
    between = spread(tissues(0, 0.5, 0.5))[INSIDE]
    # Of one measurement 1.1, GM makes 1.1 / 1.2 and WM 1.1: each as likely, about 1.
    tissue = np.sqrt(np.mean([(1.1 / 1.2 - 1) ** 2, (1.1 - 1) ** 2]))
    np.testing.assert_allclose(between, np.hypot(DETAIL * TEXTURE, tissue), rtol=1e-4)


def test_lost_detail_counts_where_it_was_lost():
    image = np.ones(SHAPE, np.float32) * INSIDE
    back = image.copy()
    back[:, :, :6] += 0.2
    none = np.zeros(SHAPE, np.float32)
    found = standard_deviation(
        image, tissues(0, 0, 1), image, back, INSIDE, none, CONTRAST, SPACING
    )
    assert found[12, 12, 1] > 2 * found[12, 12, 22]


@pytest.mark.parametrize(
    ('probs', 'bits'),
    [((0, 0, 1), 0), ((0, 0.5, 0.5), 1), ((1 / 3,) * 3, np.log2(3)), ((0, 0, 0), 0)],
)
def test_entropy_in_bits(probs, bits):
    found = tissue_entropy(np.array(probs, np.float32).reshape(3, 1, 1, 1))
    assert found.shape == (1, 1, 1)
    assert found.dtype == np.float32
    assert found[0, 0, 0] == pytest.approx(bits, abs=1e-6)
