"""Which sequence a scan was made with: presets, a user's own, or what BIDS metadata say."""

import dataclasses
import json
import re
import sys

from ulfprep.physics.signals import INVERTED, Sequence, tissue_signals

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
#: Below this field (T) a scanner is taken for a portable one.
ULTRA_LOW_FIELD = 0.3


def default_sequence(field: float, modality: str = 'T1w') -> Sequence:
    """Return the usual sequence of a modality on a scanner of ``field`` tesla."""
    return PRESETS[default_name(field, modality)]


def default_name(field: float, modality: str = 'T1w') -> str:
    """Return the name of :func:`default_sequence` in :data:`PRESETS`."""
    return f'{"ULF" if field < ULTRA_LOW_FIELD else "HF"}-{modality}'


def parse_sequence(text: str) -> Sequence:
    """Return the sequence that a preset's name or a JSON object describes.

    Parameters
    ----------
    text : str
        A key of :data:`PRESETS`, or a JSON object with attributes of
        :class:`~ulfprep.physics.signals.Sequence` (``kind``, ``repetition_time`` and
        ``echo_time`` at least; seconds and degrees).

    Raises
    ------
    ValueError
        With one line that says what is wrong.
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
            good = _is_number(value) and value >= 0
        if not good:
            raise ValueError(f'{name} of the sequence is {value!r}; times are in seconds')
    if not 0 < values['repetition_time'] < 100 or values['echo_time'] > 1:
        raise ValueError('repetition_time and echo_time of the sequence are in seconds')
    if values.get('inversion_efficiency', 1.0) > 1:
        raise ValueError('inversion_efficiency of the sequence is more than 1')
    inverted = values['kind'] in INVERTED
    if inverted and not values.get('inversion_time', 0) > 0:
        raise ValueError(f'a {values["kind"]} sequence needs its inversion_time')
    return Sequence(**values)


def expected_signals(
    metadata: dict, field: float, modality: str = 'T1w', table=None
) -> tuple[float, float, float]:
    """Signals of CSF, GM and WM that a scan should show, relative to WM.

    Parameters
    ----------
    metadata : dict
        Sidecar fields of the scan (BIDS names and units).
    field : float
        Its field strength, tesla.
    modality : {'T1w', 'T2w', 'FLAIR'}
    table : sequence of Measurement, optional
        See :func:`ulfprep.physics.relaxation.relaxation`.
    """
    sequence, _ = sequence_from_metadata(metadata, field, modality)
    return tuple(tissue_signals(sequence, field, table))


def sequence_from_metadata(
    metadata: dict, field: float, modality: str = 'T1w'
) -> tuple[Sequence, list[str]]:
    """Read a sequence off BIDS metadata, saying what had to be assumed.

    Parameters
    ----------
    metadata : dict
        Sidecar fields of the scan (BIDS names and units).
    field : float
        Field strength, tesla.
    modality : {'T1w', 'T2w', 'FLAIR'}

    Returns
    -------
    sequence : Sequence
    assumed : list of str
        One sentence for each value that the metadata does not give.
    """
    usual = default_sequence(field, modality)
    kind, assumed = _sequence_kind(metadata, usual.kind, modality)
    # Timings that are missing are those of the usual sequence of that kind.
    values = _preset_of(kind, field, modality).to_dict()
    values['kind'] = kind
    fields = {
        'repetition_time': ('RepetitionTimePreparation', 'RepetitionTime'),
        'echo_time': ('EchoTime',),
    }
    if kind in INVERTED:
        fields['inversion_time'] = ('InversionTime',)
    if kind in ('MPRAGE', 'SPGR', 'GRE'):
        fields['flip_angle'] = ('FlipAngle',)
    for name, keys in fields.items():
        found = next((metadata[k] for k in keys if _is_number(metadata.get(k))), None)
        if found is not None:
            values[name] = float(found)
        else:
            unit = ' degrees' if name == 'flip_angle' else ' s'
            assumed.append(f'{keys[-1]} is not in the sidecar: {values[name]:g}{unit} assumed')
    if kind not in INVERTED:
        values['inversion_time'] = 0.0
    assumed += _read_train(metadata, values)
    return Sequence(**values), assumed


def _read_train(metadata: dict, values: dict) -> list[str]:
    """Set the read-out train, which no BIDS field states but for gradient echoes."""
    if values['kind'] in ('SPGR', 'GRE', 'SE'):
        values['train_duration'] = 0.0
        return []
    spacing, shots = (metadata.get(k) for k in ('RepetitionTimeExcitation', 'NumberShots'))
    if values['kind'] == 'MPRAGE' and _is_number(spacing) and spacing > 0:
        values['echo_spacing'] = float(spacing)
        if _is_number(shots) and shots >= 1:
            values['train_duration'] = float(spacing * shots)
            return []
    simulated = metadata.get('Simulation')
    stated = simulated.get('TrainDuration_s') if isinstance(simulated, dict) else None
    if _is_number(stated) and stated >= 0:  # as ulfprep writes beside what it simulates
        values['train_duration'] = float(stated)
        return []
    # A train cannot be longer than the time there is for it.
    room = values['repetition_time'] - values['inversion_time']
    values['train_duration'] = min(values['train_duration'], 0.9 * max(room, 0.0))
    length = values['train_duration']
    return [f'the length of the read-out train is not in the sidecar: {length:g} s assumed']


def _preset_of(kind: str, field: float, modality: str) -> Sequence:
    """Return the preset whose timings stand in for missing ones of ``kind``."""
    usual = default_sequence(field, modality)
    if kind == usual.kind:
        return usual
    others = {
        'MPRAGE': 'HF-T1w',
        'SPGR': 'HF-T1w-SPGR',
        'GRE': 'HF-T1w-SPGR',
        'IR-FSE': 'ULF-T1w',
        'SE': 'HF-T1w-SE',
    }
    if modality == 'T1w' and kind == 'FSE':  # a T1w fast spin echo has a short repetition time
        return dataclasses.replace(PRESETS['HF-T1w-SE'], kind='FSE', train_duration=0.05)
    if modality != 'T1w' and kind == 'SE':
        return dataclasses.replace(usual, kind='SE', train_duration=0.0)
    return PRESETS[others[kind]] if kind in others else usual


def _sequence_kind(metadata, usual, modality):
    """Kind of sequence that the sidecar describes, and what had to be assumed."""
    stated = ('PulseSequenceType', 'ScanningSequence')
    described = ' '.join(str(metadata.get(k, '')) for k in stated).upper()
    # Written as "GR IR", "GR_IR", "GR\\IR" or ["GR", "IR"], depending on who converted it.
    words = set(re.findall('[A-Z]+', described))
    if not words:
        return usual, [f'the sequence type is not in the sidecar: {usual} assumed']
    inverted = bool(words & {'IR', 'INVERSION', 'STIR', 'TIRM'})
    if modality == 'FLAIR' or 'FLAIR' in described:
        return 'FLAIR', []
    if 'MPRAGE' in described or words >= {'GR', 'IR'}:
        return 'MPRAGE', []
    if any(word in described for word in ('SPGR', 'FLASH', 'GRADIENT')) or 'GR' in words:
        return 'SPGR', []
    if inverted:
        return 'IR-FSE', []
    if words & {'FSE', 'TSE', 'RARE', 'SPACE', 'CUBE', 'VISTA'} or 'FAST SPIN' in described:
        return 'FSE', []
    if 'TURBO SPIN' in described:
        return 'FSE', []
    if words & {'SE'} or 'SPIN ECHO' in described:
        # DICOM calls fast spin echoes SE too; without a sign of a train it is one echo.
        return ('FSE', []) if _is_train(metadata) else ('SE', [])
    return usual, [f'the sequence type in the sidecar is not known: {usual} assumed']


def _is_train(metadata: dict) -> bool:
    length = metadata.get('EchoTrainLength')
    return _is_number(length) and length > 1


def _is_number(value) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Neither NaN nor infinite, nor an integer that no float can hold.
    return number and abs(value) <= sys.float_info.max
