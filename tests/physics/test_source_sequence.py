"""The sequence of a scan, as read off its sidecar and held against its weighting."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.sequences import (
    PRESETS,
    Sequence,
    default_sequence,
    shows_usual_order,
    signal,
    tissue_signals,
)
from ulfprep.physics.source_sequence import (
    expected_signals,
    sequence_from_metadata,
    source_sequence,
)

HIGH_FIELD_T1W = PRESETS['HF-T1w']
QUICK = settings(deadline=None, max_examples=40, derandomize=True)
WEIGHTINGS = ('T1w', 'T2w', 'FLAIR')


def test_expected_signals_are_those_of_the_scans_own_sequence():
    own = expected_signals({'EchoTime': 0.21, 'RepetitionTime': 2.0}, 0.064, 'T2w')
    sequence = dataclasses.replace(PRESETS['ULF-T2w'], echo_time=0.21)
    assert own == tuple(tissue_signals(sequence, 0.064))
    assert own[0] > expected_signals({}, 0.064, 'T2w')[0]


def test_the_train_of_a_simulated_scan_is_read_back():
    sequence, assumed = sequence_from_metadata({'Simulation': {'TrainDuration_s': 0.25}}, 0.064)
    assert sequence.train_duration == 0.25
    assert not any('train' in line for line in assumed)


COMPLETE = {
    'RepetitionTime': 2.0,
    'EchoTime': 0.004,
    'InversionTime': 0.8,
    'FlipAngle': 8,
    'PulseSequenceType': '3D MPRAGE',
    'RepetitionTimeExcitation': 0.008,
    'NumberShots': 140,
}


def test_complete_metadata_leaves_nothing_assumed():
    sequence, assumed = sequence_from_metadata(COMPLETE, 3.0)
    assert assumed == []
    assert (sequence.kind, sequence.repetition_time, sequence.echo_time) == ('MPRAGE', 2.0, 0.004)
    assert (sequence.inversion_time, sequence.flip_angle) == (0.8, 8.0)
    assert (sequence.echo_spacing, sequence.train_duration) == (0.008, pytest.approx(1.12))


TIMINGS = {
    'RepetitionTime': 'repetition_time',
    'EchoTime': 'echo_time',
    'InversionTime': 'inversion_time',
    'FlipAngle': 'flip_angle',
}


@pytest.mark.parametrize('missing', TIMINGS)
def test_a_missing_timing_is_named_with_the_value_assumed(missing):
    metadata = {k: v for k, v in COMPLETE.items() if k != missing}
    sequence, assumed = sequence_from_metadata(metadata, 3.0)
    value = getattr(HIGH_FIELD_T1W, TIMINGS[missing])
    assert getattr(sequence, TIMINGS[missing]) == value
    (told,) = assumed
    assert missing in told
    assert f'{value:g} ' in told
    assert told.endswith(('degrees assumed', 's assumed'))
    # Zero is how converters write that they do not know.
    assert sequence_from_metadata({**COMPLETE, missing: 0}, 3.0) == (sequence, assumed)


@pytest.mark.parametrize('field', [0.064, 3.0])
@pytest.mark.parametrize('modality', ['T1w', 'T2w', 'FLAIR'])
def test_without_metadata_everything_is_assumed_and_named(modality, field):
    sequence, assumed = sequence_from_metadata({}, field, modality)
    usual = default_sequence(field, modality)
    assert sequence == usual
    wanted = ['sequence type', 'RepetitionTime', 'EchoTime', 'read-out train']
    wanted += ['InversionTime'] if usual.inversion_time else []
    wanted += ['FlipAngle'] if usual.kind == 'MPRAGE' else []
    assert len(assumed) == len(wanted)
    for word in wanted:
        assert any(word in line for line in assumed)


@pytest.mark.parametrize(('said', 'told'), [('', 'is not in'), ('RM', 'in the sidecar is not')])
def test_a_sequence_type_that_is_missing_or_says_nothing_is_named(said, told):
    sequence, assumed = sequence_from_metadata({**COMPLETE, 'PulseSequenceType': said}, 3.0)
    assert sequence.kind == 'MPRAGE'
    assert len(assumed) == 1
    assert assumed[0].startswith(f'the sequence type {told}')


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
        ({'PulseSequenceType': 'Inversion Recovery Spin Echo'}, 'IR-FSE'),
        ({'ScanningSequence': 'GR'}, 'SPGR'),
        ({'ScanningSequence': 'SE'}, 'SE'),
        ({'ScanningSequence': 'SE', 'EchoTrainLength': 16}, 'FSE'),
        ({'PulseSequenceType': 'Turbo spin echo'}, 'FSE'),
        ({'PulseSequenceType': 'T2 FLAIR'}, 'FLAIR'),
        ({'SequenceName': 'spcir_242ns'}, 'IR-FSE'),
        ({'SequenceName': '*tir2d1_16'}, 'IR-FSE'),
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
    del metadata['NumberShots']
    sequence, _ = sequence_from_metadata(metadata, 3.0)
    room = sequence.repetition_time - sequence.inversion_time
    assert 0 <= sequence.train_duration <= max(room, 0)
    assert np.isfinite(signal(sequence, 1.0, 0.1, 1.0))


# What converters write: fields of one sequence in many spellings.
LOW = {'RepetitionTime': 1.5, 'EchoTime': 0.006, 'InversionTime': 0.3}
HIGH = {'RepetitionTime': 2.3, 'EchoTime': 0.003, 'InversionTime': 0.9, 'FlipAngle': 9}


@pytest.mark.parametrize(
    ('key', 'words'),
    [
        ('ScanningSequence', 'SE'),
        ('PulseSequenceType', 'Spin Echo'),
        ('PulseSequenceType', '3D FSE'),
        ('ScanningSequence', 'RM'),
        ('ScanningSequence', ''),
    ],
)
def test_a_stated_inversion_counts_whatever_the_words(key, words):
    inverted = {**LOW, 'ScanningSequence': 'SE\\IR'}
    assert source_sequence({**LOW, key: words}, 0.064).signals == expected_signals(inverted, 0.064)


@pytest.mark.parametrize(
    'words',
    [
        {'ScanningSequence': 'GR', 'SequenceVariant': 'SK\\SP\\MP'},
        {'PulseSequenceType': 'Gradient Echo'},
        {'PulseSequenceName': 'tfl', 'ScanningSequence': 'GR'},
        {'SequenceName': '*tfl3d1_16ns'},
        {'PulseSequenceName': 'T1TFE'},
        {'PulseSequenceDetails': '%SiemensSeq%\\tfl'},
        {'ScanOptions': 'IR\\PFP', 'ScanningSequence': 'GR'},
    ],
)
def test_an_inverted_gradient_echo_is_an_mprage(words):
    found = source_sequence({**HIGH, **words}, 3.0)
    assert found.sequence.kind == 'MPRAGE'
    assert found.sequence.inversion_time == 0.9
    assert not found.contradictions


def test_magnetisation_that_is_prepared_is_inverted_though_no_time_is_stated():
    metadata = {**HIGH, 'ScanningSequence': 'GR', 'SequenceVariant': 'SP\\MP', 'InversionTime': 0}
    found, assumed = sequence_from_metadata(metadata, 3.0)
    assert (found.kind, found.inversion_time) == ('MPRAGE', HIGH_FIELD_T1W.inversion_time)
    assert any('InversionTime' in line for line in assumed)


def test_an_inversion_time_of_zero_is_not_stated_at_low_field_either():
    zero = {**LOW, 'ScanningSequence': 'SE\\IR', 'InversionTime': 0}
    missing = {k: v for k, v in zero.items() if k != 'InversionTime'}
    assert sequence_from_metadata(zero, 0.064) == sequence_from_metadata(missing, 0.064)


def test_the_time_between_excitations_is_no_repetition_time_of_an_inversion():
    metadata = {**HIGH, 'RepetitionTime': 0.0085, 'ScanningSequence': 'GR'}
    found, assumed = sequence_from_metadata(metadata, 3.0)
    assert found.kind == 'MPRAGE'
    assert found.repetition_time == HIGH_FIELD_T1W.repetition_time
    assert found.echo_spacing == 0.0085
    assert any('RepetitionTime 0.0085 s is shorter than InversionTime' in a for a in assumed)


@pytest.mark.parametrize('tr', [3.0, 4.0, 5.0, 9.0])
@pytest.mark.parametrize('field', [0.064, 0.55, 1.5, 3.0, 7.0])
def test_a_flair_without_inversion_time_nulls_csf(tr, field):
    metadata = {'RepetitionTime': tr, 'EchoTime': 0.1, 'ScanningSequence': 'SE\\IR'}
    found = source_sequence(metadata, field, 'FLAIR')
    assert 0 < found.sequence.inversion_time < tr
    assert found.signals[0] == pytest.approx(0, abs=1e-6)
    assert not found.contradictions
    assert any('which nulls CSF' in line for line in found.assumed)


@pytest.mark.parametrize(('modality', 'te', 'ti'), [('FLAIR', 0.388, 1.8), ('T2w', 0.564, None)])
def test_long_trains_of_low_refocusing_angles_keep_tissue_signal(modality, te, ti):
    metadata = {'ScanningSequence': 'SE', 'RepetitionTime': 5.0, 'EchoTime': te}
    metadata |= {'InversionTime': ti} if ti else {}
    found = source_sequence(metadata, 3.0, modality)
    assert shows_usual_order(found.signals, modality)
    assert not found.contradictions
    assert any('low refocusing angles' in line for line in found.assumed)
    # Its contrast is that of an echo time in clinical use, of which the preset is an example.
    usual = tissue_signals(PRESETS[f'HF-{modality}'], 3.0)
    assert 0.3 < abs(np.log(found.signals[1]) / np.log(usual[1])) < 3


@pytest.mark.parametrize('degrees', [30, 60, 180])
def test_the_share_of_time_in_the_plane_is_that_of_extended_phase_graphs(degrees):
    """Decay of the echoes of a train between those of T2 and T1."""
    t1, t2, spacing = 1.3, 0.1, 0.004
    only_t2 = _decay_rate(degrees, spacing, 1e9, t2)
    share = only_t2 * t2
    wanted = {30: 0.2, 60: 0.4, 180: 1.0}[degrees]
    assert share == pytest.approx(wanted, abs=0.03)
    sequence = dataclasses.replace(PRESETS['HF-T2w'], transverse_share=share, echo_time=0.1)
    later = dataclasses.replace(sequence, echo_time=0.3)
    model = np.log(signal(sequence, t1, t2, 1.0) / signal(later, t1, t2, 1.0)) / 0.2
    assert model == pytest.approx(_decay_rate(degrees, spacing, t1, t2), rel=0.05)


def _decay_rate(degrees, spacing, t1, t2):
    """Rate (1/s) at which echoes of constant refocusing decay once they are in a steady state."""
    angle = np.radians(degrees)
    angles = np.full(150, angle)
    angles[:6] = np.linspace((np.pi + angle) / 2, angle, 6)
    up, down, along = np.zeros((3, len(angles) + 2))
    up[0] = down[0] = 1.0
    fade, grow = np.exp(-spacing / 2 / t2), np.exp(-spacing / 2 / t1)
    echoes = []

    def wait(up, down, along):
        up, down = np.roll(up * fade, 1), np.roll(down * fade, -1)
        down[-1], up[0] = 0, down[0]
        return up, down, along * grow

    for a in angles:
        up, down, along = wait(up, down, along)
        c, s = np.cos(a / 2) ** 2, np.sin(a / 2) ** 2
        up, down, along = (
            c * up + s * down + np.sin(a) * along,
            s * up + c * down - np.sin(a) * along,
            np.sin(a) / 2 * (down - up) + np.cos(a) * along,
        )
        up, down, along = wait(up, down, along)
        echoes.append(abs(up[0]))
    return np.log(echoes[40] / echoes[100]) / (60 * spacing)


@pytest.mark.parametrize(
    'metadata',
    [
        {**HIGH, 'ScanningSequence': 'GR\\IR', 'RepetitionTime': 5, 'InversionTime': 0.7},
        {**HIGH, 'ProtocolName': 't1_mp2rage_sag', 'RepetitionTime': 0.006},
        {**HIGH, 'SeriesDescription': 'T1_UNI_Images'.replace('_', ' ')},
        {**HIGH, 'ImageType': ['DERIVED', 'PRIMARY', 'M', 'UNI']},
    ],
)
def test_the_uniform_image_of_an_mp2rage_has_the_contrast_of_an_mprage(metadata):
    found = source_sequence({**metadata, 'FlipAngle': 4}, 3.0)
    assert found.sequence == HIGH_FIELD_T1W
    assert any('MP2RAGE' in line for line in found.assumed)
    assert not found.contradictions


# Held against the weighting


@pytest.mark.parametrize(
    ('modality', 'field', 'metadata', 'named'),
    [
        ('T1w', 0.064, {'ScanningSequence': 'SE', 'RepetitionTime': 1.5, 'EchoTime': 0.006},
         ['ScanningSequence SE', 'RepetitionTime 1.5']),
        ('T1w', 3.0, {'PulseSequenceType': 'Turbo spin echo', 'EchoTime': 0.1}, ['EchoTime 0.1']),
        ('T2w', 3.0, {'ScanningSequence': 'GR', 'FlipAngle': 70, 'RepetitionTime': 0.02},
         ['FlipAngle 70']),
        ('FLAIR', 3.0, {'RepetitionTime': 9, 'InversionTime': 0.2}, ['InversionTime 0.2']),
    ],
)  # fmt: skip
def test_a_sidecar_that_contradicts_the_weighting_is_not_believed(
    modality, field, metadata, named
):
    found = source_sequence(metadata, field, modality)
    assert found.sequence == default_sequence(field, modality)
    assert shows_usual_order(found.signals, modality)
    (text,) = found.contradictions
    for part in [*named, '--source-sequence', modality]:
        assert part in text


@pytest.mark.parametrize('modality', WEIGHTINGS)
@pytest.mark.parametrize('field', [0.02, 0.064, 0.1, 0.2, 0.29, 0.3, 0.55, 1.5, 3.0, 7.0, 10.5])
@QUICK
@given(
    tr=st.floats(0.002, 12),
    te=st.floats(0.001, 0.7),
    ti=st.floats(0, 4),
    angle=st.floats(1, 170),
    words=st.sampled_from(['', 'SE', 'GR', 'SE\\IR', 'GR\\IR', 'EP\\SE', 'RM', 'MPRAGE']),
)
def test_whatever_a_sidecar_says_the_weighting_is_shown(modality, field, tr, te, ti, angle, words):
    metadata = {
        'RepetitionTime': tr,
        'EchoTime': te,
        'InversionTime': ti,
        'FlipAngle': angle,
        'ScanningSequence': words,
    }
    assert shows_usual_order(source_sequence(metadata, field, modality).signals, modality)


@pytest.mark.parametrize(
    ('own', 'field', 'told'),
    [(Sequence('SE', 0.5, 0.02), 1.5, 0), (PRESETS['ULF-T2w'], 0.064, 1)],
    ids=['as weighted', 'against the weighting'],
)
def test_the_users_own_sequence_is_followed(own, field, told):
    found = source_sequence({**LOW, 'ScanningSequence': 'SE\\IR'}, field, stated=own)
    assert (found.sequence, found.assumed) == (own, ())
    assert len(found.contradictions) == told
    assert all(text.startswith('--source-sequence') for text in found.contradictions)


#: Field values of the anatomical images of bids-examples (public domain), each set once.
SIDECARS = json.loads(Path(__file__).with_name('sidecars_of_bids_examples.json').read_text())
#: Those that do not describe the weighting that their names tell: a gradient echo with an echo
#: time of half a second, and a T2-weighted train called T1w.
CONTRADICTING = {'eeg_rest_fmri': 1, 'mri_chunk': 1}


def test_public_sidecars_show_the_order_of_their_weighting():
    told = []
    for row in SIDECARS:
        field = row['fields'].get('MagneticFieldStrength', 3.0)
        found = source_sequence(row['fields'], field, row['suffix'])
        assert shows_usual_order(found.signals, row['suffix']), row['dataset']
        told += [row['dataset']] * bool(found.contradictions)
    assert {name: told.count(name) for name in told} == CONTRADICTING
