"""The order in which people look for scans."""

import re

from ulfprep.settings import MODALITIES

_NUMBER = re.compile(r'(\d+)')


def natural(name: str) -> tuple:
    """Return a key that sorts run-2 before run-10, and modalities in their usual order."""
    stem, _, suffix = name.rpartition('_')
    parts = tuple((int(p), '') if p.isdigit() else (-1, p) for p in _NUMBER.split(stem))
    return parts, MODALITIES.index(suffix) if suffix in MODALITIES else len(MODALITIES)
