"""Is this image usable, said plainly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ulfprep.bids.read.geometry import check_head, read_affine
from ulfprep.bids.read.nifti import NiftiFile, UnusableScanError, in_words, open_nifti, read_voxels
from ulfprep.note import Note
from ulfprep.physics.grid import Grid

#: More than this fraction of NaN or infinite voxels is refused.
MAX_NONFINITE = 0.05
#: Intensities and their differences beyond these overflow or vanish in single precision.
INTENSITY_RANGE = (1e-12, 1e12)
#: What lies below zero by more than this part of the brightest signal ...
BELOW_ZERO = 0.1
#: ... in the mean of a cube of so many voxels a side, in which noise is nearly gone, even noise
#: that interpolation made smooth ...
CUBE = 5
#: ... and in at least this share of the voxels, is more than noise.
LEAST_SHARE = 0.005
#: Values that wrapped around fill at least this share of the range of their type.
FILLED = 0.85
#: Mean and standard deviation of z-scores, by how much they may differ from 0 and 1.
OF_Z_SCORES = 0.1
#: Of the borders of an image this share is not finite where what is not finite is its background.
OF_BORDERS = 0.6


@dataclass(frozen=True)
class CheckedImage:
    """An image that passed the checks (float32, in the file's own axis order), and notes."""

    data: np.ndarray
    affine: np.ndarray
    notes: tuple[Note, ...]


def check_image(path: Path) -> CheckedImage:
    """Read an image, NaN and infinite voxels set to 0; refuse what no step could make sense of.

    UnusableScanError, and no other, if the file is missing, empty, truncated or no NIfTI; if it
    is 2-D, a single slice or holds several volumes; if no head fits its voxels and field of view;
    if it is constant, far below zero, or has more than 5 % NaN or infinite voxels that are not
    the background of a brain.
    """
    with _opened(path) as (nifti, affine):
        # What the header alone tells comes first: nothing need be unpacked for it.
        check_head(nifti, affine)
        data = read_voxels(nifti).reshape(nifti.shape[:3], order='F')
        data = _clean(nifti.path, data, nifti.notes)
        # How many whole numbers its type holds, where they are not scaled; wider ones may have
        # been of 16 bits before.
        plain = np.nan_to_num(float(nifti.header['scl_slope'])) in (0.0, 1.0)
        bits = 8 if nifti.header.get_data_dtype().itemsize == 1 else 16
        if wrong := below_zero(data, 2**bits if plain else 0):
            raise UnusableScanError(f'{nifti.path}: {wrong}')
        return CheckedImage(data, affine, tuple(nifti.notes))


def read_image(path: Path) -> CheckedImage:
    """Read a 3-D image as it is, NaN included, or raise UnusableScanError where there is none."""
    with _opened(path) as (nifti, affine):
        data = read_voxels(nifti).reshape(nifti.shape[:3], order='F')
        return CheckedImage(data, affine, tuple(nifti.notes))


def read_grid(path: Path) -> Grid:
    """Return where the voxels of an image are, by its header alone; else UnusableScanError."""
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


def below_zero(data: np.ndarray, levels: int = 0) -> str:
    """Say what an image is that lies far below zero, and the way out; noise about zero is not.

    ``levels`` is how many whole numbers its type can hold (65536 for 16 bits), 0 where not known.
    """
    if data.min() >= 0:
        return ''
    bright = float(np.percentile(np.abs(data), 99))
    ground = float(np.median(_borders(data)))
    if any(_like_z_scores(values) for values in (data, data[data != ground])):
        return (
            'its values are z-scores (mean 0, standard deviation 1), which say no longer how '
            'bright a tissue is; give the image as it was before it was normalised'
        )
    low = ndimage.uniform_filter(data, CUBE, mode='nearest') < -BELOW_ZERO * bright
    share = float(low.mean())
    if share < LEAST_SHARE:
        return ''
    # Whole numbers that fill the range of their type, below zero as well as above.
    filled = levels and float(data.max()) - float(data.min()) > FILLED * levels
    if filled and not (data != np.rint(data)).any():
        return (
            f'its values fill the range of {np.log2(levels):.0f} bits with a sign, so the '
            'brightest have wrapped around to below zero (or it is a phase image); convert the '
            'original images again (dcm2niix), or write the file as uint16 or float32'
        )
    deep = data < ground - BELOW_ZERO * bright
    if ground < -BELOW_ZERO * bright and deep.mean() < LEAST_SHARE:
        return (
            f'its background is {ground:.5g} and not zero, so all its values are shifted; add '
            f'{-ground:.5g} to them, or convert the original images again (dcm2niix)'
        )
    return (
        f'{100 * share:.0f} % of its voxels are far below zero (down to {data.min():.5g}), which '
        'no magnitude is; give the magnitude image (not the real part, nor a phase-sensitive or '
        'normalised one)'
    )


def _like_z_scores(values: np.ndarray) -> bool:
    if values.size < 2:
        return False
    mean, deviation = float(values.mean(dtype=float)), float(values.std(dtype=float))
    return abs(mean) < OF_Z_SCORES and abs(deviation - 1) < OF_Z_SCORES


def _borders(data: np.ndarray) -> np.ndarray:
    """Return the voxels of the six faces of an image."""
    faces = [np.take(data, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    return np.concatenate(faces)


def background(bad: np.ndarray) -> np.ndarray:
    """Find which voxels without a number (``bad``) are the background of a brain.

    Some software writes NaN where there is no brain. That surrounds the rest: it reaches the
    border of the image, and most of the border is of it. A slice that is missing altogether
    between others is none.
    """
    if bad.all() or _borders(bad).mean() < OF_BORDERS:
        return np.zeros(bad.shape, bool)
    labels, _ = ndimage.label(bad)
    outer = np.unique(_borders(labels))
    around = np.isin(labels, outer[outer > 0])
    for axis in range(3):
        filled = (~bad).any(axis=tuple({0, 1, 2} - {axis}))
        ends = np.flatnonzero(filled)
        if ends.size:
            missing = ~filled
            missing[: ends[0]] = missing[ends[-1] :] = False
            around[(slice(None),) * axis + (missing,)] = False
    return around
