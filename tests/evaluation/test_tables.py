"""The tables of methods, on a brain of a few ten thousand voxels."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import numpy as np
import pytest

from ulfprep.evaluation import tables
from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.comparison import (
    comparisons,
    document,
    verdicts,
)
from ulfprep.evaluation.enhancers.registry import Effort
from ulfprep.evaluation.publish import read_table
from ulfprep.evaluation.tables import COLUMNS, VOLUMES, run_trial
from ulfprep.evaluation.trials import METADATA

SLOPPY = Effort(True, steps=3, points=500)
METHODS = ('bicubic', 'ulfprep', 'ulfprep:oracle')


def here(function, *args):
    """Call a function; that each has a process of its own is tested in test_process."""
    return function(*args)


@pytest.fixture(scope='module')
def run(real_scans, tmp_path_factory):
    """Return folder, printed text and lines of progress of a run, which stays in this process."""
    root = tmp_path_factory.mktemp('out')
    command = ['tables', '--data', str(real_scans), '--out', str(root), '--sloppy', '--quick']
    command += ['--regimes', 'real', '--jobs', '1', '--methods', *METHODS]
    said, progress = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(progress):
        patch.setattr(tables, 'in_fresh_process', here)
        assert main(command) == 0
    return root, said.getvalue(), progress.getvalue()


def test_a_table_has_the_columns_of_its_dictionary_and_a_row_of_every_method(run):
    for name, columns in (('tables', COLUMNS), ('volumes', VOLUMES)):
        dictionary = json.loads((run[0] / f'{name}.json').read_text())
        assert list(read_table(run[0] / f'{name}.tsv')) == list(dictionary) == columns
    rows = read_table(run[0] / 'tables.tsv')
    assert list(rows['method']) == list(METHODS)
    assert set(rows['brain']) == {'aomic'}
    assert set(rows['labels_by']) == {'given'}


def test_scores_are_finite_and_those_of_tissues_only_where_a_method_has_them(run):
    rows = read_table(run[0] / 'tables.tsv').set_index('method')
    assert set(rows['status']) == {'ok'}
    always = ['contrast', 'edge_f1', 'psnr', 'ssim', 'mslc', 'residual_rms', 'dice_wm', 'cpu']
    assert np.isfinite(rows[always]).all(axis=None)
    assert list(rows.index[rows['own_dice_gm'].isna()]) == ['bicubic']
    assert list(rows.index[rows['within_1_sd'].isna()]) == ['bicubic']
    assert rows['memory'].between(0.05, 4).all()
    ratio = rows['edge_f1'] / rows.loc['bicubic', 'edge_f1']
    np.testing.assert_allclose(rows['edge_f1_of_bicubic'], ratio, rtol=1e-4)
    assert rows.loc['ulfprep:oracle', 'own_dice_gm'] > rows.loc['ulfprep', 'own_dice_gm']


def test_the_document_says_how_it_was_made_and_is_what_was_printed(run):
    root, said, progress = run
    text = (root / 'tables.md').read_text()
    assert said == text
    for part in ('Date: 20', 'commit ', 'processors', '--sloppy'):
        assert part in text, part
    assert f'{root.parent}' not in text
    assert '--data DATA --out OUT' in text
    assert 'colin is left out' in text  # its files are missing, and that is said
    assert '### Ulfprep against each baseline' in text
    latex = (root / 'tables.tex').read_text()
    assert latex.count(r'\begin{table') == latex.count(r'\end{table') >= 3
    assert r'\textbf{' in latex
    assert '3/3' in progress


def test_what_fails_is_a_row_with_its_reason_and_stops_nothing(trial, monkeypatch):
    monkeypatch.setattr(tables, 'in_fresh_process', here)
    broken = replace(trial, metadata=METADATA | {'MagneticFieldStrength': 'strong'})
    rows = run_trial(broken, ['bicubic'], SLOPPY).rows
    assert [row['status'].partition(':')[0] for row in rows] == ['failed']
    assert 'psnr' not in rows[0]
    assert '| bicubic' in '\n'.join(document([*rows, row('sinc', psnr=20.0)], []))


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ([], '--data'),
        (['--data', 'd', '--methods', 'magic'], 'no such method: magic; there are nearest'),
        (['--data', 'd', '--methods', 'bicubic@3'], 'bicubic makes no passes'),
        (['--data', '.'], 'hf3t_aomic'),  # what was looked for
    ],
)
def test_a_command_that_makes_no_sense_is_refused(more, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['tables', '--out', str(tmp_path), *more]) == 1
    assert message in capsys.readouterr().err


def row(method, brain='a', regime='real', status='ok', **scores):
    identity = {'regime': regime, 'brain': brain, 'seed': 1, 'labels_by': 'given'}
    return identity | {'method': method, 'status': status} | scores


ROWS = [
    row('bicubic', b, contrast_error=0.2, edge_f1=0.4 + k, psnr=22.0 - k, mlc=0.8, mlc_truth=0.9)
    for k, b in enumerate('abc')
] + [
    row('ulfprep', b, contrast_error=0.1, edge_f1=0.5 + k, psnr=21.0, mlc=0.95, mlc_truth=0.9)
    for k, b in enumerate('abc')
]


def test_a_method_that_failed_on_a_scan_is_not_the_best_by_leaving_it_out():
    rows = [*ROWS, row('sinc', 'a', edge_f1=9.0), row('sinc', 'b', status='failed: so')]
    assert verdicts(rows).set_index('score').loc['edge_f1', 'method'] == 'bicubic'
    text = '\n'.join(document([*rows, row('nearest', status='failed: why|so')], ['about']))
    assert '0: failed: why/so' in text


def test_comparisons_are_over_brains_and_scans_of_one_are_no_evidence_by_themselves():
    again = [r | {'seed': 2} for r in ROWS]
    found = comparisons(ROWS + again).set_index('score').loc['edge_f1']
    assert (found['brains'], found['scans'], found['wins']) == (3, 6, 6)
    assert found['difference'] == pytest.approx(0.1)
    assert found['p_holm'] >= found['p'] or np.isnan(found['p'])
