"""Whether a scan's results may be used as they are: rules over its metrics, stated one by one."""

from collections.abc import Iterable, Mapping

from ulfprep.metrics.registry import rules_of
from ulfprep.note import Note, warnings_in
from ulfprep.record import FAILED, LEVELS, LOOK, USABLE, Verdict


def judge(
    metrics: Mapping[str, float | None],
    direction: str,
    trouble: Iterable[tuple[str, str]] = (),
) -> Verdict:
    """Return the verdict on a scan, of the worst level found, the worst reasons first.

    Parameters
    ----------
    metrics : mapping
        Name -> value or None; what is missing is not held against a scan.
    direction : {'enhance', 'simulate'}
    trouble : iterable of (str, str)
        What else speaks against it: level and reason.
    """
    found = [*trouble, *_measured(metrics, direction), *_order(metrics, direction)]
    if not found:
        return Verdict(USABLE)
    found.sort(key=lambda pair: -LEVELS.index(pair[0]))
    return Verdict(found[0][0], tuple(reason for _, reason in found))


def warned(notes: Iterable[Note]) -> list[tuple[str, str]]:
    """Return the trouble that the warnings among some notes are, for :func:`judge`."""
    return [(LOOK, note.text) for note in warnings_in(notes)]


def _measured(metrics, direction):
    for name, rule in rules_of(direction):
        value = metrics.get(name)
        if value is None or rule.allows(value):
            continue
        level = LOOK if rule.least <= value <= rule.most else FAILED
        yield level, f'{name} is {value:.3g} ({rule.expected} expected): {rule.reason}'


def _order(metrics, direction):
    """Tell whether white and grey matter have changed places against what was aimed at."""
    name = {'enhance': 'contrast_wm_gm', 'simulate': 'contrast_wm_gm_simulated'}.get(direction)
    target, achieved = metrics.get('contrast_target'), metrics.get(name)
    if not target or achieved is None:
        return
    if achieved * target < 0:
        text = 'white and grey matter are in the wrong order of brightness'
        yield FAILED, f'{name} is {achieved:.3g}, the target {target:.3g}: {text}'
    elif not 0.5 <= achieved / target <= 1.6:
        text = 'white and grey matter are not as far apart as was aimed at'
        yield LOOK, f'{name} is {achieved:.3g}, the target {target:.3g}: {text}'
