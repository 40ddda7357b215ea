"""At which field strength and voxel size a scan was acquired: user, sidecar and image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.sidecars import shown
from ulfprep.note import INFO, WARNING, Note
from ulfprep.physics.relaxation import FIELD_RANGE, GYROMAGNETIC_RATIO
from ulfprep.physics.resampling import COARSER
from ulfprep.physics.resolution import ResolutionEstimate, are_lengths, in_words, is_length
from ulfprep.physics.sequences import is_number

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
    """Return the field strength by a sidecar, tesla (None without), and by which of its fields.

    The only public 64 mT dataset in BIDS says ``MagneticFieldStrength`` 0.006 (a wrong power of
    ten) beside an ``ImagingFrequency`` of 2.7 MHz, which is what the scanner measured: where the
    two contradict each other, the frequency counts.
    """
    told = metadata.get('MagneticFieldStrength')
    stated = told if _is_field(told) else None
    frequency = metadata.get('ImagingFrequency')
    hydrogen = str(metadata.get('ImagedNucleus') or '1H').upper() in HYDROGEN
    if not hydrogen or not is_number(frequency):
        return stated, 'the sidecar'
    frequency *= 1e6 if abs(frequency) < HERTZ else 1.0
    measured = frequency / GYROMAGNETIC_RATIO
    if not _is_field(measured) or (stated is not None and _agree(stated, measured)):
        return stated, 'the sidecar'
    source = f'ImagingFrequency {frequency / 1e6:g} MHz in the sidecar'
    if told is not None:
        source += f', which contradicts its MagneticFieldStrength {shown(told)}'
    if abs(measured - DEFAULT_LOW_FIELD) <= DRIFT * DEFAULT_LOW_FIELD:
        return DEFAULT_LOW_FIELD, source
    return round(measured, 3), source


def _is_field(value) -> bool:
    return is_number(value) and FIELD_RANGE[0] <= value <= FIELD_RANGE[1]


def _agree(field: float, other: float) -> bool:
    return abs(field - other) <= TOLERANCE * other


def field_strength(metadata: dict, source_field: float | None, name: str) -> tuple[float, Note]:
    """Return the field strength of a scan (``name``), tesla, and where it is known from.

    What the user stated (``source_field``) goes before the sidecar. The note is a warning where
    two fields that scanners have contradict each other. UnusableScanError if nobody says, or the
    sidecar's value is that of no scanner.
    """
    found, source = stated_field(metadata)
    told = metadata.get('MagneticFieldStrength')
    if source_field is not None:
        field, other = source_field, found
        text = f'Field strength {source_field:g} T as stated with --source-field'
        if found is not None and not np.isclose(source_field, found):
            text += f', which goes before the {found:g} T of {source}'
    elif found is not None:
        field, other = found, told
        text = f'Field strength {found:g} T from {source}'
    elif told is None:
        raise UnusableScanError(
            f'{name}: its sidecar has no MagneticFieldStrength; add it (in tesla), or '
            'state it with --source-field 0.064'
        )
    else:
        raise UnusableScanError(
            f'{name}: MagneticFieldStrength is {shown(told)} in its sidecar, which is no field '
            'strength in tesla (0.064 is 64 mT); mend the sidecar, or state it with '
            '--source-field 0.064'
        )
    doubted = _is_field(other) and not _agree(other, field)
    return float(field), Note(f'{text}.', WARNING if doubted else INFO)


def acquisition_note(metadata: dict) -> tuple[Note, ...]:
    """Say how a scan was acquired, as far as its sidecar tells; one note or none.

    Portable scanners state duration, averages and phase steps, but neither echo train nor
    partitions, without which no length of the train follows: nothing is computed from these.
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
    """Return ``enhance`` or ``simulate``, and the target: 3 T from under 0.3 T, else 0.064 T."""
    if target is None:
        target = DEFAULT_HIGH_FIELD if source < LOW_FIELD_LIMIT else DEFAULT_LOW_FIELD
    if np.isclose(source, target, rtol=0.05):
        raise UnusableScanError(
            f'{name}: the scan is already at the target field strength ({source:g} T); '
            'choose another --target-field'
        )
    return ('enhance' if target > source else 'simulate'), float(target)


@dataclass(frozen=True)
class AcquiredResolution:
    """The voxel size that is taken for the acquired one, where it was read, and contradictions."""

    voxel_size_mm: tuple[float, float, float]
    source: str
    notes: tuple[str, ...]


def decide_resolution(
    estimate: ResolutionEstimate,
    zooms: Sequence[float],
    metadata: dict,
    axes: Sequence[int] = (0, 1, 2),
    stated: Sequence[float] = (),
) -> AcquiredResolution:
    """Decide on the acquired voxel size of a scan, along the axes of the conformed scan (RAS).

    The user's word counts first (``stated``, mm along the axes of the file; a ValueError if no
    lengths), then ``AcquisitionVoxelSize`` of the sidecar, then its ``SliceThickness`` where that
    exceeds the slice spacing of the file by a quarter (for that axis), then what the image shows
    of resampling, then the voxel size of the file. ``axes`` are, for each axis of the file, the
    RAS axis it became (``nibabel.io_orientation(affine)[:, 0]``).
    """
    file = tuple(float(v) for v in zooms)

    def in_order(values):
        return tuple(float(values[int(k)]) for k in np.argsort(np.asarray(axes, int)))

    if len(stated):
        if not are_lengths(list(stated)):
            raise ValueError(f'the acquired resolution is three lengths in mm, not {stated}')
        size, source = in_order(stated), 'the user'
    elif are_lengths(metadata.get('AcquisitionVoxelSize')):
        size = in_order(metadata['AcquisitionVoxelSize'])
        # The same lengths in another order: the axes of the file were reordered.
        if np.allclose(sorted(size), sorted(file), rtol=0.05):
            size = file
        source = 'AcquisitionVoxelSize in the sidecar'
    else:
        size, source = estimate.voxel_size_mm, 'the image itself'
        if not any(estimate.resampled):
            size, source = file, 'the voxel size of the file'
        axis = _slice_axis(estimate, file, metadata, axes)
        thickness = metadata.get('SliceThickness')
        if axis is not None and is_length(thickness) and thickness > COARSER * file[axis]:
            size = (*size[:axis], float(thickness), *size[axis + 1 :])
            source = 'SliceThickness in the sidecar'
    return AcquiredResolution(tuple(size), source, _contradictions(estimate, size, source, file))


def _slice_axis(estimate, file, metadata, axes) -> int | None:
    """Return the axis across the slices: the sidecar's, or the one that is coarsest by far."""
    direction = str(metadata.get('SliceEncodingDirection', ''))[:1]
    if direction and direction in 'ijk':
        return int(axes['ijk'.index(direction)])
    for sizes in (estimate.voxel_size_mm, file):
        coarsest = int(np.argmax(sizes))
        if sizes[coarsest] > COARSER * sorted(sizes)[1]:
            return coarsest
    return None


def _contradictions(estimate, size, source, file) -> tuple[str, ...]:
    """Say where the decision, the file and what the image shows differ by a quarter."""
    seen, taken = estimate.voxel_size_mm, in_words(size)
    if source == 'the image itself':
        text = (
            f'The file has voxels of {in_words(file)} mm, but the image shows that it was '
            f'resampled from about {taken} mm, which is taken for the acquired resolution.'
        )
        return (text,)
    ratio = np.asarray(seen) / np.asarray(size)
    if not ((ratio > COARSER) | (ratio < 1 / COARSER)).any():
        return ()
    trace = f'shows no trace of resampling to its {in_words(file)} mm'
    if any(estimate.resampled):
        trace = f'looks resampled from about {in_words(seen)} mm'
    taken = f'The acquired resolution is taken as {taken} mm, after {source}'
    return (f'{taken}, but the image {trace}.',)
