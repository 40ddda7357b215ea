"""Statistics of few brains: known answers, and what so few cannot tell."""

import numpy as np
import pytest
from scipy import stats

from ulfprep.evaluation.comparison import agreement, holm, paired


def compare(scans, **more):
    values, baseline, brains = zip(*scans, strict=True)
    return paired(values, baseline, brains, **more)


def test_a_paired_comparison_has_the_known_answers():
    # Differences 1 to 6: mean 3.5, s.d. 1.8708, standard error .7638.
    found = paired(np.arange(1, 7) + 10.0, np.full(6, 10.0), list('abcdef'))
    assert (found['brains'], found['scans'], found['wins']) == (6, 6, 6)
    assert found['difference'] == pytest.approx(3.5)
    half = 2.570582 * 0.763763
    assert (found['lower'], found['upper']) == pytest.approx((3.5 - half, 3.5 + half))
    # Correction at five degrees of freedom: .8408 (Hedges 1981, table).
    assert found['effect'] == pytest.approx(3.5 / 1.870829 * 0.8408, abs=1e-3)
    assert found['p'] == pytest.approx(stats.ttest_rel(np.arange(1, 7), np.zeros(6)).pvalue)


def test_scans_of_one_brain_are_averaged_first_so_that_repeating_makes_nothing_surer():
    scans = [(1.0, 0.0, 'a'), (2.0, 0.5, 'b'), (1.5, 1.0, 'c')]
    once, often = compare(scans), compare(scans * 10)
    for name in ('difference', 'lower', 'upper', 'effect', 'p', 'brains'):
        assert often[name] == pytest.approx(once[name])
    assert (often['wins'], often['scans']) == (30, 30)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('n', range(1, 5))
def test_what_few_brains_cannot_tell_is_not_told(n):
    found = paired(np.arange(n) + 1.0, np.zeros(n), range(n))
    assert np.isnan(found['lower']) == (n < 2)
    assert np.isnan([found['effect'], found['p']]).all() == (n < 3)


@pytest.mark.filterwarnings('error')
def test_differences_that_are_all_alike_give_no_effect():
    # As decimals they are not quite alike.
    found = paired([0.3, 0.7, 1.1], [0.1, 0.5, 0.9], list('abc'))
    assert found['difference'] == pytest.approx(0.2)
    assert np.isnan([found['effect'], found['p']]).all()


def test_wins_heed_which_way_is_better_and_neither_ties_nor_rounding_errors_are_any():
    scans = [(1.0, 2.0, 'a'), (2.0, 2.0, 'a'), (3.0, 2.0, 'b'), (0.1 + 0.2, 0.3, 'c')]
    assert (compare(scans)['wins'], compare(scans, higher=False)['wins']) == (1, 1)


def test_holm_has_the_known_answer_and_tests_that_were_not_made_do_not_count():
    # R: p.adjust(c(.01, .04, .03, .005), 'holm')
    found = holm([0.01, np.nan, 0.04, 0.03, np.nan, 0.005])
    assert found == pytest.approx([0.03, np.nan, 0.06, 0.06, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)
    assert np.isnan(holm([np.nan, np.nan])).all()


def test_agreement_has_the_known_answers():
    found = agreement([11.0, 12.0, 16.0], [10.0, 10.0, 10.0])
    sd = 10 * np.sqrt(7)
    assert list(found.values()) == pytest.approx([30, 30 - 1.96 * sd, 30 + 1.96 * sd])
    alone = agreement([2.0], [1.0])
    assert alone['bias'] == 100
    assert np.isnan([alone['lower'], alone['upper']]).all()
