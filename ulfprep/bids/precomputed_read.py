"""What other software made, as arrays: masks, shares of tissue, images; and is it that at all?"""

from pathlib import Path

import numpy as np

from ulfprep.bids.checks import UnusableScanError, read_image
from ulfprep.bids.freesurfer import NOTHING, UNKNOWN, tissue_table
from ulfprep.bids.masks import LEAST_OVERLAP, MaskError, read_mask_image, share_in_view
from ulfprep.bids.not_here import not_here
from ulfprep.bids.precomputed import BadDerivativeError, Piece
from ulfprep.physics import TISSUES

#: Formats of FreeSurfer.
MGH = ('.mgz', '.mgh')
#: Shares may exceed one in sum by what rounding makes of them.
MOST = 1.05
#: More voxels than this share of all labelled ones may not have labels without a meaning.
MOST_UNKNOWN = 0.01


def is_freesurfer(path: Path) -> bool:
    """Tell whether a file has FreeSurfer's format."""
    return Path(path).name.endswith(MGH)


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a volume of NIfTI or FreeSurfer's format.

    Returns
    -------
    data : numpy.ndarray, shape (X, Y, Z), float32
        NaN and infinite voxels are 0.
    affine : numpy.ndarray, shape (4, 4)

    Raises
    ------
    BadDerivativeError
    """
    path = Path(path)
    if not is_freesurfer(path):
        try:
            image = read_image(path)
        except UnusableScanError as error:
            raise BadDerivativeError(f'{error} (--derivatives)') from error
        return np.where(np.isfinite(image.data), image.data, 0), image.affine
    import nibabel as nib

    try:
        image = nib.load(path)
        data = np.asanyarray(image.dataobj).astype(np.float32)
    except Exception as error:  # nibabel, gzip and zlib each raise their own kinds
        said = not_here(path) or (
            f'{path}: not a readable FreeSurfer volume ({" ".join(str(error).split())}); copy it '
            'again'
        )
        raise BadDerivativeError(f'{said} (--derivatives)') from error
    if data.ndim > 3 and np.prod(data.shape[3:]) == 1:
        data = data.reshape(data.shape[:3])
    if data.ndim != 3 or min(data.shape) < 2:
        raise BadDerivativeError(
            f'{path}: has the shape {data.shape}; one volume is needed (--derivatives)'
        )
    return np.where(np.isfinite(data), data, 0), np.asarray(image.affine)


def read_brain(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a brain mask: its voxels as shares of one, and its affine.

    Raises
    ------
    BadDerivativeError
        If it is none.
    """
    if not is_freesurfer(path):
        try:
            return read_mask_image(path, '--derivatives')
        except MaskError as error:
            raise BadDerivativeError(str(error)) from error
    data, affine = read_volume(path)
    # What was erased from brainmask.mgz by hand is 1; of a mask of 0 and 1, or of labels, what is
    # not zero is brain.
    inside = data > (1 if path.name == 'brainmask.mgz' and data.max() > 1 else 0)
    if inside.all() or not inside.any():
        raise BadDerivativeError(
            f'{path}: the mask is {"empty" if not inside.any() else "full"}; mend it '
            '(--derivatives)'
        )
    return inside.astype(np.float32), affine


def read_shares(paths, numbers=()) -> tuple[np.ndarray, np.ndarray]:
    """Read tissues as shares of CSF, GM and WM.

    Parameters
    ----------
    paths : sequence of Path
        Three files of shares in this order, or one of labels.
    numbers : sequence of 3 ints, optional
        Labels of CSF, GM, WM; those of FreeSurfer without.

    Returns
    -------
    shares : numpy.ndarray, shape (3, X, Y, Z), float32
        Cut to where there is any, with a voxel around it.
    affine : numpy.ndarray, shape (4, 4)

    Raises
    ------
    BadDerivativeError
        If a file is none of this kind.
    """
    paths = [Path(path) for path in paths]
    volumes = [read_volume(path) for path in paths]
    affine = volumes[0][1]
    if len(paths) == len(TISSUES):
        for path, (data, its) in zip(paths, volumes, strict=True):
            same = data.shape == volumes[0][0].shape and np.allclose(its, affine, atol=1e-3)
            if not same:
                raise BadDerivativeError(
                    f'{path}: lies on another grid than {paths[0].name}; give shares of one '
                    'segmentation (--derivatives)'
                )
            if data.min() < -0.01 or data.max() > 1.01:
                raise BadDerivativeError(
                    f'{path}: holds values from {data.min():g} to {data.max():g}, not shares '
                    'from 0 to 1 (--derivatives)'
                )
        labels = None
        total = sum(data for data, _ in volumes)
        if total.max() > MOST:
            raise BadDerivativeError(
                f'{paths[0]}: the shares of CSF, GM and WM are up to {total.max():.2f} in sum; '
                'give those of one segmentation (--derivatives)'
            )
    else:
        labels = _tissue_labels(paths[0], volumes[0][0], numbers)
        total = labels
    box = _box(total > 0.01, paths[0])
    shares = np.stack(
        [
            np.clip(volumes[k][0][box], 0, 1) if labels is None else labels[box] == k + 1
            for k in range(len(TISSUES))
        ]
    ).astype(np.float32)
    missing = [t for t, share in zip(TISSUES, shares, strict=True) if share.max() < 0.5]
    if missing:
        raise BadDerivativeError(
            f'{paths[0]}: no voxel of it is {" or ".join(missing)}, so it is no segmentation of '
            'CSF, GM and WM (--derivatives)'
        )
    affine = affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [b.start for b in box]
    return shares, affine


def _tissue_labels(path: Path, data: np.ndarray, numbers) -> np.ndarray:
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
    box = []
    for axis, size in enumerate(inside.shape):
        found = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        box.append(slice(max(int(found[0]) - 1, 0), min(int(found[-1]) + 2, size)))
    return tuple(box)


def check_precomputed(scan) -> None:
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


def check_piece(piece: Piece, scan) -> None:
    """Refuse a file that is not what its name says, or lies elsewhere than the scan.

    Parameters
    ----------
    piece : Piece
    scan : Scan

    Raises
    ------
    BadDerivativeError
    """
    if piece.what == 'mask':
        data, affine = read_brain(piece.paths[0])
        inside = data > 0.5
    elif piece.what == 'tissues':
        shares, affine = read_shares(piece.paths, piece.numbers)
        inside = shares.sum(axis=0) > 0.5
    else:
        data, affine = read_volume(piece.paths[0])
        if data.max() <= 0 or data.min() == data.max():
            raise BadDerivativeError(
                f'{piece.paths[0]}: the image is constant or nowhere above zero; mend it, or '
                'leave it out (--derivatives)'
            )
        inside = data > 0.1 * np.percentile(data, 99)
    points = np.argwhere(inside)
    within = share_in_view(points, affine, scan) if points.size else 0.0
    if within < LEAST_OVERLAP:
        raise BadDerivativeError(
            f'{piece.paths[0]}: {100 * within:.0f} % of it lies in the field of view of '
            f'{scan.path.name}; give files in the same world coordinates, or leave them out '
            '(--derivatives)'
        )
