"""What the JSON files of a dataset say of an image, made usable."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from ulfprep.bids.files import not_here, read_json
from ulfprep.bids.names import name_parts
from ulfprep.bids.read.index import DatasetError
from ulfprep.note import Note, warning
from ulfprep.physics.types import is_number


class BrokenSidecarError(ValueError):
    """A JSON file cannot be read; the message names it and the way out."""


class Sidecars:
    """The JSON files of one dataset, each folder listed and each file read once.

    A file says something of an image if it lies in the folder of the image or above it, has the
    same suffix, and the image has all its entities. One inside the folder of a participant or
    session has to be named after it, as pybids and the validator want it. Of two such files the
    nearer goes first, in one folder the one with more entities.
    """

    def __init__(self, bids_dir: Path):
        self.bids_dir = Path(bids_dir)
        self._folders: dict[Path, dict[str, list]] = {}
        self._contents: dict[Path, dict] = {}

    def metadata(self, image: Path) -> dict:
        """Return what is known of an image; what is ``null`` in the nearest file is left out.

        BrokenSidecarError if a file is not readable as a JSON object; DatasetError if that lies in
        the top folder, and so is not this image's alone.
        """
        found: dict = {}
        for path, in_place in self._of(image):
            if in_place:
                found.update(self._read(path))
        return {key: value for key, value in found.items() if value is not None}

    def misplaced(self, image: Path) -> list[Path]:
        """Return the files that would say something of an image, were they in their place."""
        return [path for path, in_place in self._of(image) if not in_place]

    def _of(self, image: Path) -> Iterator[tuple[Path, bool]]:
        """Yield the files with an image's suffix and entities, the nearest last."""
        entities, suffix = name_parts(image.name)
        levels = [place for place in image.parents if place.is_relative_to(self.bids_dir)]
        for folder in reversed(levels):
            labels = [part for part in folder.relative_to(self.bids_dir).parts if '-' in part]
            filed = name_parts('_'.join([*labels, 'x']))[0]
            own = [
                (len(said), path.name, path, filed.items() <= said.items())
                for said, path in self._listed(folder).get(suffix, ())
                if said.items() <= entities.items()
            ]
            for *_, path, in_place in sorted(own):
                yield path, in_place

    def _listed(self, folder: Path) -> dict[str, list]:
        """Return the JSON files of a folder by their suffix, with the entities of each."""
        if folder not in self._folders:
            by_suffix: dict[str, list] = {}
            try:
                names = [name for name in os.listdir(folder) if name.endswith('.json')]
            except OSError as error:
                raise BrokenSidecarError(
                    f'{folder}: cannot be listed ({error.strerror}); check permissions'
                ) from error
            for name in sorted(names):
                if not name.startswith('.'):
                    said, suffix = name_parts(name)
                    by_suffix.setdefault(suffix, []).append((said, folder / name))
            self._folders[folder] = by_suffix
        return self._folders[folder]

    def _read(self, path: Path) -> dict:
        if path not in self._contents:
            try:
                self._contents[path] = read_sidecar(path)
            except BrokenSidecarError as error:
                if path.parent == self.bids_dir:
                    raise DatasetError(str(error)) from error
                raise
        return self._contents[path]


def read_sidecar(path: Path) -> dict:
    """Read a JSON file that must hold an object, or raise BrokenSidecarError."""
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        wrong = f'not readable as JSON ({" ".join(str(error).split())}); mend the file'
        if isinstance(error, OSError):
            wrong = f'cannot be read ({error.strerror}); check permissions'
        raise BrokenSidecarError(not_here(path) or f'{path}: {wrong}') from error
    if not isinstance(content, dict):
        raise BrokenSidecarError(f'{path}: must hold a JSON object; mend the file')
    return content


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
    'EchoTrainLength', 'NumberShots', 'NumberOfAverages', 'AcquisitionDuration',
    'PhaseEncodingSteps', 'PixelBandwidth',
)  # fmt: skip
NUMBERS = (*TIMINGS, 'MagneticFieldStrength', 'ImagingFrequency', 'SliceThickness', *COUNTS)
#: Fields that are left out where they cannot be true.
LOOKED_AT = (
    *TIMINGS, 'SliceThickness', 'AcquisitionVoxelSize', *COUNTS, 'SkullStripped',
    'PulseSequenceType', 'ScanningSequence',
)  # fmt: skip
#: Those in which converters write 0 where they do not know.
ZERO_IS_UNKNOWN = ('InversionTime', 'SliceThickness')


def usable_metadata(metadata: dict) -> tuple[dict, tuple[Note, ...]]:
    """Return the fields of a sidecar that can be reckoned with, and what was done to the others.

    None of them has to be there, so what cannot be true is as good as missing, and is no reason to
    refuse a scan. Numbers that were written as text are numbers, what cannot be is left out with a
    warning; ``MagneticFieldStrength`` stays, for it decides what is done with the scan.
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
    for key in LOOKED_AT:
        value = usable.get(key)
        if value is None or not (wrong := _fault(key, value)):
            continue
        del usable[key]
        if not (key in ZERO_IS_UNKNOWN and value == 0):
            text = f'{key} is {shown(value)} in the sidecar, {wrong}; it was ignored.'
            remarks.append(warning(text))
    return usable, tuple(remarks)


def _taken(key: str, value, number: str) -> Note:
    return Note(f'{key} is {shown(value)} in the sidecar; it was taken for {number}.')


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


def _fault(key: str, value) -> str:
    """Say what is wrong with the value of a field; nothing where it may be true."""
    number = is_number(value)
    if key in TIMINGS:
        low, high, unit = TIMINGS[key]
        if number and low < value <= high:
            return ''
        looks = ''
        if unit == 's' and number and 1000 * low < value <= 1000 * high:
            looks = f' and looks like milliseconds ({value / 1000:g} s?)'
        return f'which cannot be in {"seconds" if unit == "s" else unit}{looks}'
    if key == 'SliceThickness' and number and value > THICKEST:
        return 'which no slice of a head has in millimetres (that of a slab?)'
    if key == 'SliceThickness':
        return _no_length(value)
    if key == 'AcquisitionVoxelSize':
        if not (isinstance(value, list | tuple) and len(value) == 3):
            return 'not three lengths in mm'
        return next((wrong for one in value if (wrong := _no_length(one))), '')
    if key in COUNTS:
        return '' if number and value >= 0 else 'not a number of 0 or more'
    if key == 'SkullStripped':
        return '' if isinstance(value, bool) else 'not true or false'
    texts = value if isinstance(value, list) else [value]
    return '' if all(isinstance(text, str) for text in texts) else 'not a text or a list of texts'


def _no_length(value) -> str:
    if not is_number(value):
        return 'not a length in mm'
    return '' if LENGTHS[0] <= value <= LENGTHS[1] else 'which no voxel has in millimetres'


def shown(value) -> str:
    """Return a value of any kind as a short text of one line."""
    text = ' '.join(repr(value).split())
    return text if len(text) <= 40 else f'{text[:37]}...'
