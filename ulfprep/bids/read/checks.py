"""Is this image usable, said plainly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.bids.read.geometry import check_head, read_affine
from ulfprep.bids.read.nifti import NiftiFile, UnusableScanError, in_words, open_nifti, read_voxels
from ulfprep.bids.read.values import background, below_zero
from ulfprep.note import Note
from ulfprep.physics.grid import Grid

#: More than this fraction of NaN or infinite voxels is refused.
MAX_NONFINITE = 0.05
#: Intensities and their differences beyond these overflow or vanish in single precision.
INTENSITY_RANGE = (1e-12, 1e12)


@dataclass(frozen=True)
class CheckedImage:
    """An image that passed the checks, float32 in the file's own axis order, and what was found."""

    data: np.ndarray
    affine: np.ndarray
    notes: tuple[Note, ...]


def check_image(path: Path) -> CheckedImage:
    """Read an image, NaN and infinite voxels set to 0; refuse what no step could make sense of.

    Raises
    ------
    UnusableScanError
        If the file is missing, empty, truncated or no NIfTI; if it is 2-D, a single slice or holds
        several volumes; if no head fits its voxels and field of view; if it is constant, far below
        zero, or has more than 5 % NaN or infinite voxels that are not the background of a brain.
        Nothing else is raised.
    """
    with _opened(path) as (nifti, affine):
        # What the header alone tells comes first: nothing need be unpacked for it.
        check_head(nifti, affine)
        data = read_voxels(nifti).reshape(nifti.shape[:3], order='F')
        data = _clean(nifti.path, data, nifti.notes)
        if wrong := below_zero(data, _levels(nifti)):
            raise UnusableScanError(f'{nifti.path}: {wrong}')
        return CheckedImage(data, affine, tuple(nifti.notes))


def read_image(path: Path) -> CheckedImage:
    """Read a 3-D image as it is, NaN included, without a look at its content or its size.

    An UnusableScanError says what is wrong with the file, as from :func:`check_image`.
    """
    with _opened(path) as (nifti, affine):
        data = read_voxels(nifti).reshape(nifti.shape[:3], order='F')
        return CheckedImage(data, affine, tuple(nifti.notes))


def read_grid(path: Path) -> Grid:
    """Return where the voxels of an image are, from its header alone, or raise UnusableScanError."""
    with _opened(path) as (nifti, affine):
        return Grid(nifti.shape[:3], affine)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[NiftiFile, np.ndarray]]:
    """Yield a file of one volume and its affine; what goes wrong is an error of one line."""
    path = Path(path)
    try:
        nifti = open_nifti(path)
        _check_shape(nifti)
        yield nifti, read_affine(nifti)
    except UnusableScanError:
        raise
    except MemoryError as error:
        raise UnusableScanError(
            f'{path}: is too large for the memory of this machine; use one with more'
        ) from error
    except Exception as error:  # a header can be wrong in more ways than can be foreseen
        raise UnusableScanError(
            f'{path}: cannot be read ({type(error).__name__}: {in_words(error)}); copy or convert '
            'it again'
        ) from error


def _check_shape(nifti: NiftiFile) -> None:
    """Say why there are not three spatial dimensions of one volume, where there are not."""
    path, shape = nifti.path, nifti.shape
    volumes = int(np.prod(shape[3:], dtype=object))
    if volumes != 1:
        raise UnusableScanError(
            f'{path}: holds {volumes} volumes (shape {shape}); a scan is one volume, '
            'split or average them first'
        )
    if len(shape) > 3:
        text = f'The file is {len(shape)}-D with a single volume; it was read as 3-D.'
        nifti.notes.append(Note(text))
    if len(shape) < 3 or min(shape[:3]) < 2:
        raise UnusableScanError(
            f'{path}: is 2-D or a single slice (shape {shape}); a volume of several slices '
            'is needed'
        )


def _levels(nifti: NiftiFile) -> int:
    """Return how many whole numbers the voxels' type holds, where they are not scaled."""
    dtype = nifti.header.get_data_dtype()
    plain = np.nan_to_num(float(nifti.header['scl_slope'])) in (0.0, 1.0)
    # Wider ones may have been whole numbers of 16 bits before.
    return 2 ** (8 if dtype.itemsize == 1 else 16) if plain else 0


def _clean(path: Path, data: np.ndarray, notes: list[Note]) -> np.ndarray:
    """Replace NaN and infinite voxels by zero; refuse images without content."""
    bad = ~np.isfinite(data)
    if bad.any():
        around = background(bad)
        data[bad] = 0
        if outside := int(around.sum()):
            share = f'{outside / data.size:.0%} of the voxels'
            notes.append(Note(f'The background is NaN ({share}); it was set to zero.'))
        bad &= ~around
    count = int(bad.sum())
    if count:
        fraction = count / (data.size - outside)
        if fraction > MAX_NONFINITE:
            raise UnusableScanError(
                f'{path}: {fraction:.1%} of its voxels are NaN or infinite (at most '
                f'{MAX_NONFINITE:.0%} are accepted); export it again'
            )
        notes.append(Note(f'{count} NaN or infinite voxels ({fraction:.2%}) were set to zero.'))
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = 'all zero' if low == 0 else f'constant ({low:g} everywhere)'
        raise UnusableScanError(
            f'{path}: the image is {what}; there is nothing to enhance: export it again'
        )
    if high - low < INTENSITY_RANGE[0] or max(-low, high) > INTENSITY_RANGE[1]:
        raise UnusableScanError(
            f'{path}: its intensities go from {low:g} to {high:g}, which cannot be reckoned with; '
            'scale them, to between 0 and 1000 say, or export it again'
        )
    return data
