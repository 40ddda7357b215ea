"""What other software made of a scan: its tissues, and the bias field that it divided out."""

import numpy as np
from scipy import ndimage

from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import tissue_statistics
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry, carry_shares
from ulfprep.physics.lattice import Lattice
from ulfprep.physics.noise import estimate_noise
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.tissue import TissueSegmentation, on_lattice

#: Voxels (mm) that resolve the cortex: such tissues are known where the scan only sees them
#: blurred.
FINE_VOXEL = 1.5
#: A brain of which less than this is labelled has the tissues of another.
LEAST_LABELLED = 0.6
#: Tissues whose signals are nearer to each other than this are equally bright.
BRIGHTER = 1.1
METHOD = 'other software'
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


def given_tissues(
    image: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    shares: np.ndarray,
    source: Grid,
    *,
    acquired: Numbers | None = None,
    psf: str = 'gaussian',
    spacing: float = 1.0,
) -> TissueSegmentation:
    """Bring given tissues to a scan, and measure there how bright they are.

    Tissues with small voxels go onto the fine lattice over a scan with coarse ones, and from
    there through the PSF into the scan's voxels, as those of
    :func:`ulfprep.segmentation.tissue.segment` do. All others are averaged over the voxels of the
    scan. What the mask holds and nobody labelled is what surrounds a brain: CSF.

    Parameters
    ----------
    grid, source : Grid
        Of the scan and of the given ``shares``, in any orientation to each other.

    Returns
    -------
    TissueSegmentation
        ``means`` and ``sds`` are those of this scan, in voxels that are nearly pure.

    Raises
    ------
    ValueError
        If most of the brain is not labelled.
    """
    mask = np.asarray(mask, bool)
    acquired = grid.zooms if acquired is None else acquired
    on_scan = np.stack([carry_shares(share, source, grid) for share in shares])
    labelled = float(np.minimum(on_scan.sum(axis=0), 1)[mask].mean())
    if labelled < LEAST_LABELLED:
        raise ValueError(
            f'only {100 * labelled:.0f} % of the brain has a tissue; it is that of another brain '
            'or position'
        )
    fine = None
    if on_lattice(acquired) and source.zooms.max() <= FINE_VOXEL:
        at = Lattice.over(mask, grid, spacing)
        found = np.stack([carry_shares(share, source, at.fine) for share in shares])
        found = with_csf(found, at.brain)
        on_scan, fine = at.to_scan(at.model(acquired, psf), found), at.to_whole(found)
    else:
        on_scan = with_csf(on_scan, mask)
    noise = estimate_noise(image, mask, grid.zooms, acquired)
    means = tissue_statistics(image, on_scan, noise.sigma, grid.zooms).means
    spread = _spread(image, on_scan, means)
    return TissueSegmentation(on_scan, means, spread, METHOD, noise, fine)


def with_csf(shares: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Fill what a brain holds beside given shares with CSF, and cut off what it has not."""
    out = np.clip(shares, 0, 1).astype(np.float32)
    out[0] += np.maximum(1 - out.sum(axis=0), 0)
    return np.where(brain, out / out.sum(axis=0), 0).astype(np.float32)


def _spread(image, probs, means):
    """Standard deviation of the image about each tissue's mean, where that prevails."""
    weight = np.where(probs > 0.5, probs, 0)
    total = np.maximum(weight.sum(axis=(1, 2, 3)), 1e-6)
    squares = (np.asarray(image)[None] - means[:, None, None, None]) ** 2
    return np.sqrt((weight * squares).sum(axis=(1, 2, 3)) / total)


def out_of_order(means: Numbers, expected: Numbers) -> str:
    """Say where tissues of these signals are bright in another order than expected.

    It is half a sentence, empty where there is no contradiction.
    """
    darkest, middle, brightest = np.argsort(expected)
    pairs = ((darkest, middle), (middle, brightest), (darkest, brightest))
    turned = [(a, b) for a, b in pairs if means[a] > BRIGHTER * means[b]]
    if not turned:
        return ''
    order = ' < '.join(TISSUES[k] for k in (darkest, middle, brightest))
    found = ', '.join(f'{t} {m / max(means):.2f}' for t, m in zip(TISSUES, means, strict=True))
    return f'in the scan they are {found} of the brightest, which should be {order}'


class NoFieldError(ValueError):
    """Two images do not differ by a smooth factor; the message says how they differ."""


def divided_field(
    image: np.ndarray, mask: np.ndarray, grid: Grid, corrected: np.ndarray, source: Grid
) -> np.ndarray:
    """Find the smooth factor between a scan and the same scan without its bias.

    The corrected image itself is not taken: every voxel stays the one that was measured, and a
    constant factor between the two does not matter.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Scan as it was measured, on ``grid``.
    corrected : numpy.ndarray, shape (x, y, z)
        On any scale, on ``source``, in any orientation.

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
    same = _same_voxels(grid, source)
    # What is far from the brain takes no part, and most of a volume of FreeSurfer is.
    box = _box_around(mask, grid, source)
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
    source, step = _thinned(source, 3.0)
    measured, corrected, usable = measured[step], corrected[step], usable[step]
    ratio = np.zeros(source.shape, np.float32)
    ratio[usable] = np.log(measured[usable] / corrected[usable])
    field, left = _smooth_part(ratio, usable, source.zooms)
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
    to_source = np.linalg.inv(source.affine) @ grid.affine
    log_field = ndimage.affine_transform(
        field[tuple(nearest)],
        to_source[:3, :3],
        to_source[:3, 3],
        grid.shape,
        order=1,
        mode='nearest',
    )
    log_field -= log_field[mask].mean()
    if log_field[mask].std() > STRONGEST:
        raise NoFieldError('the factor between the two varies by more than any bias field')
    near = ndimage.binary_dilation(mask, iterations=2)
    log_field = np.clip(log_field, log_field[near].min(), log_field[near].max())
    return np.exp(log_field).astype(np.float32)


def _smooth_part(ratio, usable, zooms):
    """Split an image, known where it is usable, into a smooth one and the robust s.d. of the rest.

    What is far from the others has no say.
    """
    width = [FWHM / 2.3548 / z for z in zooms]
    smooth = np.full(ratio.shape, np.median(ratio[usable]), np.float32)
    for _ in range(PASSES):
        rest = ratio - smooth
        near = np.abs(rest) <= max(4 * _robust_sd(rest[usable]), 1e-4)
        weight = (usable & near).astype(np.float32)
        total = np.maximum(ndimage.gaussian_filter(weight, width), 1e-6)
        smooth = smooth + ndimage.gaussian_filter(rest * weight, width) / total
    return smooth, float(_robust_sd((ratio - smooth)[usable]))


def _robust_sd(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def _box_around(mask, grid: Grid, other: Grid) -> tuple[slice, ...]:
    """Where on another grid the brain lies, with a margin of two voxels."""
    found = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    ends = np.array([[f[0] - 0.5, f[-1] + 0.5] for f in found])
    corners = np.stack(np.meshgrid(*ends, indexing='ij')).reshape(3, -1)
    to_other = np.linalg.inv(other.affine) @ grid.affine
    at = to_other[:3, :3] @ corners + to_other[:3, 3:]
    low = np.floor(at.min(axis=1)).astype(int) - 2
    high = np.ceil(at.max(axis=1)).astype(int) + 3
    return tuple(
        slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n)))
        for a, b, n in zip(low, high, other.shape, strict=True)
    )


def _thinned(grid: Grid, spacing: float) -> tuple[Grid, tuple[slice, ...]]:
    """Return a grid of some of the voxels, no closer than ``spacing`` mm, and which these are."""
    steps = np.maximum((spacing // grid.zooms).astype(int), 1)
    affine = np.array(grid.affine, float)
    affine[:3, :3] *= steps
    shape = tuple(int(-(-n // s)) for n, s in zip(grid.shape, steps, strict=True))
    return Grid(shape, affine), tuple(slice(None, None, int(s)) for s in steps)


def _same_voxels(one: Grid, other: Grid) -> bool:
    """Tell whether two grids have the same voxels, to 0.02 of one, in whatever order of axes."""
    to_other = np.linalg.inv(other.affine) @ one.affine
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(one.shape) - 1)[:, None]
    at = to_other[:3, :3] @ corners + to_other[:3, 3:]
    turns = np.abs(np.rint(to_other[:3, :3]))
    ordered = (turns.sum(axis=0) == 1).all() and (turns.sum(axis=1) == 1).all()
    return bool(ordered and np.abs(at - np.rint(at)).max() < 0.02)
