"""Whether a scan's results may be used as they are: rules over its metrics, stated one by one."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

#: From good to bad. ``look``: usable perhaps, but look at what the reasons name first.
LEVELS = USABLE, LOOK, FAILED = ('usable', 'look', 'failed')
INFINITY = float('inf')
#: What the notes of a scan begin with that speak against it.
WARNING = 'Warning: '


class Rule(NamedTuple):
    """Where a metric lies if all is well.

    Attributes
    ----------
    metric : str
        Name in :data:`ulfprep.metrics.dictionary.METRICS`.
    low, high : float
        Outside of these the result has to be looked at.
    least, most : float
        Outside of these it has failed.
    reason : str
        What it means to lie outside.
    """

    metric: str
    low: float
    high: float
    least: float = -INFINITY
    most: float = INFINITY
    reason: str = ''

    def allows(self, value: float) -> bool:
        """Tell whether a value lies where it does if all is well."""
        return self.low <= value <= self.high

    @property
    def expected(self) -> str:
        """The range in words."""
        if self.high == INFINITY:
            return f'at least {self.low:g}'
        return (
            f'at most {self.high:g}' if self.low == -INFINITY else f'{self.low:g} to {self.high:g}'
        )


#: What an enhanced scan has to fulfil. The limits were set with the scans that the project is
#: tested on in view, generously: they are there to find what is broken, not to rank what works.
ENHANCE = (
    Rule('residual_rms', 0.6, 1.3, 0.3, 2.0, 'the enhanced image does not explain the scan down '
         'to its noise, or explains more than there is'),
    Rule('residual_mean', -0.3, 0.3, reason='the enhanced image is too bright or too dark'),
    Rule('residual_beyond_3', -INFINITY, 0.03, -INFINITY, 0.2,
         'parts of the brain contradict the scan'),
    Rule('snr_wm', 8.0, INFINITY, 3.0, INFINITY, 'the scan is noisier than anything tested'),
    Rule('volume_brain', 900.0, 2000.0, 400.0, 2600.0,
         'no usual volume (ml) of an adult: the brain mask may be wrong'),
    Rule('tissue_change_mean', -INFINITY, 0.1, reason='the fit and the segmentation of the scan '
         'disagree on the tissues'),
    Rule('uncertainty_p95', -INFINITY, 0.3,
         reason='a twentieth of the brain has error bars as large as tissues differ'),
    Rule('contrast_gain', 1.0, INFINITY, reason='white and grey matter are no further apart than '
         'in the interpolated scan'),
)  # fmt: skip
#: What a scan has to fulfil that another is simulated from.
SIMULATE = (
    Rule('snr_wm', 8.0, INFINITY, 3.0, INFINITY, 'the source is noisy, and its noise is in the '
         'simulated scan too'),
    Rule('noise_ratio_simulated', 0.85, 1.15, 0.5, 2.0, 'the simulated scan is not as noisy as '
         'its sidecar says'),
    Rule('psf_ratio_simulated', 0.8, 1.25, 0.5, 2.0, 'the simulated scan is not as blurred as its '
         'voxels say'),
)  # fmt: skip
RULES = {'enhance': ENHANCE, 'simulate': SIMULATE}


class Verdict(NamedTuple):
    """What became of a scan.

    Attributes
    ----------
    level : str
        One of :data:`LEVELS`.
    reasons : tuple of str
        Why it is not better; empty for what is usable.
    """

    level: str
    reasons: tuple[str, ...] = ()


def judge(
    metrics: Mapping[str, float | None],
    direction: str,
    trouble: Iterable[tuple[str, str]] = (),
) -> Verdict:
    """Return the verdict on a scan.

    Parameters
    ----------
    metrics : mapping
        Name -> value or None; what is missing is not held against a scan.
    direction : {'enhance', 'simulate'}
    trouble : iterable of (str, str)
        What else speaks against it: level and reason.

    Returns
    -------
    Verdict
        Of the worst level found; the worst reasons first.
    """
    found = [*trouble, *_measured(metrics, RULES.get(direction, ())), *_order(metrics, direction)]
    if not found:
        return Verdict(USABLE)
    found.sort(key=lambda pair: -LEVELS.index(pair[0]))
    return Verdict(found[0][0], tuple(reason for _, reason in found))


def warned(notes: Iterable[str]) -> list[tuple[str, str]]:
    """Return the trouble that the warnings among some notes are, for :func:`judge`."""
    return [(LOOK, note.removeprefix(WARNING)) for note in notes if note.startswith(WARNING)]


def _measured(metrics, rules):
    for rule in rules:
        value = metrics.get(rule.metric)
        if value is None or rule.allows(value):
            continue
        level = LOOK if rule.least <= value <= rule.most else FAILED
        yield level, f'{rule.metric} is {value:.3g} ({rule.expected} expected): {rule.reason}'


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
