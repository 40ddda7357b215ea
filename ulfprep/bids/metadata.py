"""What a sidecar states, made usable: numbers as numbers, and what cannot be true left out."""

import math

from ulfprep.physics.sequences import is_number

#: Field -> least (itself left out) and most that it can be, and its unit. All are optional.
TIMINGS = {
    'RepetitionTime': (0.0, 100.0, 's'),
    'RepetitionTimePreparation': (0.0, 100.0, 's'),
    'RepetitionTimeExcitation': (0.0, 100.0, 's'),
    'EchoTime': (0.0, 1.0, 's'),
    'InversionTime': (0.0, 20.0, 's'),
    'FlipAngle': (0.0, 360.0, 'degrees'),
}
#: Edges of an acquired voxel, mm.
LENGTHS = (0.05, 50.0)
#: No slice of a head is thicker: converters write the thickness of the whole slab there, mm.
THICKEST = 15.0
#: Other fields that are numbers.
COUNTS = (
    'EchoTrainLength',
    'NumberShots',
    'NumberOfAverages',
    'AcquisitionDuration',
    'PhaseEncodingSteps',
    'PixelBandwidth',
)
NUMBERS = (*TIMINGS, 'MagneticFieldStrength', 'ImagingFrequency', 'SliceThickness', *COUNTS)


def usable_metadata(metadata: dict) -> tuple[dict, tuple[str, ...]]:
    """Return the fields of a sidecar that can be reckoned with, and what was done to the others.

    None of them has to be there, so what cannot be true is as good as missing, and is no reason
    to refuse a scan.

    Parameters
    ----------
    metadata : dict
        Sidecar fields.

    Returns
    -------
    usable : dict
        A copy: numbers that were written as text are numbers, what cannot be is left out.
        ``MagneticFieldStrength`` stays, for it decides what is done with the scan.
    remarks : tuple of str
        A sentence for each field that was changed or left out; for the latter a warning.
    """
    usable, remarks = dict(metadata), []
    for key in (k for k in NUMBERS if k in usable):
        number = _number_in(usable[key])
        if number is not None:
            remarks.append(_taken(key, usable[key], f'{number:g}'))
            usable[key] = number
    sizes = usable.get('AcquisitionVoxelSize')
    if isinstance(sizes, list | tuple) and any(isinstance(size, str) for size in sizes):
        numbers = [_number_in(size) if isinstance(size, str) else size for size in sizes]
        if None not in numbers:
            remarks.append(_taken('AcquisitionVoxelSize', sizes, shown(numbers)))
            usable['AcquisitionVoxelSize'] = numbers
    for key, (fault, quiet) in _FAULTS.items():
        value = usable.get(key)
        if value is None or not (wrong := fault(key, value)):
            continue
        del usable[key]
        if not (quiet and value == 0):  # how converters write that they do not know
            remarks.append(
                f'Warning: {key} is {shown(value)} in the sidecar, {wrong}; it was ignored.'
            )
    return usable, tuple(remarks)


def _taken(key: str, value, number: str) -> str:
    return f'{key} is {shown(value)} in the sidecar; it was taken for {number}.'


def _number_in(value) -> float | None:
    """Return the number that a text or a list of one holds; None of anything else."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
        if is_number(value):
            return value
    if not isinstance(value, str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _no_timing(key: str, value) -> str:
    low, high, unit = TIMINGS[key]
    if is_number(value) and low < value <= high:
        return ''
    looks = ''
    if unit == 's' and is_number(value) and 1000 * low < value <= 1000 * high:
        looks = f' and looks like milliseconds ({value / 1000:g} s?)'
    return f'which cannot be in {"seconds" if unit == "s" else unit}{looks}'


def _no_length(key: str, value) -> str:
    if not is_number(value):
        return 'not a length in mm'
    return '' if LENGTHS[0] <= value <= LENGTHS[1] else 'which no voxel has in millimetres'


def _no_thickness(key: str, value) -> str:
    if is_number(value) and value > THICKEST:
        return 'which no slice of a head has in millimetres (that of a slab?)'
    return _no_length(key, value)


def _no_lengths(key: str, value) -> str:
    if not (isinstance(value, list | tuple) and len(value) == 3):
        return 'not three lengths in mm'
    return next((wrong for v in value if (wrong := _no_length(key, v))), '')


def _no_count(key: str, value) -> str:
    return '' if is_number(value) and value >= 0 else 'not a number of 0 or more'


def _no_truth(key: str, value) -> str:
    return '' if isinstance(value, bool) else 'not true or false'


def _no_text(key: str, value) -> str:
    texts = value if isinstance(value, list) else [value]
    return '' if all(isinstance(text, str) for text in texts) else 'not a text or a list of texts'


#: Field -> what is wrong with a value, in words, and whether 0 is left out without a word.
_FAULTS = {
    **dict.fromkeys(TIMINGS, (_no_timing, False)),
    'InversionTime': (_no_timing, True),
    'SliceThickness': (_no_thickness, True),
    'AcquisitionVoxelSize': (_no_lengths, False),
    **dict.fromkeys(COUNTS, (_no_count, False)),
    'SkullStripped': (_no_truth, False),
    'PulseSequenceType': (_no_text, False),
    'ScanningSequence': (_no_text, False),
}


def shown(value) -> str:
    """Return a value of any kind as a short text of one line."""
    text = ' '.join(repr(value).split())
    return text if len(text) <= 40 else f'{text[:37]}...'
