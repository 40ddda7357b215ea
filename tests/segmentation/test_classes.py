"""Signals of the tissues where the image is flat."""

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.classes import homogeneous, tissue_classes

ONE = (1.0, 1.0, 1.0)


@pytest.fixture(scope='module')
def small(build_brain):
    return build_brain((64, 72, 64), ONE, (58.0, 66.0, 58.0), 4.0, 7.0)


def picture(small, means, sigma=4.0, seed=0):
    mask, truth = small
    clean = np.tensordot(means, truth.astype(np.float32), 1)
    return add_rician_noise(clean, sigma, np.random.default_rng(seed))


def test_homogeneous_voxels_lie_deep_in_one_tissue(small):
    mask, truth = small
    flat = homogeneous(picture(small, (25.0, 80.0, 100.0)), mask, ONE)
    assert 0.5 < flat.sum() / (0.1 * mask.sum()) < 1.0
    pure = [truth[k][flat].mean() for k in range(3)]
    # Hardly any of them is at a border: each tissue's neighbours are of that tissue too.
    borders = sum(np.abs(np.diff(t.astype(int), axis=0)) for t in truth)[flat[1:]]
    assert borders.mean() < 0.03
    assert sum(pure) == pytest.approx(1)


@pytest.mark.parametrize('grey', [0.7, 0.8, 0.88])
@pytest.mark.parametrize('scale', [1.0, 37.0])
def test_means_are_those_of_the_tissues(small, grey, scale):
    image = scale * picture(small, (25.0, 100 * grey, 100.0))
    found = tissue_classes(image, small[0], ONE, (0.25, grey, 1.0))
    np.testing.assert_allclose(found.means[1:], scale * np.array([100 * grey, 100]), rtol=0.03)
    assert found.means[0] == pytest.approx(scale * 25, rel=0.15)
    assert found.sds[1] == pytest.approx(4.0 * scale, rel=0.4)


def test_data_win_over_relaxation_times_but_not_wholly(small):
    image = picture(small, (25.0, 85.0, 100.0))
    found = tissue_classes(image, small[0], ONE, (0.25, 0.7, 1.0))
    ratio, measured = found.means[1] / found.means[2], found.measured[1] / found.measured[2]
    assert measured == pytest.approx(0.85, abs=0.02)
    # S.d. of 5 and 15 %: nine tenths of the way from 0.70 to what was measured.
    assert np.log(ratio) == pytest.approx(0.9 * np.log(measured) + 0.1 * np.log(0.7), abs=1e-6)


def test_a_second_measurement_counts_as_much_as_the_first(small):
    image = picture(small, (25.0, 85.0, 100.0))
    expected = (0.25, 0.8, 1.0)
    alone = tissue_classes(image, small[0], ONE, expected)
    both = tissue_classes(image, small[0], ONE, expected, np.array([25.0, 60.0, 81.0]))
    assert both.means[2] == pytest.approx(np.sqrt(alone.means[2] * 81), rel=1e-6)
    logs = np.log([alone.measured[1] / alone.measured[2], 60 / 81, 0.8])
    wanted = np.average(logs, weights=[9, 9, 1])
    assert np.log(both.means[1] / both.means[2]) == pytest.approx(wanted, abs=1e-6)


def test_large_ventricles_are_not_taken_for_white_matter(build_brain):
    mask, truth = build_brain((64, 72, 64), ONE, (58.0, 66.0, 58.0), 4.0, 7.0)
    axes = [np.arange(n) - n / 2 for n in mask.shape]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    ventricle = (x / 13) ** 2 + (y / 15) ** 2 + (z / 13) ** 2 < 1
    truth = truth & ~ventricle
    truth[0] |= ventricle
    image = picture((mask, truth), (25.0, 80.0, 100.0))
    flat = homogeneous(image, mask, ONE)
    assert truth[0][flat].mean() > 0.2
    found = tissue_classes(image, mask, ONE, (0.25, 0.8, 1.0))
    np.testing.assert_allclose(found.means, (25.0, 80.0, 100.0), rtol=0.06)


def test_the_same_image_gives_the_same_means(small):
    image = picture(small, (25.0, 80.0, 100.0))
    one, two = (tissue_classes(image, small[0], ONE, (0.25, 0.8, 1.0)) for _ in range(2))
    assert one.means.tobytes() == two.means.tobytes()


def test_a_mask_too_small_is_an_error():
    mask = np.zeros((20, 20, 20), bool)
    mask[8:12, 8:12, 8:12] = True
    with pytest.raises(ValueError, match='only 64 voxels'):
        tissue_classes(np.ones(mask.shape), mask, ONE, (0.25, 0.8, 1.0))
