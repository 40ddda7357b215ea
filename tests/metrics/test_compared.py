"""Metrics against a high-field image of the same person."""

import numpy as np
import pytest
from scipy import ndimage

from ulfprep.metrics.compared import Comparison
from ulfprep.metrics.registry import all_metrics, measure, names_of

NAMES = names_of('compare')


def compare_with_highfield(**given):
    return measure(Comparison(**given), 'compare')


@pytest.fixture
def head():
    """Return the arguments for an image that is the high-field image itself, on another scale."""
    shape = (70, 70, 40)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes)) + 0.1 * np.sin(9 * axes[0]) * np.cos(8 * axes[1])
    probs = np.stack([
        (radius < 0.9) & (radius >= 0.8), (radius < 0.8) & (radius >= 0.6), radius < 0.6
    ]).astype(np.float32)  # fmt: skip
    image = np.tensordot([200.0, 600.0, 1000.0], probs, 1)
    return {
        'enhanced': 3 * image + 50 * (radius < 0.9),
        'mask': radius < 0.9,
        'probs': probs,
        'bicubic': ndimage.gaussian_filter(image, 2),
        'plain_probs': np.stack([ndimage.gaussian_filter(p, 2) for p in probs]),
        'highfield': image,
        'highfield_mask': radius < 0.9,
        'highfield_probs': probs,
        'voxel': 0.001,
    }


def test_the_high_field_image_itself_is_perfect_whatever_its_scale(head):
    values, reasons = compare_with_highfield(**head)
    assert set(values) == set(NAMES)
    assert values['highfield_ssim'] == pytest.approx(1, abs=1e-4)
    assert values['highfield_psnr'] > 80
    assert values['highfield_edge_f1'] == pytest.approx(1, abs=2e-3)
    assert values['highfield_edge_f1_1voxel'] == 1
    for tissue in ('csf', 'gm', 'wm'):
        assert values[f'dice_{tissue}'] == 1
        assert values[f'volume_error_{tissue}'] == pytest.approx(0, abs=1e-9)
    assert values['dice_brain'] == 1
    assert values['highfield_contrast'] == pytest.approx(2 * 400 / 1600)
    assert set(reasons) <= {'highfield_lpips', 'highfield_lpips_bicubic'}


def test_a_blurred_image_is_worse_in_everything(head):
    values, _ = compare_with_highfield(**head)
    for name in ('highfield_psnr', 'highfield_ssim', 'highfield_edge_f1', 'dice_gm', 'dice_csf'):
        assert values[f'{name}_bicubic'] < values[name] - 0.02
    assert values['highfield_edge_f1_1voxel_bicubic'] > values['highfield_edge_f1_bicubic']


def test_volume_errors_are_shares_of_the_volume_at_high_field(head):
    head['probs'] = head['probs'] * np.array([1, 0.5, 1])[:, None, None, None]
    values, _ = compare_with_highfield(**head)
    assert values['volume_error_gm'] == pytest.approx(-0.5)
    assert values['volume_error_wm'] == pytest.approx(0)


def test_what_lies_outside_either_brain_does_not_count(head):
    before, _ = compare_with_highfield(**head)
    head['highfield'] = np.where(head['mask'], head['highfield'], 5000)
    after, _ = compare_with_highfield(**head)
    assert after['highfield_psnr'] == before['highfield_psnr']


def test_brains_that_do_not_meet_leave_nulls_with_a_reason(head):
    head['highfield_mask'] = ~head['mask']
    values, reasons = compare_with_highfield(**head)
    assert values['dice_brain'] == 0
    missing = {name for name, value in values.items() if value is None}
    assert missing == set(NAMES) - {'dice_brain'} == set(reasons)
    assert all('share 0 voxels' in reason for reason in reasons.values())


def test_every_metric_of_the_enhanced_image_has_that_of_interpolation_beside_it():
    plain = {name.removesuffix('_bicubic') for name in NAMES if name.endswith('_bicubic')}
    assert plain < set(NAMES)
    for name in plain:
        one, other = (all_metrics()[n] for n in (name, f'{name}_bicubic'))
        assert one.better == other.better
        assert one.label != other.label
