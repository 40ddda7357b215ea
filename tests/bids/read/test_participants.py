"""Groups of participants."""

from types import SimpleNamespace

import pytest

from ulfprep.bids.tables import (
    GroupColumnError,
    NoParticipantsFileError,
    TwoRowsError,
    check_groups,
    participants_file,
    read_groups,
)

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
