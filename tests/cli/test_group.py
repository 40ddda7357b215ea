"""The group level as it is called."""

import json

import pytest
from many_scans import make_output
from records import make_json
from same import contents

from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.tables import read_table
from ulfprep.cli.main import main

RECORD = make_json(metrics={'cnr_wm_gm': 2.0, 'snr_wm': 14.0})


@pytest.fixture
def group(tmp_path, capsys):
    """Return a function that runs the group level with an empty folder as dataset."""
    (tmp_path / 'empty').mkdir()

    def run(*flags):
        code = main([str(tmp_path / 'empty'), str(tmp_path / 'out'), 'group', *flags])
        return code, capsys.readouterr().err

    return run


def test_tables_and_page_of_what_is_there(tmp_path, group):
    made = make_output(RECORD, tmp_path / 'out', 60)
    code, told = group()
    assert code == 0
    assert '57 finished, 3 not' in told
    table = read_table(tmp_path / 'out/group_T1w.tsv')
    assert [f'{row["bids_name"]}_T1w' for row in table] == made['finished']
    columns = json.loads((tmp_path / 'out/group_T1w.json').read_text())
    assert [*columns] == [*table[0]]
    assert columns['snr_wm']['Better'] == 'higher'
    assert not (tmp_path / 'out/group_T2w.tsv').exists()
    page = (tmp_path / 'out/group.html').read_text()
    assert all(name in page for names in made.values() for name in names)
    # What makes the folder a dataset was not there.
    assert json.loads((tmp_path / 'out/dataset_description.json').read_text())['GeneratedBy']
    assert 'group_*' in (tmp_path / 'out/.bidsignore').read_text()


def test_twice_gives_the_same_bytes_and_touches_nothing_else(tmp_path, group):
    make_output(RECORD, tmp_path / 'out', 12)
    write_text(tmp_path / 'out/dataset_description.json', '{"Name": "mine"}\n')

    before = contents(tmp_path / 'out')
    assert group()[0] == 0
    first = contents(tmp_path / 'out')
    assert group()[0] == 0
    assert contents(tmp_path / 'out') == first
    assert {path: first[path] for path in before} == before
    new = {'group_T1w.tsv', 'group_T1w.json', 'group.html', '.bidsignore'}
    assert first.keys() - before.keys() == new


def test_a_table_does_not_outlive_its_scans(tmp_path, group):
    make_output(RECORD, tmp_path / 'out', 2)
    write_text(tmp_path / 'out/group_T2w.tsv', 'bids_name\nsub-gone\n')
    write_text(tmp_path / 'out/group_T2w.json', '{}')
    assert group()[0] == 0
    assert sorted(path.name for path in (tmp_path / 'out').glob('group*')) == [
        'group.html', 'group_T1w.json', 'group_T1w.tsv',
    ]  # fmt: skip


def test_groups(tmp_path, group):
    make_output(RECORD, tmp_path / 'out', 6)
    code, told = group('--group-by', 'site')
    assert (code, 'participants.tsv' in told, told.count('\n')) == (66, True, 1)
    lines = ['participant_id\tsite', *(f'sub-{n:03d}\t{"AB"[n % 2]}' for n in range(1, 6))]
    write_text(tmp_path / 'empty/participants.tsv', '\n'.join(lines) + '\n')
    assert group('--group-by', 'site')[0] == 0
    table = read_table(tmp_path / 'out/group_T1w.tsv')
    assert [row['group'] for row in table] == ['B', 'A', 'B', 'A', 'B', 'n/a']
    columns = json.loads((tmp_path / 'out/group_T1w.json').read_text())
    assert 'column site' in columns['group']['Description'].lower()
    code, told = group('--group-by', 'scanner')
    assert code == 64
    assert 'it has site' in told
    write_text(tmp_path / 'empty/participants.tsv', '\n'.join([*lines, 'sub-003\tA']) + '\n')
    code, told = group('--group-by', 'site')
    assert code == 16
    assert f'{tmp_path}/empty/participants.tsv: sub-003 has several rows' in told


def test_too_many_groups_are_refused_before_anything_is_written(tmp_path, group):
    make_output(RECORD, tmp_path / 'out', 30)
    lines = ['participant_id\tage', *(f'sub-{n:03d}\t{20 + n}' for n in range(1, 31))]
    write_text(tmp_path / 'out/participants.tsv', '\n'.join(lines) + '\n')
    code, told = group('--group-by', 'age')
    assert code == 64
    assert 'different values' in told
    assert not (tmp_path / 'out/group.html').exists()


def test_a_broken_file_costs_its_scan_only(tmp_path, group):
    make_output(RECORD, tmp_path / 'out', 3)
    path = tmp_path / 'out/sub-002/anat/sub-002_desc-qc_T1w.json'
    path.write_text(path.read_text()[:40])
    code, told = group()
    assert code == 1
    assert str(path) in told
    assert len(read_table(tmp_path / 'out/group_T1w.tsv')) == 2
    assert str(path) in (tmp_path / 'out/group.html').read_text()


def test_nothing_to_gather(tmp_path, group):
    code, told = group()
    assert (code, 'there is no such folder' in told) == (66, True)
    (tmp_path / 'out').mkdir()
    code, told = group()
    assert (code, 'holds no finished scan' in told) == (66, True)
    image = {'image': 'sub-01_T1w.nii.gz', 'selected': True, 'text': 'selected'}
    write_json(tmp_path / 'out/logs/selection/sub-01.json', {'images': [image]})
    code, told = group()
    assert code == 66
    assert 'only failed or missing' in told
    assert 'sub-01_T1w' in (tmp_path / 'out/group.html').read_text()


@pytest.mark.parametrize(
    'flag', ['--dry-run', '--reports-only', '--boilerplate-only', '--write-sbatch=jobs']
)
def test_flags_of_the_other_level(tmp_path, group, flag):
    (tmp_path / 'out').mkdir()
    code, told = group(flag)
    assert code == 64
    assert flag.partition('=')[0] in told
