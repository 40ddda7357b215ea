"""The metrics of one scan, each a number or a reason why there is none."""

from typing import Any

from ulfprep.metrics.enhanced import EnhancedScan
from ulfprep.metrics.registry import measure
from ulfprep.metrics.simulated import SimulatedScan

Measured = tuple[dict[str, float | None], dict[str, str]]


def enhance_metrics(**given: Any) -> Measured:
    """Return the metrics of an enhanced scan, and why those that are ``None`` are missing.

    Parameters
    ----------
    **given
        Fields of :class:`~ulfprep.metrics.enhanced.EnhancedScan`.
    """
    return measure(EnhancedScan(**given), 'enhance')


def simulate_metrics(**given: Any) -> Measured:
    """Return the metrics of a simulated scan, and why those that are ``None`` are missing.

    Parameters
    ----------
    **given
        Fields of :class:`~ulfprep.metrics.simulated.SimulatedScan`.
    """
    return measure(SimulatedScan(**given), 'simulate')
