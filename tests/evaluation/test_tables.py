"""The benchmark of the enhancement, on a brain of a few ten thousand voxels."""

import csv
import functools
import io
import json

import numpy as np
import pytest
from small_brain import small_brain, write_outside

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.inr import Countdown, run_trial, with_ratios
from ulfprep.evaluation.inr_cases import METADATA, REGIMES, outside_trials, simulated_trials
from ulfprep.evaluation.inr_methods import (
    Effort,
    Enhanced,
    check_name,
    describe,
    method_names,
    parse_name,
    reference_step,
)
from ulfprep.evaluation.inr_prepare import prepare
from ulfprep.evaluation.inr_report import (
    COLUMNS,
    means_table,
    put_between,
    reference_lines,
)
from ulfprep.evaluation.inr_score import realised, residual_rms, score
from ulfprep.evaluation.inr_sensitivity import COLUMNS as SENSITIVITY
from ulfprep.evaluation.inr_sensitivity import sensitivity
from ulfprep.evaluation.phantoms import lattice
from ulfprep.physics.grid import isotropic_grid
from ulfprep.physics.interpolation import resample_mask

SLOPPY = Effort(sloppy=True)
METHODS = ('bicubic', 'first-estimate', 'lattice@1')


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


@pytest.fixture(scope='module')
def trial():
    """Return a scan of the small brain as a portable scanner would make it."""
    image, labels = small_brain()
    whole = lattice(image.shape, np.eye(4))
    before = [(p - n) // 2 for n, p in zip(image.shape, whole.shape, strict=True)]
    pad = [(b, p - n - b) for b, n, p in zip(before, image.shape, whole.shape, strict=True)]
    brain = {'small': (np.pad(image, pad), np.pad(labels, pad), whole)}
    (found,) = simulated_trials(brain, ['real'], 1)
    return found


@pytest.fixture(scope='module')
def given(trial):
    """Return what every method is given of it, on a lattice of 2 mm."""
    return prepare(trial, 2.0)


@pytest.fixture(scope='module')
def run(real_scans, tmp_path_factory):
    """Return folder, printed text and lines of progress of a run."""
    from contextlib import redirect_stderr, redirect_stdout

    root = tmp_path_factory.mktemp('out')
    page = root / 'page.md'
    page.write_text('Before\n<!-- inr -->\nold\n<!-- /inr -->\nAfter\n')
    command = ['inr', '--data', str(real_scans), '--out', str(root), '--sloppy', '--quick']
    command += ['--regimes', 'real', '--threads', '1', '--oracle-tissues', '--markdown', str(page)]
    said, progress = io.StringIO(), io.StringIO()
    # Points of the reference's step: as few as show that it is measured.
    few = functools.partial(reference_step, edge=4)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(progress):
        patch.setattr('ulfprep.evaluation.inr.reference_step', few)
        assert main([*command, '--methods', *METHODS]) == 0
    return root, said.getvalue(), progress.getvalue()


def test_the_table_has_the_columns_of_its_dictionary_and_a_row_of_every_method(run):
    rows = read(run[0] / 'inr.tsv')
    assert list(rows[0]) == list(json.loads((run[0] / 'inr.json').read_text())) == list(COLUMNS)
    seen = [(row['tissues'], row['method']) for row in rows]
    # Bicubic knows no tissues: true ones make no difference to it.
    assert seen == [*(('own', name) for name in METHODS), *(('true', n) for n in METHODS[1:])]
    assert {row['status'] for row in rows} == {'ok'}
    assert {row['regime'] for row in rows} == {'real'}


def test_scores_are_finite_and_those_of_tissues_only_where_a_method_has_them(run):
    for row in read(run[0] / 'inr.tsv'):
        always = ('contrast', 'edge_f1', 'psnr', 'ssim', 'residual_rms', 'cpu', 'wall', 'memory')
        assert all(np.isfinite(float(row[name])) for name in always)
        of_tissues = {row[name] for name in ('dice_gm', 'realised_wm', 'realised_contrast')}
        assert (of_tissues == {'n/a'}) == (row['method'] == 'bicubic')
        assert (row['epochs'] == '1') == row['method'].startswith('lattice')
        assert 0.05 < float(row['memory']) < 4


def test_true_tissues_are_better_than_any_found(run):
    rows = {(r['tissues'], r['method']): r for r in read(run[0] / 'inr.tsv')}
    own, true = (float(rows[kind, 'first-estimate']['dice_gm']) for kind in ('own', 'true'))
    assert true > own + 0.05


def test_the_document_is_printed_written_and_put_where_it_was_asked_for(run):
    root, said, _ = run
    text = (root / 'inr.md').read_text()
    assert said == text
    page = (root / 'page.md').read_text()
    assert page.startswith('Before\n<!-- inr -->\n')
    assert page.endswith('<!-- /inr -->\nAfter\n')
    assert text.strip() in page
    assert 'old' not in page
    for part in ('Date: 20', 'commit ', 'processors', '1 thread', '--sloppy', 'a step, 15000'):
        assert part in text, part
    assert f'{root.parent}' not in text
    assert '--data DATA --out OUT' in text
    for name in METHODS:
        assert f'| real | physics | own | {name} | 1 |' in text
    assert 'ch2bet.nii.gz is missing: colin is left out' in text


def test_progress_counts_to_the_end(run):
    lines = [line for line in run[2].splitlines() if '/5 real' in line]
    assert [line.partition('/')[0] for line in lines] == ['1', '2', '3', '4', '5']
    assert lines[0].endswith(' left')


def test_time_left_is_that_of_the_steps_so_far():
    clock, stream = iter([0, 100, 150]).__next__, io.StringIO()
    say = Countdown(4, stream, clock)
    say('one')
    say('two')
    assert stream.getvalue() == '1/4 one; about 5 min left\n2/4 two; about 2 min left\n'


def test_what_fails_is_a_row_with_its_reason(trial):
    rows = run_trial(trial, ['no-such', 'bicubic'], SLOPPY)
    assert [row['method'] for row in rows] == ['no-such', 'bicubic']
    assert rows[0]['status'].startswith('failed: no such backbone: no-such')
    assert 'psnr' not in rows[0]
    assert rows[1]['status'] == 'ok'
    table = means_table(rows, ('regime', 'method'))
    assert '| real | no-such | 0 of 1 | failed: no such backbone' in table[2]


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ([], '--data'),
        (['--data', 'd', '--methods', 'magic'], 'no such method: magic; there are bicubic'),
        (['--data', 'd', '--methods', 'bicubic@3'], 'no such method: bicubic@3'),
        (['--data', 'd', '--methods', 'lattice@x'], 'lattice@x: write BACKBONE@EPOCHS'),
        (['--data', 'd', '--sensitivity', '--methods', 'voxel-tv'], 'only fits have seeds'),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(more, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(['inr', '--out', str(tmp_path), *more])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_any_brain_is_an_error(tmp_path, capsys):
    assert main(['inr', '--data', str(tmp_path), '--out', str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert 'norm.mgz is missing' in said
    assert 'no brain' in said


def test_names_say_start_and_epochs():
    assert parse_name('wire:alone@40') == ('wire', True, 40)
    assert parse_name('voxel-cg') == ('voxel-cg', False, None)
    options = Effort(epochs=3).options('wire:alone@40')
    assert (options.backbone, options.epochs, options.first_estimate) == ('wire', 40, False)
    assert Effort(epochs=3, spacing=1.5).options('lattice').epochs == 3
    assert 'without the first estimate' in describe('wire:alone@40')
    for name in method_names():
        check_name(name)


def test_regimes_differ_in_voxels_and_the_truth_has_white_matter_one(trial):
    brain = {'small': (110 * trial.truth.image, trial.case.labels, trial.case.lattice)}
    voxels = [found.case.voxel for found in simulated_trials(brain, list(REGIMES), 2)]
    assert voxels == ['2x2x1', '1.6x1.6x5'] * 2
    assert np.median(trial.truth.image[trial.case.labels == 3]) == pytest.approx(1)
    assert trial.metadata == METADATA


def test_the_truth_itself_scores_full_marks(trial, given):
    grid = trial.case.lattice
    found = Enhanced(400 * trial.truth.image, grid, trial.truth.probs)
    scores = score(found, given, trial)
    assert set(scores) <= set(COLUMNS)
    assert scores['contrast_of_truth'] == pytest.approx(1)
    for name in ('ssim', 'edge_f1', 'dice_csf', 'dice_gm', 'dice_wm'):
        assert scores[name] == pytest.approx(1, abs=1e-3), name


def test_an_image_of_the_target_means_realises_them(trial, given):
    target = np.array(given.plan['target_means'])
    image = np.tensordot(target * [1, 0.9, 1], trial.truth.probs, 1)
    found = realised(Enhanced(image, trial.case.lattice, trial.truth.probs), given.plan)
    assert found['realised_csf'] == pytest.approx(100)
    assert found['realised_gm'] == pytest.approx(90)
    assert found['realised_contrast'] > 110


def test_the_residual_of_what_was_scanned_is_the_noise(trial, given):
    """The low-field signal itself, told of no contrast, explains the scan."""
    from ulfprep.evaluation.phantoms import low_field_signal

    signal = low_field_signal(trial.truth.image, trial.case.labels) * given.plan['means'][2]
    assert residual_rms(Enhanced(signal, trial.case.lattice), given) == pytest.approx(1, abs=0.4)
    half = Enhanced(signal / 2, trial.case.lattice)
    assert residual_rms(half, given) > 3


def test_true_tissues_are_shares_that_fill_the_brain(trial):
    true = prepare(trial, 2.0, oracle=True)
    inside = resample_mask(true.mask, true.grid, isotropic_grid(true.grid, 2.0))
    np.testing.assert_allclose(true.lattice_probs.sum(axis=0)[inside], 1, atol=1e-5)
    np.testing.assert_allclose(true.probs.sum(axis=0)[true.mask], 1, atol=1e-5)
    # The scan was made with GM 0.8 and CSF 0.25 of WM.
    csf, gm, wm = true.plan['means']
    assert gm / wm == pytest.approx(0.8, abs=0.04)
    assert csf / wm == pytest.approx(0.25, abs=0.06)


def test_the_target_can_be_the_truth_of_the_subject(trial):
    wanted = np.array(prepare(trial, 2.0, target='truth').plan['target_means'])
    np.testing.assert_allclose(wanted / wanted[2], trial.ratios, rtol=1e-6)
    # 70 and 110 are the GM and WM of the small brain.
    assert trial.ratios[1] == pytest.approx(70 / 110, rel=0.02)


def test_another_contrast_can_be_asked_for(trial):
    assert prepare(trial, 2.0, contrast=0.6).plan['target_contrast']['WM-GM'] == pytest.approx(0.6)


def test_ratios_are_to_bicubic_where_it_was_run():
    rows = [
        {'method': 'bicubic', 'status': 'ok', 'contrast': 0.2, 'edge_f1': 0.4},
        {'method': 'other', 'status': 'ok', 'contrast': 0.3, 'edge_f1': 0.5},
        {'method': 'broken', 'status': 'failed: so'},
    ]
    found = with_ratios(rows)
    assert found[1]['contrast_of_bicubic'] == pytest.approx(1.5)
    assert found[1]['edge_f1_of_bicubic'] == pytest.approx(1.25)
    assert found[2] == rows[2]
    assert with_ratios(rows[1:]) == rows[1:]


def test_the_cost_of_the_reference_is_told_in_fits():
    row = {'method': 'lattice', 'regime': 'real', 'tissues': 'own', 'status': 'ok'}
    row |= {'cpu': 100.0, 'epochs': 8}
    lines = reference_lines(0.8, [row, row | {'method': 'bicubic'}])
    assert lines[1:] == ['That is 120 times the 100.0 cpu s of lattice, real, 8 epochs']
    assert 'n/a (broke)' in reference_lines('broke', [row])[0]


def test_a_file_without_marks_is_named(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('nothing\n')
    with pytest.raises(ValueError, match=r'page\.md: add the lines <!-- inr -->'):
        put_between(page, 'inr', ['x'])
    assert page.read_text() == 'nothing\n'


def test_scans_of_another_simulator_bring_image_and_metadata(tmp_path):
    labels = write_outside(tmp_path, complete=True)
    (found,) = outside_trials(tmp_path)
    assert (found.regime, found.case.brain) == ('outside', 'one')
    assert found.metadata['RepetitionTime'] == 1.5
    assert found.truth.image.shape == labels.shape
    (tmp_path / 'truth' / 'one_T1w.nii.gz').unlink()
    with pytest.raises(FileNotFoundError, match='one_T1w.nii.gz is missing'):
        list(outside_trials(tmp_path))


def made(image, shares):
    return Enhanced(image, None, shares)


def test_means_that_move_alone_leave_no_variance_and_texture_that_moves_does():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet((0.3, 0.3, 0.3), 20000).T.reshape(3, 20, 20, 50).astype(np.float32)
    brain = np.ones((20, 20, 50), bool)
    texture = rng.normal(0, 0.05, brain.shape)

    def image(grey, part=1.0):
        return 300 * (np.tensordot((0.2, grey, 1.0), shares, 1) + part * texture)

    seeds = [made(image(0.7) + 300 * rng.normal(0, 0.01, brain.shape), shares) for _ in range(3)]
    pure = [made(image(grey), shares) for grey in (0.73, 0.7, 0.67)]
    found = sensitivity(seeds, pure, brain, 300.0)
    assert set(found) <= set(SENSITIVITY)
    assert found['variance_seeds'] == pytest.approx(1e-4, rel=0.05)
    assert found['variance_targets_less_means'] < 1e-9
    assert found['variance_targets'] > 1e-5
    assert found['moved_low'] < 95 < 105 < found['moved_high']
    moved = [made(image(0.7, part), shares) for part in (0.8, 1.0, 1.2)]
    left = sensitivity(seeds, moved, brain, 300.0)['variance_targets_less_means']
    assert left == pytest.approx(0.04 * 0.05**2, rel=0.05)


def test_sensitivity_is_a_table_of_its_own(tmp_path, real_scans, capsys):
    command = ['inr', '--sensitivity', '--data', str(real_scans), '--out', str(tmp_path)]
    command += ['--sloppy', '--quick', '--regimes', 'real', '--epochs', '1', '--threads', '1']
    assert main(command) == 0
    (row,) = read(tmp_path / 'inr-sensitivity.tsv')
    dictionary = json.loads((tmp_path / 'inr-sensitivity.json').read_text())
    assert list(row) == list(dictionary) == list(SENSITIVITY)
    assert (row['status'], row['method']) == ('ok', 'lattice')
    assert 0 < float(row['variance_seeds']) < 1e-2
    assert float(row['moved_low']) < 100 < float(row['moved_high'])
    said = capsys.readouterr()
    assert said.out == (tmp_path / 'inr-sensitivity.md').read_text()
    assert '5/5 real, aomic, lattice' in said.err
