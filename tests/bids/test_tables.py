"""The group table."""

import json
from types import SimpleNamespace

import pytest
from records import make_record

from ulfprep.bids.tables import (
    GroupColumnError,
    NoParticipantsFileError,
    TwoRowsError,
    cell,
    check_groups,
    group_column,
    identity_cells,
    participants_file,
    read_groups,
    read_table,
    write_group_table,
)

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


TABLE = 'participant_id\tage\tsite\nsub-01\t40\tA\n02\t41\t\n'


@pytest.fixture
def folders(tmp_path):
    for name in ('bids', 'out'):
        (tmp_path / name).mkdir()
    return SimpleNamespace(
        bids_dir=tmp_path / 'bids', output_dir=tmp_path / 'out', group_by='site'
    )


def test_the_output_folder_comes_first(folders):
    with pytest.raises(NoParticipantsFileError, match='there is none in .*out.* or .*bids'):
        participants_file(folders)
    (folders.bids_dir / 'participants.tsv').write_text(TABLE)
    assert participants_file(folders).parent == folders.bids_dir
    (folders.output_dir / 'participants.tsv').write_text(TABLE)
    assert participants_file(folders).parent == folders.output_dir


def test_groups_by_label(tmp_path):
    path = tmp_path / 'participants.tsv'
    path.write_text(TABLE)
    assert read_groups(path, 'site') == {'01': 'A', '02': 'n/a'}


@pytest.mark.parametrize('again', ['sub-01\t41\tB', 'sub-01\t40\tA', '01\t40\tA', ' sub-01\t\t'])
def test_several_rows_of_one_participant_are_an_error(tmp_path, again):
    path = tmp_path / 'participants.tsv'
    path.write_text(f'{TABLE}{again}\n')
    with pytest.raises(TwoRowsError, match=f'{path}: sub-01 has several rows.*--group-by site'):
        read_groups(path, 'site')


def test_the_columns_that_there_are_are_listed(tmp_path):
    path = tmp_path / 'participants.tsv'
    path.write_text(TABLE)
    with pytest.raises(GroupColumnError, match='no column scanner; it has age, site; mend'):
        read_groups(path, 'scanner')
    with pytest.raises(GroupColumnError, match='participant_id'):
        read_groups(path, 'participant_id')
    path.write_text('')
    with pytest.raises(GroupColumnError, match='no column to choose'):
        read_groups(path, 'site')


def test_a_value_for_everybody_makes_no_groups(tmp_path):
    check_groups(tmp_path / 'p.tsv', 'site', 'ABBA')
    with pytest.raises(GroupColumnError, match='age has 30 different values'):
        check_groups(tmp_path / 'p.tsv', 'age', map(str, range(30)))
