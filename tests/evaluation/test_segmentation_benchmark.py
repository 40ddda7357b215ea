"""The benchmark of the segmentation, on brains of a few thousand voxels."""

import json

import numpy as np
import pytest
from small_brain import write_outside

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.brains import find_brains
from ulfprep.evaluation.phantoms import high_field_trial, outside_trials
from ulfprep.evaluation.publish import columns_of, read_table
from ulfprep.evaluation.segmentation import (
    COARSE_ONLY,
    SEGMENTERS,
    Found,
    by_brightness,
    lattice_labels,
    run_trial,
    score,
)
from ulfprep.physics.grid import isotropic_grid

FILES = ('segmentation.json', 'segmentation.md', 'segmentation.tsv')


@pytest.fixture(scope='module')
def quick(real_scans, tmp_path_factory):
    """Return the folder and the rows of a quick run."""
    out = tmp_path_factory.mktemp('out')
    assert main(['segmentation', '--data', str(real_scans), '--out', str(out), '--quick']) == 0
    return out, read(out)


def read(out):
    return read_table(out / 'segmentation.tsv')


def test_a_quick_run_writes_all_files_and_a_row_of_every_method_and_scan(quick):
    out, rows = quick
    assert sorted(path.name for path in out.iterdir()) == list(FILES)
    dictionary = json.loads((out / 'segmentation.json').read_text())
    assert list(rows) == list(dictionary) == columns_of('segmentation')
    found = {source: list(mine['method']) for source, mine in rows.groupby('source')}
    fine = [name for name in SEGMENTERS if name not in COARSE_ONLY]
    assert found == {'simulated': list(SEGMENTERS), 'high field': fine}
    assert set(rows.loc[rows['source'] == 'simulated', 'voxel']) == {'1.6x1.6x5'}


def test_scores_are_there_where_the_status_is_ok_and_only_there(quick):
    rows = quick[1]
    ok = rows['status'] == 'ok'
    scores = rows[['dice_gm', 'gm_wm_error', 'cpu', 'wall']]
    assert scores[ok].notna().all(axis=None)
    assert scores[~ok].isna().all(axis=None)
    assert rows.loc[ok, 'dice_gm'].between(0, 1).all()
    assert rows.loc[~ok, 'status'].str.match('not installed|failed: ').all()


def test_a_plain_brain_at_high_field_is_nearly_no_problem(quick):
    rows = quick[1].set_index(['source', 'method'])
    row = rows.loc[('high field', 'embedded')]
    assert row[['dice_csf', 'dice_gm', 'dice_wm']].min() > 0.97
    assert abs(row['gm_wm_error']) < 0.02


def test_scans_of_another_simulator_are_scored(tmp_path):
    labels = write_outside(tmp_path, complete=True)
    (trial,) = outside_trials(tmp_path)
    np.testing.assert_array_equal(trial.truth.labels, labels)
    rows = run_trial(trial, {name: SEGMENTERS[name] for name in ('hmrf-0.9', 'embedded')})
    for row in rows:
        assert (row['source'], row['brain'], row['voxel']) == ('outside', 'one', '2x2x4')
        assert row['dice_wm'] > 0.85, row
        # Nobody says what the tissues' signals were.
        assert 'gm_wm_error' not in row


@pytest.fixture
def case(real_scans):
    """Return the small brain at high field."""
    (brain,) = find_brains(real_scans, say=lambda line: None)
    return high_field_trial(brain)


def shares(labels):
    return np.stack([labels == k for k in (1, 2, 3)]).astype(np.float32)


def test_the_truth_scores_one_and_its_own_signals_no_error(case):
    found = Found(shares(case.truth.labels), case.grid, np.array([30.0, 70.0, 110.0]))
    scores = score(found, case, case.scan)
    assert [scores[f'dice_{name}'] for name in ('csf', 'gm', 'wm')] == [1, 1, 1]
    assert scores['csf_wm_error'] == pytest.approx(0, abs=0.01)
    assert scores['gm_wm_error'] == pytest.approx(0, abs=0.01)


def test_labels_of_the_lattice_over_a_scan_land_on_the_truth(tmp_path):
    labels = write_outside(tmp_path, complete=True)
    (trial,) = outside_trials(tmp_path)
    inside = lattice_labels(Found(shares(labels), isotropic_grid(trial.grid)), trial)
    assert (inside[inside > 0] == labels[inside > 0]).all()
    assert (inside > 0).sum() > 0.9 * (labels > 0).sum()


def test_what_is_missing_or_fails_is_a_row_and_no_error(case):
    def absent(scan, mask, grid):
        raise ModuleNotFoundError('nothing')

    def broken(scan, mask, grid):
        raise RuntimeError('two\nlines')

    rows = run_trial(case, {'absent': (absent, ''), 'broken': (broken, '')})
    assert [row['status'] for row in rows] == ['not installed', 'failed: two lines']
    assert all(set(row) <= set(columns_of('segmentation')) for row in rows)


def test_classes_of_other_packages_are_known_by_their_brightness(case):
    mixed = shares(case.truth.labels)[[2, 0, 1]]
    ordered = by_brightness(mixed, case.scan, case.mask)
    np.testing.assert_array_equal(ordered, shares(case.truth.labels))
    with pytest.raises(ValueError, match='no voxel'):
        by_brightness(mixed * [[[[1]]], [[[0]]], [[[1]]]], case.scan, case.mask)
