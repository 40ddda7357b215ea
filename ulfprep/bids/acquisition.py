"""At which field strength a scan was acquired, and what is therefore done with it."""

import numpy as np

from ulfprep.bids.metadata import shown
from ulfprep.bids.nifti import UnusableScanError
from ulfprep.physics.relaxation import FIELD_RANGE, GYROMAGNETIC_RATIO
from ulfprep.physics.sequences import is_number

#: Scans below this field strength are enhanced by default, tesla.
LOW_FIELD_LIMIT = 0.3
#: Default targets, tesla.
DEFAULT_HIGH_FIELD = 3.0
DEFAULT_LOW_FIELD = 0.064
#: Two statements of the field strength may differ by this share of it.
TOLERANCE = 0.2
#: From here on an ImagingFrequency is in Hz, whatever BIDS says: no scanner has 100 GHz.
HERTZ = 1e5


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
        Sidecar fields (:func:`ulfprep.bids.metadata.usable_metadata`).

    Returns
    -------
    field : float or None
        Tesla; ``None`` where it does not say.
    source : str
        From which field of the sidecar, and against which other.
    """
    stated, frequency = (
        metadata.get(key) for key in ('MagneticFieldStrength', 'ImagingFrequency')
    )
    stated = stated if _is_field(stated) else None
    measured = None
    if is_number(frequency):
        hertz = frequency * (1e6 if abs(frequency) < HERTZ else 1.0)
        measured = hertz / GYROMAGNETIC_RATIO
    if not _is_field(measured):
        return stated, 'the sidecar'
    if stated is not None and abs(stated - measured) <= TOLERANCE * measured:
        return stated, 'the sidecar'
    source = f'ImagingFrequency {frequency:g} MHz in the sidecar'
    if metadata.get('MagneticFieldStrength') is not None:
        source += f', which contradicts its MagneticFieldStrength {_told(metadata)}'
    return round(measured, 3), source


def _is_field(value) -> bool:
    return is_number(value) and FIELD_RANGE[0] <= value <= FIELD_RANGE[1]


def _told(metadata: dict) -> str:
    return shown(metadata['MagneticFieldStrength'])


def field_strength(metadata: dict, source_field: float | None, name: str) -> tuple[float, str]:
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
    note : str
        A sentence for the report.

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
        return float(source_field), f'{note}.'
    if found is not None:
        return float(found), f'Field strength {found:g} T from {source}.'
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


def acquisition_note(metadata: dict) -> tuple[str, ...]:
    """Say how a scan was acquired, as far as its sidecar tells; a sentence or none.

    Portable scanners state duration, averages and phase steps, but neither their echo train nor
    their partitions, without which no length of the train follows.

    Parameters
    ----------
    metadata : dict
        Sidecar fields (:func:`ulfprep.bids.metadata.usable_metadata`).
    """
    seconds, averages, steps, bandwidth = (
        metadata.get(key)
        for key in (
            'AcquisitionDuration',
            'NumberOfAverages',
            'PhaseEncodingSteps',
            'PixelBandwidth',
        )
    )
    told = [
        f'{value:g} {unit}'
        for value, unit in (
            (seconds, 's'),
            (averages, 'average(s)'),
            (steps, 'phase-encoding steps'),
            (bandwidth, 'Hz a pixel'),
        )
        if value
    ]
    if not told:
        return ()
    note = f'Acquisition by the sidecar: {", ".join(told)}'
    repetition = metadata.get('RepetitionTime')
    if seconds and repetition:
        shots = seconds / repetition / (averages or 1)
        note += f'; {shots:.0f} repetitions an average'
    return (f'{note}. The length of the read-out train is not derived from it.',)


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
