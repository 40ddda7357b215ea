"""What others made of a scan and need not be made again: its mask, its tissues, its bias field."""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ulfprep.bids.files import not_here
from ulfprep.bids.names import sidecar_of
from ulfprep.bids.read.participants import read_table

if TYPE_CHECKING:
    import numpy as np


class DerivativesError(ValueError):
    """No folder of ``--derivatives`` is of use; the message names it and the way out."""


class BadDerivativeError(ValueError):
    """What belongs to a scan cannot be taken; the message names the file and the way out."""


class MissingDerivativeError(BadDerivativeError):
    """It is not there, or cannot be read."""


class UnclearDerivativeError(BadDerivativeError):
    """Several files could be meant."""


def dataset_names(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return a name for each folder of derivatives, for BIDS URIs: no two alike, none ``raw``."""
    names: dict[str, Path] = {}
    for folder in folders:
        plain = ''.join(c if c.isalnum() or c in '-_.' else '-' for c in folder.name)
        stem, number = plain or 'derivatives', 1
        name = stem
        while name in names or name == 'raw':
            number += 1
            name = f'{stem}-{number}'
        names[name] = folder
    return names


def uri(name: str, folder: Path, path: Path) -> str:
    """Return the BIDS URI of a file of a named dataset."""
    return f'bids:{name}:{quote(path.relative_to(folder).as_posix(), safe="/+")}'


#: Names of the tissues in a look-up table, as they are found.
TISSUE_NAMES = {
    'CSF': ('csf', 'cerebrospinal fluid', 'cerebro-spinal fluid'),
    'GM': ('gm', 'grey matter', 'gray matter'),
    'WM': ('wm', 'white matter'),
}
#: Where fMRIPrep and sMRIPrep keep their FreeSurfer folders.
NESTED = Path('sourcedata', 'freesurfer')
#: Volumes of a subject's ``mri`` folder that show the brain, best first. In ``brainmask.mgz``,
#: an image, what was erased by hand is 1; the others are masks.
BRAIN = ('brainmask.mgz', 'mask.mgz')
#: Those with labels. The cortex of ``aseg`` is that between the surfaces, as in ``aparc+aseg``.
SEGMENTATIONS = (
    'aseg.mgz',
    'aparc+aseg.mgz',
    'aparc.DKTatlas+aseg.deep.mgz',
    'synthseg.mgz',
    'aseg.auto.mgz',
)
#: Images divided by a bias field. Those after the first were normalised for intensity too, so
#: they are taken only where that, too, was a smooth factor.
CORRECTED = ('nu.mgz', 'orig_nu.mgz', 'T1.mgz', 'norm.mgz')

#: Numbers of FreeSurferColorLUT.txt by tissue; ranges with both ends. Ventral diencephalon and
#: brain stem, nuclei between bundles of fibres, are as bright as white matter: they are counted
#: with it, as fMRIPrep does.
GROUPS = {
    'CSF': (
        4, 43,  # lateral ventricles
        5, 44,  # their temporal horns
        14, 15, 72,  # third, fourth and fifth ventricle
        24,  # CSF
        31, 63,  # choroid plexus, which lies in CSF
        30, 62,  # vessels
        257,  # CSF outside the brain
    ),
    'GM': (
        3, 42,  # cortex
        8, 47,  # cerebellar cortex
        (9, 13), (48, 52),  # thalamus, caudate, putamen, pallidum
        (17, 20), (53, 56),  # hippocampus, amygdala, insula, operculum
        26, 58,  # accumbens
        27, 59,  # substantia nigra
        (80, 82),  # non-white-matter hypointensities
        (1000, 1003), (1005, 1999),  # parcels of the left cortex
        (2000, 2003), (2005, 2999),  # and of the right
        (11100, 11199), (12100, 12199),  # those of a2009s
    ),
    'WM': (
        2, 41,  # cerebral white matter
        7, 46,  # cerebellar white matter
        16, (170, 179),  # brain stem and its parts
        28, 60,  # ventral diencephalon
        (77, 79),  # white-matter hypointensities (lesions)
        85,  # optic chiasm
        192, (250, 255), 1004, 2004,  # fornix, corpus callosum
        (3000, 4999), 5001, 5002,  # white matter by parcel
    ),
}  # fmt: skip
#: Of a number that is no tissue: not labelled, or nothing FreeSurfer calls brain.
NOTHING, UNKNOWN = 0, 255


@lru_cache(maxsize=1)
def tissue_table() -> 'np.ndarray':
    """Return FreeSurfer's numbers -> 1 + place in ``TISSUES``, :data:`NOTHING`, :data:`UNKNOWN`.

    Returns
    -------
    numpy.ndarray of uint8, shape (15000,)
    """
    import numpy as np

    from ulfprep.physics import TISSUES

    table = np.full(15000, UNKNOWN, np.uint8)
    table[0] = NOTHING
    for tissue, numbers in GROUPS.items():
        for number in numbers:
            first, last = number if isinstance(number, tuple) else (number, number)
            table[first : last + 1] = 1 + TISSUES.index(tissue)
    return table


def subject_folders(folder: Path, subject: str, session: str | None) -> list[tuple[Path, bool]]:
    """Return where a participant's FreeSurfer volumes may lie in a folder.

    Parameters
    ----------
    folder : Path
        A subjects folder, or derivatives with one in ``sourcedata/freesurfer``.
    subject, session : str
        Labels.

    Returns
    -------
    list of (Path, bool)
        ``mri`` folders that exist, and whether each is of the scan's own session alone.
    """
    names = [(f'sub-{subject}_ses-{session}', True)] if session else []
    names.append((f'sub-{subject}', not session))
    places = [
        (root / name / 'mri', own) for root in (folder, folder / NESTED) for name, own in names
    ]
    return [(path, own) for path, own in places if path.is_dir()]


def label_numbers(path: Path, folder: Path) -> tuple[int, ...]:
    """Return the labels of CSF, GM and WM of a segmentation.

    From the look-up table beside it or above (``<name>.tsv``, ``dseg.tsv``); without one they are
    those of BIDS: 1 grey matter, 2 white matter, 3 CSF.

    Raises
    ------
    BadDerivativeError
        If the table does not name the three.
    """
    from ulfprep.physics import LABELS, TISSUES

    tables = [sidecar_of(path).with_suffix('.tsv')]
    for place in path.parents:
        tables.append(place / 'dseg.tsv')
        if place == folder:
            break
    table = next((t for t in tables if os.path.lexists(t)), None)
    if table is None:
        return tuple(LABELS[tissue] for tissue in TISSUES)
    numbers: dict[str, int] = {}
    try:
        for row in read_table(table):
            words = {str(row.get(k) or '').strip(' "').lower() for k in ('name', 'abbreviation')}
            for tissue, known in TISSUE_NAMES.items():
                if words & set(known):
                    numbers.setdefault(tissue, int(float(row['index'])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = not_here(table) or f'{table}: not readable as a look-up table ({error}); mend it'
        raise BadDerivativeError(f'{said} (--derivatives)') from error
    missing = [tissue for tissue in TISSUES if tissue not in numbers]
    if missing:
        said = not_here(table) or (
            f'{table}: names no {", ".join(missing)}, so the labels of {path.name} cannot be '
            'read; add the rows, or leave the file out'
        )
        raise BadDerivativeError(f'{said} (--derivatives)')
    return tuple(numbers[tissue] for tissue in TISSUES)
