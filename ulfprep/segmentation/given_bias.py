"""The bias field that other software divided a scan by, read off its corrected image.

The corrected image itself is not taken: every voxel stays the one that was measured, and a
constant factor between the two does not matter.
"""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry
from ulfprep.physics.types import Numbers

#: Size of the neighbourhoods over which the field is averaged, mm. N4's finest mesh, of 25 mm,
#: still shows through them, for what they miss is measured again.
FWHM = 20.0
PASSES = 3
#: What may be left of the logarithm of the ratio when a smooth field is taken out of it (robust
#: s.d.): on the same grid, and on others, where both are blurred before they are compared. Two
#: copies of a scan, rounded or interpolated otherwise, show a tenth of it.
LEFT, LEFT_INTERPOLATED = 0.02, 0.01
#: Voxels darker than this part of the brain's median say little of a ratio.
DARK = 0.15
#: A field whose logarithm has a larger s.d. is none of a receive coil.
STRONGEST = 0.7


class NoFieldError(ValueError):
    """Two images do not differ by a smooth factor; the message says how they differ."""


def divided_field(
    image: np.ndarray, mask: np.ndarray, grid: Grid, corrected: np.ndarray, source: Grid
) -> np.ndarray:
    """Find the smooth factor between a scan and the same scan without its bias.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Scan as it was measured.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    grid : Grid
        Of the scan.
    corrected : numpy.ndarray, shape (x, y, z)
        On any scale.
    source : Grid
        Of ``corrected``, in any orientation.

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z), float32
        Its geometric mean inside the mask is one.

    Raises
    ------
    NoFieldError
        If the ratio of the two is not smooth: the one was made of the other by more than a bias
        correction (denoised, normalised by tissue), or it is another scan.
    """
    mask, image = np.asarray(mask, bool), np.asarray(image, np.float32)
    same = same_voxels(grid, source)
    # What is far from the brain takes no part, and most of a volume of FreeSurfer is.
    box = box_around(mask, grid, source)
    source, corrected = source.crop(box), np.asarray(corrected[box], np.float32)
    if not corrected.size:
        raise NoFieldError('it shows nothing of the brain')
    brain = carry(mask.astype(np.float32), grid, source) > 0.5
    measured = carry(image, grid, source)
    usable = brain & (corrected > 0) & (measured > 0)
    if usable.sum() < 0.5 * max(brain.sum(), 1):
        raise NoFieldError('it shows less than half of the brain')
    usable &= measured > DARK * np.median(measured[usable])
    usable &= corrected > DARK * np.median(corrected[usable])
    if not same:
        # Two ways to interpolate the same voxels differ by what is finer than these.
        width = 1.5 * max(grid.zooms.max(), source.zooms.max()) / 2.3548 / source.zooms
        weight = usable.astype(np.float32)
        measured, corrected = (
            ndimage.gaussian_filter(v * weight, width) for v in (measured, corrected)
        )
    # A smooth field shows in every third millimetre.
    source, step = thinned(source)
    measured, corrected, usable = measured[step], corrected[step], usable[step]
    ratio = np.zeros(source.shape, np.float32)
    ratio[usable] = np.log(measured[usable] / corrected[usable])
    field, left = smooth_part(ratio, usable, source.zooms)
    limit = LEFT if same else LEFT_INTERPOLATED
    if left > limit:
        raise NoFieldError(
            f'beside a smooth field, {100 * left:.1f} % of difference is left from voxel to voxel '
            f'(at most {100 * limit:g} % are rounding); it was changed in other ways too'
        )
    # Everywhere on the scan: beyond the brain nothing was measured, and its rim stands for it.
    nearest = ndimage.distance_transform_edt(
        ~usable, sampling=source.zooms, return_distances=False, return_indices=True
    )
    field = field[tuple(nearest)]
    log_field = carry_on(field, source, grid)
    log_field -= log_field[mask].mean()
    if log_field[mask].std() > STRONGEST:
        raise NoFieldError('the factor between the two varies by more than any bias field')
    near = ndimage.binary_dilation(mask, iterations=2)
    log_field = np.clip(log_field, log_field[near].min(), log_field[near].max())
    return np.exp(log_field).astype(np.float32)


def smooth_part(ratio: np.ndarray, usable: np.ndarray, zooms: Numbers) -> tuple[np.ndarray, float]:
    """Split an image into a smooth one and what is left of it.

    Parameters
    ----------
    ratio : numpy.ndarray, shape (X, Y, Z)
    usable : numpy.ndarray of bool, shape (X, Y, Z)
        Where it is known; what is far from the others there has no say.
    zooms : sequence of 3 floats
        Voxel size, mm.

    Returns
    -------
    smooth : numpy.ndarray, shape (X, Y, Z), float32
    left : float
        Robust standard deviation of the rest.
    """
    width = [FWHM / 2.3548 / z for z in zooms]
    smooth = np.full(ratio.shape, np.median(ratio[usable]), np.float32)
    for _ in range(PASSES):
        rest = ratio - smooth
        spread = 1.4826 * np.median(np.abs(rest[usable] - np.median(rest[usable])))
        weight = (usable & (np.abs(rest) <= max(4 * spread, 1e-4))).astype(np.float32)
        total = np.maximum(ndimage.gaussian_filter(weight, width), 1e-6)
        smooth = smooth + ndimage.gaussian_filter(rest * weight, width) / total
    rest = (ratio - smooth)[usable]
    return smooth, float(1.4826 * np.median(np.abs(rest - np.median(rest))))


def box_around(mask: np.ndarray, grid: Grid, other: Grid, margin: int = 2) -> tuple[slice, ...]:
    """Return where on another grid the brain lies, with a margin of some voxels."""
    found = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    ends = np.array([[f[0] - 0.5, f[-1] + 0.5] for f in found])
    corners = np.stack(np.meshgrid(*ends, indexing='ij')).reshape(3, -1)
    to_other = np.linalg.inv(other.affine) @ grid.affine
    at = to_other[:3, :3] @ corners + to_other[:3, 3:]
    low = np.floor(at.min(axis=1)).astype(int) - margin
    high = np.ceil(at.max(axis=1)).astype(int) + margin + 1
    return tuple(
        slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n)))
        for a, b, n in zip(low, high, other.shape, strict=True)
    )


def thinned(grid: Grid, spacing: float = 3.0) -> tuple[Grid, tuple[slice, ...]]:
    """Return a grid of some of the voxels, no closer than ``spacing`` mm, and which these are."""
    steps = np.maximum((spacing // grid.zooms).astype(int), 1)
    affine = np.array(grid.affine, float)
    affine[:3, :3] *= steps
    shape = tuple(int(-(-n // s)) for n, s in zip(grid.shape, steps, strict=True))
    return Grid(shape, affine), tuple(slice(None, None, int(s)) for s in steps)


def carry_on(field: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Interpolate a smooth field onto a grid, its rim standing for all beyond it."""
    to_source = np.linalg.inv(source.affine) @ target.affine
    return ndimage.affine_transform(
        field, to_source[:3, :3], to_source[:3, 3], target.shape, order=1, mode='nearest'
    )


def same_voxels(one: Grid, other: Grid, tolerance: float = 0.02) -> bool:
    """Tell whether two grids have the same voxels, in whatever order of axes.

    Parameters
    ----------
    one, other : Grid
    tolerance : float
        Distance between centres that still counts as none, voxels.

    Returns
    -------
    bool
    """
    to_other = np.linalg.inv(other.affine) @ one.affine
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(one.shape) - 1)[:, None]
    at = to_other[:3, :3] @ corners + to_other[:3, 3:]
    turns = np.abs(np.rint(to_other[:3, :3]))
    ordered = (turns.sum(axis=0) == 1).all() and (turns.sum(axis=1) == 1).all()
    return bool(ordered and np.abs(at - np.rint(at)).max() < tolerance)
