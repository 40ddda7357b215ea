"""Signals of the tissues where the image is flat."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.coarse import homogeneous, tissue_signals

ONE = (1.0, 1.0, 1.0)


@pytest.fixture(scope='module')
def small(build_brain):
    return build_brain((64, 72, 64), ONE, (58.0, 66.0, 58.0), 4.0, 7.0)


def picture(truth, means):
    clean = np.tensordot(means, truth.astype(np.float32), 1)
    return add_rician_noise(clean, 4.0, np.random.default_rng(0))


def test_homogeneous_voxels_lie_deep_in_one_tissue(small):
    mask, truth = small
    flat = homogeneous(picture(truth, (25.0, 80.0, 100.0)), mask, ONE)
    assert 0.5 < flat.sum() / (0.1 * mask.sum()) < 1.0
    # Hardly any of them is at a border: each tissue's neighbours are of that tissue too.
    borders = sum(np.abs(np.diff(t.astype(int), axis=0)) for t in truth)[flat[1:]]
    assert borders.mean() < 0.03


@pytest.mark.parametrize('grey', [0.7, 0.8, 0.88])
@pytest.mark.parametrize('scale', [1.0, 37.0])
def test_means_are_those_of_the_tissues(small, grey, scale):
    mask, truth = small
    signals = np.array([25.0, 100 * grey, 100.0])
    image = scale * picture(truth, signals)
    means, sd = tissue_signals(image, mask, ONE, signals / 100, scale * signals)
    np.testing.assert_allclose(means[1:], scale * signals[1:], rtol=0.015)
    assert means[0] == pytest.approx(scale * 25, rel=0.15)
    assert sd == pytest.approx(4.0 * scale, rel=0.4)


def test_two_measurements_count_alike_and_more_than_relaxation_times(small):
    image = picture(small[1], (25.0, 85.0, 100.0))
    means, _ = tissue_signals(image, small[0], ONE, (0.25, 0.7, 1.0), (25.0, 60.0, 81.0))
    assert means[2] == pytest.approx(np.sqrt(100 * 81), rel=0.01)
    # S.d. of 5 and 15 %: weights of nine to one.
    wanted = np.average(np.log([0.85, 60 / 81, 0.7]), weights=[9, 9, 1])
    assert np.log(means[1] / means[2]) == pytest.approx(wanted, abs=0.01)


def test_large_ventricles_are_not_taken_for_white_matter(small):
    mask, truth = small
    x, y, z = (a - n / 2 for a, n in zip(np.indices(mask.shape), mask.shape, strict=True))
    ventricle = (x / 13) ** 2 + (y / 15) ** 2 + (z / 13) ** 2 < 1
    truth = truth & ~ventricle
    truth[0] |= ventricle
    signals = np.array([25.0, 80.0, 100.0])
    image = picture(truth, signals)
    assert truth[0][homogeneous(image, mask, ONE)].mean() > 0.2
    means, _ = tissue_signals(image, mask, ONE, signals / 100, signals)
    np.testing.assert_allclose(means[1:], signals[1:], rtol=0.03)
    assert means[0] == pytest.approx(25, rel=0.06)


def test_a_mask_too_small_is_an_error():
    mask = np.zeros((20, 20, 20), bool)
    mask[8:12, 8:12, 8:12] = True
    with pytest.raises(ValueError, match='only 64 voxels'):
        homogeneous(np.ones(mask.shape), mask, ONE)
