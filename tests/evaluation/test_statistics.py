"""Statistics of few brains: known answers, and what must not depend on units or order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ulfprep.evaluation.statistics import agreement, holm, paired, summary

QUICK = settings(deadline=None, max_examples=50, derandomize=True)
#: Scores in whole thousandths: sums and differences of them have no rounding errors to speak of.
SCORES = st.integers(-5000, 5000).map(lambda n: n / 1000)
SCANS = st.lists(st.tuples(SCORES, SCORES, st.sampled_from('abcdefgh')), min_size=1, max_size=20)


def compare(scans, **more):
    values, baseline, subjects = zip(*scans, strict=True)
    return paired(values, baseline, subjects, **more)


def test_a_summary_is_mean_spread_and_number():
    found = summary([2, 4, 4, 4, 5, 5, 7, 9])
    assert (found.mean, found.n) == (5, 8)
    assert found.sd == pytest.approx(np.sqrt(32 / 7))


def test_one_value_has_no_spread_and_none_no_mean():
    assert summary([3.0]).mean == 3
    assert np.isnan(summary([3.0]).sd)
    assert summary([]).n == 0
    assert np.isnan(summary([]).mean)


def test_a_paired_comparison_has_the_known_answers():
    # Differences 1 to 6: mean 3.5, s.d. 1.8708, standard error .7638.
    found = paired(np.arange(1, 7) + 10.0, np.full(6, 10.0), list('abcdef'))
    assert (found.n_subjects, found.n_scans, found.wins) == (6, 6, 6)
    assert found.difference == pytest.approx(3.5)
    assert found.ci95 == pytest.approx((3.5 - 2.570582 * 0.763763, 3.5 + 2.570582 * 0.763763))
    # Correction at five degrees of freedom: .8408 (Hedges 1981, table).
    assert found.effect == pytest.approx(3.5 / 1.870829 * 0.8408, abs=1e-3)
    # All of six signs alike: 2 of the 64 ways.
    assert found.p_w == pytest.approx(2 / 64)
    assert found.p_t == pytest.approx(stats.ttest_rel(np.arange(1, 7), np.zeros(6)).pvalue)


def test_scans_of_one_subject_are_averaged_first():
    values = [1.0, 3.0, 5.0, 8.0, 8.0]
    subjects = ['a', 'a', 'b', 'c', 'c']
    found = paired(values, np.zeros(5), subjects)
    alone = paired([2.0, 5.0, 8.0], np.zeros(3), ['a', 'b', 'c'])
    assert (found.n_subjects, found.n_scans) == (3, 5)
    assert (found.difference, found.ci95, found.p_t, found.effect) == (
        alone.difference, alone.ci95, alone.p_t, alone.effect,
    )  # fmt: skip


def test_repeating_scans_makes_nothing_surer():
    scans = [(1.0, 0.0, 'a'), (2.0, 0.5, 'b'), (1.5, 1.0, 'c')]
    once, often = compare(scans), compare(scans * 10)
    assert (often.ci95, often.p_t) == (pytest.approx(once.ci95), pytest.approx(once.p_t))
    assert (often.wins, often.n_scans) == (30, 30)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('n', range(1, 8))
def test_what_few_subjects_cannot_tell_is_not_told(n):
    found = paired(np.arange(n) + 1.0, np.zeros(n), range(n))
    assert np.isnan(found.ci95).all() == (n < 2)
    assert np.isnan(found.effect) == (n < 3)
    assert np.isnan(found.p_t) == (n < 3)
    assert np.isnan(found.p_w) == (n < 6)


def test_differences_that_are_all_alike_give_no_effect():
    # As decimals they are not quite alike.
    found = paired([0.3, 0.7, 1.1], [0.1, 0.5, 0.9], list('abc'))
    assert found.difference == pytest.approx(0.2)
    assert np.isnan([found.effect, found.p_t]).all()


def test_two_methods_that_give_the_same_do_not_differ():
    same = np.linspace(0.3, 0.9, 8)
    found = paired(same, same, range(8))
    assert (found.difference, found.ci95, found.wins) == (0, (0, 0), 0)
    assert np.isnan([found.effect, found.p_t, found.p_w]).all()


def test_a_rounding_error_is_no_difference():
    found = paired(np.full(8, 0.1) + 0.2, np.full(8, 0.3), range(8))
    assert (found.difference, found.wins) == (0, 0)
    assert np.isnan(found.p_w)


def test_subjects_that_do_not_differ_count_for_nothing_in_the_signed_rank_test():
    differences = np.array([0, 0, 1, 2, 3, 4, 5, 6.0])
    assert paired(differences, np.zeros(8), range(8)).p_w == pytest.approx(2 / 64)
    assert np.isnan(paired(differences[:7], np.zeros(7), range(7)).p_w)


def test_wins_heed_which_way_is_better_and_ties_are_none():
    scans = [(1.0, 2.0, 'a'), (2.0, 2.0, 'a'), (3.0, 2.0, 'b'), (4.0, 2.0, 'c')]
    assert (compare(scans).wins, compare(scans, higher=False).wins) == (2, 1)
    assert compare(scans).difference == compare(scans, higher=False).difference


@pytest.mark.parametrize(
    ('call', 'reason'),
    [
        (lambda: paired([1, 2], [1], ['a', 'b']), 'not 2, 1 and 2'),
        (lambda: paired([1, 2], [1, 2], ['a']), 'not 2, 2 and 1'),
        (lambda: paired([], [], []), 'no scan'),
        (lambda: paired([1, np.nan], [1, 2], ['a', 'b']), 'not finite'),
        (lambda: summary([np.inf]), 'not finite'),
        (lambda: agreement([1, 2], [1]), 'not 2 and 1'),
        (lambda: agreement([1, -1], [1, 1], relative=True), 'zero'),
        (lambda: holm([0.5, 1.5]), 'between 0 and 1'),
    ],
)
def test_numbers_that_make_no_sense_are_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()


@QUICK
@given(SCANS, SCORES)
def test_what_both_gain_changes_nothing(scans, shift):
    moved = [(a + shift, b + shift, who) for a, b, who in scans]
    one, other = compare(scans), compare(moved)
    assert other.difference == pytest.approx(one.difference, abs=1e-9)
    assert other.ci95 == pytest.approx(one.ci95, abs=1e-9, nan_ok=True)


@QUICK
@given(SCANS, SCORES)
def test_what_one_gains_is_added_to_the_difference(scans, gain):
    moved = [(a + gain, b, who) for a, b, who in scans]
    one, other = compare(scans), compare(moved)
    assert other.difference == pytest.approx(one.difference + gain, abs=1e-9)
    expected = [bound + gain for bound in one.ci95]
    assert list(other.ci95) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@QUICK
@given(SCANS)
def test_the_other_way_round_signs_flip_and_p_values_stay(scans):
    one = compare(scans)
    other = compare([(b, a, who) for a, b, who in scans])
    assert other.difference == pytest.approx(-one.difference, abs=1e-9)
    assert other.ci95[::-1] == pytest.approx([-bound for bound in one.ci95], abs=1e-9, nan_ok=True)
    assert other.effect == pytest.approx(-one.effect, nan_ok=True)
    assert other.p_t == pytest.approx(one.p_t, nan_ok=True)
    assert other.p_w == pytest.approx(one.p_w, nan_ok=True)
    assert one.wins + other.wins == sum(a != b for a, b, _ in scans)


@QUICK
@given(st.lists(st.integers(1, 60), min_size=6, max_size=10, unique=True), st.data())
def test_the_signed_rank_test_counts_all_ways_to_put_signs(sizes, data):
    signs = data.draw(st.lists(st.sampled_from((-1, 1)), min_size=len(sizes), max_size=len(sizes)))
    ranks = stats.rankdata(sizes)
    ways = np.array(np.meshgrid(*[(0, r) for r in ranks])).reshape(len(ranks), -1).sum(axis=0)
    seen = ranks[np.array(signs) > 0].sum()
    expected = min(1, 2 * min(np.mean(ways <= seen), np.mean(ways >= seen)))
    found = paired(np.array(sizes) * signs, np.zeros(len(sizes)), range(len(sizes)))
    assert found.p_w == pytest.approx(expected)


def test_holm_has_the_known_answer():
    # R: p.adjust(c(.01, .04, .03, .005), 'holm')
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_tests_that_were_not_made_stay_and_do_not_count():
    found = holm([0.01, np.nan, 0.04, 0.03, np.nan, 0.005])
    assert found == pytest.approx([0.03, np.nan, 0.06, 0.06, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)
    assert np.isnan(holm([np.nan, np.nan])).all()


@QUICK
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(p_values):
    p_values = np.array(p_values)
    found = holm(p_values)
    assert (found >= p_values).all()
    assert (found <= np.minimum(p_values * len(p_values), 1) + 1e-12).all()
    assert (np.diff(found[np.argsort(p_values, kind='stable')]) >= 0).all()


def test_agreement_has_the_known_answers():
    found = agreement([11.0, 12.0, 16.0], [10.0, 10.0, 10.0])
    sd = np.sqrt(7)
    assert (found.bias, found.n) == (3, 3)
    assert found.sd == pytest.approx(sd)
    assert (found.lower, found.upper) == pytest.approx((3 - 1.96 * sd, 3 + 1.96 * sd))
    half = 4.302653 * sd / np.sqrt(3)
    assert found.ci95 == pytest.approx((3 - half, 3 + half))


def test_relative_agreement_is_in_percent_of_the_mean_of_both():
    found = agreement([110.0, 220.0], [90.0, 180.0], relative=True)
    assert (found.bias, found.sd) == (pytest.approx(20), pytest.approx(0))


def test_a_single_pair_has_a_bias_and_no_limits():
    found = agreement([2.0], [1.0])
    assert found.bias == 1
    assert np.isnan([found.sd, found.lower, found.upper, *found.ci95]).all()


@QUICK
@given(st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=20), SCORES)
def test_a_constant_error_moves_bias_and_limits_and_nothing_else(pairs, error):
    measured, reference = np.array(pairs).T
    one, other = agreement(measured, reference), agreement(measured + error, reference)
    assert other.sd == pytest.approx(one.sd, abs=1e-9)
    for name in ('bias', 'lower', 'upper'):
        assert getattr(other, name) == pytest.approx(getattr(one, name) + error, abs=1e-9)
    turned = agreement(reference, measured)
    assert (turned.bias, turned.lower) == pytest.approx((-one.bias, -one.upper), abs=1e-9)
