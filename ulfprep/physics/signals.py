"""Signal equations of the sequences that brain scans are made with.

Closed forms in the steady state: perfect spoiling, refocusing and excitation; times in
seconds, angles in degrees. Signals are relative to fully relaxed CSF.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import Relaxation, relaxation

#: Sequences with a signal equation. GRE is spoiled (SPGR); FLAIR is an IR-FSE whose inversion
#: time nulls CSF. They have names of their own because sidecars and people call them so.
KINDS = ('MPRAGE', 'IR-FSE', 'FLAIR', 'FSE', 'SE', 'SPGR', 'GRE')
INVERTED = ('MPRAGE', 'IR-FSE', 'FLAIR')


@dataclass(frozen=True)
class Sequence:
    """A pulse sequence, as far as its tissue contrast goes.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    repetition_time : float
        Between inversions (MPRAGE, IR-FSE, FLAIR) or excitations (FSE, SE, SPGR, GRE), s.
    echo_time : float
        Effective echo time, s.
    inversion_time : float
        From inversion to the centre of k-space (MPRAGE) or to the excitation of the train
        (IR-FSE, FLAIR), s; 0 where there is no inversion.
    flip_angle : float
        Of the excitation, degrees (MPRAGE, SPGR, GRE).
    train_duration : float
        Length of the read-out train, s (MPRAGE, IR-FSE, FLAIR, FSE).
    echo_spacing : float
        Between excitations of the MPRAGE train, s.
    inversion_efficiency : float
        Share of the magnetisation that the inversion turns over, 0 to 1.
    phase_sensitive : bool
        Whether the sign of inverted magnetisation is kept; magnitude without.
    transverse_share : float
        Share of the echo time that the magnetisation spends in the transverse plane, 0 to 1.
        Refocusing pulses far below 180 degrees store the rest along the field, where it decays
        with T1 instead of T2.
    """

    kind: str
    repetition_time: float
    echo_time: float
    inversion_time: float = 0.0
    flip_angle: float = 90.0
    train_duration: float = 0.0
    echo_spacing: float = 0.007
    inversion_efficiency: float = 1.0
    phase_sensitive: bool = False
    transverse_share: float = 1.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f'unknown sequence {self.kind}; known: {", ".join(KINDS)}')

    def to_dict(self) -> dict:
        """Return the timings as JSON-ready values."""
        return asdict(self)


def signal(sequence: Sequence, t1: float, t2: float, density: float) -> float:
    """Steady-state signal of a tissue.

    Parameters
    ----------
    sequence : Sequence
    t1, t2 : float
        Relaxation times, s.
    density : float
        Proton density relative to CSF.

    Returns
    -------
    float
        Relative to fully relaxed CSF. Negative only for inverted magnetisation in a
        phase-sensitive sequence.

    Notes
    -----
    SPGR and GRE: Ernst's equation (Ernst and Anderson 1966). SE: saturation by 90 degrees
    and the refocusing pulse's inversion at half the echo time (Hendrick 1987). FSE, IR-FSE
    and FLAIR: a refocused train leaves no longitudinal magnetisation, which then recovers
    during TR - TI - train (Meara and Barker 2005); it is that incomplete recovery which
    nearly nulls CSF at 64 mT. MPRAGE: the longitudinal magnetisation is followed through
    inversion, recovery and the train of low-angle excitations to its steady state
    (Deichmann et al. 2000). Trains of low refocusing angles decay between T2 and T1 (Hennig et
    al. 2003). T2 stands for T2* in gradient echoes, whose echo times are
    too short for the difference to count.
    """
    longitudinal = _magnetisation(sequence, t1)
    if not sequence.phase_sensitive:
        longitudinal = abs(longitudinal)
    share = sequence.transverse_share
    return density * longitudinal * math.exp(-sequence.echo_time * (share / t2 + (1 - share) / t1))


def nulling_time(sequence: Sequence, t1: float) -> float:
    """Inversion time at which an IR-FSE or FLAIR gives no signal of a tissue, s.

    Parameters
    ----------
    sequence : Sequence
        Its own inversion time does not matter.
    t1 : float
        Of the tissue, s.
    """
    left = math.exp(-max(sequence.repetition_time - sequence.train_duration, 0) / t1)
    efficiency = sequence.inversion_efficiency
    return t1 * math.log((1 + efficiency) / (1 + efficiency * left))


def _magnetisation(sequence: Sequence, t1: float) -> float:
    """Transverse magnetisation right after the excitation that fills the centre of k-space."""
    angle = math.radians(sequence.flip_angle)
    tr, ti, train = sequence.repetition_time, sequence.inversion_time, sequence.train_duration
    if sequence.kind in ('SPGR', 'GRE'):
        e1 = math.exp(-tr / t1)
        return math.sin(angle) * (1 - e1) / (1 - math.cos(angle) * e1)
    if sequence.kind == 'SE':
        return 1 - 2 * math.exp(-(tr - sequence.echo_time / 2) / t1) + math.exp(-tr / t1)
    if sequence.kind == 'FSE':
        return 1 - math.exp(-max(tr - train, 0) / t1)
    if sequence.kind == 'MPRAGE':
        return _mprage(sequence, t1, angle) * math.sin(angle)
    before = 1 - math.exp(-max(tr - ti - train, 0) / t1)
    return 1 - (1 + sequence.inversion_efficiency * before) * math.exp(-ti / t1)


def _mprage(sequence: Sequence, t1: float, angle: float) -> float:
    """Longitudinal magnetisation at the centre of the MPRAGE train (equilibrium is 1)."""
    spacing = sequence.echo_spacing
    pulses = max(int(round(sequence.train_duration / spacing)), 1)
    before = max(sequence.inversion_time - pulses * spacing / 2, 0)
    after = max(sequence.repetition_time - before - pulses * spacing, 0)
    # Each stage maps m to gain * m + offset; the steady state is its fixed point.
    e_before, e_after, e_pulse = (math.exp(-t / t1) for t in (before, after, spacing))
    shrink = math.cos(angle) * e_pulse
    settled = (1 - e_pulse) / (1 - shrink)

    def inverted(m):
        return 1 - (1 + sequence.inversion_efficiency * m) * e_before

    def through(m, n):
        return settled + (m - settled) * shrink**n

    def cycle(m):
        return 1 - (1 - through(inverted(m), pulses)) * e_after

    offset = cycle(0.0)
    steady = offset / (1 - (cycle(1.0) - offset))
    return through(inverted(steady), pulses / 2)


def tissue_signals(sequence: Sequence, field: float, table: Any = None) -> list[float]:
    """Signals of CSF, GM and WM at ``field`` tesla, relative to WM.

    Parameters
    ----------
    sequence : Sequence
    field : float
        Tesla.
    table : sequence of Measurement, optional
        See :func:`ulfprep.physics.relaxation.relaxation`.

    Raises
    ------
    ValueError
        If white matter gives no signal, so that nothing can be relative to it.
    """
    signals = [_of(sequence, relaxation(tissue, field, table)) for tissue in TISSUES]
    if not abs(signals[-1]) > 1e-6:
        raise ValueError(
            f'white matter gives no signal with this {sequence.kind} at {field:g} T; '
            'give other timings'
        )
    return [value / signals[-1] for value in signals]


def signal_spread(sequence: Sequence, field: float, table: Any = None) -> list[float]:
    """Standard deviations of :func:`tissue_signals` that the relaxation values leave open.

    First-order propagation of the s.d. of T1, T2 and proton density of every tissue, taken
    as independent. Errors of the timings and of the equations are not in it.

    Returns
    -------
    list of float
        CSF, GM, WM; the last is zero, for WM is what the others are relative to.
    """
    values = [relaxation(tissue, field, table) for tissue in TISSUES]
    centre = np.array([_of(sequence, v) for v in values])
    changes = []
    for value in values:
        one = np.array([_of(sequence, shifted) for shifted in _shifts(value)]) - _of(
            sequence, value
        )
        changes.append(np.sqrt((one**2).sum()))
    relative = np.array(changes) / np.maximum(np.abs(centre), 1e-12)
    ratio = np.abs(centre / centre[-1])
    # Ratio of two uncertain signals; WM's own share is common to both of the others.
    spread = np.hypot(np.array(changes) / abs(centre[-1]), ratio * relative[-1])
    return [*map(float, spread[:-1]), 0.0]


def _of(sequence: Sequence, values: Relaxation) -> float:
    return signal(sequence, values.t1, values.t2, values.density)


def _shifts(values: Relaxation) -> list[Relaxation]:
    """Return the values with each of T1, T2 and density one s.d. up."""
    from dataclasses import replace

    return [
        replace(values, t1=values.t1 + values.t1_sd),
        replace(values, t2=values.t2 + values.t2_sd),
        replace(values, density=values.density + values.density_sd),
    ]
