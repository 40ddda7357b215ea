"""The tables of methods, on a brain of a few ten thousand voxels."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_brain import write_outside

from ulfprep.evaluation import tables
from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.comparison import (
    agreements,
    comparisons,
    document,
    is_baseline,
    sentences,
    verdicts,
)
from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.phantoms import METADATA, outside_trials
from ulfprep.evaluation.publish import columns_of, read_table
from ulfprep.evaluation.tables import run_trial

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
    for name in ('tables', 'volumes'):
        dictionary = json.loads((run[0] / f'{name}.json').read_text())
        assert list(read_table(run[0] / f'{name}.tsv')) == list(dictionary) == columns_of(name)
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


def test_volumes_of_scan_image_and_truth_stand_side_by_side(run):
    volumes = read_table(run[0] / 'volumes.tsv').set_index('volume_source')
    assert list(volumes.index[:3]) == ['labels', 'high field', 'scan']
    assert {'bicubic', 'ulfprep', 'ulfprep (own)'} <= set(volumes.index)
    totals = volumes[['csf', 'gm', 'wm']].sum(axis=1)
    np.testing.assert_allclose(totals, totals['labels'], rtol=0.15)


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
        (['--data', '.'], 'hf3t_aomic'),  # what was looked for
    ],
)
def test_a_command_that_makes_no_sense_is_refused(more, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['tables', '--out', str(tmp_path), *more]) == 1
    assert message in capsys.readouterr().err


def test_scans_of_another_simulator_bring_image_and_metadata(tmp_path):
    labels = write_outside(tmp_path, complete=True)
    (found,) = outside_trials(tmp_path)
    assert (found.regime, found.brain) == ('outside', 'one')
    assert found.metadata['RepetitionTime'] == 1.5
    assert found.truth.image.shape == labels.shape
    for name in ('one_dseg', 'one_T1w'):
        (tmp_path / 'truth' / f'{name}.nii.gz').unlink()
        with pytest.raises(FileNotFoundError, match=rf'{name}\.nii\.gz is missing'):
            list(outside_trials(tmp_path))


def row(method, brain='a', regime='real', status='ok', **scores):
    identity = {'regime': regime, 'brain': brain, 'seed': 1, 'labels_by': 'given'}
    return identity | {'method': method, 'status': status} | scores


def test_losses_are_said_as_plainly_as_gains():
    found = verdicts(ROWS).set_index('score')['better'].to_dict()
    assert found == {'contrast_error': True, 'edge_f1': True, 'psnr': True, 'mlc_gap': True}
    worse = [r | {'psnr': 19.0} if r['method'] == 'ulfprep' else r for r in ROWS]
    won, lost = sentences(worse)
    assert 'is at least as good as every baseline in contrast error (0.1; bicubic: 0.2)' in won
    assert lost == '**real**: ulfprep loses in PSNR (19; bicubic: 21).'


def test_parts_and_variants_of_ulfprep_are_no_baselines():
    assert not any(map(is_baseline, ('ulfprep', 'ulfprep:told', 'lattice@3')))
    assert all(map(is_baseline, ('voxel-fit', 'reference', 'wire:alone', 'sinc')))


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


def test_the_best_by_number_is_bold_and_what_is_told_of_the_truth_is_not_ranked():
    rows = [*ROWS, row('ulfprep:told', 'a', edge_f1=9.0)]
    lines = [line for line in document(rows, []) if line.startswith('| ulfprep')]
    told, own = (next(x for x in lines if x.startswith(f'| {n} ')) for n in
                 ('ulfprep:told', 'ulfprep'))  # fmt: skip
    assert '**1.500 ± 1.000**' in own
    assert '**' not in told


def test_comparisons_are_over_brains_and_scans_of_one_are_no_evidence_by_themselves():
    again = [r | {'seed': 2} for r in ROWS]
    found = comparisons(ROWS + again).set_index('score').loc['edge_f1']
    assert (found['brains'], found['scans'], found['wins']) == (3, 6, 6)
    assert found['difference'] == pytest.approx(0.1)
    assert found['p_holm'] >= found['p'] or np.isnan(found['p'])


def test_own_labels_are_no_independent_evidence_and_the_document_says_so():
    rows = [r | {'labels_by': 'own'} if r['brain'] == 'c' else r for r in ROWS]
    assert any(line.startswith('- The labels of c are by ulfprep') for line in document(rows, []))


def test_volumes_are_held_against_those_of_the_same_scan():
    first, volumes = {'regime': 'real', 'labels_by': 'given', 'seed': None}, []
    for brain, high, measured in (('a', 100.0, 110.0), ('b', 200.0, 210.0)):
        for source, ml in (('high field', high), ('ulfprep', measured)):
            tissues = dict.fromkeys(('csf', 'gm', 'wm'), ml)
            volumes.append(first | {'brain': brain, 'volume_source': source} | tissues)
    found = agreements(pd.DataFrame(volumes)).set_index('tissue').loc['GM']
    assert found['bias'] == pytest.approx(7.5)
    assert found['lower'] < 7.5 < found['upper']
