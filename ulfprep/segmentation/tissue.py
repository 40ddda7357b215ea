"""Tissues of a scan: seen through its point-spread function, or plainly where voxels are small."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import edge_preserving_inverse
from ulfprep.physics.noise import NoiseEstimate, estimate_noise
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.bias import reference_field
from ulfprep.segmentation.coarse import T1W, coarse_tissues
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.plain import plain_tissues

#: Voxels up to this size (mm) show tissue well enough to be classified as they are.
PLAIN_VOXEL = 1.3
#: Size of the neighbourhoods (mm) that show what is left of the bias field, and what anatomy
#: alone makes of their brightness (s.d. of the logarithm).
RESIDUAL_FWHM, SPREAD = 45.0, 0.02
#: The models, in words for reports.
HMRF, MIXTURE = 'embedded HMRF-EM', 'the embedded mixture model'
PSF_AWARE = 'the embedded PSF-aware model'
#: What is left of the scan's noise after a deconvolution that smooths as much as it sharpens.
SHARP_NOISE = 0.3


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
    fine : numpy.ndarray, shape (3, x, y, z), float32, optional
        Shares on the isotropic lattice over the scan
        (:func:`ulfprep.physics.grid.isotropic_grid`), where it was segmented there.
    method : str
        Which model made it, in words.
    surprise : numpy.ndarray, shape (X, Y, Z), float32, optional
        What the prior anatomy leaves of the scan unexplained, in units of what is usual.
    unmixed : bool
        Whether ``means`` are those of pure tissue, measured through the PSF.
    noise : NoiseEstimate, optional
        Of the scan, where what tissues leave of it was looked at.
    """

    probs: np.ndarray
    means: np.ndarray
    sds: np.ndarray
    fine: np.ndarray | None = None
    method: str = HMRF
    surprise: np.ndarray | None = None
    unmixed: bool = False
    noise: NoiseEstimate | None = None


def brightness_order(expected: Numbers | None = None) -> list[int]:
    """Tissues (0 CSF, 1 GM, 2 WM) from the darkest to the brightest.

    Parameters
    ----------
    expected : sequence of 3 floats, optional
        Signals of CSF, GM, WM (:func:`ulfprep.physics.source_sequence.expected_signals`);
        those of T1w without.
    """
    return [0, 1, 2] if expected is None else [int(k) for k in np.argsort(expected)]


def grey_to_white(expected: Any = None) -> float | None:
    """Brightness of GM relative to WM to hold on to; ``None`` where none is needed.

    In T1w the classes stand apart. In T2w the many mixtures of tissue and bright CSF, and in
    FLAIR the faint contrast of GM, would make a class of their own that is no tissue.
    """
    if expected is None or list(np.argsort(expected)) == [0, 1, 2]:
        return None
    return float(expected[1] / expected[2])


def on_lattice(acquired: Numbers) -> bool:
    """Whether a scan acquired with a PSF of these FWHM (mm) is segmented on the fine lattice."""
    return max(acquired) > PLAIN_VOXEL


def segment(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    *,
    spacing: float = 1.0,
    acquired: Numbers | None = None,
    psf: str = 'gaussian',
    expected: Numbers | None = None,
    prior: np.ndarray | None = None,
) -> Any:
    """Segment a brain into CSF, GM and WM.

    In 5 mm slices almost every cortical voxel is a mixture, so classes of whole voxels
    are the wrong question: the tissues live on a fine lattice, and the scan sees them through
    its PSF. Coarse scans are deconvolved to it, borders kept; what is left of the bias field is
    measured there in neighbourhoods of 45 mm; and the fine voxels are segmented: T1w by shares
    of tissue (:func:`ulfprep.segmentation.coarse.coarse_tissues`), other contrasts, in
    which GM is hardly told from WM, by a Markov random field whose means the sequence
    bounds. Fine scans are segmented as they are: T1w by
    :func:`ulfprep.segmentation.plain.plain_tissues` where it shows three tissues, others by
    :func:`ulfprep.segmentation.hmrf.fit_markov_field`.

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
        Signals of CSF, GM, WM that the scan should show; those of T1w without.
    prior : numpy.ndarray, shape (3, ...), optional
        Prior probabilities of CSF, GM, WM (:func:`ulfprep.segmentation.template.template_prior`)
        where the scan is segmented: on the isotropic lattice if :func:`on_lattice`, else on its
        own grid.

    Returns
    -------
    TissueSegmentation
    """
    mask = np.asarray(mask, bool)
    acquired = zooms if acquired is None else acquired
    sigma = estimate_noise(image, mask, zooms, acquired).sigma
    if on_lattice(acquired):
        return _through_psf(image, mask, zooms, sigma, acquired, psf, expected, spacing, prior)
    known: dict[str, Any] = {
        'order': brightness_order(expected),
        'grey_to_white': grey_to_white(expected),
    }
    if known['grey_to_white'] is None:
        found = plain_tissues(image, mask, zooms, sigma, prior)
        if found is not None:
            return TissueSegmentation(found.probs, found.means, found.sds, method=MIXTURE)
    field = fit_markov_field(image, mask, zooms, sigma=sigma, prior=prior, **known)
    return TissueSegmentation(field.probs, field.means, field.sds)


def _through_psf(image, mask, zooms, sigma, acquired, psf, expected, spacing, prior):
    """Segment on the fine lattice and average what is found through the PSF."""
    scan = Grid(mask.shape, np.diag([*map(float, zooms), 1.0]))
    whole = isotropic_grid(scan, spacing)
    bounds, fine_bounds = brain_bounds(mask, scan, spacing)
    near, fine, voxels = scan.crop(bounds), whole.crop(fine_bounds), mask[bounds]
    model = ForwardModel.between(near, fine, acquired, np.ones(3), psf)
    brain = resample_mask(voxels, near, fine)
    measured = np.asarray(image, np.float32)[bounds]
    if prior is not None:
        prior = prior[(slice(None), *fine_bounds)]
    found, method = lattice_tissues(
        model, measured, voxels, brain, fine.zooms, sigma, expected, prior
    )
    on_scan = np.zeros((3, *mask.shape), np.float32)
    on_scan[(slice(None), *bounds)] = seen_shares(model, found.probs, voxels)
    on_fine = np.zeros((3, *whole.shape), np.float32)
    on_fine[(slice(None), *fine_bounds)] = found.probs
    unmixed = method == PSF_AWARE
    return TissueSegmentation(on_scan, found.means, found.sds, on_fine, method, unmixed=unmixed)


def seen_shares(model: Any, fine: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Share of each tissue in what the voxels of a scan gather through their PSF.

    Parameters
    ----------
    model : ForwardModel
        From the lattice to the scan.
    fine : numpy.ndarray, shape (3, x, y, z)
        Shares on the lattice.
    voxels : numpy.ndarray of bool, shape (X, Y, Z)
        Brain on the scan.

    Returns
    -------
    numpy.ndarray, shape (3, X, Y, Z)
        One in sum inside the brain, zero outside.
    """
    seen = model.acquire(fine)
    total = seen.sum(axis=0)
    probs = np.where(voxels & (total > 1e-3), seen / np.maximum(total, 1e-3), 0)
    # A voxel at the rim that gathers no fine brain voxel is what surrounds a brain: CSF.
    probs[0][voxels & (total <= 1e-3)] = 1
    return probs


def lattice_tissues(
    model: Any,
    measured: np.ndarray,
    voxels: np.ndarray,
    brain: np.ndarray,
    spacing: Numbers,
    sigma: float,
    expected: Numbers | None,
    prior: np.ndarray | None,
) -> tuple[Any, str]:
    """Deconvolve what was measured and segment the result on its lattice.

    Parameters
    ----------
    model : ForwardModel or StackedModel
        From the lattice to what was measured.
    measured, voxels : numpy.ndarray, shape of what ``model`` acquires
        One scan, or several in a row, and their brain voxels.
    brain : numpy.ndarray of bool, shape (x, y, z)
    spacing : sequence of 3 floats
        Of the lattice, mm.
    sigma : float
        Noise s.d. of what was measured.
    expected : sequence of 3 floats or None
    prior : numpy.ndarray, shape (3, x, y, z), or None
        On the lattice.

    Returns
    -------
    found : TissueShares or MarkovField
    method : str
    """
    sharp = edge_preserving_inverse(model, measured, voxels, sigma, spacing)
    log_field = reference_field(sharp, brain, spacing, expected, RESIDUAL_FWHM, SPREAD)
    sigma = SHARP_NOISE * sigma
    if grey_to_white(expected) is None:
        signals = T1W if expected is None else expected
        return coarse_tissues(
            model, measured, voxels, sharp, log_field, brain, spacing, sigma, signals, prior
        ), PSF_AWARE
    return fit_markov_field(
        sharp * np.exp(-log_field),
        brain,
        spacing,
        sigma=sigma,
        order=brightness_order(expected),
        grey_to_white=grey_to_white(expected),
        prior=prior,
    ), HMRF
