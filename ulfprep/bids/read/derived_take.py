"""What is taken for a scan of what was made before: a given mask, the best of several folders."""

import dataclasses
from pathlib import Path

import numpy as np

from ulfprep.bids.names import dataset_names, shorten
from ulfprep.bids.read.checks import read_grid
from ulfprep.bids.read.derived import find_mask, find_pieces
from ulfprep.bids.read.derived_read import (
    BadDerivativeError,
    DerivativesError,
    UnclearDerivativeError,
    read_brain,
    read_shares,
    read_volume,
)
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.bids.task import WORDS, Given, Piece, Scan, Task
from ulfprep.note import Note

#: Of a piece's volume at least this share must lie in the field of view of its scan.
LEAST_OVERLAP = 0.2


def with_masks(tasks: list[Task], location: Path) -> list[Task]:
    """Give every task the mask of ``--brain-mask``, one file or a folder of BIDS derivatives.

    A scan whose mask alone is missing or none has a ``problem``; BadDerivativeError is raised if
    no scan has a mask that can be used.
    """
    if not location.is_dir():
        if len(tasks) > 1:
            raise UnclearDerivativeError(
                f'{location}: one mask for {len(tasks)} scans; select one scan, or name a folder '
                'of BIDS derivatives that holds a mask for each (--brain-mask)'
            )
        return [_with_mask(task, location, 'stated with --brain-mask') for task in tasks]
    given, errors = [], []
    for task in tasks:
        try:
            given.append(_with_mask(task, *find_mask(task.scan, location)))
        except BadDerivativeError as error:
            errors.append(error)
            given.append(task.refused(str(error)))
    if errors and len(errors) == len(tasks):
        others = shorten([task.name for task in tasks[1:]])
        more = f'; the masks of {others} are missing or unusable, too' if errors[1:] else ''
        raise type(errors[0])(f'{errors[0]}{more}') from errors[0]
    return given


def _with_mask(task: Task, path: Path, how: str) -> Task:
    """Return a task with its mask, which is looked at."""
    remark = check_piece(Piece('mask', (path,)), task.scan)
    mask = Piece('mask', (path,), how=f'{how}{remark}')
    return dataclasses.replace(task, given=dataclasses.replace(task.given, mask=mask))


def with_derivatives(tasks: list[Task], folders: tuple[Path, ...]) -> list[Task]:
    """Give every task what there is of its scan in folders of derivatives, by name.

    What is in the files is looked at later (:func:`check_given`). The folder named first goes
    before the others, and a mask that the task has already before all. A choice that is not clear
    is a ``problem`` of its scan alone; a folder that holds nothing for any scan is a
    DerivativesError.
    """
    names = dataset_names(folders)
    problems: dict[str, str] = {}
    found: dict[str, list[Given]] = {task.name: [] for task in tasks}
    for name, folder in names.items():
        finds, unclear = [], False
        for task in tasks:
            try:
                finds.append(find_pieces(task.scan, folder, name))
            except BadDerivativeError as error:
                problems.setdefault(task.name, str(error))
                unclear = True
                continue
            found[task.name].append(finds[-1])
        if not unclear and not any(one.pieces for one in finds):
            why = next((f'{note} ' for one in finds for note in one.notes), '')
            raise DerivativesError(
                f'{folder}: nothing there is of use to any of the {len(tasks)} selected scan(s): '
                'no brain mask, tissues or bias-corrected image (BIDS derivatives such as '
                f'sub-{tasks[0].scan.subject}/**/anat/*_dseg.nii.gz in the space of the scan, or '
                f'a FreeSurfer subjects folder). {why}Leave it out, or name another '
                '(--derivatives)'
            )
    return [
        _with_best(task, found[task.name]).refused(problems.get(task.name, '')) for task in tasks
    ]


def _with_best(task: Task, finds: list[Given]) -> Task:
    """Return a task with the best of what was found of its scan."""
    notes = [note for one in finds for note in one.notes]
    chosen = {
        what: next((piece for one in finds if (piece := getattr(one, what))), None)
        for what in WORDS
    }
    if (mask := chosen['mask']) and task.given.mask:
        notes.append(Note(f'Not taken: {mask.name}; --brain-mask goes before it.'))
    chosen['mask'] = task.given.mask or mask
    if piece := chosen['tissues']:
        text = f'Tissues were not segmented but taken from {piece.name} (--derivatives).'
        notes.append(Note(text))
    given = Given(**chosen, notes=tuple(dict.fromkeys(notes)))
    return dataclasses.replace(task, given=given)


def check_given(task: Task) -> None:
    """Raise UnusableScanError where a file of ``--derivatives`` cannot be taken for a task."""
    for piece in task.given.derived:
        try:
            check_piece(piece, task.scan)
        except BadDerivativeError as error:
            raise UnusableScanError(str(error)) from error


def check_piece(piece: Piece, scan: Scan) -> str:
    """Refuse a file that is not what its name says, or lies elsewhere; tell how a mask is read."""
    path, remark = piece.paths[0], ''
    if piece.what == 'mask':
        data, affine, remark = read_brain(path, piece.option)
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
            f'{scan.path.name}; give files in the same world coordinates, or leave them out '
            f'({piece.option})'
        )
    return remark


def _share_in_view(points: np.ndarray, affine: np.ndarray, scan: Scan) -> float:
    """Return which share of voxels lies in the view of a scan; 1 where that cannot be read."""
    if not points.size:
        return 0.0
    try:
        grid = read_grid(scan.path)
        to_scan = np.linalg.inv(grid.affine) @ affine
    except (UnusableScanError, np.linalg.LinAlgError):
        return 1.0
    # Of very many voxels only some are looked at.
    at = points[:: max(len(points) // 100000, 1)] @ to_scan[:3, :3].T + to_scan[:3, 3]
    return float(((at > -0.5) & (at < np.array(grid.shape) - 0.5)).all(axis=1).mean())
