"""The layout ``known``: three public brains, as ulfprep's own tests have them.

``hf3t_aomic``
    AOMIC-PIOP2, OpenNeuro ds002790 (CC0), participant 0001: ``norm.mgz`` and ``aseg.mgz`` of its
    FreeSurfer derivatives.
``hf_colin27``
    Colin27, in Debian's package mricron-data (BSD-3-Clause): ``ch2bet.nii.gz``, and
    ``fast_seg.nii.gz``, which FSL's FAST makes of it (1 CSF, 2 GM, 3 WM).
``hf_ms_patient07``
    Open MS Data, https://github.com/muschellij2/open_ms_data (CC BY; cite Lesjak et al. 2018,
    doi 10.1007/s12021-017-9348-7), patient 7: ``patient07_T1.nii.gz``, stripped, on the 1 mm
    grid of MNI. It comes with labels of lesions, but none of tissues.
"""

from pathlib import Path

from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.item import Item, read_item
from ulfprep.evaluation.sources.labels import FREESURFER, IN_ORDER

SHAPE = 'hf3t_aomic/norm.mgz, hf_colin27/ch2bet.nii.gz, hf_ms_patient07/patient07_T1.nii.gz'
#: Image, labels and their numbers, and whether it is free of a bias field.
BRAINS = {
    'aomic': ('hf3t_aomic/norm.mgz', 'hf3t_aomic/aseg.mgz', FREESURFER, True),
    'colin': ('hf_colin27/ch2bet.nii.gz', 'hf_colin27/fast_seg.nii.gz', IN_ORDER, True),
    'ms07': ('hf_ms_patient07/patient07_T1.nii.gz', None, None, False),
}
#: Those whose tissues are not ulfprep's own.
LABELLED = tuple(name for name, (_, labels, *_) in BRAINS.items() if labels)


def item_of(folder: Path, name: str) -> Item:
    """Return the files of a brain.

    Parameters
    ----------
    folder : Path
    name : str
        Of :data:`BRAINS`.

    Raises
    ------
    FileNotFoundError
        If one is missing; the message names it.
    """
    image, labels, numbers, even = BRAINS[name]
    paths = [Path(folder) / file for file in (image, labels) if file]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: {name} is left out')
    return Item(name, name, paths[0], tuple(paths[1:]), numbers, stripped=True, even=even)


def load_brain(folder: Path, name: str) -> Brain:
    """Read a brain; see :func:`item_of`."""
    return read_item(item_of(folder, name), 'known')


def find(folder: Path, say=print) -> list[Item]:
    """Return the brains of a folder; ``say`` is told what is missing, if anything is there."""
    if not any((folder / image).parent.is_dir() for image, *_ in BRAINS.values()):
        return []
    found = []
    for name in BRAINS:
        try:
            found.append(item_of(folder, name))
        except FileNotFoundError as error:
            say(str(error))
    return found
