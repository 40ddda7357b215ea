"""What the tissues should look like at the target: from physics, as typed, or as measured.

All targets are intensities relative to white matter, with a standard deviation and the
place they came from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.sequences import Sequence, signal_spread, tissue_signals
from ulfprep.physics.types import Numbers

#: Two typed contrasts imply the third; a third that is typed as well may differ by this much.
CONSISTENT = 0.02


@dataclass(frozen=True)
class Target:
    """Intensities wanted of CSF, GM and WM at the target field, relative to WM."""

    ratios: np.ndarray
    spread: np.ndarray  #: their standard deviations
    sources: tuple[str, ...]  #: where each came from


def target_from_physics(
    sequence: Sequence, field: float, name: str = '', table: Any = None
) -> Target:
    """Target that relaxation times and a sequence called ``name`` predict at ``field`` tesla.

    ``table``: see :func:`ulfprep.physics.relaxation.relaxation`.

    Raises
    ------
    ValueError
        If a tissue is inverted or gives no signal, so that no image intensity stands for it.
    """
    ratios = np.array(tissue_signals(sequence, field, table))
    for tissue, ratio in zip(TISSUES, ratios, strict=True):
        if not ratio > 1e-3:
            raise ValueError(
                f'{tissue} gives no positive signal with this {sequence.kind} at {field:g} T '
                f'({ratio:.2g} of white matter), so no image can be made of it; '
                'give other timings or a magnitude sequence'
            )
    how = f'relaxation times at {field:g} T and {name or "the given"} {sequence.kind} timings'
    return Target(ratios, np.array(signal_spread(sequence, field, table)), (how, how, how))


def target_from_reference(means: Numbers, standard_errors: Numbers, name: str) -> Target:
    """Target that a scan called ``name`` shows, by its means of CSF, GM, WM in its own units.

    A mean that is missing or not positive raises a ``ValueError``.
    """
    means, errors = np.asarray(means, float), np.asarray(standard_errors, float)
    if not (np.isfinite(means).all() and (means > 0).all()):
        raise ValueError(f'{name}: its tissues could not all be measured ({means})')
    relative = errors / means
    spread = means / means[2] * np.hypot(relative, relative[2])
    spread[2] = 0.0
    return Target(means / means[2], spread, (f'measured in {name}',) * 3)


def parse_contrasts(texts: Iterable[str]) -> dict[tuple[str, str], float]:
    """Read contrasts ``2 (a - b) / (a + b)`` as users type them: ``WM-GM=0.45``.

    By pair of tissues: WM-GM, WM-CSF or GM-CSF. A reversed pair changes the sign. A ``ValueError``
    names in one line the text and what is wrong with it, or that they contradict each other.
    """
    known = (('WM', 'GM'), ('WM', 'CSF'), ('GM', 'CSF'))
    found: dict[tuple[str, str], float] = {}
    for text in texts:
        pair, _, number = text.partition('=')
        names = tuple(pair.strip().upper().split('-'))
        sign = 1.0 if names in known else -1.0
        names = names if names in known else names[::-1]
        if names not in known:
            raise ValueError(
                f'{text!r} is no contrast; write WM-GM=0.45 (pairs: WM-GM, WM-CSF, GM-CSF)'
            )
        try:
            value = sign * float(number)
        except ValueError:
            value = np.nan
        if not abs(value) < 2:
            raise ValueError(
                f'{text!r}: a contrast 2 (a - b) / (a + b) is a number between -2 and 2'
            )
        if names in found:
            raise ValueError(f'{text!r}: the contrast of {"-".join(names)} was stated twice')
        found[names] = value
    with_contrasts(Target(np.ones(3), np.zeros(3), ('',) * 3), found)
    return found


def with_contrasts(target: Target, contrasts: dict[tuple[str, str], float]) -> Target:
    """Return the target with contrasts of :func:`parse_contrasts` in the place of derived ones.

    A tissue that none of them reaches stays as it is. Three that contradict each other raise a
    ``ValueError``.
    """
    ratios, spread, sources = target.ratios.copy(), target.spread.copy(), list(target.sources)

    def below(name):  # intensity of the second of a pair, the first being one
        return (2 - contrasts[name]) / (2 + contrasts[name])

    pairs = {0: ('WM', 'CSF'), 1: ('WM', 'GM')}
    typed = {tissue: below(pair) for tissue, pair in pairs.items() if pair in contrasts}
    if ('GM', 'CSF') in contrasts:
        if 0 in typed and 1 in typed:
            implied = 2 * (typed[1] - typed[0]) / (typed[1] + typed[0])
            if abs(implied - contrasts['GM', 'CSF']) > CONSISTENT:
                raise ValueError(
                    f'the typed contrasts contradict each other: WM-GM and WM-CSF make GM-CSF '
                    f'{implied:.3f}, not {contrasts["GM", "CSF"]:g}; leave one of them out'
                )
        elif 0 in typed:
            typed[1] = typed[0] / below(('GM', 'CSF'))
        else:
            typed[0] = typed.get(1, ratios[1]) * below(('GM', 'CSF'))
    for tissue, ratio in typed.items():
        ratios[tissue], spread[tissue] = ratio, 0.0
        sources[tissue] = 'stated with --target-contrast'
    return Target(ratios, spread, tuple(sources))
