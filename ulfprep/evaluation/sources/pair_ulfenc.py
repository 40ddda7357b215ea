"""Pairs in the layout ``ulf-enc``: 50 people at 64 mT and 3 T, of a challenge of MICCAI 2025.

Get the training data from https://www.synapse.org/Synapse:syn65485242 (under the challenge's
data usage agreement: it must not be passed on) and unpack it::

    Training data/POCEMR001/64mT/POCEMR001_T1.nii.gz
    Training data/POCEMR001/3T/POCEMR001_T1.nii.gz
    ...

Either ``Training data`` is given or the folder around it. T2 and FLAIR beside these are not read.
There are no tissue labels: they are ulfprep's own.
"""

from pathlib import Path

from ulfprep.evaluation.sources.flat import item_of
from ulfprep.evaluation.sources.pair import Pair, own_metadata
from ulfprep.evaluation.sources.volume import images_in, label_of, stem_of

SHAPE = 'PERSON/64mT/PERSON_T1.nii.gz and PERSON/3T/PERSON_T1.nii.gz'


def find(folder: Path, say=print) -> list[Pair]:
    """Return the pairs of a folder."""
    places = sorted((*folder.glob('*/64mT'), *folder.glob('*/*/64mT')))
    pairs = []
    for place in places:
        person = place.parent.name
        low, high = (_t1w(place.parent / field, person) for field in ('64mT', '3T'))
        if low is None or high is None:
            say(f'{place.parent}: no {"64mT" if low is None else "3T"}/{person}_T1.nii.gz')
            continue
        try:
            metadata = own_metadata(low)
        except ValueError as error:
            say(f'{person} is left out: {error}')
            continue
        pairs.append(Pair(label_of(person), low, metadata, item_of(high)))
    return pairs


def _t1w(place: Path, person: str) -> Path | None:
    return next((path for path in images_in(place) if stem_of(path) == f'{person}_T1'), None)
