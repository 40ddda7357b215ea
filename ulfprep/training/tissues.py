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
    """What is the same in all scans of one head, in units of what is measured.

    Attributes
    ----------
    offsets : numpy.ndarray, shape (3, 3)
        Of T1, T2 and proton density of CSF, GM and WM, in standard deviations.
    between : dict of str to float
        Place of structures between grey and white matter.
    iron : dict of str to float
        Factor of their T2.
    meninges : float
        Share of what is no fluid in the fluid around the brain.
    """

    offsets: np.ndarray
    between: dict
    iron: dict
    meninges: float


def draw_nature(rng: np.random.Generator) -> Nature:
    """Draw what is the same in all scans of one head."""
    between = {name: float(rng.uniform(*ends)) for name, ends in BETWEEN.items()}
    iron = {name: float(rng.uniform(0.8, 1.05)) for name in ('putamen', 'caudate')}
    iron['pallidum'] = float(rng.uniform(0.65, 1.0))
    return Nature(
        rng.standard_normal((3, 3)).clip(-2.5, 2.5),
        between,
        iron,
        float(rng.uniform(0, 0.3)),
    )


def relaxations(nature: Nature, field: float) -> dict[str, Relaxation]:
    """Relaxation of CSF, GM and WM of one head at ``field`` tesla."""
    out = {}
    for value, tissue, (a, b, c) in zip(
        _measured(field), TISSUES, WIDER * nature.offsets, strict=True
    ):
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
    """Signal of every structure of a head.

    Parameters
    ----------
    nature : Nature
    sequence : Sequence
    field : float
        Tesla.
    rng : numpy.random.Generator
        For what is outside the brain, of which nothing is assumed.

    Returns
    -------
    numpy.ndarray, shape (len(NAMES),), float32
        Relative to cerebral white matter.

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
        t2 = mixed.t2 * nature.iron.get(name, 1.0)
        signals[name] = signal(sequence, mixed.t1, t2, mixed.density)
    signals['ventricles'] = signal(sequence, csf.t1, csf.t2, csf.density)
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
    white = values['WM']
    mixed = _between(white, values['CSF'], share)
    unit = signal(sequence, white.t1, white.t2, white.density)
    return abs(signal(sequence, mixed.t1, mixed.t2, mixed.density) / unit)


def _between(first: Relaxation, second: Relaxation, place: float) -> Relaxation:
    """Relaxation of a mixture, interpolated in logarithms."""

    def mix(a, b):
        return float(a ** (1 - place) * b**place)

    return replace(
        first,
        t1=mix(first.t1, second.t1),
        t2=mix(first.t2, second.t2),
        density=mix(first.density, second.density),
    )
