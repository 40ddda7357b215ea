"""Contrast, noise and bias correction of tissues, where the answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ulfprep.metrics.contrast import (
    bias_effect,
    coefficient_of_joint_variation,
    contrast_to_noise,
    entropy_focus_criterion,
    profile,
    tissue_means,
    tissue_sds,
)

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
GM, WM = 1, 2


@pytest.fixture
def tissues():
    """Return an image of known means and spreads, and its tissue probabilities."""
    image = np.array([1.0, 3.0, 10.0, 14.0, 20.0, 20.0, 99.0]).reshape(7, 1, 1)
    probs = np.zeros((3, 7, 1, 1))
    probs[0, :2], probs[1, 2:4], probs[2, 4:6] = 1, 0.8, 0.51
    probs[:, 6] = 1 / 3
    return image, probs


def test_means_and_spreads_are_of_the_most_likely_points_only(tissues):
    np.testing.assert_allclose(tissue_means(*tissues), [2, 12, 20])
    np.testing.assert_allclose(tissue_sds(*tissues), [1, 2, 0])


def test_joint_variation_of_white_and_grey_matter():
    assert coefficient_of_joint_variation(np.array([9, 70, 100]), np.array([50, 4, 5])) == 0.3
    assert coefficient_of_joint_variation(np.array([9, 100, 70]), np.array([50, 4, 5])) == 0.3


def test_contrast_to_noise_is_signed():
    assert contrast_to_noise([0, 70, 100], 5.0) == 6.0
    assert contrast_to_noise([0, 100, 70], 5.0) == -6.0


def test_focus_is_zero_for_a_point_and_one_for_an_even_image():
    point = np.zeros(1000)
    point[3] = 7
    assert entropy_focus_criterion(point) == pytest.approx(0, abs=1e-9)
    assert entropy_focus_criterion(np.full(1000, 7.0)) == pytest.approx(1)


def test_focus_does_not_depend_on_scale_or_sign():
    image = np.random.default_rng(0).normal(size=(8, 9, 10))
    expected = entropy_focus_criterion(image)
    assert 0 < expected < 1
    assert entropy_focus_criterion(-30 * image) == pytest.approx(expected)


def test_blur_spreads_the_focus():
    image = np.zeros((20, 20, 20))
    image[::5, ::5, ::5] = 1
    assert entropy_focus_criterion(ndimage.gaussian_filter(image, 1)) > entropy_focus_criterion(
        image
    )


@pytest.fixture
def biased():
    """Return labels in stripes, the even image, and a field that triples along z."""
    labels = np.zeros((12, 10, 40), np.uint8)
    labels[1:11, 1:9] = np.where(np.arange(10) % 2, GM, WM)[:, None, None]
    even = np.array([0.0, 80.0, 100.0])[labels]
    field = np.broadcast_to(np.geomspace(0.5, 1.5, 40), labels.shape)
    return labels, even, field


def test_the_field_goes_and_the_contrast_stays(biased):
    labels, even, field = biased
    values = bias_effect(even * field, even, field, labels)
    assert values['wm_cov_after'] == pytest.approx(0)
    assert values['wm_cov_before'] == pytest.approx(field.std() / field.mean())
    assert values['wm_gm_ratio_before'] == pytest.approx(1.25)
    assert values['wm_gm_ratio_after'] == pytest.approx(1.25)
    # The outermost percent at each end does not count.
    assert values['bias_range'] == pytest.approx(3, rel=0.06)


def test_a_correction_that_eats_contrast_is_seen(biased):
    labels, even, _ = biased
    flat = np.where(labels > 0, 90.0, 0.0)
    values = bias_effect(even, flat, np.divide(even, 90.0), labels)
    assert (values['wm_gm_ratio_before'], values['wm_gm_ratio_after']) == (1.25, 1.0)


def test_what_lies_outside_the_tissues_does_not_count(biased):
    labels, even, field = biased
    scalp = np.where(labels > 0, even, 1e4)
    wild = np.where(labels > 0, field, 50.0)
    assert bias_effect(scalp, scalp, wild, labels) == bias_effect(even, even, field, labels)


@QUICK
@given(st.floats(0.01, 1e4), st.integers(0, 1000))
def test_measures_do_not_depend_on_the_unit_of_the_scan(scale, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (6, 6, 6))
    before, after = rng.uniform(1, 2, (2, 6, 6, 6))
    field = before / after
    values = bias_effect(before, after, field, labels)
    assert bias_effect(scale * before, scale * after, field, labels) == pytest.approx(values)
    assert values['bias_range'] >= 1


def test_without_a_tissue_there_is_no_number():
    nothing = np.zeros((3, 3, 3))
    assert all(np.isnan(v) for v in bias_effect(nothing, nothing, nothing, nothing).values())


def test_a_profile_follows_the_field_along_its_axis_only(biased):
    labels, even, field = biased
    centres, medians = profile(even * field, labels, WM, axis=2, n_bins=10)
    np.testing.assert_allclose(centres, np.arange(10) * 4 + 1.5)
    expected = [100 * np.median(field[0, 0, k : k + 4]) for k in range(0, 40, 4)]
    np.testing.assert_allclose(medians, expected)
    _, across = profile(even * field, labels, WM, axis=1)
    np.testing.assert_allclose(across, across[0])


def test_a_slab_of_few_voxels_has_no_median(biased):
    labels, even, _ = biased
    labels = labels.copy()
    labels[..., :8][labels[..., :8] == WM] = GM
    labels[1, 1, 0] = WM
    _, medians = profile(even, labels, WM, axis=2, n_bins=10)
    assert np.isnan(medians[:2]).all()
    assert np.isfinite(medians[2:]).all()


def test_no_brain_has_no_profile():
    centres, medians = profile(np.ones((3, 3, 3)), np.zeros((3, 3, 3)), WM, axis=0)
    assert centres.size == medians.size == 0
