"""Numbers as a reader writes them, and as elements of a page that tell where they come from.

A page prints a number of the QC file as ``<data value="1.0234" data-key="metrics.residual_rms">
1.023</data>``: what the file holds to the last digit, where it holds it, and the rounded text.
Where the text is not the number itself, ``data-scale`` is what it was multiplied by and
``data-over`` the key of what it was divided by; ``data-places`` says to how many (negative)
decimal places it was rounded where the text alone would not tell.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import floor, log10

from markupsafe import Markup, escape

MINUS, TIMES, DASH, PLUS_MINUS = '\u2212', '\u00d7', '\u2013', '\u00b1'


def number(value, digits=4):
    """Return a number as a reader writes it; ``n/a`` for ``None``; text unchanged."""
    if value is None:
        return 'n/a'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, int):
        return str(value).replace('-', MINUS)
    if not isinstance(value, float):
        return str(value)
    if abs(value) < 1e-9:  # what rounding leaves of a zero
        return '0'
    if float(value).is_integer() and abs(value) < 1e6:
        text = str(int(value))
    elif 10**digits <= abs(value) < 1e6:
        text = f'{value:.0f}'
    else:
        text = f'{value:.{digits}g}'
    return text.replace('-', MINUS, 1) if text.startswith('-') else text


def at(record, key):
    """Return what a record holds at a key such as ``contrast.snr.2``; ``None`` for nothing."""
    for part in key.split('.'):
        if isinstance(record, Mapping):
            record = record.get(part)
        elif isinstance(record, Sequence) and not isinstance(record, str) and part.isdigit():
            record = record[int(part)] if int(part) < len(record) else None
        else:
            return None
    return record


def shown(record, key, digits=4, *, places=None, scale=None, over=None):
    """Return what a record holds at a key as it stands in a page: a number, text, or several.

    A number has so many significant digits or, with ``places``, decimal places (negative ones
    round to tens, hundreds). ``scale`` multiplies it, ``over`` is the key of what divides it.
    """
    value = at(record, key)
    if isinstance(value, Mapping):
        pairs = (
            Markup('{} {}').format(name, shown(record, f'{key}.{name}', digits)) for name in value
        )
        return Markup(', ').join(pairs) or Markup(DASH)
    if isinstance(value, Sequence) and not isinstance(value, str):
        parts = (
            shown(record, f'{key}.{position}', digits, scale=scale, over=over)
            for position in range(len(value))
        )
        return Markup(', ').join(parts) or Markup(DASH)
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return escape(number(value))
    result = value * (1 if scale is None else scale)
    more = Markup('') if scale is None else Markup(' data-scale="{}"').format(repr(scale))
    if over is not None:
        if not at(record, over):
            return Markup('n/a')
        result /= at(record, over)
        more += Markup(' data-over="{}"').format(over)
    if places is not None and places < 0:  # the zeros of 3700 are not all digits
        more += Markup(' data-places="{}"').format(places)
    if places is None:
        text = number(result, digits)
    else:
        text = f'{round(result, places):.{max(places, 0)}f}'.replace('-', MINUS)
    element = Markup('<data value="{}" data-key="{}"{}>{}</data>')
    return element.format(repr(value), key, more, text)


def with_error(record, key, error, *, over=None):
    """Return a number with the standard deviation at the key ``error``, as :func:`shown`.

    Both are rounded to the two first digits of the standard deviation.
    """
    spread = at(record, error)
    if at(record, key) is None or not spread:
        return shown(record, key, 3, over=over)
    unit = at(record, over) if over else 1.0
    places = 1 - floor(log10(abs(spread / unit)))
    value, deviation = (shown(record, k, places=places, over=over) for k in (key, error))
    return Markup('{} {} {}').format(value, PLUS_MINUS, deviation)


def millimetres(record, key):
    """Return the lengths at a key as ``1.6 x 1.6 x 5 mm`` with proper signs."""
    lengths = at(record, key)
    if not lengths:
        return Markup('not recorded')
    parts = []
    for position, length in enumerate(lengths):
        # 1.600000023841858 of a single-precision header is 1.6, and 5.0 is 5.
        places = len(number(round(length, 2)).partition('.')[2])
        parts.append(shown(record, f'{key}.{position}', places=places))
    return Markup(f' {TIMES} ').join(parts) + ' mm'


def tesla(record, key):
    """Return the field strength at a key as ``0.064 T``."""
    value = at(record, key)
    return Markup('unknown field') if value is None else shown(record, key) + ' T'


def printers(record) -> dict:
    """Return the functions above, bound to a record, by their names in templates."""
    names = {'n': shown, 'at': at, 'pm': with_error, 'mm': millimetres, 'tesla': tesla}
    return {name: partial(function, record) for name, function in names.items()}


def duration(seconds: float | None) -> str:
    """Return ``12 s``, ``3 min 20 s``, ``1 h 5 min``."""
    if seconds is None:
        return 'not recorded'
    if seconds < 10:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f'{rest} s'
    return f'{minutes} min {rest} s' if minutes < 60 else f'{minutes // 60} h {minutes % 60} min'


def gigabytes(size: float | None) -> str:
    """Return ``1.9 GB``."""
    return 'not recorded' if size is None else f'{size:.2g} GB'
