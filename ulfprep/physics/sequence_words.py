"""What kind of sequence the words of a sidecar mean, whoever wrote them."""

import re

from ulfprep.physics.sequences import is_number
from ulfprep.physics.signals import INVERTED

#: Fields that describe a sequence in words. Converters fill them from the DICOM file.
DESCRIBED_BY = (
    'PulseSequenceType',
    'ScanningSequence',
    'SequenceVariant',
    'ScanOptions',
    'PulseSequenceName',
    'SequenceName',
    'PulseSequenceDetails',
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


def positive(metadata: dict, key: str) -> float | None:
    """Return a positive number; 0 is how converters write that they do not know."""
    value = metadata.get(key)
    return float(value) if is_number(value) and value > 0 else None


def kind_of(metadata: dict, usual: str, modality: str) -> tuple[str, list[str]]:
    """Kind of sequence that the sidecar describes, and what had to be assumed."""
    described = ' '.join(_text(metadata, key) for key in DESCRIBED_BY)
    # Written as "GR IR", "GR_IR", "GR\\IR" or ["GR", "IR"], depending on who converted it.
    words = set(re.findall('[A-Z]+', described))
    inversion = positive(metadata, 'InversionTime')
    gradient = _any(words, GRADIENT)
    train = _any(words, TRAIN) or 'FAST SPIN' in described or 'TURBO SPIN' in described
    inverted = bool(inversion) or _any(words, INVERSION) or (gradient and 'MP' in words)
    if modality == 'FLAIR' or 'FLAIR' in described:
        return 'FLAIR', [] if words else _untold(words, 'FLAIR')
    if gradient and not train:
        spoiled = _any(words, SPOILED)
        return _gradient_echo(metadata, inverted, spoiled), []
    single = 'SE' in words or 'SPIN ECHO' in described
    if inverted and (train or single):
        return 'IR-FSE', []
    if train or single:
        # DICOM calls fast spin echoes SE too; without a sign of a train it is one echo.
        return ('FSE' if train or (positive(metadata, 'EchoTrainLength') or 0) > 1 else 'SE'), []
    if inverted:
        usual = usual if usual in INVERTED else 'IR-FSE'
    return usual, _untold(words, usual)


def _gradient_echo(metadata: dict, inverted: bool, spoiled: bool) -> str:
    repetition, angle = (positive(metadata, k) for k in ('RepetitionTime', 'FlipAngle'))
    long = (repetition or 0) > LONGEST_SPOILED and (angle is None or angle < 30)
    return 'MPRAGE' if inverted or (long and not spoiled) else 'SPGR'


def _untold(words: set[str], kind: str) -> list[str]:
    what = 'type in the sidecar is not known' if words else 'type is not in the sidecar'
    return [f'the sequence {what}: {kind} assumed']


def is_mp2rage(metadata: dict, kind: str, usual: str) -> bool:
    """Tell whether a T1w is the uniform image of an MP2RAGE, by its names or its timings.

    Parameters
    ----------
    metadata : dict
        Sidecar fields.
    kind, usual : str
        Of its sequence, by :func:`kind_of`, and that of a T1w of its scanner.
    """
    called = ' '.join(_text(metadata, key) for key in (*DESCRIBED_BY, *CALLED_BY))
    long = (positive(metadata, 'RepetitionTime') or 0) >= MP2RAGE_REPETITION
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
