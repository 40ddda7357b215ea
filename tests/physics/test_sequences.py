"""Signal equations against a small Bloch simulation, and sequences read off metadata."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import relaxation
from ulfprep.physics.sequences import (
    HIGH_FIELD_T1W,
    LOW_FIELD_T1W,
    Sequence,
    default_sequence,
    sequence_from_metadata,
    signal,
    tissue_signals,
)

QUICK = settings(deadline=None, max_examples=40, derandomize=True)


class Bloch:
    """Longitudinal magnetisation of one spin ensemble with perfect spoiling."""

    def __init__(self, t1):
        self.t1, self.mz = t1, 1.0

    def wait(self, time):
        self.mz = 1 - (1 - self.mz) * math.exp(-time / self.t1)

    def pulse(self, degrees):
        """Tip by an angle and return the transverse part, which is then spoiled."""
        angle = math.radians(degrees)
        seen, self.mz = self.mz * math.sin(angle), self.mz * math.cos(angle)
        return seen

    def echo_train(self, duration, spacing):
        """90 degrees, then a refocusing pulse (which also inverts) every ``spacing``."""
        seen = self.pulse(90)
        for _ in range(round(duration / spacing)):
            self.wait(spacing / 2)
            self.pulse(180)
            self.wait(spacing / 2)
        return seen


def simulate(sequence, t1, repetitions=60):
    """Transverse magnetisation at the centre of k-space in the steady state."""
    spin, seen = Bloch(t1), 0.0
    tr, ti, train = sequence.repetition_time, sequence.inversion_time, sequence.train_duration
    for _ in range(repetitions):
        if sequence.kind == 'SPGR':
            seen = spin.pulse(sequence.flip_angle)
            spin.wait(tr)
        elif sequence.kind == 'FSE':
            seen = spin.echo_train(train, 0.006)
            spin.wait(tr - train)
        elif sequence.kind == 'IR-FSE':
            spin.pulse(180)
            spin.wait(ti)
            seen = spin.echo_train(train, 0.006)
            spin.wait(tr - ti - train)
        else:
            pulses = round(train / sequence.echo_spacing)
            spin.pulse(180)
            spin.wait(ti - pulses * sequence.echo_spacing / 2)
            for k in range(pulses):
                transverse = spin.pulse(sequence.flip_angle)
                if k == pulses // 2:
                    seen = transverse
                spin.wait(sequence.echo_spacing)
            spin.wait(tr - ti - pulses * sequence.echo_spacing / 2)
    return abs(seen)


SEQUENCES = {
    'SPGR': Sequence('SPGR', 0.02, 0.0, flip_angle=25.0),
    'SPGR, long TR': Sequence('SPGR', 0.5, 0.0, flip_angle=70.0),
    'MPRAGE': Sequence('MPRAGE', 2.3, 0.0, 0.9, 9.0, 1.204),
    'MPRAGE, short train': Sequence('MPRAGE', 1.6, 0.0, 0.8, 12.0, 0.56, 0.010),
    'IR-FSE': Sequence('IR-FSE', 1.5, 0.0, 0.3, train_duration=0.48),
    'IR-FSE, slow': Sequence('IR-FSE', 4.0, 0.0, 1.2, train_duration=0.24),
    'FSE': Sequence('FSE', 0.8, 0.0, train_duration=0.24),
}


@pytest.mark.parametrize('tissue', TISSUES)
@pytest.mark.parametrize('field', [0.064, 3.0])
@pytest.mark.parametrize('name', SEQUENCES)
def test_closed_form_meets_the_simulated_pulse_train(name, field, tissue):
    sequence = SEQUENCES[name]
    t1, t2, _ = relaxation(tissue, field)
    # The echo time is zero, so that nothing but the longitudinal history counts.
    closed = signal(sequence, t1, t2, 1.0)
    # One per cent, or two thousandths of full magnetisation where a tissue is nearly nulled.
    assert closed == pytest.approx(simulate(sequence, t1), rel=0.01, abs=2e-3)


@QUICK
@given(
    st.sampled_from(sorted(SEQUENCES)),
    st.floats(0.2, 4.5),
    st.floats(0.05, 2.0),
    st.floats(0.1, 1.0),
    st.floats(0.001, 0.1),
)
def test_density_scales_and_t2_decays_the_signal(name, t1, t2, density, echo):
    whole = signal(SEQUENCES[name], t1, t2, 1.0)
    late = Sequence(**{**SEQUENCES[name].to_dict(), 'echo_time': echo})
    assert signal(late, t1, t2, density) == pytest.approx(density * whole * math.exp(-echo / t2))
    assert 0 <= whole <= 1


def test_the_ernst_angle_gives_the_largest_spoiled_signal():
    t1, tr = 0.9, 0.02
    ernst = math.degrees(math.acos(math.exp(-tr / t1)))
    best = signal(Sequence('SPGR', tr, 0.0, flip_angle=ernst), t1, 0.1, 1.0)
    for angle in (ernst - 1, ernst + 1):
        assert signal(Sequence('SPGR', tr, 0.0, flip_angle=angle), t1, 0.1, 1.0) < best


def test_inversion_nulls_where_it_must():
    # Fully recovered before the inversion: the null is at T1 ln 2.
    t1 = 0.5
    sequence = Sequence('IR-FSE', 30.0, 0.0, t1 * math.log(2))
    assert signal(sequence, t1, 0.1, 1.0) == pytest.approx(0, abs=1e-9)


def test_an_unknown_sequence_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match='unknown sequence EPI; known: MPRAGE'):
        signal(Sequence('EPI', 2.0, 0.03), 1.0, 0.1, 1.0)


def test_default_sequence_follows_the_field():
    assert default_sequence(0.064) == LOW_FIELD_T1W
    assert default_sequence(3.0) == HIGH_FIELD_T1W


@pytest.mark.parametrize('field', [0.064, 1.5, 3.0, 7.0])
def test_default_sequences_are_t1_weighted(field):
    csf, gm, wm = tissue_signals(default_sequence(field), field)
    assert wm == 1
    assert csf < gm < wm


def test_ratios_at_64_mt_are_those_of_portable_scans():
    csf, gm, _ = tissue_signals(default_sequence(0.064), 0.064)
    assert 0.65 < gm < 0.92
    assert 0.05 < csf < 0.55


def test_white_matter_stands_out_more_at_3_t_than_at_64_mt():
    low = tissue_signals(default_sequence(0.064), 0.064)
    high = tissue_signals(default_sequence(3.0), 3.0)
    assert high[1] < low[1]


COMPLETE = {
    'RepetitionTime': 2.0,
    'EchoTime': 0.004,
    'InversionTime': 0.8,
    'FlipAngle': 8,
    'PulseSequenceType': '3D MPRAGE',
}


def test_complete_metadata_leaves_nothing_assumed():
    sequence, assumed = sequence_from_metadata(COMPLETE, 3.0)
    assert assumed == []
    assert (sequence.kind, sequence.repetition_time, sequence.echo_time) == ('MPRAGE', 2.0, 0.004)
    assert (sequence.inversion_time, sequence.flip_angle) == (0.8, 8.0)


@pytest.mark.parametrize('missing', ['RepetitionTime', 'EchoTime', 'InversionTime', 'FlipAngle'])
def test_a_missing_timing_is_named_with_the_value_assumed(missing):
    metadata = {k: v for k, v in COMPLETE.items() if k != missing}
    sequence, assumed = sequence_from_metadata(metadata, 3.0)
    assert len(assumed) == 1
    assert missing in assumed[0]
    name = {'RepetitionTime': 'repetition_time', 'EchoTime': 'echo_time'}.get(missing)
    name = name or {'InversionTime': 'inversion_time', 'FlipAngle': 'flip_angle'}[missing]
    assert getattr(sequence, name) == getattr(HIGH_FIELD_T1W, name)
    assert f'{getattr(sequence, name):g} assumed' in assumed[0]


def test_a_missing_sequence_type_is_named():
    metadata = {k: v for k, v in COMPLETE.items() if k != 'PulseSequenceType'}
    sequence, assumed = sequence_from_metadata(metadata, 3.0)
    assert sequence.kind == 'MPRAGE'
    assert assumed == ['the sequence type is not in the sidecar: MPRAGE assumed']


def test_a_sequence_type_that_says_nothing_is_named():
    _, assumed = sequence_from_metadata({**COMPLETE, 'PulseSequenceType': 'RM'}, 3.0)
    assert assumed == ['the sequence type in the sidecar is not known: MPRAGE assumed']


@pytest.mark.parametrize(
    ('stated', 'kind'),
    [
        ({'PulseSequenceType': '3D inversion-recovery FSE'}, 'IR-FSE'),
        ({'PulseSequenceType': 'MPRAGE'}, 'MPRAGE'),
        ({'PulseSequenceType': 'Spoiled gradient echo (SPGR)'}, 'SPGR'),
        ({'PulseSequenceType': 'FLASH'}, 'SPGR'),
        ({'ScanningSequence': 'GR IR'}, 'MPRAGE'),
        ({'ScanningSequence': 'GR_IR'}, 'MPRAGE'),
        ({'ScanningSequence': 'GR\\IR'}, 'MPRAGE'),
        ({'ScanningSequence': ['GR', 'IR']}, 'MPRAGE'),
        ({'ScanningSequence': ['SE', 'IR']}, 'IR-FSE'),
    ],
)
@pytest.mark.parametrize('field', [0.064, 3.0])
def test_sequence_kind_is_read_however_converters_write_it(stated, kind, field):
    assert sequence_from_metadata(stated, field)[0].kind == kind


def test_time_between_preparations_wins_over_time_between_excitations():
    sequence, _ = sequence_from_metadata(
        {**COMPLETE, 'RepetitionTime': 0.007, 'RepetitionTimePreparation': 2.5}, 3.0
    )
    assert sequence.repetition_time == 2.5


@pytest.mark.parametrize('value', ['2.0', True, float('nan'), None, [2.0]])
def test_timings_that_are_no_numbers_are_assumed(value):
    sequence, assumed = sequence_from_metadata({**COMPLETE, 'RepetitionTime': value}, 3.0)
    assert sequence.repetition_time == HIGH_FIELD_T1W.repetition_time
    assert any('RepetitionTime' in line for line in assumed)


@QUICK
@given(st.floats(0.1, 5.0), st.floats(0.0, 6.0))
def test_the_train_always_fits_between_inversion_and_repetition(tr, ti):
    metadata = {**COMPLETE, 'RepetitionTime': tr, 'InversionTime': ti}
    sequence, _ = sequence_from_metadata(metadata, 3.0)
    assert 0 <= sequence.train_duration <= max(tr - ti, 0)
    assert np.isfinite(signal(sequence, 1.0, 0.1, 1.0))
