"""Methods of enhancement: their names, and what each makes of a small brain."""

import numpy as np
import pytest

from ulfprep.evaluation.baselines import lanczos_weights, reference
from ulfprep.evaluation.enhancers import Effort, enhance, parse_method
from ulfprep.evaluation.prepare import prepare
from ulfprep.evaluation.score import residual_rms
from ulfprep.physics.grid import isotropic_grid
from ulfprep.physics.interpolation import carry, resample_mask

SLOPPY = Effort(True, steps=3, points=500)


@pytest.fixture(scope='module')
def given(trial):
    """Return what every method is given of the small brain, on a lattice of 2 mm."""
    return prepare(trial, 2.0)


def test_names_say_variants_and_effort():
    found = parse_method('wire:alone@40')
    assert (found.base, found.alone, found.told, found.effort) == ('wire', True, False, 40)
    options = Effort().options(found)
    assert (options.backbone, options.epochs, options.first_estimate) == ('wire', 40, False)
    assert Effort().options(parse_method('ulfprep')) == Effort().options()
    assert Effort().options().epochs == 0


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('magic', 'no such method: magic; there are nearest'),
        ('bicubic@3', 'bicubic makes no passes'),
        ('ulfprep@3', 'ulfprep makes no passes'),
        ('direct', 'no such method: direct'),  # it is ulfprep
        ('ulfprep:alone', 'ulfprep is the first estimate itself'),
        ('wire@x', 'wire@x: write NAME@N'),
        ('ulfprep:loud', 'no variant :loud; there are :alone, :told, :oracle'),
        ('sinc:told', 'sinc knows neither tissues nor contrasts'),
    ],
)
def test_names_that_make_no_sense_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        parse_method(name)


@pytest.mark.parametrize(
    'name', ['nearest', 'trilinear', 'bicubic', 'sinc', 'histogram', 'voxel-cg', 'voxel-tv']
)
def test_blind_methods_give_an_image_where_the_brain_is_and_no_tissues(name, trial, given):
    found = enhance(name, given, SLOPPY)
    assert found.probs is None
    assert found.cost.wall > 0
    image = carry(found.image, found.grid, trial.truth.grid)
    inside = trial.truth.probs[2] > 0.5
    # White matter keeps the brightness of the scan, within what noise and blur do to it.
    assert np.median(image[inside]) == pytest.approx(given.plan.means[2], rel=0.15)


def test_interpolation_through_the_voxels_leaves_them_as_they_are(given):
    """On the scan's own grid nearest, linear and sinc are the scan."""
    import dataclasses

    here = dataclasses.replace(given, target=given.grid)
    for name in ('nearest', 'trilinear', 'sinc'):
        found = enhance(name, here, SLOPPY)
        moved = carry(found.image, found.grid, given.grid)
        np.testing.assert_allclose(
            moved[given.mask], given.scan[given.mask], rtol=1e-3, atol=1e-2, err_msg=name
        )


@pytest.mark.parametrize('name', ['voxel-fit@1', 'lattice@1', 'ulfprep', 'reference'])
def test_seeing_methods_bring_tissues_that_fill_the_brain(name, given):
    found = enhance(name, given, SLOPPY)
    total = found.probs.sum(axis=0)
    assert found.probs.shape[1:] == found.image.shape == found.grid.shape
    np.testing.assert_allclose(total[total > 0.5], 1, atol=1e-3)
    assert (found.uncertainty is not None) == (name in ('voxel-fit@1', 'lattice@1', 'ulfprep'))
    # Nothing is trained in ulfprep as it comes: the rounds of its closed form are no passes.
    assert found.passes == {'ulfprep': None, 'reference': 3}.get(name, 1)


def test_the_reference_learns_the_scan_and_the_same_seed_gives_the_same(given):
    few, more = (reference(given, 0, steps=n, points=2000) for n in (1, 60))
    again = reference(given, 0, steps=1, points=2000)
    np.testing.assert_array_equal(few.image, again.image)
    assert residual_rms(more, given) < residual_rms(few, given)


def test_true_tissues_are_shares_that_fill_the_brain(trial):
    true = prepare(trial, 2.0, tissues='true')
    inside = resample_mask(true.mask, true.grid, isotropic_grid(true.grid, 2.0))
    np.testing.assert_allclose(true.lattice_probs.sum(axis=0)[inside], 1, atol=1e-5)
    np.testing.assert_allclose(true.probs.sum(axis=0)[true.mask], 1, atol=1e-5)
    # The scan was made with GM 0.8 and CSF 0.25 of WM.
    csf, gm, wm = true.plan.means
    assert gm / wm == pytest.approx(0.8, abs=0.04)
    assert csf / wm == pytest.approx(0.25, abs=0.06)


def test_the_target_can_be_the_truth_of_the_subject(trial):
    wanted = np.array(prepare(trial, 2.0, target='truth').plan.target_means)
    np.testing.assert_allclose(wanted / wanted[2], trial.ratios, rtol=1e-6)
    # 70 and 110 are the GM and WM of the small brain.
    assert trial.ratios[1] == pytest.approx(70 / 110, rel=0.02)


def test_sinc_weights_reproduce_samples_and_constants_and_a_slow_wave():
    position = np.linspace(0, 39, 157)
    weights = lanczos_weights(position, 40)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(lanczos_weights(np.arange(40.0), 40), np.eye(40), atol=1e-6)
    inner = (position > 6) & (position < 33)
    wave = weights @ np.sin(0.9 * np.arange(40))
    np.testing.assert_allclose(wave[inner], np.sin(0.9 * position[inner]), atol=0.01)
