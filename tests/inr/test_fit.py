"""A fit to a small scan: it converges, repeats itself, ends in time and survives the disk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fields import weights

from ulfprep.inr import FitOptions, fit_scan, load_fit, render, save_fit
from ulfprep.inr.fit import at_noise_floor
from ulfprep.inr.problem import Block, blocks, evaluate
from ulfprep.physics.grid import aligned_offsets, isotropic_grid


@pytest.mark.parametrize('edge', [5.0, 16.0, 32.0, 500.0])
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_blocks_of_an_epoch_cover_every_brain_voxel_exactly_once(warm, edge, seed):
    count = np.zeros(warm.scan.shape, int)
    for block in blocks(warm, edge, np.random.default_rng(seed)):
        count[block.scan] += 1
        assert warm.voxels[block.scan].any()
        sizes = [(s.stop - s.start) * z for s, z in zip(block.scan, warm.scan.zooms, strict=True)]
        assert max(sizes) <= edge
    assert (count[warm.voxels] == 1).all()
    assert count.max() == 1


def test_a_block_holds_all_fine_points_that_its_voxels_see(warm):
    for block in blocks(warm, 20.0, np.random.default_rng(0)):
        for axis, matrix in enumerate(warm.model.matrices):
            seen = matrix[block.scan[axis]].copy()
            seen[:, block.fine[axis]] = 0
            assert not seen.any()
        np.testing.assert_array_equal(block.inside.numpy(), warm.inside[block.fine])


def test_corners_move_with_the_seed_and_only_with_it(warm):
    def corners(seed):
        found = blocks(warm, 16.0, np.random.default_rng(seed))
        return [tuple((s.start, s.stop) for s in block.scan) for block in found]

    assert corners(0) == corners(0)
    assert set(corners(0)) != set(corners(1))


def test_the_field_is_never_negative_and_its_tissues_sum_to_one(fitted):
    (warm,) = fitted.channels
    block = Block((), tuple(slice(0, n) for n in warm.fine.shape), torch.as_tensor(warm.inside))
    dark = torch.as_tensor(warm.intensity[warm.inside]) - 0.5
    logits = torch.as_tensor(warm.logits[:, warm.inside])
    with torch.no_grad():
        intensity, probs = evaluate(fitted.network, warm, block, dark, logits)
    assert intensity.min() == 0
    torch.testing.assert_close(probs.sum(0), torch.ones(probs.shape[1]))


def test_a_fit_uses_its_epochs_and_leaves_the_noise(fitted):
    history, epochs = fitted.history, fitted.options.epochs
    assert {'step', 'epoch', 'total', 'data', 'segmentation', 'tv', 'residual_rms'} <= set(history)
    assert {len(v) for v in history.values()} == {epochs}
    assert history['epoch'] == list(range(1, epochs + 1))
    assert np.all(np.diff(history['step']) > 0)
    assert history['total'][-1] < history['total'][0]
    assert 0.7 < history['residual_rms'][-1] < 1.2
    assert (fitted.stopped, fitted.notes) == ('epochs', ())
    json.dumps(history, allow_nan=False)


def test_the_same_seed_gives_the_same_bytes(problem, options, fitted):
    torch.manual_seed(99)  # what happened before must not matter
    again = fit_scan(*problem.scan, options, seed=7)
    assert weights(again) == weights(fitted)
    assert again.history == fitted.history
    other = fit_scan(*problem.scan, replace(options, epochs=1), seed=8)
    assert weights(other) != weights(fitted)


def test_a_fit_leaves_its_scan_and_the_global_random_state_alone(problem, options):
    def numbers():
        return torch.rand(3).tolist(), np.random.rand(3).tolist()  # noqa: NPY002

    def seed():
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002

    *arrays, grid, plan = problem.scan
    before = [array.tobytes() for array in arrays]
    seed()
    expected = numbers()
    seed()
    fit_scan(*problem.scan, replace(options, epochs=1), seed=1)
    assert numbers() == expected
    assert [array.tobytes() for array in arrays] == before


def test_a_diverging_fit_is_an_error(problem, options):
    broken = replace(options, network_rate=float('nan'), epochs=2)
    with pytest.raises(ValueError, match='the fit diverged'):
        fit_scan(*problem.scan, broken)


def test_a_saved_fit_keeps_what_is_known_about_it(fitted, tmp_path):
    for name in ('a', 'b'):
        save_fit(fitted, tmp_path / name)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    loaded = load_fit(tmp_path / 'a')
    assert loaded.options == fitted.options
    assert loaded.history == fitted.history
    (ours,), (theirs,) = loaded.channels, fitted.channels
    for name in ('plan', 'smoothness', 'bounds', 'modality'):
        assert getattr(ours, name) == getattr(theirs, name)
    for one, other in zip(ours.model.matrices, theirs.model.matrices, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sloppy_options_are_the_faster_ones():
    sloppy, default = FitOptions.sloppy(), FitOptions.default()
    assert sloppy.epochs <= default.epochs
    assert sloppy.spacing > default.spacing


def test_borders_of_blocks_leave_no_seam(problem, options):
    """Two fits cut otherwise differ no more across the last borders than within the blocks."""
    options = replace(options, spacing=1.0)
    fits = [
        fit_scan(*problem.scan, replace(options, block_mm=edge), seed=7) for edge in (16.0, 80.0)
    ]
    warm = fits[0].channels[0]
    grid = isotropic_grid(problem.grid, 1.0)
    one, other = (render(fit, grid) for fit in fits)
    inside = (one.dseg > 0) & (other.dseg > 0)
    # The blocks of the last epoch, drawn as the fit drew them.
    rng = np.random.default_rng(7)
    for _ in range(options.epochs):
        last = list(blocks(warm, 16.0, rng))
    steps = {True: [], False: []}
    for axis in range(3):
        starts = {block.scan[axis].start for block in last}
        positions = aligned_offsets(grid, warm.scan)[axis]
        borders = {round((positions[k - 1] + positions[k]) / 2) for k in starts if k > 0}
        difference = np.where(inside, one.intensity - other.intensity, np.nan)
        jumps = np.abs(np.diff(np.moveaxis(difference, axis, 0), axis=0))
        for k, jump in enumerate(jumps):
            steps[k in borders or k + 1 in borders].append(jump[np.isfinite(jump)])
    across, within = (np.concatenate(steps[where]).mean() for where in (True, False))
    assert within > 0
    assert across < 1.2 * within


FALLING = [2.0, 1.5, 1.2, 1.0, 0.9]
LEVEL = [2.0, 1.0, 1.0, 0.9999, 0.9998]


@pytest.mark.parametrize(
    ('total', 'residual', 'patience', 'ends'),
    [
        (LEVEL, 0.99, 3, True),
        (LEVEL, 1.01, 3, False),  # the noise is not reached
        (FALLING, 0.99, 3, False),  # there is still progress
        (LEVEL, 0.99, 0, False),  # early ends were not asked for
        (LEVEL[:3], 0.99, 3, False),  # too soon to tell
        (LEVEL, 0.99, 4, False),  # the first of the last four was a step ahead
        ([2.0, 1.0, 1.3, 1.2, 1.1], 0.99, 3, True),  # worse is no progress
    ],
)
def test_a_fit_ends_where_the_noise_is_reached_and_nothing_falls(total, residual, patience, ends):
    history = {'total': total, 'residual_rms': [1.5] * (len(total) - 1) + [residual]}
    assert at_noise_floor(history, patience) is ends


def test_a_long_fit_ends_at_the_noise_floor_and_says_so(problem, options, tmp_path):
    # Steps so small that nothing moves.
    still = replace(options, epochs=30, patience=2, lattice_rate=1e-9, network_rate=1e-9)
    calls = []
    fit = fit_scan(*problem.scan, still, seed=7, progress=lambda *call: calls.append(call[:2]))
    assert fit.stopped == 'noise floor'
    assert 2 < len(fit.history['total']) < 10
    assert calls[-1] == (fit.history['step'][-1],) * 2, 'progress is not left open'
    save_fit(fit, tmp_path / 'field.pt')
    assert load_fit(tmp_path / 'field.pt').stopped == 'noise floor'
