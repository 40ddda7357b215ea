"""The registry of metrics: what each is stands at the function that computes it, and nowhere else.

A metric is a function with the decorator :func:`measures` in any module of this package. Data
dictionary, page, group table and verdict read the registry.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

INFINITY = math.inf
#: What ``better`` of a metric may say. ``ideal``: the nearer to its ``ideal`` the better.
DIRECTIONS = ('higher', 'lower', 'ideal', 'none')
#: What metrics may be measured of, and the class that holds it: a scan that was enhanced, one that
#: others were simulated from, an enhanced image beside the high-field image of the same person.
SUBJECTS = {
    'enhance': 'ulfprep.metrics.enhanced.EnhancedScan',
    'simulate': 'ulfprep.metrics.simulated.SimulatedScan',
    'compare': 'ulfprep.metrics.compared.Comparison',
}
#: Headings of reports, in their order; others follow.
CATEGORIES = (
    'Contrast',
    'Noise and bias',
    'Data consistency',
    'Uncertainty',
    'Tissues',
    'Against the high-field image',
    'Simulation',
)


class NotMeasured(ValueError):  # noqa: N818 - it tells of data, not of a fault
    """A metric cannot be had; the message says why."""


@dataclass(frozen=True)
class Rule:
    """Where a metric lies if all is well, and the ``reason``: what it means to lie outside.

    Outside of ``low`` and ``high`` the result has to be looked at, outside of ``least`` and
    ``most`` it has failed.
    """

    reason: str
    low: float = -INFINITY
    high: float = INFINITY
    least: float = -INFINITY
    most: float = INFINITY

    def allows(self, value: float) -> bool:
        """Tell whether a value lies where it does if all is well."""
        return self.low <= value <= self.high

    @property
    def expected(self) -> str:
        """The range in words."""
        if self.high == INFINITY:
            return f'at least {self.low:g}'
        if self.low == -INFINITY:
            return f'at most {self.high:g}'
        return f'{self.low:g} to {self.high:g}'

    @property
    def failed(self) -> str:
        """In words, from where on the result has failed."""
        bounds = [f'under {self.least:g}'] if self.least != -INFINITY else []
        bounds += [f'over {self.most:g}'] if self.most != INFINITY else []
        return ' or '.join(bounds) or 'never'


@dataclass(frozen=True)
class Metric:
    """What one metric is."""

    name: str  # in QC files and tables
    label: str  # in reports
    hint: str  # what it tells, in plain words
    description: str  # how it is computed
    category: str  # heading of the reports under which it stands, of CATEGORIES or another
    unit: str = 'dimensionless'
    better: str = 'none'  # one of DIRECTIONS
    ideal: float | None = None  # the best value, where better is 'ideal'
    rule: Rule | None = None  # of the verdict; only for what shows that something is broken

    @property
    def good(self) -> str:
        """Which way is good, in words; empty where none is."""
        if self.better == 'ideal':
            return f'ideal: {self.ideal:g}'
        return {'higher': 'higher is better', 'lower': 'lower is better'}.get(self.better, '')

    @property
    def shown_unit(self) -> str:
        """The unit as it stands behind a number."""
        return '' if self.unit == 'dimensionless' else self.unit

    def entry(self) -> dict:
        """Return the metric as BIDS describes a column of a table, and more."""
        ideal = {} if self.ideal is None else {'Ideal': self.ideal}
        return {
            'LongName': self.label,
            'Description': self.description,
            'Units': self.unit,
            'Category': self.category,
            'Better': self.better,
            **ideal,
            'Hint': self.hint,
        }


def measures(*metrics: Metric, of: str | tuple[str, ...], otherwise: str = '') -> Callable:
    """Say which metrics a function returns, in this order.

    Parameters
    ----------
    *metrics : Metric
    of : str or tuple of str
        What it is given, of :data:`SUBJECTS`.
    otherwise : str
        Why a number is missing that is not finite. A function that knows better raises
        :class:`NotMeasured`.
    """

    def mark(function):
        function.metrics = metrics
        function.of = (of,) if isinstance(of, str) else of
        function.otherwise = otherwise
        return function

    return mark


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, ...]:
    """Return all functions of this package that measure something, in the order of reports."""
    from importlib import import_module
    from pkgutil import iter_modules

    import ulfprep.metrics as package

    found = {}
    for module in sorted(one.name for one in iter_modules(package.__path__)):
        for function in vars(import_module(f'{package.__name__}.{module}')).values():
            if hasattr(function, 'metrics') and hasattr(function, 'otherwise'):
                found[function.__module__, function.__qualname__] = function
    order = {category: place for place, category in enumerate(CATEGORIES)}

    def place(function):
        # What is measured of every scan comes first.
        return order.get(function.metrics[0].category, len(order)), -len(function.of)

    return tuple(sorted(found.values(), key=place))


@lru_cache(maxsize=1)
def all_metrics() -> dict[str, Metric]:
    """Return every metric by its name, in the order of reports."""
    return {metric.name: metric for function in _functions() for metric in function.metrics}


def names_of(direction: str) -> tuple[str, ...]:
    """Return the metrics that every QC file of a direction has, as numbers or with a reason.

    The direction is ``enhance`` or ``simulate``, or ``compare`` for those of ``enhance`` that
    need a high-field image.
    """
    subjects = {direction, 'compare'} if direction == 'enhance' else {direction}
    wanted = [function for function in _functions() if subjects.intersection(function.of)]
    return tuple(dict.fromkeys(one.name for function in wanted for one in function.metrics))


def rules_of(direction: str) -> Iterator[tuple[str, Rule]]:
    """Yield the rules of the verdict on a direction: name of the metric, and rule."""
    for name in names_of(direction):
        if rule := all_metrics()[name].rule:
            yield name, rule


def measure(subject: Any, of: str) -> tuple[dict[str, float | None], dict[str, str]]:
    """Compute all metrics of an object of the class of :data:`SUBJECTS` ``[of]``.

    Returns a value or ``None`` of each, and the reasons of those that are ``None``.
    """
    values, reasons = {}, {}
    for function in _functions():
        if of not in function.of:
            continue
        why, several = function.otherwise, len(function.metrics) > 1
        try:
            found = function(subject) if several else (function(subject),)
        except NotMeasured as error:
            found, why = [math.nan] * len(function.metrics), str(error)
        except ZeroDivisionError:
            found = [math.nan] * len(function.metrics)
        for metric, value in zip(function.metrics, found, strict=True):
            known = math.isfinite(value)
            values[metric.name] = float(value) if known else None
            if not known:
                reasons[metric.name] = why or 'it could not be computed'
    return values, reasons
