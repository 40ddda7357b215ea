"""The benchmark of the segmentation, on brains of a few thousand voxels."""

import csv
import json

import numpy as np
import pytest
from small_brain import write_outside

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.cases import Case, high_field_cases, outside_cases
from ulfprep.evaluation.segmentation import methods
from ulfprep.evaluation.segmentation.columns import COLUMNS
from ulfprep.evaluation.segmentation.command import lattice_labels, run_case, score
from ulfprep.physics.grid import isotropic_grid

FILES = ('segmentation.tsv', 'segmentation.json', 'segmentation.md', 'segmentation.png')


@pytest.fixture(scope='module')
def quick(real_scans, tmp_path_factory):
    """Return the folder and the rows of a quick run."""
    out = tmp_path_factory.mktemp('out')
    assert main(['segmentation', '--data', str(real_scans), '--out', str(out), '--quick']) == 0
    return out, read(out)


def read(out):
    with open(out / 'segmentation.tsv', newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def test_a_quick_run_writes_all_files_with_the_columns_of_its_dictionary(quick):
    out, rows = quick
    assert sorted(FILES) == sorted(path.name for path in out.iterdir())
    assert list(rows[0]) == list(json.loads((out / 'segmentation.json').read_text()))
    assert (out / 'segmentation.png').read_bytes().startswith(b'\x89PNG')


def test_every_method_has_a_row_of_every_scan(quick):
    _, rows = quick
    found = {
        source: [row['method'] for row in rows if row['source'] == source]
        for source in ('simulated', 'high field')
    }
    assert found == {'simulated': list(methods.COARSE), 'high field': list(methods.FINE)}
    assert {row['voxel'] for row in rows if row['source'] == 'simulated'} == {'1.6x1.6x5'}


def test_scores_are_there_where_the_status_is_ok_and_only_there(quick):
    for row in quick[1]:
        scores = [row[name] for name in ('dice_gm', 'gm_wm_error', 'cpu', 'wall')]
        if row['status'] == 'ok':
            assert 0 <= float(scores[0]) <= 1
            assert float(row['wall']) > 0
        else:
            assert row['status'] == 'not installed' or row['status'].startswith('failed: ')
            assert set(scores) == {'n/a'}


def test_a_plain_brain_at_high_field_is_nearly_no_problem(quick):
    (row,) = (r for r in quick[1] if r['source'] == 'high field' and r['method'] == 'embedded')
    assert min(float(row[name]) for name in ('dice_csf', 'dice_gm', 'dice_wm')) > 0.97
    assert abs(float(row['gm_wm_error'])) < 0.02


def test_the_document_says_how_it_was_made_and_what_is_missing(quick, real_scans):
    text = (quick[0] / 'segmentation.md').read_text()
    assert f'python -m ulfprep.evaluation segmentation --data {real_scans}' in text
    assert 'ch2bet.nii.gz is missing: colin is left out' in text
    assert 'processors' in text
    for name in methods.COARSE:
        assert f'| {name} |' in text, name


def test_a_folder_without_any_brain_is_an_error(tmp_path, capsys):
    assert main(['segmentation', '--data', str(tmp_path), '--out', str(tmp_path / 'out')]) == 1
    said = capsys.readouterr().err
    assert 'norm.mgz is missing' in said
    assert 'no brain to simulate' in said


def test_scans_of_another_simulator_are_scored(tmp_path):
    labels = write_outside(tmp_path)
    out = tmp_path / 'out'
    assert main(['segmentation', '--cases', str(tmp_path), '--out', str(out)]) == 0
    rows = {row['method']: row for row in read(out)}
    assert list(rows) == list(methods.COARSE)
    assert {(row['source'], row['brain'], row['voxel']) for row in rows.values()} == {
        ('outside', 'one', '2x2x4')
    }
    for name in ('hmrf-0.9', 'embedded'):
        assert float(rows[name]['dice_wm']) > 0.85, name
        # Nobody says what the tissues' signals were.
        assert rows[name]['gm_wm_error'] == 'n/a'
    (case,) = outside_cases(tmp_path)
    np.testing.assert_array_equal(case.labels, labels)


def test_a_scan_without_truth_is_named(tmp_path, capsys):
    write_outside(tmp_path)
    (tmp_path / 'truth' / 'one_dseg.nii.gz').unlink()
    out = str(tmp_path / 'out')
    assert main(['segmentation', '--cases', str(tmp_path), '--out', out]) == 1
    assert 'one_dseg.nii.gz is missing' in capsys.readouterr().err


@pytest.fixture
def case(real_scans):
    """Return the small brain at high field."""
    (found,) = high_field_cases(real_scans, say=lambda line: None)
    return found


def shares(labels):
    return np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)


def test_the_truth_scores_one_and_its_own_signals_no_error(case: Case):
    found = methods.Found(shares(case.labels), case.grid, np.array([30.0, 70.0, 110.0]))
    scores = score(found, lattice_labels(found, case), case, case.scan)
    assert [scores[f'dice_{name}'] for name in ('csf', 'gm', 'wm')] == [1, 1, 1]
    assert scores['csf_wm_error'] == pytest.approx(0, abs=0.01)
    assert scores['gm_wm_error'] == pytest.approx(0, abs=0.01)


def test_dice_is_what_two_sets_share_of_their_mean_size(case: Case):
    labels = case.labels.copy()
    white = np.argwhere(labels == 3)
    lost = white[: len(white) // 4]
    labels[tuple(lost.T)] = 2
    found = methods.Found(shares(labels), case.grid)
    scores = score(found, lattice_labels(found, case), case, case.scan)
    n, k, grey = len(white), len(lost), int((case.labels == 2).sum())
    assert scores['dice_wm'] == pytest.approx(2 * (n - k) / (2 * n - k))
    assert scores['dice_gm'] == pytest.approx(2 * grey / (2 * grey + k))
    assert scores['dice_csf'] == 1


def test_labels_of_the_lattice_over_a_scan_land_on_the_truth(tmp_path):
    labels = write_outside(tmp_path)
    (case,) = outside_cases(tmp_path)
    found = methods.Found(shares(labels), isotropic_grid(case.grid))
    inside = lattice_labels(found, case)
    assert (inside[inside > 0] == labels[inside > 0]).all()
    assert (inside > 0).sum() > 0.9 * (labels > 0).sum()


def test_what_is_missing_or_fails_is_a_row_and_no_error(case: Case):
    def absent(scan, mask, grid):
        raise methods.NotInstalled('nothing')

    def broken(scan, mask, grid):
        raise RuntimeError('two\nlines')

    rows, labels = run_case(case, {'absent': absent, 'broken': broken})
    assert [row['status'] for row in rows] == ['not installed', 'failed: two lines']
    assert labels == {}
    assert all(set(row) <= set(COLUMNS) for row in rows)


def test_classes_of_other_packages_are_known_by_their_brightness(case: Case):
    mixed = shares(case.labels)[[2, 0, 1]]
    ordered = methods.by_brightness(mixed, case.scan, case.mask)
    np.testing.assert_array_equal(ordered, shares(case.labels))
    with pytest.raises(methods.MethodFailed, match='no voxel'):
        methods.by_brightness(mixed * [[[[1]]], [[[0]]], [[[1]]]], case.scan, case.mask)
