"""The tables of methods, on a brain of a few ten thousand voxels."""

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from small_brain import write_outside

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.columns import COLUMNS, VOLUMES
from ulfprep.evaluation.enhancers import Effort
from ulfprep.evaluation.progress import Countdown
from ulfprep.evaluation.publish import put_between, read_table, write_table
from ulfprep.evaluation.tables.document import agreements, comparisons, document
from ulfprep.evaluation.tables.downstream import paired_volumes
from ulfprep.evaluation.tables.losses import is_baseline, sentences, verdicts
from ulfprep.evaluation.tables.run import run_trial
from ulfprep.evaluation.trials import METADATA, REGIMES, outside_trials, simulated_trials

SLOPPY = Effort(sloppy=True, steps=3, points=500)
METHODS = ('bicubic', 'synthsr', 'reference', 'lattice@1', 'ulfprep', 'ulfprep:oracle')


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


@pytest.fixture(scope='module')
def run(real_scans, tmp_path_factory):
    """Return folder, printed text and lines of progress of a run."""
    root = tmp_path_factory.mktemp('out')
    command = ['tables', '--data', str(real_scans), '--out', str(root), '--sloppy', '--quick']
    command += ['--regimes', 'real', '--jobs', '1', '--reference-steps', '3']
    command += ['--reference-points', '500', '--methods', *METHODS]
    said, progress = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(progress):
        patch.setenv('PATH', '/nowhere')  # so that no tool of another project is found
        assert main(command) == 0
    return root, said.getvalue(), progress.getvalue()


def test_a_table_has_the_columns_of_its_dictionary_and_a_row_of_every_method(run):
    for name, columns in (('tables', COLUMNS), ('volumes', VOLUMES)):
        rows = read(run[0] / f'{name}.tsv')
        dictionary = json.loads((run[0] / f'{name}.json').read_text())
        assert list(rows[0]) == list(dictionary) == list(columns)
    rows = read(run[0] / 'tables.tsv')
    assert [row['method'] for row in rows] == list(METHODS)
    assert {row['brain'] for row in rows} == {'aomic'}
    assert {row['labels_by'] for row in rows} == {'given'}


def test_a_tool_that_is_not_there_is_a_row_that_says_how_to_get_it(run):
    (row,) = (r for r in read(run[0] / 'tables.tsv') if r['method'] == 'synthsr')
    assert row['status'].startswith('not installed: mri_synthsr; ')
    assert row['psnr'] == 'n/a'
    assert 'not installed: mri_synthsr' in run[1]


def test_scores_are_finite_and_those_of_tissues_only_where_a_method_has_them(run):
    rows = [r for r in read(run[0] / 'tables.tsv') if r['status'] == 'ok']
    assert len(rows) == len(METHODS) - 1
    for row in rows:
        always = ('contrast', 'edge_f1', 'psnr', 'ssim', 'mslc', 'residual_rms', 'dice_wm', 'cpu')
        assert all(np.isfinite(float(row[name])) for name in always)
        assert (row['own_dice_gm'] == 'n/a') == (row['method'] == 'bicubic')
        assert (row['within_1_sd'] != 'n/a') == row['method'].startswith(('ulfprep', 'lattice'))
        assert 0.05 < float(row['memory']) < 4
    base = rows[0]
    for row in rows:
        ratio = float(row['edge_f1']) / float(base['edge_f1'])
        assert float(row['edge_f1_of_bicubic']) == pytest.approx(ratio, rel=1e-4)
    oracle, own = (
        next(r for r in rows if r['method'] == m) for m in ('ulfprep:oracle', 'ulfprep')
    )
    assert float(oracle['own_dice_gm']) > float(own['own_dice_gm'])


def test_the_document_says_how_it_was_made_and_is_what_was_printed(run):
    root, said, _ = run
    text = (root / 'tables.md').read_text()
    assert said == text
    for part in ('Date: 20', 'commit ', 'processors', '--sloppy', 'processor seconds a step'):
        assert part in text, part
    assert f'{root.parent}' not in text
    assert '--data DATA --out OUT' in text
    assert 'colin' in text  # its files are missing, and that is said
    assert '### Ulfprep against each baseline' in text
    latex = (root / 'tables.tex').read_text()
    assert latex.count(r'\begin{table') == latex.count(r'\end{table') >= 3


def test_slices_of_every_image_and_of_the_truth_are_kept(run):
    with np.load(run[0] / 'slices' / 'real_aomic.npz') as stored:
        names = {name.rpartition('|')[0] for name in stored.files}
        assert names == {*METHODS, 'truth'} - {'synthsr'}
        assert stored['truth|0'].shape == stored['bicubic|0'].shape


def test_volumes_of_scan_image_and_truth_stand_side_by_side(run):
    volumes = read_table(run[0] / 'volumes.tsv')
    sources = [row['source'] for row in volumes]
    assert sources[:3] == ['labels', 'high field', 'scan']
    assert {'bicubic', 'ulfprep', 'ulfprep (own)'} <= set(sources)
    true = volumes[0]
    for row in volumes:
        total = sum(row[tissue] for tissue in ('csf', 'gm', 'wm'))
        assert total == pytest.approx(sum(true[t] for t in ('csf', 'gm', 'wm')), rel=0.15)


def test_progress_counts_to_the_end(run):
    lines = [line for line in run[2].splitlines() if ' real, aomic' in line]
    assert [line.partition('/')[0] for line in lines] == [str(n) for n in range(1, 7)]


def test_time_left_is_that_of_the_steps_so_far():
    clock, stream = iter([0, 100, 150]).__next__, io.StringIO()
    say = Countdown(4, stream, clock)
    say('one')
    say('two')
    assert stream.getvalue() == '1/4 one; about 5 min left\n2/4 two; about 2 min left\n'


def test_what_fails_is_a_row_with_its_reason_and_stops_nothing(trial):
    broken = replace(trial, metadata=METADATA | {'MagneticFieldStrength': 'strong'})
    rows = run_trial(broken, ['bicubic', 'ulfprep'], SLOPPY).rows
    assert [row['status'].partition(':')[0] for row in rows] == ['failed', 'failed']
    assert 'psnr' not in rows[0]


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ([], '--data'),
        (['--data', 'd', '--methods', 'magic'], 'no such method: magic; there are nearest'),
        (['--data', 'd', '--methods', 'bicubic@3'], 'bicubic makes no passes'),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(more, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['tables', '--out', str(tmp_path), *more])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_any_brain_is_an_error(tmp_path, capsys):
    assert main(['tables', '--data', str(tmp_path), '--out', str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert 'hf3t_aomic' in said  # what was looked for


def test_regimes_differ_in_voxels_and_the_truth_has_white_matter_one(brain, trial):
    voxels = [found.case.voxel for found in simulated_trials([brain], list(REGIMES), 2)]
    assert voxels == ['2x2x1', '1.6x1.6x5'] * 2
    assert np.median(trial.truth.image[trial.case.labels == 3]) == pytest.approx(1)
    assert trial.metadata == METADATA


def test_scans_of_another_simulator_bring_image_and_metadata(tmp_path):
    labels = write_outside(tmp_path, complete=True)
    (found,) = outside_trials(tmp_path)
    assert (found.regime, found.case.brain) == ('outside', 'one')
    assert found.metadata['RepetitionTime'] == 1.5
    assert found.truth.image.shape == labels.shape
    (tmp_path / 'truth' / 'one_T1w.nii.gz').unlink()
    with pytest.raises(FileNotFoundError, match=r'one_T1w\.nii\.gz is missing'):
        list(outside_trials(tmp_path))


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


def test_losses_are_said_as_plainly_as_gains():
    found = {v['score']: v['better'] for v in verdicts(ROWS)}
    assert found == {'contrast_error': True, 'edge_f1': True, 'psnr': True, 'mlc_gap': True}
    worse = [r | {'psnr': 19.0} if r['method'] == 'ulfprep' else r for r in ROWS]
    assert {v['score']: v['better'] for v in verdicts(worse)}['psnr'] is False
    won, lost = sentences(worse)
    assert 'is at least as good as every baseline in contrast error (0.1; bicubic: 0.2)' in won
    assert lost == '**real**: ulfprep loses in PSNR (19; bicubic: 21).'


def test_parts_and_variants_of_ulfprep_are_no_baselines():
    own = ('ulfprep', 'ulfprep:told', 'direct', 'lattice@3')
    assert not any(map(is_baseline, own))
    assert all(map(is_baseline, ('voxel-fit', 'reference', 'wire:alone', 'sinc')))


def test_a_method_that_failed_on_a_scan_is_not_the_best_by_leaving_it_out():
    rows = [*ROWS, row('sinc', 'a', edge_f1=9.0), row('sinc', 'b', status='failed: so')]
    best = next(v for v in verdicts(rows) if v['score'] == 'edge_f1')
    assert best['method'] == 'bicubic'


def test_comparisons_are_over_brains_and_scans_of_one_are_no_evidence_by_themselves():
    again = [r | {'seed': 2} for r in ROWS]
    found = next(c for c in comparisons(ROWS + again) if c['score'] == 'edge_f1')
    assert (found['brains'], found['scans'], found['wins']) == (3, 6, 6)
    assert found['difference'] == pytest.approx(0.1)
    assert 'p_w' not in found  # three brains cannot tell


def test_own_labels_are_no_independent_evidence_and_the_document_says_so():
    rows = [r | {'labels_by': 'own'} if r['brain'] == 'c' else r for r in ROWS]
    lines = document(rows, [], ['about'])
    assert any(line.startswith('- The labels of c are by ulfprep') for line in lines)


def test_volumes_are_held_against_those_of_the_same_scan():
    first = {'regime': 'real', 'labels_by': 'given', 'seed': 1}
    volumes = []
    for brain, reference, found in (('a', 100.0, 110.0), ('b', 200.0, 210.0)):
        volumes.append(first | {'brain': brain, 'source': 'high field', 'gm': reference})
        volumes.append(first | {'brain': brain, 'source': 'ulfprep', 'gm': found})
    measured, reference, brains = paired_volumes(volumes, 'ulfprep', 'gm')
    assert (measured - reference).tolist() == [10, 10]
    assert brains == ['a', 'b']
    (found,) = agreements(volumes)
    assert found['bias'] == pytest.approx(7.5)
    assert found['lower'] < 7.5 < found['upper']


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = [{'name': 'x', 'value': 0.25, 'count': 3}, {'name': 'y'}]
    write_table(tmp_path, 'some', rows, {'name': {}, 'value': {}, 'count': {}})
    assert read_table(tmp_path / 'some.tsv') == rows


def test_a_file_without_marks_is_named(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('nothing\n')
    with pytest.raises(ValueError, match=r'page\.md: add the lines <!-- inr -->'):
        put_between(page, 'inr', ['x'])
    assert page.read_text() == 'nothing\n'
