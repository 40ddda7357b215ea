"""Numbers that a report prints, held against the QC files that they come from."""

import re
from decimal import Decimal
from html import unescape

from ulfprep.reports.values import at

DATA = re.compile(r'<data value="([^"]*)" data-key="([^"]*)"([^>]*)>([^<]*)</data>')


def printed_numbers(html, scan):
    """Return (value, key, scale, key of the divisor, places, text) of the numbers of a scan."""
    found = []
    for part in re.split(r'(?=<(?:article|table)[^>]*data-scan=")', html):
        if f'data-scan="{scan}"' not in part[:300]:
            continue
        for value, key, more, text in DATA.findall(part):
            attributes = dict(re.findall(r'data-(\w+)="([^"]*)"', more))
            scale = float(attributes.get('scale', 1))
            over, places = attributes.get('over'), attributes.get('places')
            found.append((value, unescape(key), scale, over, places, text))
    return found


def check_numbers(html, scan, record):
    """Hold every number of a scan's part of a page against its QC file; return their keys."""
    keys = []
    for value, key, scale, over, places, text in printed_numbers(html, scan):
        recorded = at(record, key)
        assert isinstance(recorded, int | float), key
        assert value == repr(recorded), key
        exact = recorded * scale / (at(record, over) if over else 1)
        short = Decimal(text.replace('\u2212', '-'))
        # Half of the last digit shown, and what doubles leave.
        last = int(places) if places else -short.as_tuple().exponent
        allowed = 0.5 * 10.0**-last + 1e-9 * abs(exact)
        assert abs(float(short) - exact) <= allowed, (key, text, exact)
        keys.append(key)
    return keys
