"""Which values lie far from the others, by a rule that a few of them cannot bend."""

from typing import Any, NamedTuple

import numpy as np

#: How many robust standard deviations from the median are still usual in a large group, and
#: how much more where there are few values, whose median and spread are themselves uncertain:
#: :func:`reach`. By simulation of normal values, one in 700 to 2500 is called an outlier by
#: chance, whatever their number; with the first constant alone it would be one in 60 of ten.
DISTANCE = 3.5
SMALL = 10.0
#: With fewer values none is called an outlier.
MINIMUM = 10
#: Take the median and the mean absolute deviation to the standard deviation of normal values.
_MEDIAN_SCALE, _MEAN_SCALE = 1.4826, 1.2533


class Fence(NamedTuple):
    """Between what the values of a group usually lie: what is under or over it is an outlier."""

    median: float
    spread: float  # robust standard deviation
    low: float
    high: float
    count: int  # type: ignore[assignment]  # of finite values; tuples have a method of that name

    def distance(self, value: float) -> float:
        """Return how many robust standard deviations a value lies above the median."""
        return (value - self.median) / self.spread


def reach(count: int) -> float:
    """Return how many robust standard deviations from the median are usual of so many values."""
    return DISTANCE * (1 + SMALL / count)


def fence(values: Any) -> Fence | None:
    """Return between what values usually lie: median plus and minus 3.5 (1 + 10 / n) scaled MAD.

    Where more than half of the values are the same, and their MAD is therefore zero, the mean
    absolute deviation takes its place (Iglewicz and Hoaglin, 1993). What is not finite is left
    out; there is none for fewer than :data:`MINIMUM` values, and where all are the same.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size < MINIMUM:
        return None
    median = float(np.median(values))
    off = np.abs(values - median)
    spread = _MEDIAN_SCALE * float(np.median(off))
    nothing = 1e-9 * max(abs(median), float(off.max()))  # what rounding leaves of no spread
    if spread <= nothing:
        spread = _MEAN_SCALE * float(off.mean())
    if spread <= nothing:
        return None
    limit = reach(values.size) * spread
    return Fence(median, spread, median - limit, median + limit, int(values.size))
