"""What users type, converted and checked: one function a kind of value.

Only the standard library is imported here, so that ``--help`` answers at once.
"""

import csv
import io
import json
import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ulfprep.bids.files import read_text
from ulfprep.bids.read.filters import Filters, parse_filters


def label(prefix: str) -> Callable[[str], str]:
    """Return a converter that takes a BIDS label with or without its prefix."""

    def convert(text: str) -> str:
        found = text.removeprefix(prefix)
        if not re.fullmatch(r'[A-Za-z0-9+]+', found):
            raise ArgumentTypeError(
                f'{text!r} is not a BIDS label: letters, digits and + only, as in {prefix}01 or 01'
            )
        return found

    return convert


def number(
    low: float, high: float, what: str, kind: type[int] | type[float] = float
) -> Callable[[str], Any]:
    """Return a converter of numbers from ``low`` to ``high``; ``what`` says in words which."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # NaN is in no range
            raise ArgumentTypeError(f'{text!r} is not {what}')
        return value

    return convert


field_strength = number(0.001, 20, 'a field strength in tesla from 0.001 to 20 (64 mT is 0.064)')
length = number(0.1, 20, 'a length in mm from 0.1 to 20')
positive = number(1e-9, 1e9, 'a positive number')
bias_strength = number(0, 1, 'a number from 0 to 1')
noise_fwhm = number(0, 20, 'a number from 0 to 20')
count = number(1, 2**31, 'a whole number of at least 1', int)
seed = number(0, 2**32 - 1, 'a whole number from 0 to 4294967295', int)
#: Finer voxels would show no more detail, in coarser ones hardly any voxel is of one tissue.
_voxel_size = number(0.4, 3, 'a voxel size in mm from 0.4 to 3, for finer ones show no more')


def output_resolution(text: str) -> float:
    """Convert the edge, in mm, of voxels to render; to as many digits as file names have."""
    return round(_voxel_size(text), 3)


def device(text: str) -> str:
    """Convert the name of a device."""
    if not re.fullmatch(r'auto|cpu|cuda(:[0-9]{1,4})?', text):
        raise ArgumentTypeError(f'{text!r} is not auto, cpu, cuda or cuda:N')
    return text


def reference(text: str) -> Path | str:
    """Convert ``auto``, ``none`` or the path of a file."""
    return text if text in ('auto', 'none') else Path(text)


def sbatch_argument(text: str) -> str:
    """Convert an option of sbatch; options that submit.sh sets itself are refused."""
    name = re.match(r'--[a-z][a-z-]*|-[A-Za-z]', text)
    if not name or not text.isprintable():
        raise ArgumentTypeError(f'{text!r} is not an option of sbatch, such as --account=abc')
    own = {'--array', '-a', '--output', '-o', '--dependency', '-d', '--wrap', '--parsable', '-D',
           '--chdir'}  # fmt: skip
    if name[0] in own:
        raise ArgumentTypeError(f'{text!r}: {name[0]} is set by submit.sh; leave it out')
    return text


def memory(text: str, alone: str = 'g') -> float:
    """Convert an amount of memory to GB of 2**30 bytes; ``alone`` is the unit of a bare number."""
    found = re.fullmatch(r'\s*([0-9]*\.?[0-9]+)\s*(?:([kmgt])i?b?|(b))?\s*', text.lower())
    value = math.nan
    if found:
        unit = found[3] or found[2] or alone
        value = float(found[1]) * 1024.0 ** ('bkmgt'.index(unit) - 3)
    if not 0.1 <= value <= 2**20:
        raise ArgumentTypeError(
            f'{text!r} is not an amount of memory of 100 MB or more, such as 8G, 8000M or 1.5GB'
        )
    return value


def memory_mb(text: str) -> float:
    """Convert an amount of memory to GB of 2**30 bytes; a number alone is in MB of 2**20."""
    return memory(text, 'm')


def named_path(text: str) -> Path:
    """Convert ``DIR`` or, as fMRIPrep takes it, ``NAME=DIR``."""
    name, _, path = text.partition('=')
    return Path(path if path and re.fullmatch(r'[A-Za-z][\w-]*', name) else text)


def filters(text: str) -> Filters:
    """Convert the name of a filter file, or what it holds, to what it asks for."""
    if not text:
        return {}
    inline = text.lstrip().startswith('{')
    try:
        return parse_filters(
            text if inline else _read(text), '--bids-filter-file' if inline else text
        )
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def sequence(text: str) -> str:
    """Convert the name of a preset or of a JSON file; the latter to compact text.

    Whether it describes a sequence is checked once the physics may be imported.
    """
    if not text.startswith('{') and not text.lower().endswith('.json'):
        return text
    content = _json(text)
    if not isinstance(content, dict):
        raise ArgumentTypeError(f'{text}: must hold one JSON object, a sequence')
    return json.dumps(content, sort_keys=True)


def relaxation(text: str) -> str:
    """Convert the name of a JSON or TSV file of relaxation values to compact text."""
    if not text:
        return text
    if text.startswith('[') or text.lower().endswith('.json'):
        content = _json(text)
    else:
        try:
            rows = list(csv.DictReader(io.StringIO(_read(text), newline=''), delimiter='\t'))
        except csv.Error as error:
            raise ArgumentTypeError(f'{text}: cannot be read ({error})') from error
        content = [{k: v for k, v in row.items() if k and v not in (None, '')} for row in rows]
    return json.dumps(content, sort_keys=True)


def _json(text: str) -> Any:
    """Return what a JSON file holds, or what one held, in the settings of an earlier run."""

    def refuse(constant: str):  # NaN and the infinities, which are no JSON
        raise ValueError(f'{constant} is no number')

    held = text.startswith(('{', '['))
    content, name = (text, 'the text') if held else (_read(text), text)
    try:
        return json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ArgumentTypeError(f'{name}: not readable as JSON ({error})') from error


def _read(name: str) -> str:
    try:
        return read_text(Path(name).expanduser())
    except (OSError, RuntimeError) as error:  # RuntimeError: ~user, where no such user exists
        reason = getattr(error, 'strerror', None) or error
        raise ArgumentTypeError(f'{name}: {reason}') from error
    except ValueError as error:
        raise ArgumentTypeError(f'{name}: not readable as text ({error})') from error
