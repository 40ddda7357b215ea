"""Pairs in the layout ``folders``: one folder for each field, with the same names in both.

::

    64mT/NAME.nii.gz    or ULF/, lowfield/
    3T/NAME.nii.gz      or HF/, highfield/; NAME_dseg and NAME_mask beside it, if there are any

So can be laid out whatever the others do not fit. In the place of images there may be a BIDS
tree in each, ``3T/sub-01/[ses-*/]anat/``, whose participants are paired: the healthy volunteers
of Leiden (van den Broek et al. 2025, "Paired 64mT and 3T Brain MRI Scans of Healthy Subjects for
Neuroimaging Research", on https://zenodo.org) come in ``Data/3T data`` and ``Data/64mT data``.
"""

from pathlib import Path

from ulfprep.bids.read.sidecars import Sidecars
from ulfprep.evaluation.sources import bids, flat
from ulfprep.evaluation.sources.pair import Pair, finest, only_first, own_metadata
from ulfprep.evaluation.sources.volume import label_of, stem_of

SHAPE = '64mT/NAME.nii.gz and 3T/NAME.nii.gz, or ULF/ and HF/'
LOW = ('64mt', 'ulf', 'lowfield')
HIGH = ('3t', 'hf', 'highfield')


def find(folder: Path, say=print) -> list[Pair]:
    """Return the pairs of a folder, one a person."""
    places = [_place(folder, names) for names in (LOW, HIGH)]
    if None in places:
        return []
    trees = [any(place.glob('sub-*/')) for place in places]
    keyed = _by_subject if all(trees) else _by_name
    low, high = (keyed(place) for place in places)
    told = Sidecars(places[0]).metadata if all(trees) else own_metadata
    pairs = []
    for key in [*low, *(k for k in high if k not in low)]:
        if key not in low or key not in high:
            say(f'{key} is left out: it is not in {places[key in low]}')
            continue
        first, other = only_first(key, low[key], say), finest(high[key])
        try:
            metadata = told(first)
        except ValueError as error:
            say(f'{key} is left out: {error}')
            continue
        item = bids.item_of(other, places[1], say) if all(trees) else flat.item_of(other)
        pairs.append(Pair(label_of(key.removeprefix('sub-')), first, metadata, item))
    return pairs


def _place(folder: Path, names) -> Path | None:
    """Return the folder of a field: of one of these names, however it is written."""
    for path in sorted(folder.iterdir()):
        plain = path.name.lower().replace('-', '').replace('_', '').replace(' ', '')
        if path.is_dir() and plain.removesuffix('data') in names:
            return path
    return None


def _by_name(place: Path) -> dict[str, list[Path]]:
    return {stem_of(path): [path] for path in flat.t1w_images(place)}


def _by_subject(place: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in bids.t1w_images(place):
        found.setdefault(path.name.split('_')[0], []).append(path)
    return found
