"""Standard deviation and entropy of an enhanced image."""

import numpy as np
import pytest

from ulfprep.inr.uncertainty import (
    DETAIL,
    TEXTURE,
    lost_share,
    standard_deviation,
    tissue_entropy,
)
from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.grid import resized_grid

SHAPE = (24, 24, 24)
SPACING = (1.0, 1.0, 1.0)
CONTRAST = np.array([1.1, 1.2, 1.0], np.float32)
TARGETS = np.array([0.25, 0.7, 1.0], np.float32)
INSIDE = np.ones(SHAPE, bool)
INSIDE[:2] = False


def tissues(csf, gm, wm):
    return np.stack([np.full(SHAPE, p, np.float32) for p in (csf, gm, wm)]) * INSIDE


def spread(probs=None, lost=0.0, noise=0.0, share=0.0):
    """Return the s.d. of an even image."""
    probs = tissues(0, 0, 1) if probs is None else probs
    image = INSIDE.astype(np.float32)
    sent = image * np.tensordot(CONTRAST, probs, 1)
    back = sent + np.float32(lost) * INSIDE
    level = np.full(SHAPE, noise, np.float32)
    return standard_deviation(
        image, probs, sent, back, INSIDE, level, share, CONTRAST, TARGETS, SPACING
    )


def test_an_image_that_loses_nothing_is_known_to_the_texture_of_its_tissue():
    found = spread()
    np.testing.assert_allclose(found[INSIDE], TEXTURE, rtol=1e-5)
    assert not found[~INSIDE].any()
    assert found.dtype == np.float32


@pytest.mark.parametrize('source', ['lost', 'noise'])
def test_independent_errors_add_their_variances(source):
    found = spread(**{source: 0.1})
    np.testing.assert_allclose(found[INSIDE], np.hypot(TEXTURE, 0.1), rtol=1e-4)


def test_what_dims_a_tissue_in_the_enhanced_image_dims_its_noise():
    dimmed, plain = (spread(p, noise=0.1)[INSIDE] for p in (tissues(0, 1, 0), tissues(0, 0, 1)))
    parts = np.sqrt((dimmed**2 - TEXTURE**2) / (plain**2 - TEXTURE**2))
    np.testing.assert_allclose(parts, 1 / CONTRAST[1], rtol=1e-4)


def test_a_point_between_two_tissues_is_less_sure_than_one_of_either():
    between = spread(tissues(0, 0.5, 0.5))[INSIDE]
    # Of one measurement 1.1, GM makes 1.1 / 1.2 and WM 1.1: each as likely, about 1.
    tissue = np.sqrt(np.mean([(1.1 / 1.2 - 1) ** 2, (1.1 - 1) ** 2]))
    np.testing.assert_allclose(between, np.hypot(TEXTURE, tissue), rtol=1e-4)


def test_unseen_anatomy_counts_where_tissues_are_mixed():
    layered = tissues(0, 0, 1)
    layered[1:, :, :, :12:2] = layered[:0:-1, :, :, :12:2]
    found = spread(layered, share=0.5)
    # Of two tissues in equal parts the s.d. is half of what lies between them.
    mixed = 0.5 * (TARGETS[2] - TARGETS[1])
    np.testing.assert_allclose(
        found[12, 12, 2], np.hypot(TEXTURE, DETAIL * 0.5 * mixed), rtol=0.05
    )
    assert found[12, 12, 22] == pytest.approx(TEXTURE, rel=0.02)
    np.testing.assert_allclose(spread(layered)[INSIDE], TEXTURE, rtol=1e-4)


def test_lost_detail_counts_where_it_was_lost():
    image = INSIDE.astype(np.float32)
    back = image.copy()
    back[:, :, :6] += 0.2
    none, white = np.zeros(SHAPE, np.float32), tissues(0, 0, 1)
    found = standard_deviation(
        image, white, image, back, INSIDE, none, 0.0, CONTRAST, TARGETS, SPACING
    )
    assert found[12, 12, 1] > 2 * found[12, 12, 22]


def share_of(voxel, smoothness=0.02):
    fine = Grid(SHAPE, np.eye(4))
    model = ForwardModel.between(resized_grid(fine, voxel), fine, voxel, np.ones(3))
    return lost_share(model, INSIDE, smoothness, SPACING)


def test_thicker_slices_and_more_noise_lose_more_of_the_anatomy():
    shares = [share_of((1.6, 1.6, mm)) for mm in (2.0, 4.0, 8.0)]
    assert 0 < shares[0] < shares[1] < shares[2] < 1
    # The noisier a scan, the smoother its inverse.
    assert share_of((1.6, 1.6, 4.0), 0.1) > shares[1]


def test_a_perfect_scanner_loses_nothing_of_the_anatomy():
    assert share_of((1.0, 1.0, 1.0), 1e-4) < 0.02


def test_a_scan_has_one_share():
    assert share_of((2.0, 2.0, 4.0)) == share_of((2.0, 2.0, 4.0))


@pytest.mark.parametrize(
    ('probs', 'bits'),
    [((0, 0, 1), 0), ((0, 0.5, 0.5), 1), ((1 / 3,) * 3, np.log2(3)), ((0, 0, 0), 0)],
)
def test_entropy_in_bits(probs, bits):
    found = tissue_entropy(np.array(probs, np.float32).reshape(3, 1, 1, 1))
    assert found.shape == (1, 1, 1)
    assert found.dtype == np.float32
    assert found[0, 0, 0] == pytest.approx(bits, abs=1e-6)
