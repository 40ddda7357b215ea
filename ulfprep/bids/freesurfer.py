"""FreeSurfer's folders and labels: which volume holds what, which structure is which tissue."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from ulfprep.physics import TISSUES

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
def tissue_table() -> np.ndarray:
    """Return FreeSurfer's numbers -> 1 + place in ``TISSUES``, :data:`NOTHING`, :data:`UNKNOWN`.

    Returns
    -------
    numpy.ndarray of uint8, shape (15000,)
    """
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
