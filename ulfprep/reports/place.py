"""Where a scan lies among the scans of the group table."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from markupsafe import Markup

#: Fewer other scans than this give no place.
FEWEST = 3
#: Pixels of the strip that shows a place.
WIDTH, HEIGHT, MARGIN = 132, 18, 5


class Place(NamedTuple):
    """A scan's place in one metric.

    Attributes
    ----------
    words : str
        Such as ``2nd best of 12``.
    strip : markupsafe.Markup
        A small chart: a tick for every other scan, a dot for this one.
    """

    words: str
    strip: Markup


def comparable(
    rows: Iterable[Mapping[str, str]], name: str, direction: str, settings_hash: str
) -> list[Mapping[str, str]]:
    """Return the rows of the other scans that were made in the same way.

    Parameters
    ----------
    rows : iterable of mapping
        Of the group table of the scan's modality.
    name : str
        Name of the scan in that table, which is left out.
    direction, settings_hash : str
        Of the scan.
    """
    return [
        row
        for row in rows
        if row.get('bids_name') != name
        and row.get('direction') == direction
        and row.get('settings_hash') == settings_hash
    ]


def numbers(rows: Iterable[Mapping[str, str]], metric: str) -> list[float]:
    """Return the values of one column, without those that are missing."""
    found = []
    for row in rows:
        try:
            value = float(row.get(metric, ''))
        except ValueError:  # n/a
            continue
        if isfinite(value):
            found.append(value)
    return found


def place(
    value: float, others: Sequence[float], better: str = 'none', ideal: float | None = None
) -> Place | None:
    """Return where a value lies among others.

    Parameters
    ----------
    value : float
    others : sequence of float
        The same metric of other scans.
    better : {'higher', 'lower', 'ideal', 'none'}
    ideal : float, optional
        For ``ideal``.

    Returns
    -------
    Place or None
        None with fewer than :data:`FEWEST` others.
    """
    if len(others) < FEWEST:
        return None
    count = len(others) + 1
    goodness = {
        'higher': lambda x: x,
        'lower': lambda x: -x,
        'ideal': lambda x: -abs(x - (ideal or 0.0)),
    }.get(better)
    if goodness is None:
        below = sum(other < value for other in others)
        words = f'higher than {below} of {len(others)} others'
    else:
        # The table rounds to six digits: a last digit must not cost a place.
        slack = 1e-5 * max(abs(value), 1e-12)
        rank = 1 + sum(goodness(other) > goodness(value) + slack for other in others)
        words = f'{"best" if rank == 1 else f"{ordinal(rank)} best"} of {count}'
    return Place(words, _strip(value, others, words))


def ordinal(rank: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th."""
    last = 'th' if rank % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(rank % 10, 'th')
    return f'{rank}{last}'


def _strip(value, others, words):
    low, high = min(value, *others), max(value, *others)
    span = (high - low) or 1.0

    def across(x):
        return round(MARGIN + (x - low) / span * (WIDTH - 2 * MARGIN), 1)

    # However many scans there are, no two ticks lie closer than a pixel.
    ticks = sorted({round(across(other)) for other in others})
    path = ''.join(f'M{x} 4v10' for x in ticks)
    return Markup(
        '<svg class="strip" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="{2}; the scans lie between {3} and {4}"><path d="{5}"/>'
        '<circle cx="{6}" cy="9" r="4.5"/></svg>'
    ).format(WIDTH, HEIGHT, words, f'{low:.3g}', f'{high:.3g}', path, across(value))
