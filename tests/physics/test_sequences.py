"""Sequences by name, as a user states them, and as read off metadata."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.physics.sequences import (
    PRESETS,
    default_sequence,
    expected_signals,
    parse_sequence,
    sequence_from_metadata,
)
from ulfprep.physics.signals import signal, tissue_signals

HIGH_FIELD_T1W, LOW_FIELD_T1W = PRESETS['HF-T1w'], PRESETS['ULF-T1w']
QUICK = settings(deadline=None, max_examples=40, derandomize=True)


def test_default_sequence_follows_field_and_modality():
    assert default_sequence(0.064) == LOW_FIELD_T1W
    assert default_sequence(3.0) == HIGH_FIELD_T1W
    assert default_sequence(0.064, 'FLAIR') == PRESETS['ULF-FLAIR']
    assert default_sequence(1.5, 'T2w') == PRESETS['HF-T2w']


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


def test_white_matter_stands_out_more_at_3_t_than_at_64_mt():
    low = tissue_signals(default_sequence(0.064), 0.064)
    high = tissue_signals(default_sequence(3.0), 3.0)
    assert high[1] < low[1]


def test_expected_signals_are_those_of_the_scans_own_sequence():
    own = expected_signals({'EchoTime': 0.21, 'RepetitionTime': 2.0}, 0.064, 'T2w')
    sequence = dataclasses.replace(PRESETS['ULF-T2w'], echo_time=0.21)
    assert own == tuple(tissue_signals(sequence, 0.064))
    assert own[0] > expected_signals({}, 0.064, 'T2w')[0]


def test_the_train_of_a_simulated_scan_is_read_back():
    metadata = {'Simulation': {'TrainDuration_s': 0.25}}
    sequence, assumed = sequence_from_metadata(metadata, 0.064)
    assert sequence.train_duration == 0.25
    assert not any('train' in line for line in assumed)


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_has_its_name_and_its_json(name):
    assert parse_sequence(name) == PRESETS[name]
    assert parse_sequence(json.dumps(PRESETS[name].to_dict())) == PRESETS[name]


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('MPRAGE9', "no sequence is called 'MPRAGE9'; known: HF-T1w"),
        ('{"kind": ', 'not readable as JSON'),
        ('{"kind": "SE", "repetition_time": 1}', 'lacks echo_time'),
        ('{"kind": "EPI", "repetition_time": 1, "echo_time": 0.1}', 'unknown sequence EPI'),
        ('{"kind": "SE", "repetition_time": 500, "echo_time": 0.012}', 'in seconds'),
        ('{"kind": "SE", "repetition_time": "1", "echo_time": 0.1}', "'1'"),
        ('{"kind": "SE", "repetition_time": 1, "echo_time": 0.1, "te": 3}', 'has no te'),
        ('{"kind": "FLAIR", "repetition_time": 9, "echo_time": 0.1}', 'needs its inversion_time'),
    ],
)
def test_a_sequence_that_cannot_be_read_is_named(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_sequence(text)


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


@pytest.mark.parametrize('missing', ['RepetitionTime', 'EchoTime', 'InversionTime', 'FlipAngle'])
def test_a_missing_timing_is_named_with_the_value_assumed(missing):
    metadata = {k: v for k, v in COMPLETE.items() if k != missing}
    sequence, assumed = sequence_from_metadata(metadata, 3.0)
    assert len(assumed) == 1
    assert missing in assumed[0]
    name = {'RepetitionTime': 'repetition_time', 'EchoTime': 'echo_time'}.get(missing)
    name = name or {'InversionTime': 'inversion_time', 'FlipAngle': 'flip_angle'}[missing]
    assert getattr(sequence, name) == getattr(HIGH_FIELD_T1W, name)
    assert f'{getattr(sequence, name):g} ' in assumed[0]
    assert assumed[0].endswith(('degrees assumed', 's assumed'))


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
        ({'ScanningSequence': 'GR'}, 'SPGR'),
        ({'ScanningSequence': 'SE'}, 'SE'),
        ({'ScanningSequence': 'SE', 'EchoTrainLength': 16}, 'FSE'),
        ({'PulseSequenceType': 'Turbo spin echo'}, 'FSE'),
        ({'PulseSequenceType': 'T2 FLAIR'}, 'FLAIR'),
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
    assert 0 <= sequence.train_duration <= max(tr - ti, 0)
    assert np.isfinite(signal(sequence, 1.0, 0.1, 1.0))
