"""The layout ``bids``: T1w images of high field in a BIDS dataset, raw or of derivatives.

Any of the datasets of https://openneuro.org (most are CC0) will do, as it is downloaded::

    sub-01/[ses-A/]anat/sub-01_[ses-A_]T1w.nii.gz     or ..._desc-preproc_T1w.nii.gz
    sub-01/[ses-A/]anat/sub-01_[ses-A_]T1w.json       or T1w.json at the top: the field
    sub-01/[ses-A/]anat/sub-01_[ses-A_]dseg.nii.gz             if there is one
    sub-01/[ses-A/]anat/sub-01_[ses-A_]desc-brain_mask.nii.gz  if there is one

Labels and masks may lie beside the image or in ``derivatives/NAME/``, where those of fMRIPrep and
FreeSurfer are looked for as well. Labels are 1 GM, 2 WM, 3 CSF, unless a ``dseg.tsv`` says
otherwise. Without labels they are ulfprep's own.
"""

from pathlib import Path

from ulfprep.bids.names import ENTITY_NAMES, OWN_SPACES, name_parts, natural
from ulfprep.bids.read.acquisition import LOW_FIELD_LIMIT, field_of
from ulfprep.bids.read.derived import BadDerivativeError, label_numbers
from ulfprep.bids.read.derived_find import find_pieces
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.read.sidecars import Sidecars, usable_metadata
from ulfprep.evaluation.sources.field import is_low
from ulfprep.evaluation.sources.item import Item
from ulfprep.evaluation.sources.labels import FREESURFER
from ulfprep.evaluation.sources.volume import images_in, label_of, stem_of

SHAPE = f'sub-*/[ses-*/]anat/*_T1w.nii.gz of {LOW_FIELD_LIMIT:g} T or more'
#: Entities of derivatives that do not tell one image of a person from another.
_OF_DERIVATIVES = ('desc', 'space', 'label', 'res')


def find(folder: Path, say=print) -> list[Item]:
    """Return the high-field T1w images of a dataset with what belongs to them.

    Parameters
    ----------
    folder : Path
    say : callable
        Told which images are of low field, and of which the field is not known.

    Returns
    -------
    list of Item
    """
    sidecars, found, untold = Sidecars(folder), [], []
    for path in t1w_images(folder):
        try:
            metadata, _ = usable_metadata(sidecars.metadata(path))
        except ValueError as error:
            say(f'{path} is left out: {error}')
            continue
        low = is_low(metadata, labels_in(path))
        if low:
            told = field_of(metadata)
            why = 'by its name' if told is None else f'{told:g} T'
            say(f'{path} is left out: it is of low field ({why})')
            continue
        if low is None:
            untold.append(path)
        found.append(item_of(path, folder, say))
    if untold:
        more = f' and {len(untold) - 1} more' if len(untold) > 1 else ''
        say(f'{untold[0]}{more}: no sidecar tells MagneticFieldStrength; taken as high field')
    return found


def t1w_images(folder: Path) -> list[Path]:
    """Return the T1w magnitude images of a dataset in their own space, in the order of people."""
    found = []
    for place in (*folder.glob('sub-*/anat'), *folder.glob('sub-*/ses-*/anat')):
        for path in images_in(place):
            parts, suffix = name_parts(path.name)
            own = parts.get('space', '') in OWN_SPACES and parts.get('part', 'mag') == 'mag'
            if suffix == 'T1w' and own and parts.get('desc', 'preproc') == 'preproc':
                found.append(path)
    return sorted(found, key=lambda path: natural(path.name))


def labels_in(path: Path) -> list[str]:
    """Return the labels in the name of an image that may tell its field."""
    parts, _ = name_parts(path.name)
    return [parts[key] for key in ('ses', 'acq') if key in parts]


def item_of(path: Path, folder: Path, say=print) -> Item:
    """Return an image with its labels and mask, beside it or among derivatives.

    Parameters
    ----------
    path : Path
        Below ``folder``.
    folder : Path
        Of the dataset.
    say : callable
        Told why labels cannot be used.

    Returns
    -------
    Item
    """
    parts, _ = name_parts(path.name)
    subject = f'sub-{parts.get("sub", "")}'
    name = label_of(*(value for key, value in parts.items() if key not in _OF_DERIVATIVES))
    mask, labels, numbers = _beside(path, 'mask', 'brain', ''), (), None
    try:
        if beside := _beside(path, 'dseg', ''):
            labels, numbers = (beside,), label_numbers(beside, folder)
        elif beside := _beside(path, 'dseg', 'aseg'):
            labels, numbers = (beside,), FREESURFER
    except BadDerivativeError as error:
        say(_plainly(error))
        labels = ()
    for place in sorted(folder.glob('derivatives/*')):
        if labels or not place.is_dir():
            break
        given = find_pieces(_as_scan(path, parts), place, place.name)
        if given.problem:
            say(_plainly(given.problem))
        if given.tissues:
            labels, numbers = given.tissues.paths, given.tissues.numbers
        if given.mask and mask is None:
            (mask,) = given.mask.paths
    return Item(name, subject, path, labels, numbers, mask)


def _plainly(error) -> str:
    """Return what is wrong without the name of an option that these commands do not have."""
    return str(error).replace(' (--derivatives)', '')


def _beside(path: Path, suffix: str, *descs: str) -> Path | None:
    """Return the file of a kind in the folder of an image, with all of its entities."""
    own = _of_scan(name_parts(path.name)[0])
    for other in images_in(path.parent):
        parts, its = name_parts(other.name)
        wanted = its == suffix and parts.get('desc', '') in descs
        plain = parts.get('space', '') in OWN_SPACES and parts.get('label', 'brain') == 'brain'
        if wanted and plain and 'res' not in parts and _of_scan(parts) == own:
            return other
    return None


def _of_scan(parts: dict) -> dict:
    return {key: value for key, value in parts.items() if key not in _OF_DERIVATIVES}


def _as_scan(path: Path, parts: dict) -> Scan:
    entities = {ENTITY_NAMES[k]: v for k, v in parts.items() if k in ENTITY_NAMES}
    return Scan(path=path, entities=entities, stem=stem_of(path).removesuffix('_T1w'))
