"""What may be said of scores of few brains: paired differences, agreement (statsmodels)."""

import numpy as np
import pandas as pd
from scipy.special import gammaln
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

#: Half width of the limits of agreement, standard deviations.
LIMITS = 1.96


def paired(values, baseline, brains, *, higher: bool = True) -> dict[str, float]:
    """Hold one method against another on the same scans.

    Scans of one brain with other noise are not independent: their differences are averaged
    first, and all but ``wins`` and ``scans`` is over brains.

    Parameters
    ----------
    values, baseline : array_like, shape (n,)
        Scores, one a scan.
    brains : sequence, length n
        Whose scan it is.
    higher : bool
        Whether more of the score is better; only ``wins`` depends on it. A tie is no win.

    Returns
    -------
    dict of float
        ``difference`` (mean), ``lower`` and ``upper`` (95 % interval by Student's t), ``effect``
        (Cohen's d with the exact correction of Hedges, 1981), ``p`` (t test), ``wins``,
        ``brains``, ``scans``. NaN is what so few brains cannot tell: the interval of one, effect
        and p of fewer than three or of brains that all differ by the same.
    """
    found = np.round(np.subtract(values, baseline, dtype=float), 12)  # no rounding errors
    means = pd.Series(found).groupby(list(brains), sort=False).mean()
    described, n = DescrStatsW(means, ddof=1), len(means)
    lower, upper = described.tconfint_mean() if n > 1 else (np.nan, np.nan)
    effect = p = np.nan
    if n > 2 and described.std > 1e-12:
        half = (n - 1) / 2
        hedges = np.exp(gammaln(half) - gammaln(half - 0.5)) / np.sqrt(half)
        effect, p = hedges * described.mean / described.std, described.ttest_mean()[1]
    return {
        'difference': float(described.mean), 'lower': float(lower), 'upper': float(upper),
        'effect': float(effect), 'p': float(p), 'brains': n, 'scans': len(found),
        'wins': int(((found > 0) if higher else (found < 0)).sum()),
    }  # fmt: skip


def holm(p_values) -> np.ndarray:
    """Adjust p values for how many there are, as Holm (1979) does; NaN is no test and stays."""
    out = np.array(p_values, float)
    made = ~np.isnan(out)
    if made.any():
        out[made] = multipletests(out[made], method='holm')[1]
    return out


def agreement(measured, reference) -> dict[str, float]:
    """How far measurements agree with a reference, after Bland and Altman (1986).

    Returns
    -------
    dict of float
        ``bias``, mean difference in percent of the reference, and ``lower`` and ``upper``, 1.96
        standard deviations about it; NaN of a single pair.
    """
    percent = 100 * np.divide(measured, reference) - 100
    bias = float(np.mean(percent))
    spread = LIMITS * float(DescrStatsW(percent, ddof=1).std) if len(percent) > 1 else np.nan
    return {'bias': bias, 'lower': bias - spread, 'upper': bias + spread}
