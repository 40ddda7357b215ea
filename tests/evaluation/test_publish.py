"""Tables as files: values, their dictionary, and how documents show them."""

import json

import numpy as np
import pandas as pd
import pytest

from ulfprep.evaluation import sensitivity
from ulfprep.evaluation.comparison import AGREED, JUDGED, PAIRED
from ulfprep.evaluation.publish import (
    about,
    as_text,
    columns_of,
    dictionary,
    markdown,
    put_between,
    read_table,
    registry,
    table_text,
    write_table,
)

TABLES = (
    'tables', 'volumes', 'sensitivity', 'variance', 'segmentation', 'uncertainty', 'real', 'noise',
)  # fmt: skip
ALL = [*map(columns_of, TABLES), PAIRED, AGREED, JUDGED, sensitivity.SHOWN]


def test_every_column_is_described_once_and_none_for_nothing():
    known = registry()
    assert known.index.is_unique
    described = dictionary(dict.fromkeys(sum(ALL, [])))
    assert all(entry['LongName'] and entry['Description'] for entry in described.values())
    assert set(known['better']) == {'', 'higher', 'lower'}
    unused = set(known.index) - set(described) - {'scans', 'dice_mean'}
    assert unused == set()


def test_long_names_of_a_table_are_different():
    for columns in ALL:
        assert registry().loc[list(columns), 'long_name'].is_unique


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [{'brain': '07', 'psnr': 0.123456789, 'scans': 3}, {'brain': 'b', 'psnr': np.nan}]
    write_table(tmp_path, 'some', rows, ['brain', 'psnr', 'scans', 'seed'])
    text = (tmp_path / 'some.tsv').read_text()
    assert text == 'brain\tpsnr\tscans\tseed\n07\t0.123457\t3\tn/a\nb\tn/a\tn/a\tn/a\n'
    found = read_table(tmp_path / 'some.tsv')
    assert list(found['brain']) == ['07', 'b']
    assert found['psnr'].isna().tolist() == [False, True]
    entries = json.loads((tmp_path / 'some.json').read_text())
    assert list(entries) == ['brain', 'psnr', 'scans', 'seed']
    assert entries['psnr']['Units'] == 'dB'
    assert table_text([], ['brain']) == 'brain\n'


def test_documents_show_numbers_in_the_format_of_their_column():
    frame = pd.DataFrame({'psnr': [20.456, np.nan], 'brain': ['a', 'b|c'], 'edge_f1': [0.5, None]})
    text = as_text(frame)
    assert text.values.tolist() == [['20.46', 'a', '0.500'], ['', 'b|c', '']]
    lines = markdown(text)
    assert [part.strip() for part in lines[0].split('|')[1:-1]] == ['PSNR', 'brain', 'edge F1']
    assert [part.strip() for part in lines[3].split('|')[1:-1]] == ['', 'b/c', '']


def test_a_command_is_told_without_paths():
    lines = about('tables', ['--data', '/home/me', '--out', 'x/'], {'/home/me': 'D', 'x': 'O'}, '')
    assert lines[-1] == 'Command: `python -m ulfprep.evaluation tables --data D --out O`'
    assert 'commit ' in lines[1]


def test_a_file_without_marks_is_named(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('nothing\n')
    with pytest.raises(ValueError, match=r'page\.md: add the lines <!-- inr -->'):
        put_between(page, 'inr', ['x'])
    assert page.read_text() == 'nothing\n'
