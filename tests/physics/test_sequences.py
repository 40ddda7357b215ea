"""Sequences by name and as a user states them."""

import json
from dataclasses import asdict

import pytest

from ulfprep.physics.sequences import (
    PRESETS,
    default_sequence,
    parse_sequence,
    tissue_signals,
)

HIGH_FIELD_T1W, LOW_FIELD_T1W = PRESETS['HF-T1w'], PRESETS['ULF-T1w']


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
