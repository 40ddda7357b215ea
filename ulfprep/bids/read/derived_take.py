"""What is taken for a scan of what others made: a given mask, the best of several folders."""

import dataclasses
from pathlib import Path

import numpy as np

from ulfprep.bids.names import shorten
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.derived import (
    WORDS,
    BadDerivativeError,
    DerivativesError,
    Piece,
    Precomputed,
    UnclearDerivativeError,
    dataset_names,
)
from ulfprep.bids.read.derived_find import find_mask, find_pieces
from ulfprep.bids.read.derived_read import read_shares, read_volume, shares_of_mask
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.read.scan import Scan

#: Of a piece's volume at least this share must lie in the field of view of its scan.
LEAST_OVERLAP = 0.2


def with_masks(scans: list[Scan], location: Path) -> list[Scan]:
    """Give every scan the mask of ``--brain-mask``, looked for and looked at.

    Parameters
    ----------
    scans : list of Scan
    location : Path
        A NIfTI file, or a folder of BIDS derivatives.

    Returns
    -------
    list of Scan
        With ``mask`` and ``mask_note``. A scan whose mask alone is missing or none has a
        ``problem``.

    Raises
    ------
    BadDerivativeError
        If no scan has a mask that can be used.
    """
    if not location.is_dir():
        if len(scans) > 1:
            raise UnclearDerivativeError(
                f'{location}: one mask for {len(scans)} scans; select one scan, or name a folder '
                'of BIDS derivatives that holds a mask for each (--brain-mask)'
            )
        return [_with_mask(scan, location, 'stated with --brain-mask') for scan in scans]
    given, errors = [], []
    for scan in scans:
        try:
            given.append(_with_mask(scan, *find_mask(scan, location)))
        except BadDerivativeError as error:
            errors.append(error)
            given.append(dataclasses.replace(scan, problem=scan.problem or str(error)))
    if errors and len(errors) == len(scans):
        others = shorten([scan.name for scan in scans[1:]])
        more = f'; the masks of {others} are missing or unusable, too' if errors[1:] else ''
        raise type(errors[0])(f'{errors[0]}{more}') from errors[0]
    return given


def _with_mask(scan: Scan, path: Path, how: str) -> Scan:
    """Return a scan with its mask, which is looked at."""
    remark = check_piece(Piece('mask', (path,), ()), scan, '--brain-mask')
    note = f'Brain mask, brought onto the grid of the scan: {path.name}, {how}{remark}.'
    return dataclasses.replace(scan, mask=path, mask_note=note)


def with_derivatives(scans: list[Scan], folders: tuple[Path, ...]) -> list[Scan]:
    """Give every scan what there is of it in folders of derivatives, by name.

    What is in the files is looked at later
    (:func:`ulfprep.bids.read.derived_take.check_precomputed`).
    The folder named first goes before the others, and a mask that the scan has already before
    all. What there is not is computed as ever. A choice that is not clear costs its scan alone.

    Parameters
    ----------
    scans : list of Scan
    folders : tuple of Path
        BIDS derivatives or FreeSurfer subjects folders.

    Returns
    -------
    list of Scan
        With ``precomputed``, ``mask`` and ``mask_note`` where a mask was found, and ``problem``
        where it is not clear which file is meant.

    Raises
    ------
    DerivativesError
        If a folder holds nothing for any of the scans.
    """
    found = [
        [find_pieces(scan, folder, name) for scan in scans]
        for name, folder in dataset_names(folders).items()
    ]
    for folder, ones in zip(folders, found, strict=True):
        if not any(one.pieces or one.problem for one in ones):
            why = next((note for one in ones for note in one.notes), '')
            raise DerivativesError(
                f'{folder}: nothing there is of use to any of the {len(scans)} selected scan(s): '
                'no brain mask, tissues or bias-corrected image (BIDS derivatives such as '
                f'sub-{scans[0].subject}/**/anat/*_dseg.nii.gz in the space of the scan, or a '
                f'FreeSurfer subjects folder). {why and why + " "}Leave it out, or name another '
                '(--derivatives)'
            )
    return [_given(scan, ones) for scan, *ones in zip(scans, *found, strict=True)]


def _given(scan: Scan, finds: list[Precomputed]) -> Scan:
    """Return a scan with the best of what was found of it."""
    notes = [note for one in finds for note in one.notes]
    chosen = {
        what: next((piece for one in finds if (piece := getattr(one, what))), None)
        for what in WORDS
    }
    mask, note = scan.mask, scan.mask_note
    if (piece := chosen['mask']) and mask:
        notes.append(f'Not taken: {piece.name}; --brain-mask goes before it.')
        chosen['mask'] = None
    elif piece:
        mask = piece.paths[0]
        note = f'Brain mask, brought onto the grid of the scan: {piece.name} (--derivatives).'
    if piece := chosen['tissues']:
        notes.append(f'Tissues were not segmented but taken from {piece.name} (--derivatives).')
    problem = next((one.problem for one in finds if one.problem), '')
    return dataclasses.replace(
        scan,
        precomputed=Precomputed(**chosen, notes=tuple(dict.fromkeys(notes)), problem=problem),
        mask=mask,
        mask_note=note,
        problem=scan.problem or problem,
    )


def check_precomputed(scan: Scan) -> None:
    """Refuse a scan where a file that is to be taken for it cannot be.

    Raises
    ------
    UnusableScanError
    """
    for piece in scan.precomputed.pieces if scan.precomputed else ():
        try:
            check_piece(piece, scan)
        except BadDerivativeError as error:
            raise UnusableScanError(str(error)) from error


def check_piece(piece: Piece, scan: Scan, option: str = '--derivatives') -> str:
    """Refuse a file that is not what its name says, or lies elsewhere than the scan.

    Parameters
    ----------
    piece : Piece
    scan : Scan
    option : str
        What the user named it with, for the errors.

    Returns
    -------
    str
        What was made of the values of a mask, half a sentence.

    Raises
    ------
    BadDerivativeError
    """
    path, remark = piece.paths[0], ''
    if piece.what == 'mask':
        data, affine, remark = shares_of_mask(path, option)
        inside = data > 0.5
    elif piece.what == 'tissues':
        shares, affine = read_shares(piece.paths, piece.numbers)
        inside = shares.sum(axis=0) > 0.5
    else:
        data, affine = read_volume(path)
        if data.max() <= 0 or data.min() == data.max():
            raise BadDerivativeError(
                f'{path}: the image is constant or nowhere above zero; mend it, or '
                'leave it out (--derivatives)'
            )
        inside = data > 0.1 * np.percentile(data, 99)
    within = _share_in_view(np.argwhere(inside), affine, scan)
    if within < LEAST_OVERLAP:
        what = 'the mask' if piece.what == 'mask' else 'it'
        raise BadDerivativeError(
            f'{path}: {100 * within:.0f} % of {what} lies in the field of view of '
            f'{scan.path.name}; '
            f'give files in the same world coordinates, or leave them out ({option})'
        )
    return remark


def _share_in_view(points: np.ndarray, affine: np.ndarray, scan: Scan) -> float:
    """Return which share of some voxels of an image lies in the field of view of a scan.

    It is 1 where the scan cannot be read: its own check says what is wrong with it.
    """
    if not points.size:
        return 0.0
    try:
        shape, own = read_grid(scan.path)
        to_scan = np.linalg.inv(own) @ affine
    except (UnusableScanError, np.linalg.LinAlgError):
        return 1.0
    # Of very many voxels only some are looked at.
    at = points[:: max(len(points) // 100000, 1)] @ to_scan[:3, :3].T + to_scan[:3, 3]
    return float(((at > -0.5) & (at < np.array(shape) - 0.5)).all(axis=1).mean())
