"""The layout ``folder``: T1w images in one folder, of any source and under any names.

::

    NAME.nii.gz, NAME.nii, NAME.mgz or NAME.mgh   T1w, a head or a brain
    NAME_dseg, NAME_seg or NAME_aseg (.nii.gz ...)  its tissues, if there are any
    NAME_mask                                      its brain, if there is a mask

Labels of values over 3 are taken for FreeSurfer's (``aseg.mgz``, ``aparc+aseg.mgz``); those of 1
to 3 for 1 CSF, 2 GM, 3 WM, or for 1 GM, 2 WM, 3 CSF, whichever rises in brightness from CSF to
WM; that is said. Without labels they are ulfprep's own.
"""

import re
from pathlib import Path

from ulfprep.evaluation.sources.item import Item
from ulfprep.evaluation.sources.volume import images_in, label_of, stem_of

SHAPE = 'T1w images (.nii.gz, .nii, .mgz), with NAME_dseg and NAME_mask if there are any'
LABELS = ('_dseg', '_seg', '_aseg')
MASKS = ('_mask', '_brainmask')
#: Ends of names of what is no T1w.
_OTHERS = re.compile(r'[_-](T2w?|FLAIR|PDw?|MRA|bold|dwi)$', re.IGNORECASE)


def find(folder: Path, say=print) -> list[Item]:
    """Return the images of a folder with what belongs to them."""
    return [item_of(path) for path in t1w_images(folder)]


def t1w_images(folder: Path) -> list[Path]:
    """Return the images of a folder that are neither labels nor masks nor of another contrast."""
    return [
        path
        for path in images_in(folder)
        if not stem_of(path).endswith(LABELS + MASKS) and not _OTHERS.search(stem_of(path))
    ]


def item_of(path: Path) -> Item:
    """Return an image with the labels and the mask beside it."""
    stem = stem_of(path)
    short = re.sub('[_-]T1w?$', '', stem)
    parts = {stem_of(other): other for other in images_in(path.parent)}

    def first(ends):
        return next((parts[s + e] for e in ends for s in (stem, short) if s + e in parts), None)

    name, labels = label_of(short), first(LABELS)
    return Item(name, name, path, (labels,) if labels else (), mask=first(MASKS))
