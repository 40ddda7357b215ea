"""At which field strength was an image acquired: by its sidecar, else by its name."""

import math

from ulfprep.bids.acquisition import LOW_FIELD_LIMIT
from ulfprep.physics.relaxation import FIELD_RANGE, GYROMAGNETIC_RATIO

#: Of portable scanners, tesla.
LOW_FIELD = 0.064
#: What a label, or the name of a folder, holds or is where it tells the field.
LOW_WORDS = ('64mt', 'ulf', 'hyperfine', 'swoop', 'lowfield')
HIGH_WORDS = ('hf', 'highfield')
#: Two statements of the field may differ by this share of it.
TOLERANCE = 0.2


def field_of(metadata: dict) -> float | None:
    """Field strength by a sidecar, tesla.

    Some sidecars of 64 mT scanners say ``MagneticFieldStrength`` 0.006 (a wrong power of ten),
    beside an ``ImagingFrequency`` of 2.7 MHz, which is what the scanner measured: where the two
    contradict each other, the frequency counts.

    Parameters
    ----------
    metadata : dict

    Returns
    -------
    float or None
        ``None`` where it does not say.
    """
    stated, frequency = (
        _number(metadata.get(name)) for name in ('MagneticFieldStrength', 'ImagingFrequency')
    )
    measured = None if frequency is None else frequency * 1e6 / GYROMAGNETIC_RATIO
    if measured is None or not FIELD_RANGE[0] <= measured <= FIELD_RANGE[1]:
        return stated
    if stated is not None and abs(stated - measured) <= TOLERANCE * measured:
        return stated
    return round(measured, 3)


def is_low(metadata: dict, labels=()) -> bool | None:
    """Tell whether an image is of low field.

    Parameters
    ----------
    metadata : dict
        Sidecar: what it says counts first.
    labels : sequence of str
        Of session, acquisition or folder.

    Returns
    -------
    bool or None
        ``None`` where nothing tells.
    """
    field = field_of(metadata)
    if field is not None:
        return field < LOW_FIELD_LIMIT
    words = [label.lower().replace('-', '').replace('_', '').replace(' ', '') for label in labels]
    low = any(known in word for word in words for known in LOW_WORDS)
    high = any(
        word in HIGH_WORDS or word.startswith('3t') or word.endswith('3t') for word in words
    )
    return low if low != high else None


def _number(value) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and math.isfinite(value) and value > 0 else None
