"""Signal equations of the sequences that brain scans are made with.

All signals are magnitudes relative to fully relaxed CSF. Closed forms, steady state,
perfect spoiling and inversion; times in seconds, angles in degrees.
"""

import math
import re
from dataclasses import asdict, dataclass

from ulfprep.physics import TISSUES
from ulfprep.physics.relaxation import relaxation


@dataclass(frozen=True)
class Sequence:
    """A pulse sequence, as far as its tissue contrast goes.

    Attributes
    ----------
    kind : {'MPRAGE', 'IR-FSE', 'FSE', 'SPGR'}
    repetition_time : float
        Between inversions (MPRAGE, IR-FSE) or excitations (FSE, SPGR), s.
    echo_time : float
        Effective echo time, s.
    inversion_time : float
        From inversion to the centre of k-space, s; 0 where there is no inversion.
    flip_angle : float
        Of the excitation, degrees (MPRAGE, SPGR).
    train_duration : float
        Length of the read-out train, s (MPRAGE, IR-FSE, FSE).
    echo_spacing : float
        Between excitations of the MPRAGE train, s.
    """

    kind: str
    repetition_time: float
    echo_time: float
    inversion_time: float = 0.0
    flip_angle: float = 90.0
    train_duration: float = 0.0
    echo_spacing: float = 0.007

    def to_dict(self) -> dict:
        """Return the timings as JSON-ready values."""
        return asdict(self)


#: What a T1w scan is assumed to be where its sidecar does not say.
HIGH_FIELD_T1W = Sequence('MPRAGE', 2.3, 0.003, 0.9, 9.0, 1.2)
#: Portable 64 mT scanners: 3-D inversion-recovery FSE, about 80 echoes 6 ms apart.
LOW_FIELD_T1W = Sequence('IR-FSE', 1.5, 0.005, 0.3, 90.0, 0.5)
#: The usual sequence of each kind that a T1w sidecar may describe.
PRESETS = {
    'MPRAGE': HIGH_FIELD_T1W,
    'IR-FSE': LOW_FIELD_T1W,
    'SPGR': Sequence('SPGR', 0.02, 0.004, flip_angle=20.0),
}


def default_sequence(field: float) -> Sequence:
    """Return the usual T1w sequence of a scanner of ``field`` tesla."""
    return LOW_FIELD_T1W if field < 0.3 else HIGH_FIELD_T1W


def sequence_from_metadata(metadata: dict, field: float) -> tuple[Sequence, list[str]]:
    """Read a T1w sequence off BIDS metadata, saying what had to be assumed.

    Parameters
    ----------
    metadata : dict
        Sidecar fields of the scan (BIDS names and units).
    field : float
        Field strength, tesla.

    Returns
    -------
    sequence : Sequence
    assumed : list of str
        One sentence for each value that the metadata does not give.
    """
    kind, assumed = _sequence_kind(metadata, default_sequence(field).kind)
    # Timings that are missing are those of the usual sequence of that kind.
    values = PRESETS[kind].to_dict()
    fields = {
        'repetition_time': ('RepetitionTimePreparation', 'RepetitionTime'),
        'echo_time': ('EchoTime',),
        'inversion_time': ('InversionTime',),
        'flip_angle': ('FlipAngle',),
    }
    needed = {'MPRAGE': set(fields), 'IR-FSE': set(fields) - {'flip_angle'}}
    needed['SPGR'] = set(fields) - {'inversion_time'}
    for name, keys in fields.items():
        found = next((metadata[k] for k in keys if _is_number(metadata.get(k))), None)
        if found is not None:
            values[name] = float(found)
        elif name in needed[kind]:
            assumed.append(f'{keys[-1]} is not in the sidecar: {values[name]:g} assumed')
    if kind == 'SPGR':
        values['inversion_time'] = 0.0
    # A train cannot be longer than the time there is for it.
    room = values['repetition_time'] - values['inversion_time']
    values['train_duration'] = min(values['train_duration'], 0.9 * max(room, 0.0))
    return Sequence(**values), assumed


def _sequence_kind(metadata, usual):
    """Kind of sequence that the sidecar describes, and what had to be assumed."""
    described = ' '.join(
        str(metadata.get(k, '')) for k in ('PulseSequenceType', 'ScanningSequence')
    ).upper()
    # Written as "GR IR", "GR_IR", "GR\\IR" or ["GR", "IR"], depending on who converted it.
    words = set(re.findall('[A-Z]+', described))
    if not words:
        return usual, [f'the sequence type is not in the sidecar: {usual} assumed']
    if 'MPRAGE' in described or words >= {'GR', 'IR'}:
        return 'MPRAGE', []
    if any(word in described for word in ('SPGR', 'FLASH', 'GRADIENT')):
        return 'SPGR', []
    if 'IR' in described or 'INVERSION' in described:
        return 'IR-FSE', []
    return usual, [f'the sequence type in the sidecar is not known: {usual} assumed']


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def signal(sequence: Sequence, t1: float, t2: float, density: float) -> float:
    """Steady-state magnitude signal of a tissue.

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
        Magnitude, relative to fully relaxed CSF.

    Notes
    -----
    SPGR: Ernst's equation. MPRAGE: the longitudinal magnetisation is followed through
    recovery, inversion and the train of low-angle excitations to its steady state
    (Deichmann et al. 2000). FSE and IR-FSE: the refocused train leaves no longitudinal
    magnetisation, which then recovers during TR - TI - train; it is that incomplete
    recovery which nearly nulls CSF at 64 mT.
    """
    decay_t2 = math.exp(-sequence.echo_time / t2)
    angle = math.radians(sequence.flip_angle)
    tr, ti, train = sequence.repetition_time, sequence.inversion_time, sequence.train_duration
    if sequence.kind == 'SPGR':
        e1 = math.exp(-tr / t1)
        return density * math.sin(angle) * (1 - e1) / (1 - math.cos(angle) * e1) * decay_t2
    if sequence.kind == 'FSE':
        return density * (1 - math.exp(-(tr - train) / t1)) * decay_t2
    if sequence.kind == 'IR-FSE':
        before = 1 - math.exp(-max(tr - ti - train, 0) / t1)
        return density * abs(1 - (1 + before) * math.exp(-ti / t1)) * decay_t2
    if sequence.kind == 'MPRAGE':
        return density * _mprage(sequence, t1, angle) * math.sin(angle) * decay_t2
    raise ValueError(f'unknown sequence {sequence.kind}; known: MPRAGE, IR-FSE, FSE, SPGR')


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

    def through(m, n):
        return settled + (m - settled) * shrink**n

    def cycle(m):
        m = 1 - (1 + m) * e_before
        return 1 - (1 - through(m, pulses)) * e_after

    offset = cycle(0.0)
    steady = offset / (1 - (cycle(1.0) - offset))
    return abs(through(1 - (1 + steady) * e_before, pulses / 2))


def tissue_signals(sequence: Sequence, field: float) -> list[float]:
    """Signals of CSF, GM and WM at ``field`` tesla, relative to WM."""
    signals = [signal(sequence, *relaxation(tissue, field)) for tissue in TISSUES]
    return [value / signals[-1] for value in signals]
