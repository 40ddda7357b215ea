"""The group table."""

import json

from ulfprep.bids.files import write_json
from ulfprep.bids.table import IDENTITY, cell, write_group_table

DICTIONARY = {'snr': {'LongName': 'SNR', 'Description': 'Signal to noise', 'Units': '1'}}


def record(subject, session=None, **metrics):
    return {
        'entities': {'subject': subject, 'session': session},
        'direction': 'enhance',
        'settings_hash': 'abc',
        'contrast': {'source_field_T': 0.064, 'target_field_T': 3},
        'metrics': metrics,
    }


def test_rows(tmp_path):
    write_json(tmp_path / 'sub-02/anat/sub-02_desc-qc_T1w.json', record('02', snr=None))
    write_json(
        tmp_path / 'sub-01/ses-A/anat/sub-01_ses-A_desc-qc_T1w.json',
        record('01', 'A', snr=12.3456789, other=1),
    )
    assert write_group_table(tmp_path, DICTIONARY) == (2, [])
    lines = (tmp_path / 'group_T1w.tsv').read_text().splitlines()
    assert [line.split('\t') for line in lines] == [
        [*IDENTITY, 'snr'],
        ['sub-01_ses-A', '01', 'A', 'enhance', '0.064', '3', 'abc', '12.3457'],
        ['sub-02', '02', 'n/a', 'enhance', '0.064', '3', 'abc', 'n/a'],
    ]
    assert json.loads((tmp_path / 'group_T1w.json').read_text()).keys() == {*IDENTITY, 'snr'}


def test_unreadable_file_is_named_and_costs_no_other_row(tmp_path):
    write_json(tmp_path / 'sub-01/anat/sub-01_desc-qc_T1w.json', record('01', snr=1.0))
    (tmp_path / 'sub-02/anat').mkdir(parents=True)
    (tmp_path / 'sub-02/anat/sub-02_desc-qc_T1w.json').write_text('{"entities": ')
    count, problems = write_group_table(tmp_path, DICTIONARY)
    assert count == 1
    assert len(problems) == 1
    assert 'sub-02_desc-qc_T1w.json' in problems[0]


def test_nothing_writes_nothing(tmp_path):
    assert write_group_table(tmp_path, DICTIONARY) == (0, [])
    assert not list(tmp_path.iterdir())


def test_cells():
    assert cell(None) == 'n/a'
    assert cell(0.1 + 0.2) == '0.3'
    assert cell(7) == '7'
