"""Targets from physics, typed by the user, and as another scan shows them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.contrast import michelson
from ulfprep.physics.sequences import PRESETS, Sequence, tissue_signals
from ulfprep.physics.targets import (
    parse_contrasts,
    target_from_physics,
    target_from_reference,
    with_contrasts,
)

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
contrast = st.floats(-1.8, 1.8)


@pytest.fixture(scope='module')
def physics():
    """Return the usual target of a T1w scan at 3 T."""
    return target_from_physics(PRESETS['HF-T1w'], 3.0, 'HF-T1w')


def test_physics_gives_signals_their_spread_and_their_origin(physics):
    np.testing.assert_allclose(physics.ratios, tissue_signals(PRESETS['HF-T1w'], 3.0))
    assert (physics.spread[:2] > 0.01).all()
    assert physics.spread[2] == 0
    assert physics.sources[0] == 'relaxation times at 3 T and HF-T1w MPRAGE timings'


def test_a_tissue_that_would_be_negative_is_an_error():
    sequence = Sequence('IR-FSE', 4.0, 0.005, 0.3, phase_sensitive=True)
    with pytest.raises(ValueError, match='CSF gives no positive signal'):
        target_from_physics(sequence, 0.064)


@QUICK
@given(contrast, contrast)
def test_two_typed_contrasts_are_met_and_imply_the_third(wm_gm, wm_csf):
    start = target_from_physics(PRESETS['HF-T1w'], 3.0)
    typed = parse_contrasts([f'WM-GM={wm_gm!r}', f'WM-CSF={wm_csf!r}'])
    target = with_contrasts(start, typed)
    csf, gm, wm = target.ratios
    assert michelson(wm, gm) == pytest.approx(wm_gm)
    assert michelson(wm, csf) == pytest.approx(wm_csf)
    implied = michelson(gm, csf)
    again = with_contrasts(start, {**typed, ('GM', 'CSF'): implied})
    np.testing.assert_allclose(again.ratios, target.ratios)
    # The same three levels from another two of the three contrasts.
    others = with_contrasts(start, {('WM', 'CSF'): wm_csf, ('GM', 'CSF'): implied})
    np.testing.assert_allclose(others.ratios, target.ratios, rtol=1e-6)


def test_one_typed_contrast_leaves_the_rest_to_physics(physics):
    target = with_contrasts(physics, parse_contrasts(['WM-GM=0.5']))
    assert michelson(1.0, target.ratios[1]) == pytest.approx(0.5)
    assert target.ratios[0] == physics.ratios[0]
    assert target.sources[1] == 'stated with --target-contrast'
    assert target.sources[0] == physics.sources[0]
    assert target.spread[1] == 0


def test_a_reversed_pair_is_the_same_contrast():
    assert parse_contrasts(['gm-wm=-0.4']) == {('WM', 'GM'): 0.4}


@pytest.mark.parametrize(
    ('texts', 'complaint'),
    [
        (['WM-GM=high'], 'between -2 and 2'),
        (['WM-GM=2.5'], 'between -2 and 2'),
        (['WM-GM=nan'], 'between -2 and 2'),
        (['WM-FAT=0.3'], 'is no contrast; write WM-GM=0.45'),
        (['0.4'], 'is no contrast'),
        (['WM-GM=0.4', 'GM-WM=0.4'], 'stated twice'),
        (
            ['WM-GM=0.4', 'WM-CSF=1.2', 'GM-CSF=0.2'],
            'contradict each other: .* make GM-CSF 0.9',
        ),
    ],
)
def test_a_contrast_that_cannot_be_read_is_named(texts, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_contrasts(texts)


def test_a_reference_scan_counts_relative_to_its_white_matter():
    target = target_from_reference([200.0, 600.0, 1000.0], [20.0, 6.0, 10.0], 'ref.nii.gz')
    np.testing.assert_allclose(target.ratios, [0.2, 0.6, 1.0])
    np.testing.assert_allclose(target.spread[:2], [0.0201, 0.00849], rtol=0.01)
    assert target.sources == ('measured in ref.nii.gz',) * 3
    with pytest.raises(ValueError, match='ref.nii.gz: its tissues could not all be measured'):
        target_from_reference([np.nan, 600.0, 1000.0], [1.0, 1.0, 1.0], 'ref.nii.gz')
