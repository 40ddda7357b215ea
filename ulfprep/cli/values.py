"""What users type, converted and checked: one function a kind of value.

Only the standard library is imported here, so that ``--help`` answers at once.
"""

import argparse
import csv
import json
import math
import re
from pathlib import Path


def label(prefix: str):
    """Return a converter that takes a BIDS label with or without its prefix."""

    def convert(text: str) -> str:
        found = text.removeprefix(prefix)
        if not re.fullmatch(r'[A-Za-z0-9+]+', found):
            raise argparse.ArgumentTypeError(
                f'{text!r} is no BIDS label: letters and digits only, such as {prefix}01 or 01'
            )
        return found

    return convert


def field_strength(text: str) -> float:
    """Convert a field strength in tesla."""
    value = _number(text)
    if not 0.001 <= value <= 20:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no field strength in tesla between 0.001 and 20 (64 mT is 0.064)'
        )
    return value


def count(text: str) -> int:
    """Convert a whole number of at least one."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 1')
    return int(text)


def seed(text: str) -> int:
    """Convert a random seed, 0 to 2**32 - 1 (what every generator here accepts)."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number from 0 to 4294967295')
    return int(text)


def device(text: str) -> str:
    """Convert the name of a device."""
    if not re.fullmatch(r'auto|cpu|cuda(:\d+)?', text):
        raise argparse.ArgumentTypeError(f'{text!r} is not auto, cpu, cuda or cuda:N')
    return text


def length(text: str) -> float:
    """Convert a voxel's edge in mm."""
    value = _number(text)
    if not 0.1 <= value <= 20:
        raise argparse.ArgumentTypeError(f'{text!r} is no length in mm between 0.1 and 20')
    return value


def output_resolution(text: str) -> float:
    """Convert the edge, in mm, of voxels to render."""
    value = _number(text)
    if not 0.4 <= value <= 3:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no voxel size in mm between 0.4 and 3: finer voxels would hold nothing '
            'more, coarser ones hardly a tissue by itself'
        )
    # As much as a file name tells; finer differences would share one.
    return round(value, 3)


def positive(text: str) -> float:
    """Convert a positive number."""
    value = _number(text)
    if not value > 0 or math.isinf(value):
        raise argparse.ArgumentTypeError(f'{text!r} is not a positive number')
    return value


def not_negative(limit: float):
    """Return a converter of numbers from zero to ``limit``."""

    def convert(text: str) -> float:
        value = _number(text)
        if not 0 <= value <= limit:
            raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to {limit:g}')
        return value

    return convert


def sequence(text: str) -> str:
    """Convert the name of a preset or of a JSON file; the latter to compact text.

    Whether it describes a sequence is checked where the physics is at hand.
    """
    if not text.lower().endswith('.json'):
        return text
    content = _json(text)
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError(f'{text}: must hold one JSON object, a sequence')
    return json.dumps(content, sort_keys=True)


def relaxation(text: str) -> str:
    """Convert the name of a JSON or TSV file of relaxation values to compact text."""
    if text.lower().endswith('.json'):
        content = _json(text)
    else:
        try:
            with Path(text).expanduser().open(newline='', encoding='utf-8') as file:
                rows = list(csv.DictReader(file, delimiter='\t'))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise argparse.ArgumentTypeError(f'{text}: cannot be read ({error})') from error
        content = [{k: v for k, v in row.items() if k and v not in (None, '')} for row in rows]
    return json.dumps(content, sort_keys=True)


def _json(name: str):
    try:
        return json.loads(Path(name).expanduser().read_text(encoding='utf-8'))
    except OSError as error:
        raise argparse.ArgumentTypeError(f'{name}: {error.strerror or error}') from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{name}: not readable as JSON ({error})') from error


def _number(text: str) -> float:
    """Return a finite number, or NaN, which no range holds."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value
