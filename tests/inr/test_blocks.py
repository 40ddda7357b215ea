"""Blocks tile the brain."""

import numpy as np
import pytest

from ulfprep.inr.problem import blocks


@pytest.mark.parametrize('edge', [5.0, 17.0, 30.0, 500.0])
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_an_epoch_covers_every_brain_voxel_exactly_once(warm, edge, seed):
    count = np.zeros(warm.scan.shape, int)
    for block in blocks(warm, edge, np.random.default_rng(seed)):
        count[block.scan] += 1
    assert (count[warm.voxels] == 1).all()
    assert count.max() == 1


def test_a_block_holds_all_fine_points_that_its_voxels_see(warm):
    for block in blocks(warm, 20.0, np.random.default_rng(0)):
        for axis, matrix in enumerate(warm.model.matrices):
            weights = matrix[block.scan[axis]].copy()
            weights[:, block.fine[axis]] = 0
            assert not weights.any()
        np.testing.assert_array_equal(block.inside.numpy(), warm.inside[block.fine])


def test_blocks_without_brain_are_left_out(warm):
    for block in blocks(warm, 8.0, np.random.default_rng(0)):
        assert warm.voxels[block.scan].any()


def test_the_edge_bounds_the_size(warm):
    for block in blocks(warm, 16.0, np.random.default_rng(3)):
        sizes = [(s.stop - s.start) * z for s, z in zip(block.scan, warm.scan.zooms, strict=True)]
        assert max(sizes) <= 16.0


def test_corners_move_with_the_seed_and_only_with_it(warm):
    def corners(seed):
        return [
            tuple((s.start, s.stop) for s in block.scan)
            for block in blocks(warm, 16.0, np.random.default_rng(seed))
        ]

    assert corners(0) == corners(0)
    assert set(corners(0)) != set(corners(1))
