"""Scans beside each other: verdicts, groups, outliers."""

import json

import pytest
from many_scans import SVG
from records import judged

from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.write.derivatives import figures_of
from ulfprep.reports.group.study import KIND, differing_settings, gather, rows


@pytest.fixture
def add(tmp_path, qc):
    """Return a function that puts a finished scan into the output folder."""

    def add(subject, metrics=None, **more):
        record = json.loads(json.dumps(qc)) | {
            'entities': {'subject': subject, 'session': None},
            'modality': 'T1w',
        }
        record['metrics'] = {'residual_rms': 1.0} | (metrics or {})
        record = judged(record) | more
        write_json(tmp_path / f'sub-{subject}/anat/sub-{subject}_desc-qc_T1w.json', record)
        for name in figures_of(record['direction']):
            write_text(tmp_path / f'sub-{subject}/figures/sub-{subject}_desc-{name}_T1w.svg', SVG)

    return add


def spread_out(add, count=20, name='snr_wm', start=14, step=0.1, prefix='', **more):
    for number in range(count):
        add(f'{prefix}{number:02d}', {name: start + step * number}, **more)


def test_an_outlier_is_told_with_its_side(tmp_path, add):
    spread_out(add)
    add('high', {'snr_wm': 40.0})
    add('low', {'snr_wm': 9.0})
    study = gather(tmp_path)
    (high,), (low,) = (study.unusual[f'sub-{name}_T1w'] for name in ('high', 'low'))
    assert (high.metric, high.side, high.worse) == ('snr_wm', 'high', False)
    assert (low.metric, low.side, low.worse) == ('snr_wm', 'low', True)
    assert study.alarming('sub-high_T1w') == []
    assert study.alarming('sub-low_T1w') == [low]
    assert not study.unusual['sub-05_T1w']
    assert study.scans.at['sub-low_T1w', 'verdict'] == 'usable'
    assert study.scans.at['sub-low_T1w', 'rank'] == 'outlier'


@pytest.mark.parametrize(
    ('name', 'usual', 'value', 'worse'),
    [
        ('residual_rms', 0.9, 1.4, True),  # farther from 1 than the median
        ('residual_rms', 0.7, 1.0, False),
        ('cjv', 0.5, 2.0, True),
        ('cjv', 0.5, 0.01, False),
        ('volume_gm', 600.0, 900.0, None),
    ],
)
def test_which_side_is_worse_follows_the_dictionary(tmp_path, add, name, usual, value, worse):
    spread_out(add, name=name, start=usual, step=0.001 * usual)
    add('odd', {name: value})
    (found,) = gather(tmp_path).unusual['sub-odd_T1w']
    assert (found.metric, found.worse) == (name, worse)


def test_only_comparable_rows_are_compared(tmp_path, add):
    spread_out(add, 15)
    spread_out(add, 15, start=30, prefix='other', settings_hash='another')
    study = gather(tmp_path)
    assert not any(study.unusual.values())
    assert [len(scans) for _, scans in study.scans.groupby(KIND)] == [15, 15]
    # Told apart by groups, too.
    groups = {f'{n:02d}': 'A' if n < 13 else 'B' for n in range(15)}
    study = gather(tmp_path, groups, 'site')
    scans = study.scans[study.scans['settings'] != 'another']
    assert dict(scans['group'].value_counts()) == {'A': 13, 'B': 2}
    assert {*study.scans['group']} == {'A', 'B', 'n/a'}
    assert {kind[3] for kind in study.fences} == {'A', 'B', 'n/a'}


def test_what_prints_alike_is_no_outlier(tmp_path, add):
    spread_out(add, name='contrast_target', start=0.378731, step=1e-7)
    add('odd', {'contrast_target': 0.37875})
    assert not any(gather(tmp_path).unusual.values())


def test_few_rows_have_no_outliers_and_what_is_no_number_is_passed_over(tmp_path, add):
    spread_out(add, 5)
    add('odd', {'snr_wm': 400.0})
    study = gather(tmp_path)
    assert not any(study.unusual.values())
    assert not any(study.fences.values())
    add('odd', {'snr_wm': None})
    spread_out(add, 12)
    (fences,) = gather(tmp_path).fences.values()
    assert fences['snr_wm'].count == 12


def test_the_verdict_of_the_file_holds_and_trouble_is_added(tmp_path, add):
    stored = {'level': 'look', 'reasons': ['as it was judged']}
    add('01', {'residual_rms': 5.0}, verdict=stored)
    add('02', {'residual_rms': 5.0})
    add('03')
    add('04')
    (tmp_path / 'sub-03/figures/sub-03_desc-bias_T1w.svg').unlink()
    failure = dict.fromkeys(('node', 'kind', 'traceback', 'run'), '')
    failure |= {'scan': 'sub-01_T1w', 'entities': {'subject': '01'}, 'status': 'failed'}
    write_json(tmp_path / 'logs/verdicts/sub-01_T1w.json', failure | {'message': 'it broke'})
    scans = gather(tmp_path).scans.set_index('subject')
    assert [*scans['verdict']] == ['failed', 'failed', 'look', 'usable']
    assert scans.at['01', 'reasons'] == (
        'a run of it failed as well: it broke', 'as it was judged',
    )  # fmt: skip
    assert 'residual_rms' in scans.at['02', 'reasons'][0]
    assert scans.at['03', 'reasons'] == ('a figure is missing: bias',)


def test_rows_of_the_table(tmp_path, add):
    spread_out(add)
    add('low', {'snr_wm': 7.0})
    table, columns = rows(gather(tmp_path), 'T1w')
    assert len(table) == 21
    assert [*columns][:10] == [
        'bids_name', 'subject', 'session', 'direction', 'source_field', 'target_field',
        'settings_hash', 'verdict', 'reasons', 'outliers',
    ]  # fmt: skip
    (low,) = (row for row in table if row['subject'] == 'low')
    assert low['bids_name'] == 'sub-low'
    assert (low['verdict'], low['outliers'], low['snr_wm']) == ('look', 'snr_wm low', 7.0)
    assert low['reasons'].startswith('snr_wm is 7 ')
    assert all(entry.get('Description') for entry in columns.values())
    assert columns['snr_wm']['Better'] == 'higher'
    assert 'Units' in columns['snr_wm']
    assert rows(gather(tmp_path), 'T2w')[0] == []
    grouped, columns = rows(gather(tmp_path, {'low': 'A'}, 'site'), 'T1w')
    assert [row['group'] for row in grouped if row['subject'] == 'low'] == ['A']
    assert [*columns].index('group') == 7


def test_settings_that_differ_are_named(tmp_path, add, qc):
    add('01')
    assert differing_settings(gather(tmp_path))[0][1:] == (1, [])
    add('02', settings_hash='b', settings=qc['settings'] | {'sloppy': True})
    add('03', settings_hash='b', settings=qc['settings'] | {'sloppy': True})
    assert differing_settings(gather(tmp_path)) == [
        ('b', 2, ['sloppy = True']),
        (qc['settings_hash'], 1, ['sloppy = not set']),
    ]
