"""Outliers among scans: what is far from the others, however many or few they are."""

import numpy as np
import pytest

from ulfprep.metrics.outliers import DISTANCE, MINIMUM, fence, reach


def outside(values, usual):
    return [value for value in values if not usual.low <= value <= usual.high]


def test_the_stated_rule():
    values = np.arange(101.0)
    usual = fence(values)
    # Half of them lie within 25 of the median of 50.
    assert usual.median == 50
    assert usual.spread == pytest.approx(1.4826 * 25)
    assert usual.high == pytest.approx(50 + 3.5 * (1 + 10 / 101) * 1.4826 * 25)
    assert usual.high - usual.median == pytest.approx(usual.median - usual.low)
    assert usual.distance(usual.high) == pytest.approx(reach(101))


def test_outliers_do_not_hide_one_another():
    values = [*np.linspace(9, 11, 30), 40, 41, 42, 43, 44, 45]
    assert outside(values, fence(values)) == [40, 41, 42, 43, 44, 45]


def test_where_most_values_are_the_same_the_others_are_found():
    values = [0.5] * 47 + [0.9] * 3
    assert outside(values, fence(values)) == [0.9, 0.9, 0.9]
    noisy = np.array(values) + 1e-16 * np.arange(50)
    assert len(outside(noisy, fence(noisy))) == 3
    # Two kinds of about the same size: neither is an outlier of the other.
    assert not outside([0.5] * 30 + [0.9] * 20, fence([0.5] * 30 + [0.9] * 20))


@pytest.mark.parametrize(
    'values', [[], [1.0] * 50, list(range(MINIMUM - 1)), [*range(MINIMUM - 1), np.nan, np.inf]]
)
def test_without_spread_or_enough_values_there_is_no_limit(values):
    assert fence(values) is None


@pytest.mark.parametrize('count', [10, 20, 50, 300])
def test_chance_marks_few_however_many_there_are(count):
    rng = np.random.default_rng(count)
    groups = rng.standard_normal((60_000 // count, count))
    marked = sum(len(outside(group, fence(group))) for group in groups)
    assert marked / groups.size < 1 / 500
    # The constant of large groups alone would not do for small ones.
    if count <= 20:
        fixed = 0
        for group in groups:
            usual = fence(group)
            fixed += (np.abs(group - usual.median) > DISTANCE * usual.spread).sum()
        assert fixed / groups.size > 1 / 300
