"""Tissues that other software found, as this scan and its lattice hold them."""

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import tissue_statistics
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import carry_shares, resample_mask
from ulfprep.physics.noise import estimate_noise
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.tissue import TissueSegmentation, on_lattice, seen_shares

#: Voxels (mm) that resolve the cortex: such tissues are known where the scan only sees them
#: blurred.
FINE_VOXEL = 1.5
#: A brain of which less than this is labelled has the tissues of another.
LEAST_LABELLED = 0.6
#: Tissues whose signals are nearer to each other than this are equally bright.
BRIGHTER = 1.1
METHOD = 'other software'


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
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    grid : Grid
        Of the scan.
    shares : numpy.ndarray, shape (3, x, y, z)
        CSF, GM, WM.
    source : Grid
        Of ``shares``, in any orientation.
    acquired : sequence of 3 floats, optional
        FWHM of the PSF, mm; the voxel size without.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    spacing : float
        Of the fine lattice, mm.

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
        on_scan, fine = _through_lattice(mask, grid, shares, source, acquired, psf, spacing)
    else:
        on_scan = with_csf(on_scan, mask)
    sigma = estimate_noise(image, mask, grid.zooms, acquired).sigma
    means = tissue_statistics(image, on_scan, sigma, grid.zooms).means
    return TissueSegmentation(on_scan, means, _spread(image, on_scan, means), fine, METHOD)


def out_of_order(means: Numbers, expected: Numbers) -> str:
    """Say where given tissues are bright in another order than the scan should show.

    Parameters
    ----------
    means : sequence of 3 floats
        Signals of CSF, GM and WM as they were found with the given tissues.
    expected : sequence of 3 floats
        Those that the scan should show, relative to WM.

    Returns
    -------
    str
        Half a sentence; empty where there is no contradiction.
    """
    darkest, middle, brightest = np.argsort(expected)
    pairs = ((darkest, middle), (middle, brightest), (darkest, brightest))
    turned = [(a, b) for a, b in pairs if means[a] > BRIGHTER * means[b]]
    if not turned:
        return ''
    order = ' < '.join(TISSUES[k] for k in (darkest, middle, brightest))
    found = ', '.join(f'{t} {m / max(means):.2f}' for t, m in zip(TISSUES, means, strict=True))
    return f'in the scan they are {found} of the brightest, which should be {order}'


def with_csf(shares: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Fill what a brain mask holds beside the given tissues with CSF, and cut off what it has not.

    Parameters
    ----------
    shares : numpy.ndarray, shape (3, ...)
        At most about one in sum.
    brain : numpy.ndarray of bool

    Returns
    -------
    numpy.ndarray, shape (3, ...), float32
        One in sum inside the brain, zero outside.
    """
    out = np.clip(shares, 0, 1).astype(np.float32)
    out[0] += np.maximum(1 - out.sum(axis=0), 0)
    return np.where(brain, out / out.sum(axis=0), 0).astype(np.float32)


def _through_lattice(mask, grid, shares, source, acquired, psf, spacing):
    """Return the shares on the scan, seen through the PSF, and on the whole lattice."""
    whole = isotropic_grid(grid, spacing)
    bounds, fine_bounds = brain_bounds(mask, grid, spacing)
    near, lattice, voxels = grid.crop(bounds), whole.crop(fine_bounds), mask[bounds]
    model = ForwardModel.between(near, lattice, acquired, np.ones(3), psf)
    brain = resample_mask(voxels, near, lattice)
    found = with_csf(np.stack([carry_shares(s, source, lattice) for s in shares]), brain)
    on_scan = np.zeros((3, *mask.shape), np.float32)
    on_scan[(slice(None), *bounds)] = seen_shares(model, found, voxels)
    on_fine = np.zeros((3, *whole.shape), np.float32)
    on_fine[(slice(None), *fine_bounds)] = found
    return on_scan, on_fine


def _spread(image, probs, means):
    """Standard deviation of the image about each tissue's mean, where that prevails."""
    weight = np.where(probs > 0.5, probs, 0)
    total = np.maximum(weight.sum(axis=(1, 2, 3)), 1e-6)
    squares = (np.asarray(image)[None] - means[:, None, None, None]) ** 2
    return np.sqrt((weight * squares).sum(axis=(1, 2, 3)) / total)
