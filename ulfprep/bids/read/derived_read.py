"""What others made of a scan, as arrays: masks, shares of tissue, images; is it that at all?"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ulfprep.bids.files import not_here
from ulfprep.bids.read.checks import read_image
from ulfprep.bids.read.nifti import UnusableScanError, in_words
from ulfprep.physics import TISSUES

#: Formats of FreeSurfer.
MGH = ('.mgz', '.mgh')
#: Splines overshoot by no more than this share of the brain's value; at least this share of the
#: voxels lies near it, and near 0. Fewer values than the last are labels.
OVERSHOOT, CROWDED, FEWEST_SHARES = 0.5, 0.85, 10
#: Shares may exceed one in sum by what rounding makes of them.
MOST = 1.05
#: More voxels than this share of all labelled ones may not have labels without a meaning.
MOST_UNKNOWN = 0.01
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


class DerivativesError(ValueError):
    """No folder of ``--derivatives`` is of use; the message names it and the way out."""


class BadDerivativeError(ValueError):
    """What belongs to a scan cannot be taken; the message names the file and the way out."""


class MissingDerivativeError(BadDerivativeError):
    """It is not there, or cannot be read."""


class UnclearDerivativeError(BadDerivativeError):
    """Several files could be meant."""


@lru_cache(maxsize=1)
def tissue_table() -> np.ndarray:
    """Return FreeSurfer's numbers (uint8, 15000) -> 1 + place in ``TISSUES``, or neither."""
    table = np.full(15000, UNKNOWN, np.uint8)
    table[0] = NOTHING
    for tissue, numbers in GROUPS.items():
        for number in numbers:
            first, last = number if isinstance(number, tuple) else (number, number)
            table[first : last + 1] = 1 + TISSUES.index(tissue)
    return table


def read_volume(path: Path, option: str = '--derivatives') -> tuple[np.ndarray, np.ndarray]:
    """Read a float32 volume (NIfTI or FreeSurfer) and its affine; NaN and infinity are 0."""
    path = Path(path)
    if not path.name.endswith(MGH):
        try:
            image = read_image(path)
        except UnusableScanError as error:
            raise MissingDerivativeError(f'{error} ({option})') from error
        return np.where(np.isfinite(image.data), image.data, 0), image.affine
    import nibabel as nib

    try:
        image = nib.load(path)
        data = np.asanyarray(image.dataobj).astype(np.float32)
    except Exception as error:  # nibabel, gzip and zlib each raise their own kinds
        said = not_here(path) or (
            f'{path}: not a readable FreeSurfer volume ({in_words(error)}); copy it again'
        )
        raise MissingDerivativeError(f'{said} ({option})') from error
    if data.ndim > 3 and np.prod(data.shape[3:]) == 1:
        data = data.reshape(data.shape[:3])
    if data.ndim != 3 or min(data.shape) < 2:
        raise MissingDerivativeError(
            f'{path}: has the shape {data.shape}; one volume is needed ({option})'
        )
    return np.where(np.isfinite(data), data, 0), np.asarray(image.affine)


def read_brain(path: Path, option: str = '--derivatives') -> tuple[np.ndarray, np.ndarray, str]:
    """Read a brain mask as shares of one (float32), its affine, and what was made of its values.

    It holds two values, or shares from 0 to 1, or is FreeSurfer's mask, labels or stripped image;
    else BadDerivativeError. The last is half a sentence, or empty.
    """
    data, affine = read_volume(path, option)
    if path.name.endswith(MGH):
        # What was erased from brainmask.mgz by hand is 1; of a mask of 0 and 1, or of labels,
        # what is not zero is brain.
        erased = 1 if path.name == 'brainmask.mgz' and data.max() > 1 else 0
        data = (data > erased).astype(np.float32)
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = 'empty' if high == 0 else f'{high:g} in every voxel'
        raise BadDerivativeError(f'{path}: the mask is {what}; give one of the brain ({option})')
    share = _as_share(data)
    if share is None:
        raise BadDerivativeError(
            f'{path}: holds {np.unique(data).size} values from {low:g} to {high:g}, so it is an '
            f'image or a segmentation, not a mask of 0 and 1 ({option})'
        )
    plain = (low, high) == (0, 1)
    taken = f'; its values from {low:.3g} to {high:.3g} were taken for 0 to 1'
    return share, affine, '' if plain else taken


def _as_share(data: np.ndarray) -> np.ndarray | None:
    """Return the (finite) voxels of a mask as shares of one; ``None`` for what is no mask.

    Of two values, whatever they are, the larger is the brain's; what lies between 0 and 1 is a
    share. Masks that were resampled by splines overshoot: their values crowd around 0 and the
    brain's, and are cut to 0 and 1.
    """
    low, high = data.min(), data.max()
    if np.isin(data, (low, high)).all():
        return ((data - low) / (high - low)).astype(np.float32)
    if low >= 0 and high <= 1:
        return data
    if np.unique(data).size < FEWEST_SHARES:  # labels
        return None
    level = float(np.median(data[data > high / 2]))
    share = data / level if level > 0 else data
    brain = share > 0.5
    crowded = (np.abs(share[brain] - 1) < 0.15).sum() >= CROWDED * brain.sum() and (
        np.abs(share[~brain]) < 0.15
    ).sum() >= CROWDED * (~brain).sum()
    overshoot = share.min() >= -OVERSHOOT and share.max() <= 1 + OVERSHOOT
    return np.clip(share, 0, 1).astype(np.float32) if crowded and overshoot else None


def read_shares(
    paths: Sequence[Path], numbers: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Read tissues as shares of CSF, GM and WM: three files of shares, or one of labels.

    ``numbers`` are the labels of CSF, GM, WM; those of FreeSurfer without. The shares, of shape
    (3, X, Y, Z), are cut to where there is any, with a voxel around it; the affine is theirs. A
    file that is none of this kind is a BadDerivativeError.
    """
    paths = [Path(path) for path in paths]  # texts from Nipype
    volumes = [read_volume(path) for path in paths]
    affine = volumes[0][1].copy()
    if len(paths) == len(TISSUES):
        whole = _checked_shares(paths, volumes)
    else:
        labels = _tissue_labels(paths[0], volumes[0][0], numbers)
        whole = [labels == k + 1 for k in range(len(TISSUES))]
    box = _box(sum(whole) > 0.01, paths[0])
    shares = np.stack([np.clip(one[box], 0, 1) for one in whole]).astype(np.float32)
    missing = [t for t, share in zip(TISSUES, shares, strict=True) if share.max() < 0.5]
    if missing:
        raise BadDerivativeError(
            f'{paths[0]}: no voxel of it is {" or ".join(missing)}, so it is no segmentation of '
            'CSF, GM and WM (--derivatives)'
        )
    affine[:3, 3] += affine[:3, :3] @ [b.start for b in box]
    return shares, affine


def _checked_shares(paths: list[Path], volumes: list) -> list[np.ndarray]:
    """Return the shares that three files hold; refuse those that are none of one segmentation."""
    first, affine = volumes[0]
    for path, (data, its) in zip(paths, volumes, strict=True):
        if data.shape != first.shape or not np.allclose(its, affine, atol=1e-3):
            raise BadDerivativeError(
                f'{path}: lies on another grid than {paths[0].name}; give shares of one '
                'segmentation (--derivatives)'
            )
        if data.min() < -0.01 or data.max() > 1.01:
            raise BadDerivativeError(
                f'{path}: holds values from {data.min():g} to {data.max():g}, not shares '
                'from 0 to 1 (--derivatives)'
            )
    shares = [data for data, _ in volumes]
    if (most := sum(shares).max()) > MOST:
        raise BadDerivativeError(
            f'{paths[0]}: the shares of CSF, GM and WM are up to {most:.2f} in sum; '
            'give those of one segmentation (--derivatives)'
        )
    return shares


def _tissue_labels(path: Path, data: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Return 1 + place in ``TISSUES`` of each voxel's label, 0 where it has none."""
    whole = np.rint(data)
    if np.abs(whole - data).max() > 1e-3 or data.min() < 0:
        raise BadDerivativeError(
            f'{path}: holds values that are no labels; it is an image, not a segmentation '
            '(--derivatives)'
        )
    whole = whole.astype(np.int64)
    if numbers:
        table = np.full(max(*numbers, 0) + 1, UNKNOWN, np.uint8)
        table[0] = NOTHING
        table[list(numbers)] = 1 + np.arange(len(TISSUES))
    else:
        table = tissue_table()
    labels = np.where(whole < len(table), table[np.minimum(whole, len(table) - 1)], UNKNOWN)
    unknown = labels == UNKNOWN
    if unknown.sum() > MOST_UNKNOWN * max((labels != NOTHING).sum(), 1):
        some = ', '.join(str(n) for n in np.unique(whole[unknown])[:5])
        kind = f'CSF, GM, WM being {", ".join(map(str, numbers))}' if numbers else 'of FreeSurfer'
        raise BadDerivativeError(
            f'{path}: {100 * unknown.sum() / (labels != NOTHING).sum():.0f} % of its labelled '
            f'voxels have labels that are no tissue ({some} ...; {kind}); give a segmentation of '
            'CSF, GM and WM, its labels in a dseg.tsv (--derivatives)'
        )
    return np.where(unknown, NOTHING, labels)


def _box(inside: np.ndarray, path: Path) -> tuple[slice, ...]:
    """Return where there is anything, and a voxel around it."""
    if not inside.any():
        raise BadDerivativeError(f'{path}: is empty (--derivatives)')
    return tuple(
        slice(max(int(at.min()) - 1, 0), min(int(at.max()) + 2, size))
        for at, size in zip(np.nonzero(inside), inside.shape, strict=True)
    )
