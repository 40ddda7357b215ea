"""Tissues of a scan: seen through its point-spread function, or plainly where voxels are small."""

from dataclasses import dataclass

import numpy as np

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.noise import estimate_noise
from ulfprep.segmentation.hmrf import fit_markov_field

#: Voxels up to this size (mm) show tissue well enough to be classified as they are.
PLAIN_VOXEL = 1.3


@dataclass(frozen=True)
class TissueSegmentation:
    """Tissues on the scan's own grid.

    Attributes
    ----------
    probs : numpy.ndarray, shape (3, X, Y, Z), float32
        CSF, GM, WM. The share of each tissue in what the voxel gathers through its PSF;
        one in sum inside the mask, zero outside.
    means, sds : numpy.ndarray, shape (3,)
        Of the intensity model, image units.
    n_iterations : int
    """

    probs: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    n_iterations: int


def brightness_order(expected=None) -> list[int]:
    """Tissues (0 CSF, 1 GM, 2 WM) from the darkest to the brightest.

    Parameters
    ----------
    expected : sequence of 3 floats, optional
        Signals of CSF, GM, WM (:func:`ulfprep.physics.sequences.expected_signals`);
        those of T1w without.
    """
    return [0, 1, 2] if expected is None else [int(k) for k in np.argsort(expected)]


def grey_to_white(expected=None) -> float | None:
    """Brightness of GM relative to WM to hold on to; ``None`` where none is needed.

    In T1w the classes stand apart. In T2w the many mixtures of tissue and bright CSF, and in
    FLAIR the faint contrast of GM, would make a class of their own that is no tissue.
    """
    if expected is None or list(np.argsort(expected)) == [0, 1, 2]:
        return None
    return float(expected[1] / expected[2])


def segment(
    image: np.ndarray,
    mask: np.ndarray,
    zooms,
    *,
    spacing: float = 1.0,
    acquired=None,
    psf: str = 'gaussian',
    expected=None,
):
    """Segment a brain into CSF, GM and WM.

    In 5 mm slices almost every cortical voxel is a mixture, so classes of whole voxels
    are the wrong question. Coarse scans are first deconvolved to ``spacing`` by the
    regularised linear inverse; the Markov random field is fitted there, and its
    posteriors are averaged back through the PSF.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected intensities.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    zooms : sequence of 3 floats
        Voxel size, mm.
    spacing : float
        Spacing of the fine lattice, mm.
    acquired : sequence of 3 floats, optional
        FWHM of the PSF, mm; the voxel size without.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    expected : sequence of 3 floats, optional
        Signals of CSF, GM, WM that the scan should show: their order is used; that of T1w
        without.

    Returns
    -------
    TissueSegmentation
    """
    mask = np.asarray(mask, bool)
    acquired = zooms if acquired is None else acquired
    sigma = estimate_noise(image, mask, zooms, acquired).sigma
    order = brightness_order(expected)
    known = {'order': order, 'grey_to_white': grey_to_white(expected)}
    if max(acquired) <= PLAIN_VOXEL:
        field = fit_markov_field(image, mask, zooms, sigma=sigma, **known)
        return TissueSegmentation(field.probs, field.means, field.sds, field.n_iterations)
    scan = Grid(mask.shape, np.diag([*map(float, zooms), 1.0]))
    fine = isotropic_grid(scan, spacing)
    model = ForwardModel.between(scan, fine, acquired, np.ones(3), psf)
    sharp, _ = discrepancy_inverse(model, image, mask, sigma, fine.zooms)
    brain = resample_mask(mask, scan, fine)
    # Deconvolved noise is smoothed by the prior: about a third of the scan's remains.
    field = fit_markov_field(sharp, brain, fine.zooms, sigma=0.3 * sigma, **known)
    seen = model.acquire(field.probs)
    total = seen.sum(axis=0)
    probs = np.where(mask & (total > 1e-3), seen / np.maximum(total, 1e-3), 0)
    # A voxel at the rim that gathers no fine brain voxel is what surrounds a brain: CSF.
    probs[0][mask & (total <= 1e-3)] = 1
    return TissueSegmentation(probs.astype(np.float32), field.means, field.sds, field.n_iterations)
