"""How much of each voxel changed its tissue, and which way it went."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ulfprep.metrics.tissue_change import MOVES, moves_between, seen_shares, tissue_change
from ulfprep.physics import TISSUES, Grid
from ulfprep.physics.grid import resized_grid
from ulfprep.physics.psf import KINDS

QUICK = settings(deadline=None, max_examples=25, derandomize=True)
FINE = Grid((24, 20, 30), np.eye(4))
SIZE = (2.0, 2.0, 5.0)
SCAN = resized_grid(FINE, SIZE)
CSF, GM, WM = range(3)
EVERYWHERE = np.ones(SCAN.shape, bool)


def shares(rng, shape):
    """Return random shares, some of them pure."""
    probs = rng.random((3, *shape)) ** 6
    probs[rng.integers(0, 3)] += rng.random(shape) < 0.3
    return (probs / probs.sum(axis=0)).astype(np.float32)


@QUICK
@given(st.integers(0, 10_000))
def test_moves_explain_the_change_and_are_no_longer_than_they_must_be(seed):
    rng = np.random.default_rng(seed)
    before, after = shares(rng, (5, 4, 3)), shares(rng, (5, 4, 3))
    moves = moves_between(before, after)
    assert moves.min() >= 0
    arrived = before.astype(float)
    for (a, b), flow in zip(MOVES, moves, strict=True):
        arrived[TISSUES.index(a)] -= flow
        arrived[TISSUES.index(b)] += flow
    np.testing.assert_allclose(arrived, after, atol=1e-5)
    distance = 0.5 * np.abs(after - before).sum(axis=0)
    np.testing.assert_allclose(moves.sum(axis=0), distance, atol=1e-5)


@QUICK
@given(st.integers(0, 10_000), st.sampled_from(KINDS))
def test_the_distance_is_a_share_and_zero_against_itself(seed, psf):
    rng = np.random.default_rng(seed)
    final = shares(rng, FINE.shape)
    seen, _ = seen_shares(final, SCAN, FINE, SIZE, psf)
    np.testing.assert_allclose(seen.sum(axis=0), 1, atol=1e-5)
    same = tissue_change(seen, final, EVERYWHERE, SCAN, FINE, SIZE, psf)
    assert same.distance.max() < 1e-5
    other = tissue_change(shares(rng, SCAN.shape), final, EVERYWHERE, SCAN, FINE, SIZE, psf)
    assert other.distance.min() >= 0
    assert other.distance.max() <= 1
    assert other.mean == pytest.approx(other.distance[other.compared].mean())
    total = other.distance.sum() * other.voxel_ml
    assert sum(other.volumes.values()) == pytest.approx(total, rel=1e-4)


def pure(shape, tissue, block=None, other=None):
    """Return shares of one tissue, and of another in a block."""
    probs = np.zeros((3, *shape), np.float32)
    probs[tissue] = 1
    if block is not None:
        probs[(tissue, *block)] = 0
        probs[(other, *block)] = 1
    return probs


def test_a_block_that_turned_from_grey_to_white_is_found_with_its_volume():
    final = pure(FINE.shape, GM, np.s_[8:16, 6:14, 10:20], WM)
    change = tissue_change(pure(SCAN.shape, GM), final, EVERYWHERE, SCAN, FINE, SIZE)
    assert change.volumes['GM', 'WM'] == pytest.approx(0.64, rel=0.02)
    assert sum(change.volumes.values()) == pytest.approx(change.volumes['GM', 'WM'], abs=1e-5)
    middle = (5, 4, 3)
    assert change.distance[middle] > 0.8
    assert MOVES[change.main_move[middle] - 1] == ('GM', 'WM')
    assert change.distance[0, 0, 0] == change.main_move[0, 0, 0] == 0


def test_a_border_that_only_became_sharper_is_no_change():
    """The point of the comparison: mixed voxels and the fine border between them are equal."""
    final = pure(FINE.shape, GM, np.s_[:, :, 13:], WM)
    mixed, _ = seen_shares(final, SCAN, FINE, SIZE)
    assert ((mixed > 0.1) & (mixed < 0.9)).any()
    assert tissue_change(mixed, final, EVERYWHERE, SCAN, FINE, SIZE).mean < 1e-6
    # Calling each voxel by its main tissue instead does change the shares.
    hard = (mixed == mixed.max(axis=0)).astype(np.float32)
    assert tissue_change(hard, final, EVERYWHERE, SCAN, FINE, SIZE).mean > 0.03


def test_only_voxels_of_both_brains_are_compared():
    final = np.zeros((3, *FINE.shape), np.float32)
    final[WM, 12:] = 1
    mask = EVERYWHERE.copy()
    mask[:, :5] = False
    change = tissue_change(pure(SCAN.shape, GM), final, mask, SCAN, FINE, SIZE)
    np.testing.assert_array_equal(change.compared, mask & (np.arange(12) >= 6)[:, None, None])
    np.testing.assert_allclose(change.distance, change.compared, atol=1e-6)
    assert change.mean == pytest.approx(1)


def test_shares_need_not_add_up_to_one_to_be_compared():
    rng = np.random.default_rng(0)
    initial, final = shares(rng, SCAN.shape), shares(rng, FINE.shape)
    once, again = (
        tissue_change(part * initial, final, EVERYWHERE, SCAN, FINE, SIZE) for part in (1, 0.9)
    )
    np.testing.assert_allclose(again.distance, once.distance, atol=1e-6)


def test_without_a_brain_there_is_no_mean():
    nothing = np.zeros((3, *SCAN.shape)), np.zeros((3, *FINE.shape))
    change = tissue_change(*nothing, np.zeros(SCAN.shape, bool), SCAN, FINE, SIZE)
    assert np.isnan(change.mean)
    assert set(change.volumes.values()) == {0.0}


def test_tilted_grids_are_compared_too():
    angle = np.deg2rad(12)
    tilt = np.eye(4)
    tilt[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    fine = Grid((30, 30, 30), np.eye(4))
    scan = Grid((8, 8, 4), tilt @ np.diag([2.0, 2.0, 5.0, 1.0]))
    initial, final = (pure(grid.shape, WM) for grid in (scan, fine))
    mask = np.ones(scan.shape, bool)
    change = tissue_change(initial, final, mask, scan, fine, SIZE)
    assert change.compared.any()
    assert change.distance.max() < 1e-5
