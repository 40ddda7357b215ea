"""Images of a field on aligned, shifted and oblique grids."""

import importlib
import logging
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from fields import IMAGES, motion_about, same_images
from scipy import ndimage

from ulfprep.inr import render
from ulfprep.inr.network import LatticeField
from ulfprep.inr.render import render_parts
from ulfprep.inr.views import even_start
from ulfprep.physics.grid import Grid, isotropic_grid

# The package has a function of this name in front of the module.
room = importlib.import_module('ulfprep.inr.render')


@pytest.fixture(scope='module')
def fine_grid(problem):
    """Return the lattice of the fit over the whole scan."""
    return isotropic_grid(problem.grid, 2.0)


@pytest.fixture(scope='module')
def rendered(fitted, fine_grid):
    """Return the field rendered there."""
    return render(fitted, fine_grid)


def world(grid):
    """Return the places of all voxels, shape (4, n), mm."""
    index = np.indices(grid.shape).reshape(3, -1)
    return grid.affine @ np.vstack([index, np.ones(index.shape[1])])


def turned(grid, degrees):
    """Return a grid over the same place, turned about the vertical through its centre."""
    return Grid(grid.shape, motion_about(grid, degrees) @ grid.affine)


def widened(grid, margin):
    affine = grid.affine.copy()
    affine[:3, 3] -= margin * grid.zooms
    return Grid(tuple(n + 2 * margin for n in grid.shape), affine)


def test_all_images_are_zero_outside_the_brain(rendered):
    brain = rendered.dseg > 0
    assert 0 < brain.sum() < brain.size
    assert not any(getattr(rendered, name)[..., ~brain].any() for name in IMAGES)


def test_the_brain_is_where_the_mask_is(problem, rendered, fine_grid):
    volumes = [
        m.sum() * np.prod(g.zooms)
        for m, g in ((problem.mask, problem.grid), (rendered.dseg > 0, fine_grid))
    ]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)
    middle = world(fine_grid)[:, (rendered.dseg > 0).ravel()].mean(axis=1)
    true = world(problem.grid)[:, problem.mask.ravel()].mean(axis=1)
    np.testing.assert_allclose(middle, true, atol=0.3)


@pytest.mark.parametrize('degrees', [0.0, 23.0])
def test_labels_are_those_of_bids_and_probabilities_sum_to_one(fitted, fine_grid, degrees):
    seen = render(fitted, turned(fine_grid, degrees))
    brain = seen.dseg > 0
    csf, gm, wm = seen.probs
    assert set(np.unique(seen.dseg)) <= {0, 1, 2, 3}
    np.testing.assert_array_equal(seen.dseg == 1, brain & (gm > csf) & (gm >= wm))
    np.testing.assert_array_equal(seen.dseg == 2, brain & (wm > csf) & (wm > gm))
    np.testing.assert_array_equal(seen.dseg == 3, brain & (csf >= gm) & (csf >= wm))
    np.testing.assert_allclose(seen.probs.sum(axis=0)[brain], 1, atol=1e-4)


def test_tissues_have_the_high_field_means_in_the_scans_units(problem, rendered):
    for tissue, label in ((1, 1), (2, 2)):
        values = rendered.intensity[(rendered.dseg == label) & (rendered.probs[tissue] > 0.9)]
        assert values.size > 50
        assert values.mean() == pytest.approx(problem.plan.target_means[tissue], rel=0.08)
    gm, wm = (rendered.intensity[rendered.dseg == label].mean() for label in (1, 2))
    low, high = (means[1] / means[2] for means in (problem.plan.means, problem.plan.target_means))
    assert abs(gm / wm - high) < abs(gm / wm - low)


def test_uncertainty_is_positive_and_largest_where_tissue_is_undecided(rendered):
    brain = rendered.dseg > 0
    assert (rendered.uncertainty[brain] > 0).all()
    best = rendered.probs.max(axis=0)
    unsure, sure = brain & (best < 0.6), brain & (best > 0.95)
    assert rendered.uncertainty[unsure].mean() > 1.2 * rendered.uncertainty[sure].mean()


def test_uncertainty_covers_the_truth(problem, fitted):
    seen = render(fitted, problem.fine)
    brain = (seen.dseg > 0) & (problem.truth.sum(axis=0) > 0)
    errors = np.abs(seen.intensity - problem.image)[brain] / seen.uncertainty[brain]
    assert (errors < 1).mean() > 0.6
    assert (errors < 1.96).mean() > 0.9


@pytest.mark.parametrize(('spacing', 'degrees'), [(2.0, 0.0), (0.7, 17.0)])
def test_the_size_of_the_parts_changes_not_a_byte(fitted, problem, spacing, degrees):
    grid = turned(isotropic_grid(problem.grid, spacing), degrees)
    whole = render(fitted, grid, voxels=10**9)
    for voxels in (1, 5000):
        assert same_images(render(fitted, grid, voxels=voxels), whole)


def test_rendering_short_of_memory_takes_thinner_slabs_and_leaves_no_seam(
    fitted, fine_grid, rendered, monkeypatch, caplog
):
    evaluate = room.evaluate

    def short(network, warm, block, *more, **named):
        if block.inside.shape[0] > 3:
            raise torch.OutOfMemoryError('CUDA out of memory.')
        return evaluate(network, warm, block, *more, **named)

    monkeypatch.setattr(room, 'evaluate', short)
    with caplog.at_level(logging.WARNING, 'ulfprep'):
        thin = render(fitted, fine_grid)
    assert 'Trying slabs of 2 slices' in caplog.text
    np.testing.assert_allclose(thin.intensity, rendered.intensity, atol=1e-3)
    np.testing.assert_allclose(thin.probs, rendered.probs, atol=1e-4)


def test_parts_are_the_image_and_the_rest_is_empty(fitted, fine_grid, rendered):
    seen = np.zeros(fine_grid.shape, int)
    for box, part in render_parts(fitted, fine_grid, voxels=2000):
        seen[box] += 1
        np.testing.assert_array_equal(part.intensity, rendered.intensity[box])
    assert seen.max() == 1
    assert not rendered.intensity[seen == 0].any()


def test_memory_does_not_grow_with_resolution_or_field_of_view(fitted, problem):
    """Whatever the output, the parts are as large as the lattice and the setting say."""

    def peak(spacing, margin):
        wide = widened(isotropic_grid(problem.grid, spacing), margin)
        tracemalloc.start()
        count = sum((part.dseg > 0).sum() for _, part in render_parts(fitted, wide, voxels=40000))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, most

    coarse, fine = peak(1.0, 0), peak(0.3, 200)
    assert fine[0] > 30 * coarse[0]
    assert fine[1] < 1.5 * coarse[1]


@pytest.mark.parametrize(
    ('spacing', 'degrees', 'rim'), [(1.0, 0.0, 4), (2.0, 23.0, 2), (2.0, 90.0, 2)]
)
def test_other_grids_show_the_field_of_the_lattice_interpolated(
    fitted, problem, fine_grid, rendered, spacing, degrees, rim
):
    grid = turned(isotropic_grid(problem.grid, spacing), degrees)
    seen = render(fitted, grid)
    index = (np.linalg.inv(fine_grid.affine) @ world(grid))[:3]
    expected = ndimage.map_coordinates(rendered.intensity, index, order=1).reshape(grid.shape)
    core = ndimage.binary_erosion(seen.dseg > 0, iterations=rim)
    assert core.sum() * spacing**3 > 4000
    np.testing.assert_allclose(seen.intensity[core], expected[core], rtol=1e-3, atol=0.05)
    volumes = [(i.dseg > 0).sum() * s**3 for i, s in ((seen, spacing), (rendered, 2.0))]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)


def test_a_shifted_grid_shows_the_same_points(fitted, fine_grid, rendered):
    cut = (slice(4, 18), slice(3, 20), slice(5, 15))
    part = render(fitted, fine_grid.crop(cut))
    for name in IMAGES:
        np.testing.assert_array_equal(getattr(part, name), getattr(rendered, name)[(..., *cut)])


def test_a_grid_beyond_the_scan_is_empty_there(fitted, fine_grid, rendered):
    wide = render(fitted, widened(fine_grid, 10))
    inner = (slice(10, -10),) * 3
    np.testing.assert_array_equal(wide.intensity[inner], rendered.intensity)
    assert (wide.dseg > 0).sum() == (rendered.dseg > 0).sum()


def test_the_rim_of_an_oblique_image_is_not_darkened(problem, fitted, fine_grid):
    # An even field: whatever interpolation does at the border, it must stay even.
    network = LatticeField([50.0] * 3, fitted.options.lattice_spacings)
    even = replace(fitted, channels=(even_start(fitted.channels[0]),), network=network)
    seen = render(even, turned(fine_grid, 23.0))
    brain = seen.dseg > 0
    assert brain.sum() > 500
    np.testing.assert_allclose(seen.intensity[brain], problem.plan.means[2], rtol=1e-4)
    np.testing.assert_allclose(seen.probs[:, brain], 1 / 3, rtol=1e-4)
