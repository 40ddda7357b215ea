"""The record of a scan, to its QC file and back."""

import json
from dataclasses import replace

import pytest
from plans import make_plan
from records import FUSION, RECORD, SIMULATION, make_json, make_record

from ulfprep.bids.files import dump_json, write_json, write_text
from ulfprep.bids.store.records import BrokenRecordError, read_record
from ulfprep.record import FusedScan, LeftOut, ScanRecord

FUSED = replace(
    FUSION,
    scans=(FusedScan('sub-01_run-1_T1w', 'bids:raw:x', 'T1w'),),
    registrations=({'name': 'sub-01_run-1_T1w', 'rotation_deg': 1.5},),
    left_out=(LeftOut('sub-01_run-3_T1w', 'it moved'),),
)


@pytest.mark.parametrize(
    'record',
    [
        RECORD,
        make_record(direction='simulate', simulation=SIMULATION, fit=None),
        make_record(fusion=FUSED, reference={'source': 'x', 'field_T': 3.0}),
        make_record(precomputed={'mask': ('bids:deriv:x', 'bids:deriv:y')}),
    ],
)
def test_a_qc_file_gives_the_record_back(record, tmp_path):
    path = write_json(tmp_path / 'qc.json', record.to_json())
    assert read_record(path) == record


def test_a_number_that_is_not_finite_costs_no_record():
    plan = make_plan(condition_number=float('inf'))
    read = ScanRecord.from_json(json.loads(dump_json(make_json(contrast=plan))))
    assert read.contrast == replace(plan, condition_number=None)


@pytest.mark.parametrize(
    ('part', 'name', 'value'),
    [
        ((), 'direction', 'sideways'),
        ((), 'metrics', {'snr_wm': 'much'}),
        ((), 'metrics', None),
        ((), 'notes', 'one sentence'),
        ((), 'versions', ['0.1.0']),
        (('verdict',), 'level', 'splendid'),
        (('contrast',), 'means', None),
        (('contrast',), 'source_sequence', {'kind': 'MPRAGE'}),
        (('fusion',), 'left_out', [{'name': 'sub-01_run-3_T1w'}]),
        (('entities',), 'subject', None),
    ],
)
def test_what_is_no_record_is_named_with_the_way_out(part, name, value, tmp_path):
    content = json.loads(dump_json(make_json(fusion=FUSED)))
    place = content[part[0]] if part else content
    place[name] = value
    path = write_json(tmp_path / 'qc.json', content)
    with pytest.raises(BrokenRecordError, match='run its scan again') as info:
        read_record(path)
    assert str(path) in str(info.value)
    assert '\n' not in str(info.value)
    del place[name]
    write_json(path, content)
    with pytest.raises(BrokenRecordError, match=name):
        read_record(path)


@pytest.mark.parametrize('text', ['', '[]', '{"entities": ', 'null'])
def test_what_is_no_json_object_is_no_record(text, tmp_path):
    with pytest.raises(BrokenRecordError):
        read_record(write_text(tmp_path / 'qc.json', text))


def test_no_file_is_no_broken_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_record(tmp_path / 'qc.json')
