"""Signal equations against a small Bloch simulation; sequences by name and as users state them."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import relaxation
from ulfprep.physics.sequences import (
    PRESETS,
    Sequence,
    default_sequence,
    parse_sequence,
    shows_usual_order,
    signal,
    signal_spread,
    tissue_signals,
)

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
SPACING = 0.005  # of the echoes of a simulated fast spin echo, about, s


class Bloch:
    """Magnetisation vector of spins on resonance, rotated by pulses and relaxing between."""

    def __init__(self, t1, t2):
        self.t1, self.t2, self.m = t1, t2, np.array([0.0, 0.0, 1.0])

    def wait(self, time):
        self.m[:2] *= math.exp(-time / self.t2)
        self.m[2] = 1 - (1 - self.m[2]) * math.exp(-time / self.t1)

    def pulse(self, degrees, axis='x'):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        about = {
            'x': [[1, 0, 0], [0, c, s], [0, -s, c]],
            'y': [[c, 0, -s], [0, 1, 0], [s, 0, c]],
        }
        self.m = np.array(about[axis]) @ self.m

    def invert(self, efficiency):
        self.m[2] *= -efficiency
        self.spoil()

    def spoil(self):
        self.m[:2] = 0.0

    @property
    def seen(self):
        """Transverse magnetisation along y, with its sign."""
        return float(self.m[1])

    def gradient_echo(self, degrees, echo_time, period):
        self.pulse(degrees)
        self.wait(echo_time)
        seen = self.seen
        self.wait(period - echo_time)
        self.spoil()
        return seen

    def spin_echoes(self, train, echo_time):
        """Carr-Purcell-Meiboom-Gill train; the echo at the echo time is what counts."""
        before = max(1, round(echo_time / SPACING)) if train > echo_time else 1
        spacing = echo_time / before
        self.pulse(90)
        seen = None
        for echo in range(1, round(train / spacing) + 1):
            self.wait(spacing / 2)
            self.pulse(180, 'y')
            self.wait(spacing / 2)
            if echo == before:
                seen = self.seen
        self.spoil()
        return seen


def simulate(sequence, t1, t2):
    """Signal at the centre of k-space in the steady state."""
    spin, seen, s = Bloch(t1, t2), None, sequence
    for _ in range(max(20, math.ceil(8 * t1 / s.repetition_time))):
        if s.kind in ('SPGR', 'GRE'):
            seen = spin.gradient_echo(s.flip_angle, s.echo_time, s.repetition_time)
        elif s.kind == 'SE':
            seen = spin.spin_echoes(s.echo_time, s.echo_time)
            spin.wait(s.repetition_time - s.echo_time)
        elif s.kind == 'MPRAGE':
            pulses = round(s.train_duration / s.echo_spacing)
            half = pulses * s.echo_spacing / 2
            spin.invert(s.inversion_efficiency)
            spin.wait(s.inversion_time - half)
            for k in range(pulses):
                echo = spin.gradient_echo(s.flip_angle, s.echo_time, s.echo_spacing)
                seen = echo if k == pulses // 2 else seen
            spin.wait(s.repetition_time - s.inversion_time - half)
        else:
            if s.kind != 'FSE':
                spin.invert(s.inversion_efficiency)
                spin.wait(s.inversion_time)
            seen = spin.spin_echoes(s.train_duration, s.echo_time)
            spin.wait(s.repetition_time - s.inversion_time - s.train_duration)
    return seen if sequence.phase_sensitive else abs(seen)


SEQUENCES = {
    **PRESETS,
    'GRE, long TR': Sequence('GRE', 0.5, 0.01, flip_angle=70.0),
    'MPRAGE, short train': Sequence('MPRAGE', 1.6, 0.003, 0.8, 12.0, 0.56, 0.010),
    'MPRAGE, weak inversion': Sequence(
        'MPRAGE', 2.3, 0.003, 0.9, 9.0, 1.204, inversion_efficiency=0.9
    ),
    'IR-FSE, slow': Sequence('IR-FSE', 4.0, 0.02, 1.2, train_duration=0.24),
    'IR-FSE, weak inversion': Sequence(
        'IR-FSE', 1.5, 0.005, 0.3, train_duration=0.4, inversion_efficiency=0.85
    ),
    'IR-FSE, phase-sensitive': Sequence(
        'IR-FSE', 1.5, 0.005, 0.25, train_duration=0.4, phase_sensitive=True
    ),
    'FSE, short': Sequence('FSE', 0.8, 0.02, train_duration=0.24),
    'SE, T2-weighted': Sequence('SE', 3.0, 0.1),
}


@pytest.mark.parametrize('tissue', TISSUES)
@pytest.mark.parametrize('field', [0.064, 0.55, 3.0])
@pytest.mark.parametrize('name', SEQUENCES)
def test_closed_form_meets_the_bloch_simulation(name, field, tissue):
    sequence = SEQUENCES[name]
    values = relaxation(tissue, field)
    closed = signal(sequence, values.t1, values.t2, 1.0)
    # One per cent, or two thousandths of full magnetisation where a tissue is nearly nulled.
    assert closed == pytest.approx(simulate(sequence, values.t1, values.t2), rel=0.01, abs=2e-3)


@QUICK
@given(
    st.sampled_from([n for n in sorted(SEQUENCES) if SEQUENCES[n].kind != 'SE']),
    st.floats(0.2, 4.5),
    st.floats(0.05, 2.0),
    st.floats(0.1, 1.0),
    st.floats(0.001, 0.1),
)
def test_density_scales_and_t2_decays_the_signal(name, t1, t2, density, echo):
    whole = signal(replace(SEQUENCES[name], echo_time=0.0), t1, t2, 1.0)
    late = replace(SEQUENCES[name], echo_time=echo)
    assert signal(late, t1, t2, density) == pytest.approx(density * whole * math.exp(-echo / t2))
    assert abs(whole) <= 1


@pytest.mark.parametrize('ti', [0.05, 0.1, 0.3, 0.8])
def test_phase_sensitive_signals_keep_the_sign_that_magnitudes_lose(ti):
    magnitude = Sequence('IR-FSE', 4.0, 0.005, ti)
    signed = replace(magnitude, phase_sensitive=True)
    value = signal(signed, 0.5, 0.1, 1.0)
    assert abs(value) == signal(magnitude, 0.5, 0.1, 1.0)
    assert (value < 0) == (ti < 0.5 * math.log(2))


def test_signals_are_relative_to_white_matter_which_has_to_give_one():
    assert tissue_signals(PRESETS['HF-T1w'], 3.0)[2] == 1
    assert signal_spread(PRESETS['HF-T1w'], 3.0)[2] == 0
    nulled = Sequence('IR-FSE', 60.0, 0.005, relaxation('WM', 3.0).t1 * math.log(2))
    with pytest.raises(ValueError, match='white matter gives no signal'):
        tissue_signals(nulled, 3.0)


@pytest.mark.parametrize('name', ['HF-T1w', 'ULF-T1w', 'HF-T2w', 'ULF-T2w'])
def test_spread_is_that_of_drawn_relaxation_values(name):
    field = 0.064 if name.startswith('ULF') else 3.0
    rng = np.random.default_rng(0)
    values = [relaxation(tissue, field) for tissue in TISSUES]
    drawn = []
    for _ in range(3000):
        moved = rng.standard_normal((len(values), 3)) * 0.3
        signals = [
            signal(
                PRESETS[name], v.t1 + a * v.t1_sd, v.t2 + b * v.t2_sd, v.density + c * v.density_sd
            )
            for v, (a, b, c) in zip(values, moved, strict=True)
        ]
        drawn.append(np.array(signals) / signals[2])
    # A third of the spread: small enough for first order to hold.
    expected = 0.3 * np.array(signal_spread(PRESETS[name], field))
    np.testing.assert_allclose(np.std(drawn, axis=0)[:2], expected[:2], rtol=0.25)


# By name, and as a user states them


@pytest.mark.parametrize(
    ('field', 'modality', 'name'),
    [(0.064, 'T1w', 'ULF-T1w'), (3.0, 'T1w', 'HF-T1w'), (0.064, 'FLAIR', 'ULF-FLAIR'),
     (1.5, 'T2w', 'HF-T2w')],
)  # fmt: skip
def test_default_sequence_follows_field_and_modality(field, modality, name):
    assert default_sequence(field, modality) == PRESETS[name]


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_shows_the_order_of_the_weighting_in_its_name(name):
    scanner, modality, *_ = name.split('-')
    signals = tissue_signals(PRESETS[name], 0.064 if scanner == 'ULF' else 3.0)
    assert shows_usual_order(signals, modality), signals


@pytest.mark.parametrize('field', [0.064, 1.5, 3.0, 7.0])
def test_default_sequences_show_the_order_of_their_weighting(field):
    csf, gm, wm = tissue_signals(default_sequence(field, 'T1w'), field)
    assert csf < gm < wm == 1
    csf, gm, wm = tissue_signals(default_sequence(field, 'T2w'), field)
    assert csf > gm > wm == 1
    csf, gm, wm = tissue_signals(default_sequence(field, 'FLAIR'), field)
    assert csf < 0.6
    # At 7 T the long T1 of GM and the inversion turn the order round, as FLAIR users know.
    assert (gm > wm) == (field < 7)


def test_ratios_at_64_mt_are_those_of_a_portable_scan():
    csf, gm, _ = tissue_signals(default_sequence(0.064), 0.064)
    # Read off one real 64 mT scan: GM 0.8, CSF 0.25 of white matter.
    assert gm == pytest.approx(0.8, abs=0.1)
    assert csf == pytest.approx(0.25, abs=0.1)
    # White matter stands out more at 3 T.
    assert tissue_signals(default_sequence(3.0), 3.0)[1] < gm


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_has_its_name_and_its_json(name):
    assert parse_sequence(name) == PRESETS[name]
    assert parse_sequence(json.dumps(asdict(PRESETS[name]))) == PRESETS[name]


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('MPRAGE9', "no sequence is called 'MPRAGE9'; known: HF-T1w"),
        ('{"kind": ', 'not readable as JSON'),
        ('{"kind": "SE", "repetition_time": 1}', 'lacks echo_time'),
        (
            '{"kind": "EPI", "repetition_time": 1, "echo_time": 0.1}',
            'EPI; known: MPRAGE',
        ),
        ('{"kind": "SE", "repetition_time": 500, "echo_time": 0.012}', 'in seconds'),
        ('{"kind": "SE", "repetition_time": "1", "echo_time": 0.1}', "'1'"),
        ('{"kind": "SE", "repetition_time": 1, "echo_time": 0.1, "te": 3}', 'has no te'),
        ('{"kind": "FLAIR", "repetition_time": 9, "echo_time": 0.1}', 'needs its inversion_time'),
    ],
)
def test_a_sequence_that_cannot_be_read_is_named(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_sequence(text)
