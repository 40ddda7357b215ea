"""What a scan's sidecar says of its acquisition: is it sensible, and what follows from it?"""

import numpy as np

from ulfprep.bids.nifti import UnusableScanError
from ulfprep.physics.relaxation import FIELD_RANGE

#: Scans below this field strength are enhanced by default, tesla.
LOW_FIELD_LIMIT = 0.3
#: Default targets, tesla.
DEFAULT_HIGH_FIELD = 3.0
DEFAULT_LOW_FIELD = 0.064
#: Field -> least and most that it can be, whether that least is possible, and its unit.
TIMINGS = {
    'RepetitionTime': (0.0, 100.0, False, 's'),
    'RepetitionTimePreparation': (0.0, 100.0, False, 's'),
    'RepetitionTimeExcitation': (0.0, 100.0, False, 's'),
    'EchoTime': (0.0, 1.0, False, 's'),
    'InversionTime': (0.0, 20.0, True, 's'),
    'FlipAngle': (0.0, 360.0, False, 'degrees'),
}
#: Edges of an acquired voxel, mm.
LENGTHS = (0.05, 50.0)


def check_sidecar(metadata: dict, name: str) -> tuple[str, ...]:
    """Refuse what would be reckoned with and cannot be true; warn of what will be ignored.

    Parameters
    ----------
    metadata : dict
        Sidecar fields; those that are missing or ``null`` are no fault.
    name : str
        The scan, for the error.

    Returns
    -------
    tuple of str
        Warnings, a sentence each.

    Raises
    ------
    UnusableScanError
        If there are no fields in it, or a timing or a voxel size is none.
    """
    if not isinstance(metadata, dict):
        raise UnusableScanError(f'{name}: its sidecar is no JSON object ({{...}}); mend it')
    for key, (low, high, closed, unit) in TIMINGS.items():
        value = metadata.get(key)
        if value is None:
            continue
        if not _is_number(value) or not (low < value <= high or (closed and value == low)):
            looks = ''
            if unit == 's' and _is_number(value) and low < value / 1000 <= high:
                looks = f' and looks like milliseconds ({value / 1000:g} s?)'
            raise UnusableScanError(
                f'{name}: {key} is {_shown(value)} in its sidecar, which cannot be in '
                f'{"seconds" if unit == "s" else unit}{looks}; mend it, or take it out to have '
                'the usual value assumed'
            )
    for key, count in (('AcquisitionVoxelSize', 3), ('SliceThickness', 1)):
        _check_lengths(metadata, key, count, name)
    return tuple(
        f'Warning: {key} is {_shown(metadata[key])} in the sidecar, not {wanted}; it was ignored.'
        for key, (good, wanted) in _USED.items()
        if metadata.get(key) is not None and not good(metadata[key])
    )


def _check_lengths(metadata: dict, key: str, count: int, name: str) -> None:
    """Refuse lengths that no voxel has; another kind of value is only ignored."""
    value = metadata.get(key)
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) != count or not all(map(_is_number, values)):
        return
    # Zero is how some converters write that they do not know.
    if count == 1 and values[0] == 0:
        return
    if not all(LENGTHS[0] <= v <= LENGTHS[1] for v in values):
        raise UnusableScanError(
            f'{name}: {key} is {_shown(value)} in its sidecar, which cannot be in millimetres; '
            'mend it, or take it out'
        )


def _is_number(value) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -1e300 < value < 1e300  # neither NaN nor an integer that is no float


def _is_length(value) -> bool:
    return _is_number(value) and value >= 0


def _is_text(value) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) for text in texts)


def _are_lengths(value) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(map(_is_length, value))


#: Field -> what it must be not to be ignored, and that in words.
_USED = {
    'AcquisitionVoxelSize': (_are_lengths, 'three lengths in mm'),
    'SliceThickness': (_is_length, 'a length in mm'),
    'SkullStripped': (lambda value: isinstance(value, bool), 'true or false'),
    'PulseSequenceType': (_is_text, 'a text'),
    'ScanningSequence': (_is_text, 'a text or a list of texts'),
    'NumberShots': (_is_length, 'a number'),
    'EchoTrainLength': (_is_length, 'a number'),
}


def _shown(value) -> str:
    """Return a value of any kind as a short text of one line."""
    text = ' '.join(repr(value).split())
    return text if len(text) <= 40 else f'{text[:37]}...'


def field_strength(metadata: dict, source_field: float | None, name: str) -> tuple[float, str]:
    """Return a scan's field strength and where it is known from.

    Parameters
    ----------
    metadata : dict
        Sidecar fields.
    source_field : float or None
        What the user stated, tesla; used where the sidecar does not say.
    name : str
        The scan, for the error.

    Returns
    -------
    field : float
        Tesla.
    note : str
        A sentence for the report.

    Raises
    ------
    UnusableScanError
        If nobody says, or the sidecar's value is no positive number.
    """
    value = metadata.get('MagneticFieldStrength')
    if value is None:
        if source_field is None:
            raise UnusableScanError(
                f'{name}: its sidecar has no MagneticFieldStrength; add it (in tesla), or '
                'state it with --source-field 0.064'
            )
        note = f'Field strength {source_field:g} T as stated with --source-field.'
        return float(source_field), note
    if not _is_number(value) or not FIELD_RANGE[0] <= value <= FIELD_RANGE[1]:
        raise UnusableScanError(
            f'{name}: MagneticFieldStrength is {_shown(value)} in its sidecar, which is no field '
            'strength in tesla (0.064 is 64 mT); mend the sidecar'
        )
    note = f'Field strength {value:g} T from the sidecar.'
    if source_field is not None and not np.isclose(source_field, value):
        note = (
            f'Field strength {value:g} T from the sidecar, which goes before the '
            f'{source_field:g} T of --source-field.'
        )
    return float(value), note


def resolve_direction(source: float, target: float | None, name: str) -> tuple[str, float]:
    """Return ``enhance`` or ``simulate``, and the target field strength.

    Parameters
    ----------
    source : float
        The scan's field strength, tesla.
    target : float or None
        What the user asked for; ``None`` means 3 T for scans under 0.3 T, else 0.064 T.
    name : str
        The scan, for the error.

    Raises
    ------
    UnusableScanError
        If source and target are the same, for then there is nothing to do.
    """
    if target is None:
        target = DEFAULT_HIGH_FIELD if source < LOW_FIELD_LIMIT else DEFAULT_LOW_FIELD
    if np.isclose(source, target, rtol=0.05):
        raise UnusableScanError(
            f'{name}: the scan is already at the target field strength ({source:g} T); '
            'choose another --target-field'
        )
    return ('enhance' if target > source else 'simulate'), float(target)
