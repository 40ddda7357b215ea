"""Sequences by name, or as a user states them; what each weighting usually shows."""

import dataclasses
import json
import math
from typing import Any, TypeGuard

from ulfprep.physics.signals import INVERTED, Sequence
from ulfprep.physics.types import Numbers

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


def shows_usual_order(signals: Numbers, modality: str = 'T1w') -> bool:
    """Tell whether signals of CSF, GM and WM are in the order of :data:`USUAL_ORDER`.

    Parameters
    ----------
    signals : sequence of 3 floats
        Of CSF, GM, WM, in any unit.
    modality : {'T1w', 'T2w', 'FLAIR'}
    """
    csf, gm, wm = signals
    if modality == 'T2w':
        return csf > max(gm, wm)
    return csf < gm < wm if modality == 'T1w' else csf < min(gm, wm)


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


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a number that is neither infinite nor NaN, nor true or false."""
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):  # no number, or an integer that no float can hold
        return False
