"""The metrics of a scan: numbers, or reasons why there are none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ulfprep.metrics.contrast import foreground_to_background
from ulfprep.metrics.enhanced import EnhancedScan
from ulfprep.metrics.registry import CATEGORIES, DIRECTIONS, all_metrics, measure, names_of
from ulfprep.metrics.simulated import SimulatedScan
from ulfprep.physics import Grid


def enhance_metrics(**given):
    return measure(EnhancedScan(**given), 'enhance')


def simulate_metrics(**given):
    return measure(SimulatedScan(**given), 'simulate')


#: Metrics of the scan that ``enhanced`` is.
KNOWN = {
    'contrast_wm_gm': 0.5, 'contrast_gm_csf': 1.0, 'contrast_wm_gm_bicubic': 2 / 9,
    'contrast_gain': 2.25, 'contrast_target': 0.5, 'contrast_scan': 0.222,
    'cnr_wm_gm': 5, 'cnr_gm_csf': 10, 'noise_sigma': 4, 'snr_csf': 10, 'snr_gm': 20, 'snr_wm': 25,
    'uncertainty_median': 0.05, 'uncertainty_p95': 0.05, 'entropy_mean': 0.5, 'claim_mean': 0.25,
    'volume_csf': 2.4, 'volume_gm': 2.4, 'volume_wm': 2.4, 'volume_brain': 7.2,
    # As the scan came and as corrected.
    'bias_range': 1.5, 'wm_cov_after': 0, 'wm_gm_ratio_before': 1.25, 'wm_gm_ratio_after': 1.25,
    'tissue_change_mean': 0.1 / 3, 'moved_wm_to_gm': 0.1 * 3 * 10 * 4 * 0.02, 'moved_gm_to_wm': 0,
    'moved_csf_to_gm': 0, 'moved_gm_to_csf': 0, 'moved_csf_to_wm': 0, 'moved_wm_to_csf': 0,
}  # fmt: skip


def test_metrics_of_a_known_scan(enhanced):
    values, reasons = enhance_metrics(**enhanced)
    assert {name: values[name] for name in KNOWN} == pytest.approx(KNOWN, abs=1e-6)
    assert values['wm_cov_before'] == pytest.approx(enhanced['bias_field'].std())
    assert reasons == {'fber': 'what lies outside the head is zero in this scan: there is no air'}
    assert all(type(v) is float for v in values.values() if v is not None)
    enhanced['fine_grid'] = Grid((24, 20, 20), np.diag([0.5, 0.5, 0.5, 1.0]))
    assert enhance_metrics(**enhanced)[0]['volume_brain'] == pytest.approx(0.9)


def test_air_around_the_head_is_held_against_the_brain():
    rng = np.random.default_rng(2)
    shape = (40, 40, 30)
    radius = np.sqrt(sum(a**2 for a in np.meshgrid(*[np.linspace(-1, 1, n) for n in shape],
                                                   indexing='ij')))  # fmt: skip
    mask = radius < 0.5
    quiet = np.hypot(rng.normal(100 * mask, 2), rng.normal(0, 2, shape))
    loud = np.hypot(rng.normal(100 * mask, 10), rng.normal(0, 10, shape))
    low, reason = foreground_to_background(loud, mask)
    high, _ = foreground_to_background(quiet, mask)
    assert not reason
    # The median of the energy of complex noise is 2 ln 2 times its variance.
    assert low == pytest.approx(1e4 / (2 * np.log(2) * 100), rel=0.1)
    assert high == pytest.approx(25 * low, rel=0.1)
    # Zeros beyond the field of view of the scanner are no air.
    beyond = np.where(radius > 1.1, 0, loud)
    assert (beyond[~mask] == 0).mean() > 0.1
    assert foreground_to_background(beyond, mask)[0] == pytest.approx(low, rel=0.1)


def test_spread_within_tissue(enhanced):
    rng = np.random.default_rng(1)
    enhanced['enhanced'] = enhanced['enhanced'] + 4 * rng.standard_normal((24, 20, 20))
    values, _ = enhance_metrics(**enhanced)
    assert values['cjv'] == pytest.approx(8 / 40, rel=0.05)
    assert values['cjv_bicubic'] == pytest.approx(0, abs=1e-6)


def test_residual_of_unit_noise(enhanced):
    values, _ = enhance_metrics(**enhanced)
    assert values['residual_rms'] == pytest.approx(1, abs=0.1)
    assert values['residual_mean'] == pytest.approx(0, abs=0.15)
    assert values['residual_beyond_3'] < 0.02
    assert values['residual_correlation'] == pytest.approx(0, abs=0.15)


def test_structure_in_the_residual_shows_in_its_neighbours(enhanced):
    """Bands as wide as two voxels: along the finest axes neighbours agree every second time."""
    enhanced['residual'] = np.where(np.arange(12) % 4 < 2, 1.0, -1.0)[:, None, None] * np.ones(
        (1, 10, 4)
    )
    across, along = (6 - 5) / 11 * 440, 432
    values, _ = enhance_metrics(**enhanced)
    assert values['residual_correlation'] == pytest.approx((across + along) / (440 + 432))


def test_residual_counts_only_voxels_that_have_one(enhanced):
    enhanced['residual'] = np.zeros((12, 10, 4))
    enhanced['residual'][:2, 0, 0] = 4, -2
    values, _ = enhance_metrics(**enhanced)
    assert values['residual_rms'] == pytest.approx(np.sqrt(10))
    assert values['residual_mean'] == pytest.approx(1)
    assert values['residual_beyond_3'] == pytest.approx(0.5)


def test_a_missing_tissue_leaves_nulls_with_reasons(enhanced):
    enhanced['fine_probs'][2] = 0
    values, reasons = enhance_metrics(**enhanced)
    assert values['contrast_wm_gm'] is None
    assert values['cjv'] is None
    assert values['contrast_gm_csf'] == pytest.approx(1.0)
    assert values['volume_wm'] == 0
    reason = 'no point of the enhanced image is more likely WM than not'
    assert reasons['contrast_wm_gm'] == reasons['cjv'] == reason
    assert {name for name, value in values.items() if value is None} == set(reasons)
    assert all(reasons.values())


def test_an_empty_residual_leaves_nulls_with_reasons(enhanced):
    enhanced['residual'] = np.zeros((12, 10, 4))
    values, reasons = enhance_metrics(**enhanced)
    assert values['residual_rms'] is None
    measured = {'residual_rms', 'residual_mean', 'residual_beyond_3', 'residual_correlation'}
    assert measured == set(reasons) - {'fber'}
    assert reasons['residual_rms'] == 'no voxel of the brain has a residual'


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_no_contrast_before_leaves_no_gain(enhanced):
    enhanced['bicubic'] = np.ones((24, 20, 20))
    values, reasons = enhance_metrics(**enhanced)
    assert values['contrast_wm_gm_bicubic'] == 0
    assert values['contrast_gain'] is None
    assert values['cjv_bicubic'] is None
    assert {'contrast_gain', 'cjv_bicubic'} <= set(reasons)


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_no_brain_leaves_strict_json(enhanced):
    maps = ('enhanced', 'residual', 'uncertainty', 'entropy', 'claim')
    for name in ('fine_probs', 'fine_mask', *maps):
        enhanced[name] = np.zeros_like(enhanced[name])
    values, reasons = enhance_metrics(**enhanced)
    json.dumps([values, reasons], allow_nan=False)
    assert values['volume_brain'] == 0


def test_noise_of_a_simulated_scan_is_that_which_was_put_in(simulation):
    values, _ = simulate_metrics(**simulation)
    assert values['noise_ratio_simulated'] == pytest.approx(1, abs=0.05)
    assert values['snr_wm_simulated'] == pytest.approx(14, rel=0.08)
    assert values['noise_sigma_simulated'] == pytest.approx(100 / 14, rel=0.05)
    louder = {**simulation, 'facts': replace(simulation['facts'], noise_sd=10 / 3)}
    assert simulate_metrics(**louder)[0]['noise_ratio_simulated'] > 2


def test_blur_of_a_simulated_scan_is_measured_along_each_axis(simulation):
    from ulfprep.physics.simulation import realise, simulate

    values, _ = simulate_metrics(**simulation)
    assert [values[f'psf_fwhm_{a}_simulated'] for a in 'ijk'] == pytest.approx(
        [1.6, 1.6, 5], rel=0.08
    )
    assert values['psf_ratio_simulated'] == pytest.approx(1, abs=0.08)
    args = [simulation[f'scan{name}'] for name in ('', '_mask', '_probs', '_grid')]
    grid = simulation['simulated_grid']
    other = simulate(*args, simulation['plan'], voxel_size=(1.6, 3.2, 5), target=grid)
    values, _ = simulate_metrics(**{**simulation, 'simulated': realise(other)})
    assert values['psf_fwhm_i_simulated'] == pytest.approx(1.6, rel=0.08)
    assert values['psf_fwhm_j_simulated'] == pytest.approx(3.2, rel=0.08)
    assert values['psf_ratio_simulated'] == pytest.approx(2, rel=0.08)


def test_contrast_of_a_simulated_scan_is_measured_in_it(simulation):
    values, _ = simulate_metrics(**simulation)
    assert values['contrast_wm_gm_simulated'] == pytest.approx(0.5, abs=0.02)
    assert values['ratio_gm_wm_simulated'] == pytest.approx(0.6, abs=0.02)
    swapped = {**simulation, 'scan_probs': simulation['scan_probs'][[0, 2, 1]]}
    assert simulate_metrics(**swapped)[0]['contrast_wm_gm_simulated'] < 0


def test_a_source_without_brain_leaves_nulls_with_reasons(simulation):
    empty = {name: np.zeros_like(simulation[name]) for name in ('scan_mask', 'scan_probs')}
    values, reasons = simulate_metrics(**{**simulation, **empty})
    assert values['psf_ratio_simulated'] is None
    assert reasons['noise_ratio_simulated'] == 'the source has no brain'
    assert {name for name, value in values.items() if value is None} == set(reasons)
    json.dumps([values, reasons], allow_nan=False)


def test_contrast_and_bias_of_the_source_of_a_simulation(simulation):
    values, reasons = simulate_metrics(**simulation)
    assert set(reasons) == {'fber'}
    assert values['ratio_csf_wm'] == pytest.approx(0.2)
    assert values['ratio_gm_wm'] == pytest.approx(0.6)
    assert values['ratio_wm_wm'] == 1
    assert values['contrast_scan'] == pytest.approx(2 / 9)
    assert values['contrast_target'] == 0.5
    assert values['wm_cov_before'] > 0.05
    assert values['wm_cov_after'] == pytest.approx(0, abs=1e-6)
    assert 1.3 < values['bias_range'] < 1.5


def test_nothing_is_registered_that_is_never_measured(enhanced, simulation):
    values = [enhance_metrics(**enhanced)[0], simulate_metrics(**simulation)[0]]
    json.dumps(values, allow_nan=False)
    compared = set(names_of('compare'))
    assert set(names_of('enhance')) == set(values[0]) | compared
    assert set(names_of('simulate')) == set(values[1])
    assert set(values[0]) | set(values[1]) | compared == set(all_metrics())
    for metric in all_metrics().values():
        needed = {'LongName', 'Description', 'Units', 'Category', 'Better', 'Hint'}
        assert all(metric.entry()[name] for name in needed)
        assert metric.category in CATEGORIES
        assert metric.better in DIRECTIONS
        assert (metric.ideal is not None) == (metric.better == 'ideal')
