"""What may be said of scores of few brains: means, paired differences, agreement."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import gammaln

#: Fewest subjects of which Wilcoxon's test can find anything: of five its least p is .0625.
FEWEST_RANKED = 6
#: Half width of the limits of agreement, standard deviations.
LIMITS = 1.96
#: Differences under this share of the largest value are rounding errors.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation (NaN of one value) and number of some values."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """One method against another on the same scans; see :func:`paired`.

    Attributes
    ----------
    n_subjects, n_scans : int
    difference : float
        Mean of the differences of the subjects.
    ci95 : tuple of 2 floats
        Of that mean, by Student's t.
    effect : float
        Cohen's d_z of the subjects with Hedges' correction.
    p_t, p_w : float
        Of the paired t test and of Wilcoxon's signed rank test, two-sided.
    wins : int
        Scans on which the first is better.
    """

    n_subjects: int
    n_scans: int
    difference: float
    ci95: tuple[float, float]
    effect: float
    p_t: float
    p_w: float
    wins: int


@dataclass(frozen=True)
class Agreement:
    """Bland and Altman's figures; see :func:`agreement`.

    Attributes
    ----------
    bias, sd : float
        Mean and standard deviation of the differences.
    lower, upper : float
        Limits of agreement.
    n : int
    ci95 : tuple of 2 floats
        Of the bias, by Student's t.
    """

    bias: float
    sd: float
    lower: float
    upper: float
    n: int
    ci95: tuple[float, float]


def summary(values) -> Summary:
    """Return mean, standard deviation (n - 1) and number of some values.

    Parameters
    ----------
    values : array_like, shape (n,)

    Returns
    -------
    Summary
        The standard deviation of one value is NaN, and of none the mean too.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    values = _numbers(values)
    mean = float(values.mean()) if len(values) else np.nan
    sd = float(values.std(ddof=1)) if len(values) > 1 else np.nan
    return Summary(mean, sd, len(values))


def paired(values, baseline, subjects, *, higher: bool = True) -> Comparison:
    """Hold one method against another on the same scans.

    Scans of one person (or of one brain, with other noise) are not independent. Their
    differences are averaged first, and all but ``wins`` is over subjects.

    Parameters
    ----------
    values, baseline : array_like, shape (n,)
        Scores, one a scan.
    subjects : sequence, length n
        Whose scan it is.
    higher : bool
        Whether more of the score is better; only ``wins`` depends on it. A tie is no win.

    Returns
    -------
    Comparison
        NaN is what so few subjects cannot tell: the interval of one; effect and p of the t test
        of fewer than three, or of subjects that all differ by the same; p of Wilcoxon's test of
        fewer than six that differ at all, for no p under .05 is possible. Of two subjects
        Hedges' correction is zero, and so would any effect be.

    Raises
    ------
    ValueError
        If there is no scan, a score is not finite, or lengths differ.

    Notes
    -----
    The correction is the exact one of Hedges (1981), J Educ Stat 6:107-128, for n - 1 degrees of
    freedom: ``gamma(m / 2) / (sqrt(m / 2) gamma((m - 1) / 2))``.
    """
    values, baseline = _numbers(values), _numbers(baseline)
    subjects = list(subjects)
    if not len(values) == len(baseline) == len(subjects):
        counts = f'{len(values)}, {len(baseline)} and {len(subjects)}'
        raise ValueError(f'values, baseline and subjects must be one a scan, not {counts}')
    if not subjects:
        raise ValueError('there is no scan to compare')
    found = values - baseline
    found[np.abs(found) <= ROUNDING * np.abs([values, baseline]).max()] = 0
    names = list(dict.fromkeys(subjects))
    whose = np.array([names.index(name) for name in subjects])
    means = np.array([found[whose == k].mean() for k in range(len(names))])
    effect, p_t = np.nan, np.nan
    sd = means.std(ddof=1) if len(means) > 1 else np.nan
    if len(means) > 2 and sd > ROUNDING * np.abs(means).max():
        effect = float(means.mean() / sd * _hedges(len(means) - 1))
        p_t = float(stats.ttest_1samp(means, 0).pvalue)
    better = found > 0 if higher else found < 0
    return Comparison(
        n_subjects=len(names),
        n_scans=len(values),
        difference=float(means.mean()),
        ci95=_interval(means),
        effect=effect,
        p_t=p_t,
        p_w=_signed_rank(means),
        wins=int(better.sum()),
    )


def holm(p_values) -> np.ndarray:
    """Adjust p values for how many there are, as Holm (1979) does.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        NaN is a test that was not made: it stays, and counts for none.

    Returns
    -------
    numpy.ndarray, shape (n,)

    Raises
    ------
    ValueError
        If a p value is not between 0 and 1.
    """
    p_values = np.asarray(p_values, float)
    made = np.flatnonzero(~np.isnan(p_values))
    found = p_values[made]
    if ((found < 0) | (found > 1)).any():
        raise ValueError('p values must lie between 0 and 1')
    order = np.argsort(found, kind='stable')
    raised = found[order] * np.arange(len(found), 0, -1)
    out = p_values.copy()
    out[made[order]] = np.minimum(np.maximum.accumulate(raised), 1)
    return out


def agreement(measured, reference, *, relative: bool = False) -> Agreement:
    """How far measurements agree with others of the same, after Bland and Altman.

    Parameters
    ----------
    measured, reference : array_like, shape (n,)
        One pair a subject: with several of one, the interval of the bias is too narrow.
    relative : bool
        Differences in percent of the mean of both.

    Returns
    -------
    Agreement
        Measured less reference; limits are 1.96 standard deviations about the bias. NaN of a
        single pair, but for the bias.

    Raises
    ------
    ValueError
        If a number is not finite, lengths differ, or a mean of both is zero with ``relative``.

    Notes
    -----
    Bland and Altman (1986), Lancet 327:307-310.
    """
    measured, reference = _numbers(measured), _numbers(reference)
    if len(measured) != len(reference):
        counts = f'{len(measured)} and {len(reference)}'
        raise ValueError(f'measured and reference must be pairs, not {counts}')
    difference = measured - reference
    if relative:
        middle = (measured + reference) / 2
        if not middle.all():
            raise ValueError('a mean of both is zero: no percentage of it can be told')
        difference = 100 * difference / middle
    found = summary(difference)
    lower, upper = found.mean - LIMITS * found.sd, found.mean + LIMITS * found.sd
    return Agreement(found.mean, found.sd, lower, upper, found.n, _interval(difference))


def _numbers(values) -> np.ndarray:
    values = np.asarray(values, float).ravel()
    if not np.isfinite(values).all():
        raise ValueError('a value is not finite: leave out scans that have no score')
    return values


def _interval(values) -> tuple[float, float]:
    """95% interval of a mean by Student's t; NaN of fewer than two values."""
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean() - half), float(values.mean() + half)


def _hedges(freedom: int) -> float:
    half = freedom / 2
    return float(np.exp(gammaln(half) - gammaln(half - 0.5)) / np.sqrt(half))


def _signed_rank(differences) -> float:
    """Return p of Wilcoxon's test, exact; without those that do not differ."""
    differences = differences[differences != 0]
    if len(differences) < FEWEST_RANKED:
        return np.nan
    return float(stats.wilcoxon(differences, method='exact').pvalue)
