"""The plan: what is measured of a scan and what follows for the contrast."""

import numpy as np
import pytest
from shapes import tissue_ball

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.plan import Wishes, plan_contrast
from ulfprep.physics.relaxation import parse_override
from ulfprep.physics.sequences import PRESETS, default_sequence, tissue_signals

ZOOMS = (1.6, 1.6, 5.0)
TIMINGS = {'RepetitionTime': 1.5, 'EchoTime': 0.005, 'InversionTime': 0.3}


def make_scan(means, sigma=5.0, seed=0):
    image, mask, probs, _ = tissue_ball(44, (0.7, 0.6, 0.45), means)
    return add_rician_noise(image, sigma, np.random.default_rng(seed)), mask, probs


def enhance(means=(40, 75, 100), zooms=ZOOMS, **more):
    """Return the plan that takes a 64 mT scan to 3 T."""
    return plan_contrast(*make_scan(means), zooms, TIMINGS, 0.064, 3.0, **more)


@pytest.fixture(scope='module')
def low_field_plan():
    return enhance()


@pytest.fixture(scope='module')
def high_field_plan():
    """Return the plan that takes a 3 T scan to 64 mT."""
    return plan_contrast(*make_scan([20, 68, 100], 1.0), (1, 1, 1), {}, 3.0, 0.064)


def test_plan_measures_the_scan(low_field_plan):
    np.testing.assert_allclose(low_field_plan.means, [40, 75, 100], rtol=0.02)
    assert low_field_plan.noise_sigma == pytest.approx(5.0, rel=0.05)
    np.testing.assert_allclose(low_field_plan.snr, [8, 15, 20], rtol=0.06)
    assert low_field_plan.source_contrast['WM-GM'] == pytest.approx(0.286, abs=0.01)


@pytest.mark.parametrize('direction', ['enhance', 'simulate'])
def test_targets_are_the_physics_of_the_target_field_at_the_scans_white_matter(
    direction, low_field_plan, high_field_plan
):
    plan = {'enhance': low_field_plan, 'simulate': high_field_plan}[direction]
    field = plan.target_field_T
    ratios = tissue_signals(default_sequence(field), field)
    np.testing.assert_allclose(plan.target_means, np.array(ratios) * plan.means[2])
    assert plan.target_sequence == default_sequence(field)


def test_contrast_vector_takes_the_higher_field_to_the_lower(low_field_plan, high_field_plan):
    up, down = low_field_plan, high_field_plan
    vector = np.array(up.contrast_vector)
    np.testing.assert_allclose(vector * up.target_means, up.means, rtol=0.01)
    vector = np.array(down.contrast_vector)
    np.testing.assert_allclose(vector * down.means, down.target_means, rtol=0.01)
    for plan, sign in ((up, 1), (down, -1)):
        gain = plan.target_contrast['WM-GM'] - plan.source_contrast['WM-GM']
        assert sign * gain > 0  # enhancement raises contrast, simulation lowers it
        assert plan.contrast_vector[2] == pytest.approx(1, abs=0.01)
        assert plan.rank == 3


def test_a_scan_with_more_contrast_than_physics_expects_keeps_it_and_says_so(low_field_plan):
    assert low_field_plan.notes == ()
    plan = enhance([40, 60, 100])
    assert plan.target_means[1:] == plan.means[1:]
    assert plan.target_means[0] < plan.means[0]
    own = [source.startswith("the scan's own contrast") for source in plan.target_sources]
    assert own == [False, True, False]
    assert plan.target_spread[1] == plan.standard_errors[1]
    assert plan.contrast_vector[1] == pytest.approx(1, abs=0.01)
    assert len(plan.notes) == 1
    assert plan.notes[0].text.startswith('GM is 0.60 of WM in the scan')


def test_plan_says_what_it_assumed(low_field_plan, high_field_plan):
    assert low_field_plan.defaults_used == (
        'the sequence type is not in the sidecar: IR-FSE assumed',
        'the length of the read-out train is not in the sidecar: 0.6 s assumed',
    )
    assert len(high_field_plan.defaults_used) == 6


def test_a_tissue_that_is_not_there_is_an_error():
    image, mask, probs = make_scan([40, 75, 100])
    probs[1] += probs[0]
    probs[0] = 0
    with pytest.raises(ValueError, match='no voxels of CSF were found'):
        plan_contrast(image, mask, probs, ZOOMS, {}, 0.064, 3.0)


def test_plan_carries_the_acquired_resolution(low_field_plan):
    plan = enhance(zooms=(1, 1, 1), resolution={'voxel_size_mm': ZOOMS, 'source': 'the user'})
    assert (plan.psf_fwhm_mm, plan.psf_source) == (ZOOMS, 'the user')
    assert plan.voxel_size_mm == (1.0, 1.0, 1.0)
    assert low_field_plan.psf_fwhm_mm == ZOOMS
    assert low_field_plan.psf_source == 'voxel size of the file'


@pytest.mark.parametrize(
    ('modality', 'means', 'field'),
    [('T2w', [210, 120, 100], 3.0), ('FLAIR', [15, 112, 100], 3.0), ('T2w', [210, 120, 100], 1.5)],
)
def test_other_modalities_have_targets_of_their_own(modality, means, field):
    plan = plan_contrast(*make_scan(means, 5.0), ZOOMS, {}, 0.064, field, modality=modality)
    expected = np.array(tissue_signals(default_sequence(field, modality), field))
    ratios = np.array(plan.target_means) / plan.means[2]
    # Where the scan is the stronger it is followed; on either side of white matter.
    own = np.array(plan.means) / plan.means[2]
    further = np.where(abs(own - 1) > abs(expected - 1), own, expected)
    np.testing.assert_allclose(ratios, further)
    assert plan.target_sequence_name == f'HF-{modality}'
    assert plan.rank == 3


def test_a_scan_ordered_the_other_way_round_is_warned_of():
    plan = enhance([210, 120, 100])
    assert any('the other side of white matter' in note.text for note in plan.notes)


def test_typed_contrasts_go_before_physics_and_before_the_scan():
    wishes = Wishes(contrasts={('WM', 'GM'): 0.2, ('WM', 'CSF'): 0.9})
    plan = enhance([40, 60, 100], wishes=wishes)
    assert plan.target_contrast['WM-GM'] == pytest.approx(0.2)
    assert plan.target_contrast['WM-CSF'] == pytest.approx(0.9)
    assert plan.notes == ()
    assert plan.target_sources[:2] == ('stated with --target-contrast',) * 2


def test_a_reference_scan_sets_the_target():
    reference = {'means': [2.0, 7.0, 10.0], 'standard_errors': [0.1, 0.1, 0.1], 'name': 'other'}
    plan = enhance(wishes=Wishes(reference=reference))
    np.testing.assert_allclose(np.array(plan.target_means) / plan.means[2], [0.2, 0.7, 1.0])
    assert plan.target_sources == ('measured in other',) * 3


def test_a_stated_sequence_and_relaxation_change_the_target(low_field_plan):
    name = 'HF-T1w-SPGR'
    spgr = enhance(wishes=Wishes(sequence=PRESETS[name], sequence_name=name))
    assert (spgr.target_sequence.kind, spgr.target_sequence_name) == ('SPGR', name)
    assert spgr.target_means != low_field_plan.target_means
    own = parse_override('[{"tissue": "GM", "field_T": 3, "T1_ms": 1600}]')
    slow = enhance(wishes=Wishes(relaxation=own))
    assert slow.target_means[1] < low_field_plan.target_means[1]
    assert slow.relaxation['target']['GM']['T1_ms'] == pytest.approx(1600)
    assert low_field_plan.relaxation['target']['GM']['T1_ms'] == pytest.approx(1331)
