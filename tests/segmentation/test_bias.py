"""A smooth field is divided out, contrast is not."""

from types import SimpleNamespace

import numpy as np
import pytest

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.segmentation.bias import correct_bias, white_reference

MEANS = (30.0, 75.0, 100.0)


@pytest.fixture(scope='module')
def biased(build_brain):
    """Return a brain at 5 mm under a strong smooth field, and its correction."""
    shape, zooms = (32, 38, 28), (5.0, 5.0, 5.0)
    mask, truth = build_brain(shape, zooms, (140.0, 170.0, 120.0), 10.0, 15.0)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing='ij')
    bias = 0.3 * x - 0.25 * z + 0.2 * y**2
    bias -= bias[mask].mean()
    flat = np.tensordot(MEANS, truth.astype(float), 1)
    scan = add_rician_noise(flat * np.exp(bias), 4.0, np.random.default_rng(0))
    corrected, field = correct_bias(scan, mask, zooms)
    return SimpleNamespace(
        mask=mask, truth=truth, bias=bias, flat=flat, scan=scan, zooms=zooms,
        corrected=corrected, field=field,
    )  # fmt: skip


def test_at_least_half_of_a_smooth_field_is_removed(biased):
    left = np.log(biased.field) - biased.bias
    assert left[biased.mask].std() < 0.5 * biased.bias[biased.mask].std()


def test_the_image_is_divided_by_a_field_that_is_one_on_average_in_the_brain(biased):
    np.testing.assert_allclose(biased.corrected * biased.field, biased.scan, rtol=1e-5)
    assert biased.corrected.dtype == biased.field.dtype == np.float32
    assert np.log(biased.field[biased.mask]).mean() == pytest.approx(0, abs=1e-5)


def test_contrast_of_the_tissues_is_kept(biased):
    means = np.array([biased.corrected[t].mean() for t in biased.truth])
    np.testing.assert_allclose(means / means[2], np.array(MEANS) / MEANS[2], atol=0.06)


def test_outside_the_brain_the_field_stays_within_its_bounds(biased):
    inside = biased.field[biased.mask]
    assert biased.field.max() < 1.3 * inside.max()
    assert biased.field.min() > inside.min() / 1.3


def test_the_same_scan_gives_the_same_bytes(biased):
    again, _ = correct_bias(biased.scan, biased.mask, biased.zooms)
    assert again.tobytes() == biased.corrected.tobytes()


def test_an_even_brain_is_left_alone(biased):
    noisy = add_rician_noise(biased.flat, 4.0, np.random.default_rng(1))
    _, field = correct_bias(noisy, biased.mask, biased.zooms)
    assert np.log(field[biased.mask]).std() < 0.03


def test_white_reference_goes_with_the_field_and_does_not_overshoot(biased):
    reference = white_reference(biased.scan, biased.mask, biased.zooms)[biased.mask]
    bias = biased.bias[biased.mask]
    assert np.corrcoef(reference, bias)[0, 1] > 0.6
    assert 0 < np.polyfit(bias, reference, 1)[0] < 1.1


def test_white_reference_has_the_shape_of_images_that_its_lattice_does_not_divide():
    rng = np.random.default_rng(0)
    image = 100 + rng.standard_normal((41, 43, 13))
    reference = white_reference(image, np.ones(image.shape, bool), (1.6, 1.6, 5.0))
    assert reference.shape == image.shape
    assert np.abs(reference).max() < 0.02
