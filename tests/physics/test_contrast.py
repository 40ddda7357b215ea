"""Tissue statistics and the contrast vector."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import tissue_ball

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.contrast import contrast_system, solve_contrast, tissue_statistics
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, resized_grid

QUICK = settings(deadline=None, max_examples=40, derandomize=True)
levels = st.tuples(st.floats(3, 40), st.floats(10, 60), st.floats(15, 80)).map(np.array)
factors = st.tuples(st.floats(0.05, 2), st.floats(0.05, 2), st.floats(0.2, 2)).map(np.array)


@QUICK
@given(levels, factors)
def test_differences_leave_one_direction_free_and_the_anchor_none(high, known):
    matrix, target, names = contrast_system(high, known * high)
    assert names[-1] == 'WM anchor'
    assert np.linalg.matrix_rank(matrix) == 3
    np.testing.assert_allclose(matrix @ known, target, atol=1e-9)
    assert np.linalg.matrix_rank(matrix[:3]) == 2
    # A common shift of all tissues satisfies the differences as well.
    np.testing.assert_allclose(matrix[:3] @ (known + 5 / high), target[:3], atol=1e-9)


@QUICK
@given(levels, factors, st.booleans())
def test_a_known_contrast_vector_is_recovered(high, known, weighted):
    errors = np.array([3.0, 0.2, 0.1]) if weighted else None
    solution = solve_contrast(high, known * high, errors)
    np.testing.assert_allclose(solution.factors, known, rtol=1e-3)
    assert solution.rank == 3
    assert solution.active_bounds == []
    assert np.isfinite(solution.condition_number)


@QUICK
@given(levels, factors, st.floats(0.1, 50))
def test_a_common_scale_of_all_values_does_not_matter(high, known, scale):
    one = solve_contrast(high, known * high)
    other = solve_contrast(scale * high, scale * known * high)
    np.testing.assert_allclose(one.factors, other.factors, rtol=1e-3)


def test_equations_report_what_was_reached():
    solution = solve_contrast([20, 35, 50], [10, 30, 45])
    names = [e['name'] for e in solution.equations]
    assert names == ['WM-GM difference', 'GM-CSF difference', 'WM-CSF difference', 'WM anchor']
    for equation, target in zip(solution.equations, (15, 20, 35, 45), strict=True):
        assert equation['target'] == pytest.approx(target)
        assert equation['achieved'] - equation['target'] == pytest.approx(equation['residual'])


def test_bounds_are_reported_and_end_where_targets_are_out_of_reach():
    solution = solve_contrast([20, 35, 50], [20.5, 35, 50], upper=1.0)
    assert solution.active_bounds == ['CSF']
    assert solution.factors[0] == pytest.approx(1.0, abs=1e-6)
    # White matter would have to be three times as bright as the bound lets it be.
    with pytest.raises(ValueError, match='no contrast vector within its bounds'):
        solve_contrast([20, 35, 50], [20, 35, 150], upper=1.0)


def test_weights_favour_what_is_known_well():
    # Bounded to one, CSF cannot be reached; who gives way depends on the errors.
    high, low = [20, 35, 50], [22, 34, 49]
    trusted = solve_contrast(high, low, [5.0, 0.05, 0.05], upper=1.0)
    weights = {e['name']: e['weight'] for e in trusted.equations}
    assert max(weights.values()) == pytest.approx(1)
    assert weights['WM anchor'] == 1
    assert weights['WM-GM difference'] > 10 * weights['GM-CSF difference']
    equal = solve_contrast(high, low, upper=1.0)
    assert all(e['weight'] == 1 for e in equal.equations)

    def miss(solution):
        return abs(solution.equations[0]['residual'])

    assert miss(trusted) < 0.1 * miss(equal)


def test_errors_below_a_thousandth_are_not_believed():
    solution = solve_contrast([20, 35, 50], [10, 30, 45], [1e-9, 1e-9, 1e-9])
    weights = np.array([e['weight'] for e in solution.equations])
    np.testing.assert_allclose(weights, [2**-0.5] * 3 + [1], rtol=1e-6)


@pytest.mark.parametrize('bad', [np.nan, np.inf, 0.0, -3.0])
@pytest.mark.parametrize('place', [0, 1, 2])
def test_values_that_are_not_finite_and_positive_are_refused(bad, place):
    good, broken = np.array([20.0, 35.0, 50.0]), np.array([20.0, 35.0, 50.0])
    broken[place] = bad
    for high, low in ((broken, good), (good, broken)):
        with pytest.raises(ValueError, match='finite and positive'):
            solve_contrast(high, low)


def layered(noise=0.0):
    """Return three layers of tissue with mixed voxels between them."""
    probs = np.zeros((3, 30, 30, 30))
    probs[0, :9] = probs[1, 10:19] = probs[2, 20:] = 1
    probs[:2, 9] = probs[1:, 19] = 0.5
    image = np.tensordot([20.0, 70.0, 100.0], probs, 1)
    return image + noise * np.random.default_rng(0).standard_normal(image.shape), probs


@pytest.mark.parametrize(('noise', 'sigma'), [(0, 0.0), (4, 4.0), (0, 5.0)])
def test_tissues_are_measured_in_unmixed_voxels_with_an_error_of_noise_and_number(noise, sigma):
    image, probs = layered(noise)
    statistics = tissue_statistics(image, probs, sigma)
    np.testing.assert_allclose(statistics.means, [20, 70, 100], atol=0.5 if noise else 0.2 * sigma)
    assert (statistics.counts > 1000).all()
    # The noise is a floor of the spread.
    expected = sigma / np.sqrt(statistics.counts)
    np.testing.assert_allclose(
        statistics.standard_errors, expected, rtol=0.1 if noise else 1e-7, atol=1e-9
    )


def test_thin_tissue_is_measured_without_erosion():
    image, probs = layered()
    # A sheet of one voxel does not survive erosion.
    probs[:, 5], image[5] = np.array([0.0, 0.0, 1.0])[:, None, None], 100.0
    probs[:, 20:], image[20:] = np.array([0.0, 1.0, 0.0])[:, None, None, None], 70.0
    statistics = tissue_statistics(image, probs, 0.0)
    assert statistics.means[2] == pytest.approx(100)
    assert statistics.counts[2] == 900


def test_a_tissue_without_voxels_has_no_mean():
    image, probs = layered()
    probs[0] = 0
    statistics = tissue_statistics(image, probs, 1.0)
    assert np.isnan(statistics.means[0])
    assert statistics.counts[0] == 0


def test_what_pure_looking_voxels_hold_of_other_tissues_is_unmixed():
    image, probs = layered()
    # Every voxel of a layer holds a little of its neighbour, and the posteriors say so.
    mixed = np.array([[0.92, 0.08, 0.0], [0.03, 0.92, 0.05], [0.0, 0.06, 0.94]])
    blurred = np.tensordot(mixed.T, probs, 1)
    image = np.tensordot([20.0, 70.0, 100.0], blurred, 1)
    statistics = tissue_statistics(image, blurred, 0.0)
    np.testing.assert_allclose(statistics.means, [20, 70, 100], rtol=1e-6)


def test_dark_tissue_is_freed_of_the_noise_floor():
    image, probs = layered()
    noisy = add_rician_noise(image, 15.0, np.random.default_rng(0))
    statistics = tissue_statistics(noisy, probs, 15.0)
    core = probs[0] > 0.9
    assert noisy[core].mean() > 24  # the magnitude's own mean is a fifth too high
    np.testing.assert_allclose(statistics.means, [20, 70, 100], rtol=0.02)


def test_csf_is_measured_in_the_ventricles_where_there_are_any():
    """At the rim dark dura and bone are taken for CSF; deep inside there is only CSF."""
    n = 80
    axes = np.meshgrid(*[np.arange(n) - n / 2 + 0.5] * 3, indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    rim, inner = (radius >= 34) & (radius < 39), radius < 9
    probs = np.zeros((3, n, n, n))
    probs[0] = rim | inner
    probs[1] = (radius >= 25) & (radius < 34)
    probs[2] = (radius >= 9) & (radius < 25)
    image = np.tensordot([0.0, 70.0, 100.0], probs, 1)
    image[rim], image[inner] = 5.0, 25.0
    assert tissue_statistics(image, probs, 0.0, (1, 1, 1)).means[0] == pytest.approx(25)
    assert tissue_statistics(image, probs, 0.0).means[0] < 10
    # Without ventricles the rim is all there is.
    probs[0, inner], probs[2, inner] = 0, 1
    image[inner] = 100
    assert tissue_statistics(image, probs, 0.0, (1, 1, 1)).means[0] == pytest.approx(5)


def test_a_known_contrast_vector_comes_back_from_noisy_simulated_scans():
    """A hundred brains of other contrast, noise and levels; within 2 % for every tissue."""
    rng = np.random.default_rng(1)
    fine = Grid((104, 104, 104), np.eye(4))  # a small brain
    probs = tissue_ball(104, (1, 0.75, 0.5))[2][::-1]
    scan = resized_grid(fine, (1.6, 1.6, 5.0))
    worst = 0.0
    for draw in range(100):
        high = np.array([rng.uniform(0.15, 0.5), rng.uniform(0.6, 0.8), 1.0])
        low = np.array([rng.uniform(0.2, 0.5), rng.uniform(0.75, 0.95), 1.0])
        known = low / high
        model = ForwardModel.between(scan, fine, (1.6, 1.6, 5.0), known)
        clean = model(np.tensordot(high, probs, 1).astype(np.float32), probs)
        sigma = 1.0 / rng.uniform(10, 40)
        noisy = add_rician_noise(clean, sigma, np.random.default_rng(draw))
        statistics = tissue_statistics(noisy, model.acquire(probs), sigma)
        found = solve_contrast(
            high / sigma, statistics.means / sigma, statistics.standard_errors / sigma
        )
        worst = max(worst, np.abs(found.factors / known - 1).max())
    assert worst < 0.02
