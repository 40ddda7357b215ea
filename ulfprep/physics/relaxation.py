"""T1, T2 and proton density of brain tissues at any field strength.

Measured values (anchors) are interpolated in the logarithm of the field. They come first
because the dispersion law alone, extrapolated to 64 mT, overstates T1 contrast about
twofold; it serves outside the measured range only, scaled to meet the nearest anchor.
"""

import csv
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from ulfprep.physics import TISSUES

#: T1 = a (gamma B0)^b, seconds and hertz (Rooney et al. 2007, as in Marques et al. 2019).
DISPERSION = {'WM': (0.00071, 0.382), 'GM': (0.00116, 0.376), 'CSF': (4.33, 0.0)}
GYROMAGNETIC_RATIO = 42.577e6  # Hz / T
#: Relative s.d. where a source states none, and the least that is believed of any: single
#: studies state a few per cent, but studies of one field differ by up to a fifth.
SPREAD = {'T1': 0.10, 'T2': 0.10, 'PD': 0.03}
#: Field strengths for which values can be given, T.
FIELD_RANGE = (0.01, 20.0)
QUANTITIES = ('T1', 'T2', 'PD')


@dataclass(frozen=True)
class Measurement:
    """One measured value."""

    field: float | None  #: tesla; ``None`` for a value that holds at every field
    tissue: str
    quantity: str  #: one of :data:`QUANTITIES`
    value: float  #: seconds; proton density relative to CSF
    sd: float | None  #: same unit, where the source states one
    source: str  #: who measured it


@dataclass(frozen=True)
class Relaxation:
    """Relaxation of one tissue at one field, each value with its s.d. and all sources.

    T1 and T2 in seconds, proton density relative to CSF.
    """

    t1: float
    t2: float
    density: float
    t1_sd: float
    t2_sd: float
    density_sd: float
    sources: tuple[str, ...]


def dispersion_t1(tissue: str, field: float) -> float:
    """T1 in seconds by the dispersion law of Rooney et al. (2007) at ``field`` tesla."""
    scale, exponent = DISPERSION[tissue]
    return scale * (GYROMAGNETIC_RATIO * field) ** exponent


def read_table(
    override: tuple[Measurement, ...] = (), use: str = 'anchor'
) -> tuple[Measurement, ...]:
    """Return the table that ships, with a user's own values over it.

    These replace the shipped ones of the same tissue, quantity and field, and are anchors more
    otherwise. ``use`` is ``'anchor'`` for values that are interpolated, ``'check'`` for those only
    held against them.
    """
    text = resources.files('ulfprep.data').joinpath('relaxation.csv').read_text()
    rows = [row for row in csv.DictReader(text.splitlines()) if row['use'] == use]
    table = {(m.tissue, m.quantity, m.field): m for row in rows for m in _measurements(row)}
    for m in override:
        if m.quantity == 'PD':
            table.pop((m.tissue, 'PD', None), None)
        table[m.tissue, m.quantity, m.field] = m
    return tuple(table.values())


def parse_override(text: str) -> tuple[Measurement, ...]:
    """Read a user's relaxation values.

    A JSON list of objects with ``tissue``, ``field_T`` and any of ``T1_ms``, ``T2_ms``, ``PD``
    (relative to CSF), ``T1_sd_ms``, ``T2_sd_ms``, ``PD_sd``, ``source``. ``field_T`` may be left
    out of rows with PD only. A ``ValueError`` names the row and what is wrong with it in one line.
    """
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ValueError(f'relaxation values are not readable as JSON ({error})') from error
    if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) for r in rows):
        raise ValueError('relaxation values must be a list of rows, one a tissue and field')
    known = {'field_T', 'tissue', 'source', 'use', 'PD', 'PD_sd'}
    known |= {f'{q}_{unit}' for q in ('T1', 'T2') for unit in ('ms', 'sd_ms')}
    found = []
    for number, row in enumerate(rows, 1):
        try:
            if unknown := sorted(set(row) - known):
                raise ValueError(f'unknown column {unknown[0]}; known: {", ".join(sorted(known))}')
            values = _measurements({'source': 'stated by the user', **row})
            if not values:
                raise ValueError('it states none of T1_ms, T2_ms, PD')
            found += values
        except ValueError as error:
            raise ValueError(f'relaxation values, row {number}: {error}') from error
    return tuple(found)


def _measurements(row: dict) -> list[Measurement]:
    """Measurements of one row of the table; ``ValueError`` says what is wrong."""
    tissue = row.get('tissue')
    if tissue not in TISSUES:
        raise ValueError(f'tissue is {tissue!r}; known: {", ".join(TISSUES)}')
    field = _number(row, 'field_T')
    out = []
    for quantity in QUANTITIES:
        unit, scale = ('', 1.0) if quantity == 'PD' else ('_ms', 1e-3)
        value, sd = _number(row, quantity + unit), _number(row, f'{quantity}_sd{unit}')
        if value is None:
            continue
        if value <= 0:
            raise ValueError(f'{quantity}{unit} is {value:g}; it must be positive')
        if field is None and quantity != 'PD':
            raise ValueError(f'{quantity}{unit} needs a field_T')
        sd = None if sd is None else sd * scale
        out.append(Measurement(field, tissue, quantity, value * scale, sd, row['source']))
    if field is not None and not FIELD_RANGE[0] <= field <= FIELD_RANGE[1]:
        raise ValueError(f'field_T is {field:g}; it must be {FIELD_RANGE[0]} to {FIELD_RANGE[1]}')
    return out


def _number(row: dict, name: str) -> float | None:
    """Return a column as a finite number; ``None`` where it is empty."""
    value = row.get(name)
    if value is None or value in ('', 'n/a'):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'{name} is {value!r}, which is no number')
    return number


def measured(tissue: str, quantity: str, table: Any = None) -> list[Measurement]:
    """Return the measurements of a quantity of a tissue, in order of field."""
    rows = read_table() if table is None else table
    found = [m for m in rows if (m.tissue, m.quantity) == (tissue, quantity)]
    return sorted(found, key=lambda m: m.field or 0.0)


def relaxation(tissue: str, field: float, table: Any = None) -> Relaxation:
    """T1, T2 and proton density of a tissue at ``field`` tesla, with standard deviations.

    ``table`` is from :func:`read_table`; the shipped one without. A field outside 0.01 to 20 T
    raises a ``ValueError``.
    """
    if not FIELD_RANGE[0] <= field <= FIELD_RANGE[1]:
        raise ValueError(f'no relaxation times are known for a field of {field} T')
    t1, t1_sd, t1_source = _interpolate(measured(tissue, 'T1', table), field)
    fields = [m.field or 0.0 for m in measured(tissue, 'T1', table)]
    inside = min(max(field, fields[0]), fields[-1])
    # Outside the measured range the law's slope carries the nearest measurement on.
    law = dispersion_t1(tissue, field) / dispersion_t1(tissue, inside)
    t2, t2_sd, t2_source = _interpolate(measured(tissue, 'T2', table), field)
    pd, pd_sd, pd_source = _interpolate(measured(tissue, 'PD', table), field)
    carried = () if law == 1 or DISPERSION[tissue][1] == 0 else ('dispersion law (Rooney 2007)',)
    sources = dict.fromkeys([*t1_source, *carried, *t2_source, *pd_source])
    return Relaxation(t1 * law, t2, pd, t1_sd * law, t2_sd, pd_sd, tuple(sources))


def _interpolate(rows: list[Measurement], field: float) -> tuple[float, float, list[str]]:
    """Value, s.d. and sources at a field, between the logarithms of the nearest two."""
    least = SPREAD[rows[0].quantity]
    # A stated s.d. of zero is the reference that others are relative to.
    spread = [0.0 if m.sd == 0 else max((m.sd or 0.0) / m.value, least) for m in rows]
    if len(rows) == 1:
        return rows[0].value, spread[0] * rows[0].value, [rows[0].source]
    at = np.log(field)
    fields = np.log([m.field for m in rows])  # type: ignore[arg-type]  # several have fields
    value = float(np.exp(np.interp(at, fields, np.log([m.value for m in rows]))))
    after = int(np.clip(np.searchsorted(fields, at), 1, len(rows) - 1))
    near = [m for m, f in zip(rows, fields, strict=True) if abs(f - at) < 1e-9]
    near = near or ([rows[0]] if at < fields[0] else [rows[-1]] if at > fields[-1] else [])
    used = near or rows[after - 1 : after + 1]
    return value, float(np.interp(at, fields, spread)) * value, [m.source for m in used]
