"""From a high-field image to scans of a low field."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import make_plan
from shapes import tissue_ball, turned

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.psf import FWHM_PER_SIGMA, KINDS
from ulfprep.physics.simulation import bias_field, expected_snr, realise, simulate, stream

PLAN = make_plan(
    contrast_vector=(1.5, 1.1, 1.0),
    means=(20.0, 70.0, 100.0),
    target_means=(30.0, 77.0, 100.0),
    target_field_T=0.064,
)
QUICK = settings(deadline=None, max_examples=40, derandomize=True)
names = st.lists(st.text(max_size=8), max_size=3)


@pytest.fixture(scope='module')
def brain():
    return tissue_ball()


def test_simulated_grid_has_the_voxels_asked_for_over_the_same_place(brain):
    simulation = simulate(*brain, PLAN, voxel_size=(2.0, 2.5, 4.0))
    grid = simulation.grid
    assert simulation.expected.shape == realise(simulation).shape == grid.shape == (30, 24, 15)
    np.testing.assert_allclose(grid.zooms, (2.0, 2.5, 4.0))
    middle = (np.array(brain[3].shape) - 1) / 2 * 1.5
    np.testing.assert_allclose(
        (grid.affine @ np.append((np.array(grid.shape) - 1) / 2, 1))[:3], middle, atol=1e-6
    )


@pytest.mark.parametrize('psf', KINDS)
def test_without_noise_the_scan_is_what_the_forward_model_says(brain, psf):
    image, mask, probs, grid = brain
    simulation = simulate(*brain, PLAN, psf=psf)
    model = ForwardModel.between(simulation.grid, grid, (1.6, 1.6, 5.0), PLAN.contrast_vector, psf)
    np.testing.assert_allclose(simulation.expected, model(image, probs), atol=1e-4)
    assert simulation.expected.dtype == np.float32
    assert simulation.bias_field is None


def test_simulated_tissue_has_the_target_means_and_the_noise_asked_for(brain):
    image, mask, probs, grid = brain
    simulation = simulate(*brain, PLAN, snr=20.0)
    assert simulation.sigma == pytest.approx(5.0)
    simulated = realise(simulation, 0)
    model = ForwardModel.between(simulation.grid, grid, (1.6, 1.6, 5.0), np.ones(3))
    shares = model.acquire(probs)
    white = simulated[shares[2] > 0.99]
    assert white.size > 100
    assert white.mean() == pytest.approx(100, rel=0.02)
    assert white.std() == pytest.approx(5.0, rel=0.15)
    air = simulated[shares.sum(axis=0) < 1e-4]
    assert air.mean() == pytest.approx(5.0 * np.sqrt(np.pi / 2), rel=0.05)


def test_nothing_outside_the_mask_is_simulated(brain):
    image, mask, probs, grid = brain
    bright = np.where(mask, image, 1e4).astype(np.float32)
    everywhere = np.where(mask, probs, 1).astype(np.float32)
    with_scalp = simulate(bright, mask, everywhere, grid, PLAN).expected
    without = simulate(image, mask, probs, grid, PLAN).expected
    np.testing.assert_array_equal(with_scalp, without)
    assert without[0, 0, 0] == 0


def test_the_head_keeps_its_intensity_relative_to_white_matter(brain):
    image, mask, probs, grid = brain
    head = np.where(mask, image, 60).astype(np.float32)
    plan = replace(PLAN, contrast_vector=(3.0, 2.2, 2.0), target_means=(60.0, 154.0, 200.0))
    everywhere = np.where(mask, probs, 0.5).astype(np.float32)  # the mask decides, not they
    simulation = simulate(head, mask, everywhere, grid, plan, keep_head=True)
    model = ForwardModel.between(simulation.grid, grid, (1.6, 1.6, 5.0), np.ones(3))
    share = model.acquire(mask.astype(np.float32))
    np.testing.assert_allclose(simulation.expected[share < 1e-6], 120, rtol=1e-4)
    # Within the brain nothing changes, and at its rim the two add up.
    alone = simulate(image, mask, probs, grid, plan).expected
    np.testing.assert_allclose(simulation.expected, alone + 120 * (1 - share), rtol=1e-3)


def test_scans_realisations_and_seeds_have_noise_of_their_own(brain):
    simulation = simulate(*brain, PLAN)
    first = realise(simulation, 1, 'sub-01', 1)
    assert first.tobytes() == realise(simulation, 1, 'sub-01', 1).tobytes()
    assert first.dtype == np.float32
    where = simulation.expected > 50
    mine = (first - simulation.expected)[where]
    for which in [(1, 'sub-01', 2), (1, 'sub-02', 1), (2, 'sub-01', 1)]:
        other = (realise(simulation, *which) - simulation.expected)[where]
        assert abs(np.corrcoef(mine, other)[0, 1]) < 5 / np.sqrt(mine.size)


def test_the_bias_field_depends_on_scan_and_seed_alone(brain):
    options = {'bias_strength': 0.2, 'seed': 3, 'label': 'sub-01'}
    first = simulate(*brain, PLAN, **options)
    for k in range(3):  # draws of noise leave it as it is
        realise(first, 3, 'sub-01', k)
    again = simulate(*brain, PLAN, snr=5.0, noise_fwhm=4.0, **options)
    np.testing.assert_array_equal(first.bias_field, again.bias_field)
    for other in ({'seed': 4}, {'label': 'sub-02'}):
        field = simulate(*brain, PLAN, **{**options, **other}).bias_field
        assert np.abs(field - first.bias_field).max() > 0.05


@pytest.mark.parametrize('strength', [0.05, 0.3])
def test_the_bias_field_has_the_stated_strength_and_leaves_the_scale(brain, strength):
    image, mask, probs, grid = brain
    simulation = simulate(*brain, PLAN, bias_strength=strength, seed=1)
    plain = simulate(*brain, PLAN)
    model = ForwardModel.between(simulation.grid, grid, (1.6, 1.6, 5.0), np.ones(3))
    log = np.log(simulation.bias_field[model.acquire(mask.astype(np.float32)) > 0.5])
    assert log.mean() == pytest.approx(0, abs=1e-4)
    assert log.std() == pytest.approx(strength, rel=1e-3)
    np.testing.assert_allclose(
        simulation.expected, plain.expected * simulation.bias_field, rtol=1e-5
    )
    assert simulation.sigma == plain.sigma  # a receive coil's field does not scale the noise


def test_the_bias_field_is_smooth_and_the_same_however_it_is_sampled():
    fields = []
    for zoom in (2.0, 4.0):
        n = int(200 / zoom)
        affine = np.diag([zoom, zoom, zoom, 1.0])
        affine[:3, 3] = zoom / 2 - 100
        axes = np.meshgrid(*[affine[0, 3] + zoom * np.arange(n)] * 3, indexing='ij')
        ball = sum(a**2 for a in axes) < 80**2
        fields.append(bias_field(Grid((n,) * 3, affine), ball, 0.2, stream(0, 'bias')))
    fine, coarse = np.log(fields[0]), np.log(fields[1])
    pooled = fine.reshape(50, 2, 50, 2, 50, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(pooled, coarse, atol=0.01)
    for axis in range(3):  # no more than the strength over 2 cm
        assert np.abs(np.diff(fine, axis=axis)).max() / 2.0 < 0.2 / 20


def test_a_scan_without_brain_voxels_has_a_field_all_the_same():
    field = bias_field(Grid((4, 5, 6), np.eye(4)), np.zeros((4, 5, 6), bool), 0.2, stream(0))
    assert np.isfinite(field).all()
    one = np.zeros((4, 5, 6), bool)
    one[1, 2, 3] = True
    np.testing.assert_array_equal(bias_field(Grid((4, 5, 6), np.eye(4)), one, 0.2, stream(0)), 1)


def test_noise_is_correlated_in_millimetres(brain):
    simulation = simulate(*brain, PLAN, voxel_size=(1.5, 1.5, 3.0), noise_fwhm=4.5, snr=10)
    noise = [realise(simulation, k) - simulation.expected for k in range(4)]
    noise = np.where(simulation.expected > 60, noise, 0)
    inside = (simulation.expected > 60)[None]
    assert noise[:, inside[0]].std() == pytest.approx(simulation.sigma, rel=0.1)
    white = 4.5 / FWHM_PER_SIGMA
    for axis, zoom in ((1, 1.5), (2, 1.5), (3, 3.0)):
        both = inside & np.roll(inside, 1, axis)
        product = (noise * np.roll(noise, 1, axis))[np.broadcast_to(both, noise.shape)].mean()
        expected = np.exp(-((zoom / (2 * white)) ** 2))
        assert product / simulation.sigma**2 == pytest.approx(expected, abs=0.12)


def test_an_oblique_target_sees_the_same_brain_and_nothing_beyond(brain):
    image, mask, probs, grid = brain
    target = resized_grid(grid, (1.6, 1.6, 5.0))
    head = np.where(mask, image, 60).astype(np.float32)
    oblique, straight, usual = (
        simulate(head, mask, probs, grid, PLAN, target=wanted, keep_head=True)
        for wanted in (turned(target, (0, 0, 20)), target, None)
    )
    np.testing.assert_array_equal(straight.expected, usual.expected)
    centre = tuple(np.array(target.shape) // 2)
    assert oblique.expected[centre] == pytest.approx(straight.expected[centre], rel=0.01)
    assert straight.expected[0, 0, 0] == pytest.approx(60, rel=1e-3)
    assert oblique.expected[0, 0, 0] == 0  # turned out of the source's field of view


def test_a_target_brings_its_own_resolution(brain):
    target = resized_grid(brain[3], (3.0, 3.0, 3.0))
    found = simulate(*brain, PLAN, target=target)
    same = simulate(*brain, PLAN, voxel_size=(3.0, 3.0, 3.0))
    np.testing.assert_allclose(found.expected, same.expected, rtol=1e-5)
    assert found.sigma == pytest.approx(same.sigma)


def test_snr_grows_with_voxel_volume_and_field(brain):
    reference = expected_snr(PLAN, (1.6, 1.6, 5.0))
    assert reference == pytest.approx(14)
    assert expected_snr(PLAN, (3.2, 1.6, 5.0)) == pytest.approx(2 * reference)
    stronger = replace(PLAN, target_field_T=4 * 0.064)
    assert expected_snr(stronger, (1.6, 1.6, 5.0)) == pytest.approx(8 * reference)
    # It is what a simulation has by default.
    sigma = simulate(*brain, PLAN, voxel_size=(2.0, 2.0, 5.0)).sigma
    assert sigma == pytest.approx(100 / expected_snr(PLAN, (2.0, 2.0, 5.0)))


@pytest.mark.parametrize(
    'wrong', [{'snr': 0}, {'snr': -3.0}, {'bias_strength': -0.1}, {'noise_fwhm': float('nan')}]
)
def test_impossible_values_are_refused(brain, wrong):
    with pytest.raises(ValueError, match='positive'):
        simulate(*brain, PLAN, **wrong)


# Streams of random numbers


def draw(seed, *names):
    return stream(seed, *names).standard_normal(4)


@QUICK
@given(st.integers(0, 2**63), names, st.integers(0, 2**63), names)
def test_a_stream_is_fixed_by_seed_and_names(seed, mine, other_seed, others):
    np.testing.assert_array_equal(draw(seed, *mine), draw(seed, *mine))
    if (seed, mine) != (other_seed, others):
        assert (draw(seed, *mine) != draw(other_seed, *others)).all()


@pytest.mark.parametrize(
    ('mine', 'others'),
    [
        (('sub-01', 'noise', 1), ('sub-01', 'noise', 2)),
        (('sub-01', 'noise', 1), ('sub-02', 'noise', 1)),
        (('a', 'b'), ('b', 'a')),
        (('ab',), ('a', 'b')),
        (('a',), ('a', '')),
        ((), ('',)),
    ],
)
def test_order_and_division_of_names_count(mine, others):
    assert (draw(0, *mine) != draw(0, *others)).all()


def test_the_numbers_are_the_same_on_every_machine():
    # Recorded once; a change would give users other noise from the same seed.
    drawn = stream(2025, 'sub-01', 'noise', 1).integers(0, 1000, 4)
    np.testing.assert_array_equal(drawn, [217, 654, 810, 287])
    # A name counts by its text.
    np.testing.assert_array_equal(draw(0, 3), draw(0, '3'))


def test_streams_are_uncorrelated():
    many = np.stack([stream(0, 'noise', k).standard_normal(4000) for k in range(12)])
    correlation = np.corrcoef(many)[np.triu_indices(12, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match='negative'):
        stream(-1, 'noise')
