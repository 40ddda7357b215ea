"""Which sequence a scan was made with: as the user states it, or as its sidecar describes it."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from ulfprep.physics.relaxation import relaxation
from ulfprep.physics.sequences import (
    INVERTED,
    ULTRA_LOW_FIELD,
    USUAL_ORDER,
    Sequence,
    default_sequence,
    nulling_time,
    preset_of_kind,
    shows_usual_order,
    tissue_signals,
)
from ulfprep.physics.types import is_length, is_number

GRADIENT_ECHOES = ('MPRAGE', 'SPGR', 'GRE')
#: Timings that can turn the order of the tissues round.
TIMINGS = ('RepetitionTime', 'EchoTime', 'InversionTime', 'FlipAngle')
#: An echo time (s) at which 180-degree refocusing would leave no signal of brain. Trains that
#: reach it have low, variable refocusing angles; at 30 degrees extended phase graphs give the
#: magnetisation this share of its time in the transverse plane.
LONGEST_ECHO_TIME, SHARE_IN_LONG_TRAINS = 0.25, 0.2
#: Fields that describe a sequence in words. Converters fill them from the DICOM file.
DESCRIBED_BY = (
    *('PulseSequenceType', 'ScanningSequence', 'SequenceVariant', 'ScanOptions'),
    *('PulseSequenceName', 'SequenceName', 'PulseSequenceDetails'),
)
#: Fields that hold what the people at the scanner called it: believed for an MP2RAGE alone.
CALLED_BY = ('ProtocolName', 'SeriesDescription', 'ImageType')
#: Words for gradient echoes, refocused trains and inversions, as vendors write them in capitals
#: ("*tfl3d1_16ns" is TFL, "%SiemensSeq%_gre" GRE).
GRADIENT = (
    *('GR', 'GRE', 'GRADIENT', 'SPGR', 'FLASH', 'MPRAGE', 'TFL', 'TFE', 'FFE', 'FL', 'BRAVO'),
    'FGRE',
)
SPOILED = ('SPGR', 'FLASH', 'SPOILED')
TRAIN = ('FSE', 'TSE', 'RARE', 'SPC', 'SPACE', 'CUBE', 'VISTA', 'TIR', 'HASTE', 'GRASE')
INVERSION = ('IR', 'INVERSION', 'STIR', 'TIR', 'SPCIR', 'MPRAGE', 'TFL', 'BRAVO')
#: A spoiled gradient echo with a longer repetition time (s) has no T1 contrast left: with a small
#: flip angle it is the time between the inversions of an MPRAGE.
LONGEST_SPOILED = 1.0
#: From this repetition time (s) on, an inverted gradient echo at high field is an MP2RAGE.
MP2RAGE_REPETITION = 4.0


@dataclass(frozen=True)
class SourceSequence:
    """What a scan was made with, and how bright its tissues should be.

    ``assumed`` holds a sentence for each value that nobody states, ``contradictions`` one for
    each statement that cannot be true of an image of this weighting.
    """

    sequence: Sequence
    signals: tuple[float, ...]  #: of CSF, GM and WM, relative to WM
    assumed: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()


def source_sequence(
    metadata: dict,
    field: float,
    modality: str = 'T1w',
    table: Any = None,
    stated: Sequence | None = None,
) -> SourceSequence:
    """Decide which sequence a scan was made with.

    What the user states is followed. A sidecar is held against the weighting that the name of
    the image tells: where it describes a sequence that would show the tissues in another order,
    the usual sequence of the weighting is taken instead.

    Parameters
    ----------
    metadata : dict
        Sidecar fields of the scan (BIDS names and units).
    field : float
        Tesla.
    modality : {'T1w', 'T2w', 'FLAIR'}
    table
        See :func:`ulfprep.physics.relaxation.relaxation`.
    stated
        The user's own sequence.

    Raises
    ------
    ValueError
        If ``stated`` leaves white matter without signal.
    """
    if stated:
        signals = tuple(tissue_signals(stated, field, table))
        if shows_usual_order(signals, modality):
            return SourceSequence(stated, signals)
        contradiction = (
            f'--source-sequence describes a {stated.kind} that shows {_order(signals)} at '
            f'{field:g} T, but a {modality} has {USUAL_ORDER[modality]}; it was followed.'
        )
        return SourceSequence(stated, signals, contradictions=(contradiction,))
    sequence, assumed = sequence_from_metadata(metadata, field, modality, table)
    try:
        signals = tuple(tissue_signals(sequence, field, table))
        shown = _order(signals)
    except (ValueError, ArithmeticError):
        signals, shown = (), 'no signal of white matter'
    if signals and shows_usual_order(signals, modality):
        return SourceSequence(sequence, signals, tuple(assumed))
    usual, signals = _usual(field, modality, table)
    contradiction = (
        f'its sidecar ({_statements(metadata)}) describes a {sequence.kind} that shows {shown} '
        f'at {field:g} T, but a {modality} has {USUAL_ORDER[modality]}: the usual {usual.kind} '
        'of that weighting was taken; mend the sidecar, or state the sequence with '
        '--source-sequence.'
    )
    return SourceSequence(usual, signals, tuple(assumed), (contradiction,))


def _usual(field: float, modality: str, table) -> tuple[Sequence, tuple[float, ...]]:
    """Return the usual sequence of a weighting, with signals that show it.

    Between the fields of its scanners the usual timings may show another order; then the
    signals are those at the scanners' own field.
    """
    usual = default_sequence(field, modality)
    own = 0.064 if field < ULTRA_LOW_FIELD else 3.0
    for where, values in ((field, table), (own, table)):
        signals = tuple(tissue_signals(usual, where, values))
        if shows_usual_order(signals, modality):
            return usual, signals
    return usual, tuple(tissue_signals(usual, own))


def expected_signals(
    metadata: dict, field: float, modality: str = 'T1w', table: Any = None
) -> tuple[float, ...]:
    """Signals of CSF, GM and WM that a scan should show; see :func:`source_sequence`."""
    return source_sequence(metadata, field, modality, table).signals


def sequence_from_metadata(
    metadata: dict, field: float, modality: str = 'T1w', table: Any = None
) -> tuple[Sequence, list[str]]:
    """Read a sequence off BIDS metadata, with a sentence for each value that is not there."""
    usual = default_sequence(field, modality)
    kind, assumed = _kind_of(metadata, usual.kind, modality)
    if modality == 'T1w' and _is_mp2rage(metadata, kind, usual.kind):
        told = 'the sidecar is that of an MP2RAGE, whose uniform image is close in contrast to an'
        return usual, [f'{told} {usual.kind}: its usual timings assumed']
    # Timings that are missing are those of the usual sequence of that kind.
    values = {**asdict(preset_of_kind(kind, field, modality)), 'kind': kind}
    fields = {
        'repetition_time': ('RepetitionTimePreparation', 'RepetitionTime'),
        'echo_time': ('EchoTime',),
    }
    if kind in INVERTED:
        fields['inversion_time'] = ('InversionTime',)
    if kind in GRADIENT_ECHOES:
        fields['flip_angle'] = ('FlipAngle',)
    inversion = _positive(metadata, 'InversionTime') if kind in INVERTED else None
    # A FLAIR nulls CSF, whatever its repetition time is.
    nulled = kind == 'FLAIR' and not inversion and _positive(metadata, 'RepetitionTime')
    for name, keys in fields.items():
        found = next((v for k in keys if (v := _positive(metadata, k)) is not None), None)
        told = f'{keys[-1]} is not in the sidecar'
        if name == 'repetition_time' and found and inversion and found <= inversion:
            # Some vendors state the time between two excitations of the train.
            told = f'RepetitionTime {found:g} s is shorter than InversionTime'
            if kind == 'MPRAGE':
                values['echo_spacing'] = found
            found = None
        if found is not None:
            values[name] = found
        elif name != 'inversion_time' or not nulled:
            unit = ' degrees' if name == 'flip_angle' else ' s'
            assumed.append(f'{told}: {values[name]:g}{unit} assumed')
    if kind not in INVERTED:
        values['inversion_time'] = 0.0
    train = _read_train(metadata, values)
    if nulled:
        csf = relaxation('CSF', field, table).t1
        nulls = nulling_time(Sequence(**values), csf)
        values['inversion_time'] = nulls
        told = f'InversionTime is not in the sidecar: {nulls:.3g} s, which nulls CSF'
        assumed.append(f'{told}, assumed')
    sequence = Sequence(**values)
    if kind not in GRADIENT_ECHOES and sequence.echo_time > LONGEST_ECHO_TIME:
        sequence = replace(sequence, transverse_share=SHARE_IN_LONG_TRAINS)
        assumed.append(
            f'EchoTime {sequence.echo_time:g} s is that of a long train of low refocusing angles: '
            f'decay with T2 for {SHARE_IN_LONG_TRAINS:.0%} of it and with T1 for the rest assumed'
        )
    return sequence, assumed + train


def _read_train(metadata: dict, values: dict) -> list[str]:
    """Set the read-out train, which no BIDS field states but for gradient echoes."""
    if values['kind'] in ('SPGR', 'GRE', 'SE'):
        values['train_duration'] = 0.0
        return []
    spacing, shots = (_positive(metadata, k) for k in ('RepetitionTimeExcitation', 'NumberShots'))
    if values['kind'] == 'MPRAGE' and spacing:
        values['echo_spacing'] = spacing
        if shots and shots >= 1:
            values['train_duration'] = spacing * shots
            return []
    simulated = metadata.get('Simulation')
    stated = simulated.get('TrainDuration_s') if isinstance(simulated, dict) else None
    if is_number(stated) and stated >= 0:  # as ulfprep writes beside what it simulates
        values['train_duration'] = float(stated)
        return []
    # A train cannot be longer than the time there is for it.
    room = values['repetition_time'] - values['inversion_time']
    values['train_duration'] = min(values['train_duration'], 0.9 * max(room, 0.0))
    length = values['train_duration']
    return [f'the length of the read-out train is not in the sidecar: {length:g} s assumed']


def _positive(metadata: dict, key: str) -> float | None:
    """Return a positive number; 0 is how converters write that they do not know."""
    value = metadata.get(key)
    return float(value) if is_length(value) else None


def _kind_of(metadata: dict, usual: str, modality: str) -> tuple[str, list[str]]:
    """Kind of sequence that the sidecar describes, and what had to be assumed."""
    described = ' '.join(_text(metadata, key) for key in DESCRIBED_BY)
    # Written as "GR IR", "GR_IR", "GR\\IR" or ["GR", "IR"], depending on who converted it.
    words = set(re.findall('[A-Z]+', described))
    inversion = _positive(metadata, 'InversionTime')
    gradient = _any(words, GRADIENT)
    train = _any(words, TRAIN) or 'FAST SPIN' in described or 'TURBO SPIN' in described
    inverted = bool(inversion) or _any(words, INVERSION) or (gradient and 'MP' in words)
    if modality == 'FLAIR' or 'FLAIR' in described:
        untold = 'the sequence type is not in the sidecar: FLAIR assumed'
        return 'FLAIR', [] if words else [untold]
    if gradient and not train:
        repetition, angle = (_positive(metadata, k) for k in ('RepetitionTime', 'FlipAngle'))
        long = (repetition or 0) > LONGEST_SPOILED and (angle is None or angle < 30)
        prepared = inverted or (long and not _any(words, SPOILED))
        return ('MPRAGE' if prepared else 'SPGR'), []
    single = 'SE' in words or 'SPIN ECHO' in described
    if inverted and (train or single):
        return 'IR-FSE', []
    if train or single:
        # DICOM calls fast spin echoes SE too; without a sign of a train it is one echo.
        return ('FSE' if train or (_positive(metadata, 'EchoTrainLength') or 0) > 1 else 'SE'), []
    if inverted:
        usual = usual if usual in INVERTED else 'IR-FSE'
    what = 'type in the sidecar is not known' if words else 'type is not in the sidecar'
    return usual, [f'the sequence {what}: {usual} assumed']


def _is_mp2rage(metadata: dict, kind: str, usual: str) -> bool:
    """Tell whether a T1w is the uniform image of an MP2RAGE, by its names or its timings.

    ``kind`` is that of its sequence, ``usual`` that of a T1w of its scanner.
    """
    called = ' '.join(_text(metadata, key) for key in (*DESCRIBED_BY, *CALLED_BY))
    long = (_positive(metadata, 'RepetitionTime') or 0) >= MP2RAGE_REPETITION
    named = 'MP2RAGE' in called or bool(re.search(r'\bUNI\b', called))
    return named or (usual == kind == 'MPRAGE' and long)


def _any(words: set[str], known: tuple[str, ...]) -> bool:
    """Tell whether a word is known, or holds a longer one that is (SPCIR, TSER, EFGRE)."""
    return any(
        word == key or (len(key) > 2 and word.startswith(key)) or (len(key) > 3 and key in word)
        for word in words
        for key in known
    )


def _text(metadata: dict, key: str) -> str:
    value = metadata.get(key, '')
    texts = value if isinstance(value, list | tuple) else [value]
    return ' '.join(str(text) for text in texts).upper()


def _order(signals) -> str:
    """Return the order of brightness in words."""
    named = sorted(zip(signals, ('CSF', 'GM', 'WM'), strict=True))
    return ' < '.join(name for _, name in named)


def _statements(metadata: dict) -> str:
    """Return what a sidecar states of its sequence, for a message."""
    told = [
        f'{key} {" ".join(str(metadata[key]).split())}'
        for key in (*DESCRIBED_BY[:2], *TIMINGS)
        if metadata.get(key) not in (None, '')
    ]
    return ', '.join(told) or 'no word of a sequence'
