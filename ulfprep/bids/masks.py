"""The user's own brain masks: which one belongs to a scan, and is it one at all?"""

import dataclasses
from pathlib import Path

import numpy as np

from ulfprep.bids.checks import UnusableScanError, read_grid, read_image
from ulfprep.bids.dataset import Scan
from ulfprep.bids.index import shorten
from ulfprep.bids.names import ENTITY_NAMES, EXTENSIONS, OWN_SPACES, parse_name

#: Of a mask's volume at least this share must lie in the field of view of its scan.
LEAST_OVERLAP = 0.2
#: Entities of a mask that its scan need not have.
OF_MASKS = frozenset({'desc', 'res', 'label', 'space', 'den'})
#: Splines overshoot by no more than this share of the brain's value; at least this share of the
#: voxels lies near it, and near 0. Fewer values than the last are labels.
OVERSHOOT, CROWDED, FEWEST_SHARES = 0.5, 0.85, 10


class MaskError(ValueError):
    """A mask cannot be used; the message names the file and the way out."""


class NoMaskError(MaskError):
    """There is no mask for a scan, or it cannot be read."""


class MaskChoiceError(MaskError):
    """It is not clear which mask is meant."""


def with_masks(scans: list[Scan], location: Path) -> list[Scan]:
    """Give every scan its mask, looked for and looked at.

    Parameters
    ----------
    scans : list of Scan
    location : Path
        A NIfTI file, or a folder of BIDS derivatives.

    Returns
    -------
    list of Scan
        With ``mask`` and ``mask_note``.

    Raises
    ------
    NoMaskError
        If no scan has a mask, or the one mask cannot be read.
    MaskChoiceError
        If one file is to be that of several scans, or for none it is clear which is meant.
    MaskError
        If no file is a mask of its scan. A scan whose mask alone is missing or none has a
        ``problem``.
    """
    if location.is_dir():
        return _each_its_own(scans, location)
    if len(scans) > 1:
        raise MaskChoiceError(
            f'{location}: one mask for {len(scans)} scans; select one scan, or name a folder of '
            'BIDS derivatives that holds a mask for each (--brain-mask)'
        )
    return [_with_mask(scan, location, 'stated with --brain-mask') for scan in scans]


def _each_its_own(scans: list[Scan], folder: Path) -> list[Scan]:
    """Give every scan its mask from a folder; one that has none costs no other."""
    given, errors = [], []
    for scan in scans:
        try:
            given.append(_with_mask(scan, *find_mask(scan, folder)))
        except MaskError as error:
            errors.append(error)
            given.append(dataclasses.replace(scan, problem=scan.problem or str(error)))
    if errors and len(errors) == len(scans):
        others = shorten([scan.name for scan in scans[1:]])
        more = f'; the masks of {others} are missing or unusable, too' if errors[1:] else ''
        raise type(errors[0])(f'{errors[0]}{more}') from errors[0]
    return given


def _with_mask(scan: Scan, path: Path, how: str) -> Scan:
    """Return a scan with its mask, which is looked at."""
    remark = check_mask(path, scan)
    note = f'Brain mask, brought onto the grid of the scan: {path.name}, {how}{remark}.'
    return dataclasses.replace(scan, mask=path, mask_note=note)


def find_mask(scan: Scan, folder: Path) -> tuple[Path, str]:
    """Find the mask of a scan among BIDS derivatives.

    Its own mask has all of its entities and ``desc-brain`` (``desc-brainT2w`` for a T2w) or no
    ``desc``. Without one, the mask of the T1w of the same session is taken if there is just one.
    Masks of other things (``label``) or in template space are none of these.

    Returns
    -------
    path : Path
    how : str
        In words, which of the two it is.

    Raises
    ------
    NoMaskError, MaskChoiceError
    """
    # Of a task there are masks of other kinds of images, too.
    alike = {key: scan.entities.get(key) for key in ('session', 'task')}
    masks = [
        mask
        for mask in _masks_of(folder, scan.subject)
        if all(mask[1].get(key) == value for key, value in alike.items())
    ]
    own = [m for m in masks if m[1] == scan.entities]
    names = [f'brain{scan.suffix}', *(('brain', '') if scan.suffix == 'T1w' else ())]
    for name in names:
        if paths := [path for path, _, desc in own if desc == name]:
            return _only(paths, scan, folder), "the scan's own in --brain-mask"
    paths = [path for path, _, desc in masks if desc in ('brainT1w', 'brain', '')]
    if not paths:
        raise NoMaskError(
            f'{folder}: no brain mask for {scan.name} (such as sub-{scan.subject}/**/{scan.stem}'
            f'_desc-{names[0] if scan.suffix != "T1w" else "brain"}_mask.nii.gz); add one, or '
            'leave this scan out (--brain-mask)'
        )
    how = (
        'that of the T1w of the same session, as this scan has none of its own in --brain-mask; '
        'nothing was registered, so a head that moved in between makes it wrong'
    )
    return _only(paths, scan, folder), how


def _masks_of(folder: Path, subject: str) -> list[tuple[Path, dict, str]]:
    """Return path, scan's entities and ``desc`` of all brain masks of a participant."""
    found = []
    for path in sorted(folder.glob(f'sub-{subject}/**/sub-{subject}_*')):
        name = parse_name(path)
        if name.suffix != 'mask' or name.extension not in EXTENSIONS:
            continue
        pairs = name.pairs
        others = {k: v for k, v in pairs.items() if k not in OF_MASKS}
        if pairs.get('space', '') not in OWN_SPACES or pairs.get('label', 'brain') != 'brain':
            continue
        if set(others) <= set(ENTITY_NAMES):
            entities = {ENTITY_NAMES[k]: v for k, v in others.items()}
            found.append((path, entities, pairs.get('desc', '')))
    return found


def _only(paths: list[Path], scan: Scan, folder: Path) -> Path:
    """Return the only path of a list; a choice is the user's."""
    if len(paths) > 1:
        names = ', '.join(path.relative_to(folder).as_posix() for path in paths[:4])
        raise MaskChoiceError(
            f'{folder}: {len(paths)} masks could be that of {scan.name} ({names}); leave one, or '
            'name the file with --brain-mask'
        )
    return paths[0]


def read_mask_image(path: Path, option: str = '--brain-mask'):
    """Read a mask: its voxels as shares of one, and its affine.

    Parameters
    ----------
    path : Path
        NIfTI file of two values, or of shares from 0 to 1.
    option : str
        What the user named it with, for the errors.

    Returns
    -------
    share : numpy.ndarray, shape (X, Y, Z), float32
        From 0 to 1; NaN and infinite voxels are 0.
    affine : numpy.ndarray, shape (4, 4)

    Raises
    ------
    NoMaskError
        If it cannot be read as a 3-D image.
    MaskError
        If it is empty, full or no mask.
    """
    share, affine, _ = _read(path, option)
    return share, affine


def _read(path: Path, option: str):
    """Return shares and affine of a mask, and what was made of its values, half a sentence."""
    try:
        image = read_image(path)
    except UnusableScanError as error:
        raise NoMaskError(f'{error} ({option})') from error
    data = np.where(np.isfinite(image.data), image.data, 0)
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = 'empty' if high == 0 else f'{high:g} in every voxel'
        raise MaskError(f'{path}: the mask is {what}; give one of the brain ({option})')
    share = as_share(data)
    if share is None:
        raise MaskError(
            f'{path}: holds {np.unique(data).size} values from {low:g} to {high:g}, so it is an '
            f'image or a segmentation, not a mask of 0 and 1 ({option})'
        )
    plain = (low, high) == (0, 1)
    remark = '' if plain else f'; its values from {low:.3g} to {high:.3g} were taken for 0 to 1'
    return share, image.affine, remark


def as_share(data: np.ndarray) -> np.ndarray | None:
    """Return the voxels of a mask as shares of one; ``None`` for what is no mask.

    Parameters
    ----------
    data : numpy.ndarray
        Finite, of at least two values. Of two values, whatever they are, the larger is the
        brain's; what lies between 0 and 1 is a share. Masks that were resampled by splines
        overshoot: their values crowd around 0 and the brain's, and are cut to 0 and 1.
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


def share_in_view(points: np.ndarray, affine: np.ndarray, scan: Scan) -> float:
    """Return which share of some voxels lies in the field of view of a scan.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 3)
        Voxel indices; of very many only some are looked at.
    affine : numpy.ndarray, shape (4, 4)
        Of their image.
    scan : Scan

    Returns
    -------
    float
        1 where the scan cannot be read: its own check says what is wrong with it.
    """
    try:
        shape, own = read_grid(scan.path)
        to_scan = np.linalg.inv(own) @ affine
    except (UnusableScanError, np.linalg.LinAlgError):
        return 1.0
    at = points[:: max(len(points) // 100000, 1)] @ to_scan[:3, :3].T + to_scan[:3, 3]
    return float(((at > -0.5) & (at < np.array(shape) - 0.5)).all(axis=1).mean())


def check_mask(path: Path, scan: Scan) -> str:
    """Refuse what is no mask, or lies elsewhere than the scan; say what was made of its values.

    Raises
    ------
    MaskError
    """
    share, affine, remark = _read(path, '--brain-mask')
    inside = np.argwhere(share > 0.5)
    if not inside.size:
        raise MaskError(f'{path}: no voxel of the mask is above 0.5 (--brain-mask)')
    within = share_in_view(inside, affine, scan)
    if within < LEAST_OVERLAP:
        raise MaskError(
            f'{path}: {100 * within:.0f} % of the mask lies in the field of view of '
            f'{scan.path.name}; give a mask in the same world coordinates (--brain-mask)'
        )
    return remark
