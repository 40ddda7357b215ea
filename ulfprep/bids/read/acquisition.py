"""At which field strength a scan was acquired, and what is therefore done with it."""

import numpy as np

from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.sidecars import shown
from ulfprep.note import INFO, WARNING, Note
from ulfprep.physics.relaxation import FIELD_RANGE, GYROMAGNETIC_RATIO
from ulfprep.physics.types import is_number

#: Scans below this field strength are enhanced by default, tesla.
LOW_FIELD_LIMIT = 0.3
#: Default targets, tesla.
DEFAULT_HIGH_FIELD = 3.0
DEFAULT_LOW_FIELD = 0.064
#: Two statements of the field strength may differ by this share of it.
TOLERANCE = 0.2
#: The magnet of a portable scanner drifts by this share; its scans are of one field all the same.
DRIFT = 0.02
#: From here on an ImagingFrequency is in Hz, whatever BIDS says: no scanner has 100 GHz.
HERTZ = 1e5
#: What else a sidecar tells of an acquisition, and in which unit.
TOLD = {
    'AcquisitionDuration': 's',
    'NumberOfAverages': 'average(s)',
    'PhaseEncodingSteps': 'phase-encoding steps',
    'PixelBandwidth': 'Hz a pixel',
}
#: How an ImagedNucleus says that it is the one whose frequency tells the field.
HYDROGEN = ('1H', 'H1', 'H')


def field_of(metadata: dict) -> float | None:
    """Return the field strength by a sidecar, tesla; see :func:`stated_field`."""
    return stated_field(metadata)[0]


def stated_field(metadata: dict) -> tuple[float | None, str]:
    """Field strength by a sidecar, and by which of its fields.

    The only public 64 mT dataset in BIDS says ``MagneticFieldStrength`` 0.006 (a wrong power of
    ten) beside an ``ImagingFrequency`` of 2.7 MHz, which is what the scanner measured: where the
    two contradict each other, the frequency counts.

    Parameters
    ----------
    metadata : dict
        Sidecar fields (:func:`ulfprep.bids.read.sidecars.usable_metadata`).

    Returns
    -------
    field : float or None
        Tesla; ``None`` where it does not say.
    source : str
        From which field of the sidecar, and against which other.
    """
    stated = metadata.get('MagneticFieldStrength')
    told = stated is not None
    stated = stated if _is_field(stated) else None
    frequency = _frequency(metadata)
    measured = None if frequency is None else frequency / GYROMAGNETIC_RATIO
    if not _is_field(measured) or (stated is not None and _agree(stated, measured)):
        return stated, 'the sidecar'
    source = f'ImagingFrequency {frequency / 1e6:g} MHz in the sidecar'
    if told:
        source += f', which contradicts its MagneticFieldStrength {_told(metadata)}'
    if abs(measured - DEFAULT_LOW_FIELD) <= DRIFT * DEFAULT_LOW_FIELD:
        return DEFAULT_LOW_FIELD, source
    return round(measured, 3), source


def _frequency(metadata: dict) -> float | None:
    """Return the frequency at which a scanner sees hydrogen, Hz; None where it is not stated."""
    frequency = metadata.get('ImagingFrequency')
    hydrogen = str(metadata.get('ImagedNucleus') or '1H').upper() in HYDROGEN
    if not hydrogen or not is_number(frequency):
        return None
    return frequency * (1e6 if abs(frequency) < HERTZ else 1.0)


def _is_field(value) -> bool:
    return is_number(value) and FIELD_RANGE[0] <= value <= FIELD_RANGE[1]


def _agree(field: float, other: float) -> bool:
    return abs(field - other) <= TOLERANCE * other


def _told(metadata: dict) -> str:
    return shown(metadata['MagneticFieldStrength'])


def field_strength(metadata: dict, source_field: float | None, name: str) -> tuple[float, Note]:
    """Return a scan's field strength and where it is known from.

    Parameters
    ----------
    metadata : dict
        Sidecar fields.
    source_field : float or None
        What the user stated, tesla; it goes before whatever the sidecar says.
    name : str
        The scan, for the error.

    Returns
    -------
    field : float
        Tesla.
    note : Note
        A warning where two fields that scanners have contradict each other.

    Raises
    ------
    UnusableScanError
        If nobody says, or the sidecar's value is that of no scanner.
    """
    found, source = stated_field(metadata)
    if source_field is not None:
        note = f'Field strength {source_field:g} T as stated with --source-field'
        if found is not None and not np.isclose(source_field, found):
            note += f', which goes before the {found:g} T of {source}'
        return float(source_field), _doubted(note, source_field, found)
    if found is not None:
        note = f'Field strength {found:g} T from {source}'
        return float(found), _doubted(note, found, metadata.get('MagneticFieldStrength'))
    if metadata.get('MagneticFieldStrength') is None:
        raise UnusableScanError(
            f'{name}: its sidecar has no MagneticFieldStrength; add it (in tesla), or '
            'state it with --source-field 0.064'
        )
    raise UnusableScanError(
        f'{name}: MagneticFieldStrength is {_told(metadata)} in its sidecar, which is no field '
        'strength in tesla (0.064 is 64 mT); mend the sidecar, or state it with --source-field '
        '0.064'
    )


def _doubted(text: str, used: float, other) -> Note:
    """Return a note, a warning where another scanner's field was stated as well."""
    doubt = _is_field(other) and not _agree(other, used)
    return Note(f'{text}.', WARNING if doubt else INFO)


def acquisition_note(metadata: dict) -> tuple[Note, ...]:
    """Say how a scan was acquired, as far as its sidecar tells; one note or none.

    Portable scanners state duration, averages and phase steps, but neither their echo train nor
    their partitions, without which no length of the train follows: nothing is computed from
    these.

    Parameters
    ----------
    metadata : dict
        Sidecar fields (:func:`ulfprep.bids.read.sidecars.usable_metadata`).
    """
    told = [f'{metadata[key]:g} {unit}' for key, unit in TOLD.items() if metadata.get(key)]
    if not told:
        return ()
    seconds, repetition = (metadata.get(k) for k in ('AcquisitionDuration', 'RepetitionTime'))
    if seconds and repetition:
        repetitions = seconds / repetition / (metadata.get('NumberOfAverages') or 1)
        told.append(f'so {repetitions:.0f} repetitions an average')
    text = f'Acquisition by the sidecar: {", ".join(told)}; nothing was computed from these.'
    return (Note(text),)


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
