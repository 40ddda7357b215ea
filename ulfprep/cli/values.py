"""What users type, converted and checked: one function a kind of value.

Only the standard library is imported here, so that ``--help`` answers at once.
"""

import argparse
import csv
import io
import json
import math
import re
from pathlib import Path

from ulfprep.bids.files import read_text


def label(prefix: str):
    """Return a converter that takes a BIDS label with or without its prefix."""

    def convert(text: str) -> str:
        found = text.removeprefix(prefix)
        if not re.fullmatch(r'[A-Za-z0-9+]+', found):
            raise argparse.ArgumentTypeError(
                f'{text!r} is no BIDS label: letters, digits and + only, such as {prefix}01 or 01'
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


def reference(text: str) -> str:
    """Convert ``auto``, ``none`` or the path of a file, which is made absolute."""
    return text if text in ('auto', 'none') else str(Path(text).expanduser().resolve())


def template_space(text: str) -> str:
    """Convert the name of a template as TemplateFlow knows it."""
    if not re.fullmatch(r'[A-Za-z][A-Za-z0-9]*', text):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no TemplateFlow template; letters and digits only, such as '
            'MNI152NLin2009cAsym (resolution and cohort are chosen)'
        )
    return text


def sbatch_argument(text: str) -> str:
    """Convert an option of sbatch; those by which the jobs are tied together are refused."""
    name = re.match(r'--[a-z][a-z-]*|-[A-Za-z]', text)
    if not name or not text.isprintable():
        raise argparse.ArgumentTypeError(f'{text!r} is no option of sbatch, such as --account=abc')
    own = {'--array', '-a', '--output', '-o', '--dependency', '-d', '--wrap', '--parsable', '-D',
           '--chdir'}  # fmt: skip
    if name[0] in own:
        raise argparse.ArgumentTypeError(f'{text!r}: {name[0]} is set by submit.sh; leave it out')
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


def memory(text: str) -> float:
    """Convert an amount of memory to GB of 2**30 bytes; a number alone is in GB."""
    return _memory(text, 'g')


def memory_mb(text: str) -> float:
    """Convert an amount of memory to GB of 2**30 bytes; a number alone is in MB of 2**20."""
    return _memory(text, 'm')


def _memory(text: str, alone: str) -> float:
    found = re.fullmatch(r'\s*([0-9]*\.?[0-9]+)\s*(?:([kmgt])i?b?|(b))?\s*', text.lower())
    value = float(found[1]) if found else math.nan
    if found:
        unit = found[3] or found[2] or alone
        value *= 1024.0 ** ('bkmgt'.index(unit) - 3)
    if not 0.1 <= value <= 2**20:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no amount of memory of 100 MB or more, such as 8G, 8000M or 1.5GB'
        )
    return value


def named_path(text: str) -> Path:
    """Convert ``DIR`` or, as fMRIPrep takes it, ``NAME=DIR``."""
    name, separator, path = text.partition('=')
    return Path(path if separator and re.fullmatch(r'[A-Za-z][\w-]*', name) and path else text)


def filters(text: str) -> str:
    """Convert the name of a filter file, or what it holds, to canonical JSON text."""
    if not text:
        return text
    from ulfprep.bids.read.filters import parse_filters

    content = text if text.lstrip().startswith('{') else _read(text)
    try:
        return parse_filters(content, text if content is not text else '--bids-filter-file')
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
    if text.startswith('{'):  # what such a file held, in the settings of an earlier run
        content = _parsed(text, 'sequence')
    elif text.lower().endswith('.json'):
        content = _json(text)
    else:
        return text
    if not isinstance(content, dict):
        raise argparse.ArgumentTypeError(f'{text}: must hold one JSON object, a sequence')
    return json.dumps(content, sort_keys=True)


def relaxation(text: str) -> str:
    """Convert the name of a JSON or TSV file of relaxation values to compact text."""
    if not text:
        return text
    if text.startswith('['):  # what such a file held, in the settings of an earlier run
        content = _parsed(text, 'relaxation')
    elif text.lower().endswith('.json'):
        content = _json(text)
    else:
        try:
            rows = list(csv.DictReader(io.StringIO(_read(text), newline=''), delimiter='\t'))
        except csv.Error as error:
            raise argparse.ArgumentTypeError(f'{text}: cannot be read ({error})') from error
        content = [{k: v for k, v in row.items() if k and v not in (None, '')} for row in rows]
    return json.dumps(content, sort_keys=True)


def _json(name: str):
    return _parsed(_read(name), name)


def _read(name: str) -> str:
    try:
        return read_text(Path(name).expanduser())
    except (OSError, RuntimeError) as error:  # RuntimeError: a ~user there is not
        reason = getattr(error, 'strerror', None) or error
        raise argparse.ArgumentTypeError(f'{name}: {reason}') from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'{name}: not readable as text ({error})') from error


def _parsed(text: str, name: str):
    try:
        # NaN and the infinities are no JSON, and nothing here means anything by them.
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f'{name}: not readable as JSON ({error})') from error


def _refuse_constant(name: str):
    raise ValueError(f'{name} is no number')


def _number(text: str) -> float:
    """Return a finite number, or NaN, which no range holds."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value
