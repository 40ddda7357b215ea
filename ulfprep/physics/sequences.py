"""Pulse sequences: their signal equations, the usual ones by name, and how users state others.

Closed forms in the steady state: perfect spoiling, refocusing and excitation; times in
seconds, angles in degrees. Signals are relative to fully relaxed CSF.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import Relaxation, relaxation
from ulfprep.physics.types import Numbers, is_number

#: Sequences with a signal equation. GRE is spoiled (SPGR); FLAIR is an IR-FSE whose inversion
#: time nulls CSF. They have names of their own because sidecars and people call them so.
KINDS = ('MPRAGE', 'IR-FSE', 'FLAIR', 'FSE', 'SE', 'SPGR', 'GRE')
INVERTED = ('MPRAGE', 'IR-FSE', 'FLAIR')


@dataclass(frozen=True)
class Sequence:
    """A pulse sequence, as far as its tissue contrast goes; times in seconds."""

    kind: str  #: one of :data:`KINDS`
    #: Between inversions (MPRAGE, IR-FSE, FLAIR) or excitations (FSE, SE, SPGR, GRE).
    repetition_time: float
    echo_time: float  #: the effective one of a train
    #: From inversion to the centre of k-space (MPRAGE) or to the excitation of the train
    #: (IR-FSE, FLAIR); 0 where there is no inversion.
    inversion_time: float = 0.0
    flip_angle: float = 90.0  #: of the excitation, degrees (MPRAGE, SPGR, GRE)
    train_duration: float = 0.0  #: of the read-out (MPRAGE, IR-FSE, FLAIR, FSE)
    echo_spacing: float = 0.007  #: between excitations of the MPRAGE train
    inversion_efficiency: float = 1.0  #: share of the magnetisation that is turned over, 0 to 1
    phase_sensitive: bool = False  #: whether the sign of inverted magnetisation is kept
    #: Share of the echo time that the magnetisation spends in the transverse plane, 0 to 1.
    #: Refocusing pulses far below 180 degrees store the rest along the field, where it decays
    #: with T1 instead of T2.
    transverse_share: float = 1.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f'unknown sequence {self.kind}; known: {", ".join(KINDS)}')


#: Usual sequences by name. ULF: a portable 64 mT scanner's 3-D fast spin echoes. Their
#: trains are nowhere stated; 0.6 s is the length that leaves CSF as dark in the T1w, relative
#: to white matter, as one real scan shows it (0.25), and is kept for all three.
PRESETS = {
    'HF-T1w': Sequence('MPRAGE', 2.3, 0.003, 0.9, 9.0, 1.2),
    'HF-T1w-SPGR': Sequence('SPGR', 0.02, 0.004, flip_angle=20.0),
    'HF-T1w-SE': Sequence('SE', 0.5, 0.012),
    'HF-T2w': Sequence('FSE', 5.0, 0.09, train_duration=0.15),
    'HF-FLAIR': Sequence('FLAIR', 9.0, 0.09, 2.5, train_duration=0.15),
    'ULF-T1w': Sequence('IR-FSE', 1.5, 0.005, 0.3, train_duration=0.6),
    'ULF-T2w': Sequence('FSE', 2.0, 0.16, train_duration=0.6),
    'ULF-FLAIR': Sequence('FLAIR', 4.0, 0.16, 1.4, train_duration=0.6),
}
#: Presets whose timings stand in for those that a sidecar of another kind than usual lacks.
STAND_INS = {
    'MPRAGE': 'HF-T1w',
    'SPGR': 'HF-T1w-SPGR',
    'GRE': 'HF-T1w-SPGR',
    'IR-FSE': 'ULF-T1w',
    'SE': 'HF-T1w-SE',
}
#: What a weighting shows by its very name, in words.
USUAL_ORDER = {
    'T1w': 'CSF darker than GM and GM darker than WM',
    'T2w': 'CSF brightest',
    'FLAIR': 'CSF darkest',
}
#: Below this field (T) a scanner is taken for a portable one.
ULTRA_LOW_FIELD = 0.3


def default_sequence(field: float, modality: str = 'T1w') -> Sequence:
    """Return the usual sequence of a modality on a scanner of ``field`` tesla."""
    return PRESETS[default_name(field, modality)]


def default_name(field: float, modality: str = 'T1w') -> str:
    """Return the name of :func:`default_sequence` in :data:`PRESETS`."""
    return f'{"ULF" if field < ULTRA_LOW_FIELD else "HF"}-{modality}'


def preset_of_kind(kind: str, field: float, modality: str) -> Sequence:
    """Return the preset whose timings stand in for missing ones of ``kind``."""
    usual = default_sequence(field, modality)
    if kind == usual.kind:
        return usual
    if modality == 'T1w' and kind == 'FSE':  # a T1w fast spin echo has a short repetition time
        return replace(PRESETS['HF-T1w-SE'], kind='FSE', train_duration=0.05)
    if modality != 'T1w' and kind == 'SE':
        return replace(usual, kind='SE', train_duration=0.0)
    return PRESETS[STAND_INS[kind]] if kind in STAND_INS else usual


def shows_usual_order(signals: Numbers, modality: str = 'T1w') -> bool:
    """Tell whether signals of CSF, GM and WM are in the order of :data:`USUAL_ORDER`."""
    csf, gm, wm = signals
    if modality == 'T2w':
        return csf > max(gm, wm)
    return csf < gm < wm if modality == 'T1w' else csf < min(gm, wm)


def parse_sequence(text: str) -> Sequence:
    """Return the sequence of a preset's name, or of a JSON object.

    The object has attributes of :class:`Sequence`: ``kind``, ``repetition_time`` and
    ``echo_time`` at least. A ``ValueError`` says in one line what is wrong.
    """
    if text in PRESETS:
        return PRESETS[text]
    if not text.lstrip().startswith('{'):
        raise ValueError(f'no sequence is called {text!r}; known: {", ".join(PRESETS)}')
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ValueError(f'the sequence is not readable as JSON ({error})') from error
    fields = {f.name: f for f in dataclasses.fields(Sequence)}
    if unknown := sorted(set(values) - set(fields)):
        raise ValueError(f'a sequence has no {unknown[0]}; it has {", ".join(fields)}')
    if missing := [k for k in ('kind', 'repetition_time', 'echo_time') if k not in values]:
        raise ValueError(f'the sequence lacks {", ".join(missing)}')
    for name, value in values.items():
        if name in ('kind', 'phase_sensitive'):
            wanted = str if name == 'kind' else bool
            good = isinstance(value, wanted)
        else:
            good = is_number(value) and value >= 0
        if not good:
            raise ValueError(f'{name} of the sequence is {value!r}; times are in seconds')
    if not 0 < values['repetition_time'] < 100 or values['echo_time'] > 1:
        raise ValueError('repetition_time and echo_time of the sequence are in seconds')
    for share in ('inversion_efficiency', 'transverse_share'):
        if values.get(share, 1.0) > 1:
            raise ValueError(f'{share} of the sequence is more than 1')
    inverted = values['kind'] in INVERTED
    if inverted and not values.get('inversion_time', 0) > 0:
        raise ValueError(f'a {values["kind"]} sequence needs its inversion_time')
    return Sequence(**values)


def signal(sequence: Sequence, t1: float, t2: float, density: float) -> float:
    """Steady-state signal of a tissue, relative to fully relaxed CSF.

    Relaxation times are in seconds, the proton density is relative to CSF. The signal is negative
    only for inverted magnetisation in a phase-sensitive sequence.

    Notes
    -----
    SPGR and GRE: Ernst's equation (Ernst and Anderson 1966). SE: saturation by 90 degrees
    and the refocusing pulse's inversion at half the echo time (Hendrick 1987). FSE, IR-FSE
    and FLAIR: a refocused train leaves no longitudinal magnetisation, which then recovers
    during TR - TI - train (Meara and Barker 2005); it is that incomplete recovery which
    nearly nulls CSF at 64 mT. MPRAGE: the longitudinal magnetisation is followed through
    inversion, recovery and the train of low-angle excitations to its steady state
    (Deichmann et al. 2000). Trains of low refocusing angles decay between T2 and T1 (Hennig et
    al. 2003). T2 stands for T2* in gradient echoes, whose echo times are too short for the
    difference to count.
    """
    longitudinal = _magnetisation(sequence, t1)
    if not sequence.phase_sensitive:
        longitudinal = abs(longitudinal)
    share = sequence.transverse_share
    return density * longitudinal * math.exp(-sequence.echo_time * (share / t2 + (1 - share) / t1))


def nulling_time(sequence: Sequence, t1: float) -> float:
    """Inversion time (s) at which an IR-FSE or FLAIR gives no signal of a T1 (s).

    The sequence's own inversion time does not matter.
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

    ``table``: see :func:`ulfprep.physics.relaxation.relaxation`.

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
    as independent. Errors of the timings and of the equations are not in it. That of WM is
    zero, for WM is what the others are relative to.
    """
    values = [relaxation(tissue, field, table) for tissue in TISSUES]
    centre = np.array([_of(sequence, v) for v in values])
    changes = []
    for value in values:
        shifted = (  # by one s.d.
            replace(value, t1=value.t1 + value.t1_sd),
            replace(value, t2=value.t2 + value.t2_sd),
            replace(value, density=value.density + value.density_sd),
        )
        one = np.array([_of(sequence, v) for v in shifted]) - _of(sequence, value)
        changes.append(np.sqrt((one**2).sum()))
    relative = np.array(changes) / np.maximum(np.abs(centre), 1e-12)
    ratio = np.abs(centre / centre[-1])
    # Ratio of two uncertain signals; WM's own share is common to both of the others.
    spread = np.hypot(np.array(changes) / abs(centre[-1]), ratio * relative[-1])
    return [*map(float, spread[:-1]), 0.0]


def _of(sequence: Sequence, values: Relaxation) -> float:
    return signal(sequence, values.t1, values.t2, values.density)
