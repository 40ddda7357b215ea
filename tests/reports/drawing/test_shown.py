"""Figures of result and scan: small pictures, intensities, prediction, checks, the fit."""

from dataclasses import replace

import numpy as np
import pytest
from plans import make_plan
from records import SIMULATION
from scipy.ndimage import binary_dilation

from ulfprep.metrics.spectrum import expected_power, line_power, transfer
from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.reports.drawing import charts
from ulfprep.reports.drawing.pictures import averaged, prediction, residual, white_level
from ulfprep.reports.drawing.simcheck import simcheck
from ulfprep.reports.drawing.volumes import place, sample_nearest


def words(figure):
    """Return all text of a figure, tick labels excepted."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc='left')]
        found += [text.get_text() for text in axes.texts]
    return found


def test_the_prediction_is_the_scan_less_its_residual_in_one_window(volumes):
    scan, difference, mask = (volumes[n] for n in ('preproc', 'residual', 'brain_mask'))
    figure = prediction(scan, difference, mask, 18.0)
    panels = [axes.images[0] for axes in figure.axes]
    assert len({image.get_clim() for image in panels}) == 1
    measured, predicted = (np.asarray(panels[n].get_array()) for n in (0, 3))
    # The phantom's noise is its residual: without it, as many greys as there are tissues.
    greys = np.unique(predicted[predicted > 1].round())
    assert set(greys) <= {120, 300, 400}
    assert len(np.unique(measured[measured > 1].round())) > 50


def test_intensities_stand_on_their_targets(volumes, plan):
    figure = charts.histogram(
        volumes['preproc'], volumes['dseg'], volumes['enhanced'], volumes['fine_dseg'], plan
    )
    above, below = figure.axes
    dashed = [line.get_xdata()[0] for line in below.lines]
    np.testing.assert_allclose(dashed, [110 / 400, 260 / 400, 1])
    measured = [line.get_xdata()[0] for line in above.lines[::2]]
    np.testing.assert_allclose(measured, [120 / 400, 300 / 400, 1])
    assert above.get_xlim() == below.get_xlim()


def test_fluid_brighter_than_all_else_does_not_leave_tissue_black():
    labels = np.repeat([1, 2, 3, 0], 250).reshape(10, 10, 10)
    data = np.array([0, 140.0, 100.0, 900.0])[labels]
    dseg = place(labels, np.eye(4))
    mask, volume = (dseg._replace(data=d) for d in (labels > 0, data))
    assert white_level(volume, mask) > 900
    assert 140 < white_level(volume, mask, dseg=dseg) < 200


def test_numbers_beside_the_residual_are_those_on_record(volumes):
    metrics = {'residual_rms': 0.9149, 'residual_mean': -0.001, 'residual_beyond_3': None}
    shown = words(residual(volumes['residual'], volumes['brain_mask'], metrics))
    assert '0.91' in shown
    assert '0.00' in shown
    assert 'n/a' in shown


def test_contrasts_are_those_on_record(plan):
    metrics = {'contrast_wm_gm': 0.4399, 'contrast_gm_csf': 0.9141}
    shown = words(charts.contrast(plan, metrics))
    assert {'0.440', '0.914', '0.286', '0.424'} <= set(shown)
    ratio = charts.achieved(metrics)['GM'][0]
    assert 2 * (1 - ratio) / (1 + ratio) == pytest.approx(0.4399)
    assert 'n/a' in words(charts.contrast(plan, {}))


def test_the_figure_of_the_fit_says_why_it_stopped(fit):
    assert charts.stopped_because(fit) == 'Stopped after epoch 20, the last that was planned'
    early = fit | {'stopped': 'noise floor', 'options': {'epochs': 30, 'patience': 8}}
    figure = charts.loss(early['history'], early)
    assert 'Stopped early, after epoch 20 of 30' in ' '.join(words(figure))
    for axes in figure.axes:
        assert 200 in [line.get_xdata()[0] for line in axes.lines]
    assert charts.stopped_because({'history': fit['history']}) == ''


def test_the_loss_chart_shows_terms_of_the_loss_only(history):
    more = {'epoch': history['step'], 'residual_rms': history['data']}
    figure = charts.loss(history | more, {})
    shown = {text.get_text() for text in figure.legends[0].get_texts()}
    assert charts.LOSS_TERMS['total'][0] in shown
    assert not shown & {'epoch', 'residual rms', 'step'}


def test_averaged_noise_keeps_unit_variance_and_structure_stands_out():
    inside = np.zeros((60, 60, 30), bool)
    inside[5:55, 5:55, 3:27] = True
    noise = np.random.default_rng(0).standard_normal(inside.shape)
    volume = place(noise, np.diag([1.6, 1.6, 5.0, 1.0]))
    assert averaged(volume, inside)[inside].std() == pytest.approx(1, abs=0.1)
    # A weak shift of 0.7 sigma, invisible voxel by voxel, is beyond doubt after averaging.
    shifted = volume._replace(data=noise + 0.7 * (np.abs(np.arange(60) - 30) < 8)[:, None, None])
    assert averaged(shifted, inside)[30, 30, 15] > 4


@pytest.fixture(scope='module')
def simulation():
    """A brain of noise, its simulated scan, and how that was made."""
    rng = np.random.default_rng(1)
    fine = Grid((60, 60, 60), np.diag([1.0, 1.0, 1.0, 1.0]))
    axes = np.meshgrid(*[np.arange(60) - 29.7] * 3, indexing='ij')
    # Round, so that no border lies along the slices: what is folded back has any phase then.
    labels = np.uint8(2) * (np.linalg.norm(axes, axis=0) < 22)
    image = np.where(labels > 0, 300 + 60 * rng.standard_normal(fine.shape), 0).astype(np.float32)
    size = (2.0, 2.0, 5.0)
    coarse = resized_grid(fine, size)
    model = ForwardModel.between(coarse, fine, size, [1.0, 1.0, 1.0], 'gaussian')
    expected = model.acquire(image)
    facts = replace(
        SIMULATION, voxel_size_mm=size, psf='gaussian', noise_sd=15.0, noise_fwhm_mm=0.0
    )
    noisy = add_rician_noise(expected, 15.0, rng, fwhm=np.zeros(3))
    return (
        place(image, fine.affine),
        place(labels, fine.affine),
        place(noisy, coarse.affine),
        facts,
    )


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_power_follows_the_psf_that_was_used_and_no_other(simulation, axis):
    source, labels, scan, facts = simulation
    inside = binary_dilation(sample_nearest(labels, scan).data > 0)
    _, power = line_power(np.where(inside, scan.data, 0), scan.zooms, axis)

    def share(fwhm):
        """Return the power of the finer half, expected over measured."""
        where = (source.data, source.zooms, scan.low - source.low, scan.data.shape, scan.zooms)
        _, expected, _ = expected_power(*where, fwhm, 'gaussian', axis)
        noise = 15.0**2 * inside.sum() * scan.zooms[axis] ** 2
        high = slice(len(expected) // 2, None)
        return (expected + noise)[high].sum() / power[high].sum()

    own = list(facts.voxel_size_mm)
    wider, narrower = own.copy(), own.copy()
    wider[axis] *= 1.5
    narrower[axis] /= 1.5
    assert share(own) == pytest.approx(1, abs=0.2)
    assert share(wider) < 0.8 * share(own)
    assert share(narrower) > 1.25 * share(own)


def test_the_transfer_of_a_gaussian_is_one_at_zero_and_known_elsewhere():
    frequency = np.array([0.0, 0.1])
    value = transfer(frequency, 5.0, 'gaussian', 1.0)
    sigma = 5 / 2.3548
    np.testing.assert_allclose(value, [1, np.exp(-2 * (np.pi * sigma * 0.1) ** 2)], atol=0.01)


def test_the_check_of_a_simulation_prints_what_was_measured(simulation):
    source, labels, scan, facts = simulation
    mask = labels._replace(data=labels.data > 0)
    plan = make_plan(contrast_vector=(1, 1, 1), means=(1, 1, 1), target_means=(1, 1, 1))
    metrics = {'noise_sigma_simulated': 15.02, 'psf_fwhm_k_simulated': 5.125}
    figure = simcheck(source, labels, mask, scan, plan, facts, metrics)
    shown = words(figure)
    assert {'15', '15.02', '5', '5.125', 'n/a'} <= set(shown)
    # The density of the background lies on that of the noise.
    noise = figure.axes[0]
    density = noise.patches[0].get_data()
    middle = (density.edges[1:] + density.edges[:-1]) / 2
    np.testing.assert_allclose(density.values, middle * np.exp(-(middle**2) / 2), atol=0.2)


def test_a_head_that_was_kept_is_no_noise(simulation):
    source, labels, scan, facts = simulation
    mask = labels._replace(data=labels.data > 0)
    bright = scan._replace(data=scan.data.copy())
    bright.data[:4] = 500
    plan = make_plan(contrast_vector=(1, 1, 1), means=(1, 1, 1), target_means=(1, 1, 1))
    figure = simcheck(source, labels, mask, bright, plan, replace(facts, keep_head=True), {})
    density = figure.axes[0].patches[0].get_data()
    assert density.values[-1] < 0.01
