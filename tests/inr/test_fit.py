"""A fit to a small scan: it converges, repeats itself, and survives the disk."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ulfprep.inr import FitOptions, fit_scan, load_fit, render, save_fit
from ulfprep.inr.network import LatticeField
from ulfprep.inr.problem import Block, blocks, evaluate
from ulfprep.physics.grid import aligned_offsets, isotropic_grid


def weights(fit):
    return b''.join(v.numpy().tobytes() for v in fit.network.state_dict().values())


def whole_block(warm):
    fine = tuple(slice(0, n) for n in warm.fine.shape)
    return Block((), fine, torch.as_tensor(warm.inside))


def test_an_untrained_field_equals_the_first_estimate(warm):
    network = LatticeField([50.0, 50.0, 50.0], (12.0, 6.0))
    intensity0 = torch.as_tensor(warm.intensity[warm.inside])
    logits0 = torch.as_tensor(warm.logits[:, warm.inside])
    with torch.no_grad():
        intensity, probs = evaluate(network, warm, whole_block(warm), intensity0, logits0)
    torch.testing.assert_close(intensity, intensity0)
    torch.testing.assert_close(probs, torch.softmax(logits0, dim=0))


def test_the_field_is_never_negative_and_its_tissues_sum_to_one(fitted):
    warm = fitted.channels[0]
    with torch.no_grad():
        intensity, probs = evaluate(
            fitted.network,
            warm,
            whole_block(warm),
            torch.as_tensor(warm.intensity[warm.inside]) - 0.5,
            torch.as_tensor(warm.logits[:, warm.inside]),
        )
    assert intensity.min() == 0
    torch.testing.assert_close(probs.sum(0), torch.ones(probs.shape[1]))


def test_the_loss_falls(fitted):
    total = fitted.history['total']
    assert len(total) == fitted.options.epochs
    assert total[-1] < total[0]


def test_the_fitted_field_leaves_the_noise(fitted):
    assert 0.7 < fitted.history['residual_rms'][-1] < 1.2


def test_history_has_a_value_of_every_term_an_epoch(fitted):
    history = fitted.history
    assert {'step', 'epoch', 'total', 'data', 'segmentation', 'tv', 'residual_rms'} <= set(history)
    assert {len(v) for v in history.values()} == {fitted.options.epochs}
    assert history['epoch'] == list(range(1, fitted.options.epochs + 1))
    assert np.all(np.diff(history['step']) > 0)
    json.dumps(history, allow_nan=False)


def test_the_same_seed_gives_the_same_bytes(problem, options, fitted):
    torch.manual_seed(99)  # what happened before must not matter
    again = fit_scan(*problem.scan, options, seed=7)
    assert weights(again) == weights(fitted)
    assert again.history == fitted.history


def test_another_seed_gives_another_field(problem, options, fitted):
    options = dataclasses.replace(options, epochs=1)
    assert weights(fit_scan(*problem.scan, options, seed=8)) != weights(fitted)


def test_a_fit_leaves_the_global_random_state_alone(problem, options):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    fit_scan(*problem.scan, dataclasses.replace(options, epochs=1), seed=1)
    torch.testing.assert_close(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.rand(3), expected[1])  # noqa: NPY002


def test_a_diverging_fit_is_an_error(problem, options):
    broken = dataclasses.replace(options, network_rate=float('nan'), epochs=2)
    with pytest.raises(ValueError, match='the fit diverged'):
        fit_scan(*problem.scan, broken)


def test_the_scan_is_not_altered(problem, options):
    scan, mask, probs, grid, plan = problem.scan
    before = scan.tobytes(), mask.tobytes(), probs.tobytes(), plan
    fit_scan(*problem.scan, dataclasses.replace(options, epochs=1))
    assert before == (scan.tobytes(), mask.tobytes(), probs.tobytes(), plan)


def test_a_saved_fit_keeps_what_is_known_about_it(fitted, tmp_path):
    save_fit(fitted, tmp_path / 'field.pt')
    loaded = load_fit(tmp_path / 'field.pt')
    assert loaded.options == fitted.options
    assert loaded.history == fitted.history
    (ours,), (theirs,) = loaded.channels, fitted.channels
    for name in ('plan', 'smoothness', 'bounds'):
        assert getattr(ours, name) == getattr(theirs, name)
    for one, other in zip(ours.model.matrices, theirs.model.matrices, strict=True):
        np.testing.assert_array_equal(one, other)


def test_saving_twice_gives_the_same_bytes(fitted, tmp_path):
    for name in ('a', 'b'):
        save_fit(fitted, tmp_path / name)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


def test_nothing_in_a_saved_fit_is_executable(fitted, tmp_path):
    save_fit(fitted, tmp_path / 'field.pt')
    with np.load(tmp_path / 'field.pt', allow_pickle=False) as data:
        assert all(data[name].dtype != object for name in data.files)


def test_sloppy_options_are_the_faster_ones():
    sloppy, default = FitOptions.sloppy(), FitOptions.default()
    assert sloppy.epochs <= default.epochs
    assert sloppy.spacing > default.spacing


def test_borders_of_blocks_leave_no_seam(problem, options):
    """Two fits cut otherwise differ no more across the last borders than within the blocks."""
    options = dataclasses.replace(options, spacing=1.0)
    fits = [
        fit_scan(*problem.scan, dataclasses.replace(options, block_mm=edge), seed=7)
        for edge in (16.0, 80.0)
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


def test_a_saved_fit_renders_the_same_bytes(problem, fitted, tmp_path):
    save_fit(fitted, tmp_path / 'field.pt')
    loaded = load_fit(tmp_path / 'field.pt')
    grid = isotropic_grid(problem.grid, 2.0)
    one, other = render(fitted, grid), render(loaded, grid)
    for name in ('intensity', 'probs', 'dseg', 'uncertainty', 'entropy', 'claim'):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
