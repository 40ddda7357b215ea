"""Relaxation of every structure of one head, drawn from what has been measured."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import Relaxation, read_table, relaxation
from ulfprep.physics.sequences import Sequence, signal
from ulfprep.training.maps import NAMES

#: Where structures lie between grey (0) and white matter (1): lowest and highest.
BETWEEN = {
    'cortex': (0.0, 0.0),
    'white matter': (1.0, 1.0),
    'thalamus': (0.15, 0.85),
    'caudate': (-0.1, 0.4),
    'putamen': (0.0, 0.5),
    'pallidum': (0.4, 1.1),
    'cerebellar cortex': (-0.1, 0.15),
    'cerebellar white matter': (0.85, 1.05),
    'brain stem': (0.75, 1.05),
}
#: S.d. of measured relaxation times are those of means; people and scanners differ by more.
WIDER = 1.5


@dataclass(frozen=True)
class Nature:
    """What is the same in all scans of one head."""

    offsets: np.ndarray  # (3, 3): of T1, T2 and density of CSF, GM and WM, standard deviations
    between: dict  # place of structures between grey (0) and white matter (1)
    iron: dict  # factor of the T2 of structures
    meninges: float  # share of what is no fluid in the fluid around the brain


def draw_nature(rng: np.random.Generator) -> Nature:
    """Draw what is the same in all scans of one head."""
    between = {name: float(rng.uniform(*ends)) for name, ends in BETWEEN.items()}
    iron = {name: float(rng.uniform(0.8, 1.05)) for name in ('putamen', 'caudate')}
    iron['pallidum'] = float(rng.uniform(0.65, 1.0))
    offsets = rng.standard_normal((3, 3)).clip(-2.5, 2.5)
    return Nature(offsets, between, iron, meninges=float(rng.uniform(0, 0.3)))


def relaxations(nature: Nature, field: float) -> dict[str, Relaxation]:
    """Relaxation of CSF, GM and WM of one head at ``field`` tesla."""
    out = {}
    drawn = zip(TISSUES, _measured(field), WIDER * nature.offsets, strict=True)
    for tissue, value, (a, b, c) in drawn:
        out[tissue] = replace(
            value,
            t1=value.t1 * float(np.exp(a * value.t1_sd / value.t1)),
            t2=value.t2 * float(np.exp(b * value.t2_sd / value.t2)),
            density=value.density * float(np.exp(c * value.density_sd / value.density)),
        )
    return out


@lru_cache(maxsize=64)
def _measured(field):
    table = read_table()
    return tuple(relaxation(tissue, field, table) for tissue in TISSUES)


def structure_signals(
    nature: Nature, sequence: Sequence, field: float, rng: np.random.Generator
) -> np.ndarray:
    """Signal of every structure of a head, relative to cerebral white matter.

    Of what is outside the brain nothing is assumed; it is drawn.

    Raises
    ------
    ValueError
        If white matter gives no signal.
    """
    values = relaxations(nature, field)
    csf, grey, white = (values[t] for t in TISSUES)
    signals = dict.fromkeys(NAMES, 0.0)
    for name, place in nature.between.items():
        mixed = _between(grey, white, place)
        mixed = replace(mixed, t2=mixed.t2 * nature.iron.get(name, 1.0))
        signals[name] = _signal(sequence, mixed)
    signals['ventricles'] = _signal(sequence, csf)
    share = nature.meninges
    signals['CSF'] = (1 - share) * signals['ventricles'] + share * signals['cortex']
    unit = signals['white matter']
    if not abs(unit) > 1e-6:
        raise ValueError(f'white matter gives no signal with this {sequence.kind}')
    out = np.array([signals[name] / unit for name in NAMES], np.float32)
    out[NAMES.index('bone')] = rng.uniform(0, 0.35)
    out[NAMES.index('soft tissue')] = rng.uniform(0.1, 1.6)
    out[NAMES.index('rest of the head')] = rng.uniform(0, 1.6)
    return np.abs(out)


def lesion_signal(nature: Nature, sequence: Sequence, field: float, share: float) -> float:
    """Signal of white matter that turned to fluid by ``share``, relative to white matter."""
    values = relaxations(nature, field)
    mixed = _between(values['WM'], values['CSF'], share)
    return abs(_signal(sequence, mixed) / _signal(sequence, values['WM']))


def _signal(sequence, values):
    return signal(sequence, values.t1, values.t2, values.density)


def _between(first: Relaxation, second: Relaxation, place: float) -> Relaxation:
    """Relaxation of a mixture, interpolated in logarithms."""
    mixed = {
        name: float(getattr(first, name) ** (1 - place) * getattr(second, name) ** place)
        for name in ('t1', 't2', 'density')
    }
    return replace(first, **mixed)
