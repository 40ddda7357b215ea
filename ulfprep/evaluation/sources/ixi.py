"""The layout ``ixi``: T1w heads of about 600 healthy people at 1.5 and 3 T.

Get ``IXI-T1.tar`` from https://brain-development.org/ixi-dataset/ (CC BY-SA 3.0) and unpack it
into a folder of its own, whose name does not matter::

    IXI-T1/IXI002-Guys-0828-T1.nii.gz
    IXI-T1/IXI012-HH-1211-T1.nii.gz
    ...

Either this folder is given or the one around it. Guys and IOP are scanners of 1.5 T, HH one of
3 T. Voxels are 0.9375 x 0.9375 x 1.2 mm. There are no tissue labels: they are ulfprep's own.
"""

import re
from pathlib import Path

from ulfprep.evaluation.sources.item import Item
from ulfprep.evaluation.sources.volume import images_in, stem_of

SHAPE = 'IXI###-SITE-####-T1.nii.gz, or the same in IXI-T1/ or T1/'
_NAME = re.compile(r'(IXI\d+)-[A-Za-z]+-\d+-T1')


def find(folder: Path, say=print) -> list[Item]:
    """Return the heads of a folder."""
    for place in (folder, folder / 'IXI-T1', folder / 'T1'):
        named = [(_NAME.fullmatch(stem_of(path)), path) for path in images_in(place)]
        if found := [Item(m[1], m[1], path, stripped=False) for m, path in named if m]:
            return found
    return []
