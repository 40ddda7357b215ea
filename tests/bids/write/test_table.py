"""The group table."""

import json

import pytest
from records import make_record

from ulfprep.bids.tables import cell, group_column, identity_cells, read_table, write_group_table

COLUMNS = {
    'bids_name': {'Description': 'Name'},
    'reasons': {'Description': 'Why'},
    'snr': {'LongName': 'SNR', 'Description': 'Signal to noise', 'Units': '1', 'Better': 'higher'},
}


def test_what_is_written_is_read_back(tmp_path):
    rows = [
        {'bids_name': 'sub-01_ses-A', 'reasons': '', 'snr': 12.3456789, 'other': 1},
        {'bids_name': 'sub-02', 'reasons': 'it said:\n\t"no", twice', 'snr': None},
    ]
    path = write_group_table(tmp_path, 'T1w', rows, COLUMNS)
    assert path == tmp_path / 'group_T1w.tsv'
    assert [line.split('\t') for line in path.read_text().splitlines()] == [
        ['bids_name', 'reasons', 'snr'],
        ['sub-01_ses-A', 'n/a', '12.3457'],
        ['sub-02', 'it said: "no", twice', 'n/a'],
    ]
    assert json.loads((tmp_path / 'group_T1w.json').read_text()) == COLUMNS
    assert read_table(path) == [
        {'bids_name': 'sub-01_ses-A', 'reasons': 'n/a', 'snr': '12.3457'},
        {'bids_name': 'sub-02', 'reasons': 'it said: "no", twice', 'snr': 'n/a'},
    ]


def test_tables_of_other_systems_are_read(tmp_path):
    path = tmp_path / 'participants.tsv'
    path.write_bytes('participant_id\tsite \r\nsub-01\tZürich\r\nsub-02\r\n'.encode('utf-8-sig'))
    assert read_table(path) == [
        {'participant_id': 'sub-01', 'site': 'Zürich'},
        {'participant_id': 'sub-02', 'site': 'n/a'},
    ]
    path.write_bytes(b'')
    assert read_table(path) == []
    path.write_bytes(b'a\xfe\x00')
    with pytest.raises(ValueError, match='utf-8'):
        read_table(path)


def test_identity():
    assert identity_cells(make_record()) == {
        'subject': '01',
        'session': None,
        'direction': 'enhance',
        'source_field': 0.064,
        'target_field': 3.0,
        'settings_hash': '0123456789ab',
    }
    assert 'site' in group_column('site')['group']['Description']


def test_cells():
    assert cell(None) == 'n/a'
    assert cell(0.1 + 0.2) == '0.3'
    assert cell(7) == '7'
