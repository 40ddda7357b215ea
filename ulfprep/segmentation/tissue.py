"""Tissues that scans tell alone: through their point-spread functions, or of small voxels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ulfprep.physics.grid import Grid
from ulfprep.physics.inverse import edge_preserving_inverse
from ulfprep.physics.lattice import Lattice
from ulfprep.physics.noise import NoiseEstimate, estimate_noise
from ulfprep.physics.stacked import Part, StackedModel, place
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.bias import reference_field
from ulfprep.segmentation.coarse import coarse_tissues
from ulfprep.segmentation.hmrf import TissueShares, brightness_order, fit_markov_field
from ulfprep.segmentation.mixels import plain_tissues

#: Voxels up to this size (mm) show tissue well enough to be classified as they are.
PLAIN_VOXEL = 1.3
#: Signals of CSF, GM, WM that a portable scanner's T1w shows, where nothing is known of it.
T1W = (0.25, 0.8, 1.0)
#: Size of the neighbourhoods (mm) that show what is left of the bias field, and what anatomy
#: alone makes of their brightness (s.d. of the logarithm).
RESIDUAL_FWHM, SPREAD = 45.0, 0.02
#: The models, in words for reports.
HMRF, MIXTURE = 'embedded HMRF-EM', 'the embedded mixture model'
PSF_AWARE = 'the embedded PSF-aware model'
#: What is left of the scan's noise after a deconvolution that smooths as much as it sharpens.
SHARP_NOISE = 0.3


@dataclass(frozen=True, eq=False)
class TissueSegmentation(TissueShares):
    """Tissues on the scan's own grid: what of each the voxel gathers through its PSF."""

    method: str  #: which model made it, in words
    noise: NoiseEstimate  #: of the scan
    #: Shares on the isotropic lattice over the scan, (3, x, y, z), where it was segmented there.
    fine: np.ndarray | None = None
    #: What the prior anatomy leaves of the scan unexplained, (X, Y, Z), units of what is usual.
    surprise: np.ndarray | None = None
    unmixed: bool = False  #: whether ``means`` are those of pure tissue, measured through the PSF


@dataclass(frozen=True, eq=False)
class Run:
    """One scan of several; its tissues are told with the others'."""

    image: np.ndarray
    mask: np.ndarray
    grid: Grid  #: where it lies in the world of the first
    white: float  #: its white-matter mean: scans are compared in units of it
    noise: NoiseEstimate
    acquired: tuple
    psf: str = 'gaussian'
    modality: str = 'T1w'  #: or T2w, FLAIR
    expected: tuple = T1W


def on_lattice(acquired: Numbers) -> bool:
    """Whether a scan of such a PSF is segmented on the fine lattice."""
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
) -> TissueSegmentation:
    """Segment a brain into CSF, GM and WM.

    In 5 mm slices almost every cortical voxel is a mixture, so classes of whole voxels
    are the wrong question: the tissues live on a fine lattice, and the scan sees them through
    its PSF. Coarse scans are deconvolved to it, borders kept; what is left of the bias field is
    measured there in neighbourhoods of 45 mm; and the fine voxels are segmented: T1w by shares
    of tissue (:func:`ulfprep.segmentation.coarse.coarse_tissues`), other contrasts, in
    which GM is hardly told from WM, by a Markov random field whose means the sequence
    bounds. Fine scans are segmented as they are: T1w by
    :func:`ulfprep.segmentation.mixels.plain_tissues` where it shows three tissues, others by
    :func:`ulfprep.segmentation.hmrf.fit_markov_field`.

    The ``prior`` (:func:`ulfprep.segmentation.template.template_prior`) is where the scan is
    segmented: on the isotropic lattice if :func:`on_lattice`, else on its own grid.
    """
    mask = np.asarray(mask, bool)
    acquired = zooms if acquired is None else acquired
    noise = estimate_noise(image, mask, zooms, acquired)
    sigma = noise.sigma
    if on_lattice(acquired):
        scan = Grid(mask.shape, np.diag([*map(float, zooms), 1.0]))
        at = Lattice.over(mask, scan, spacing)
        model = at.model(acquired, psf)
        measured = np.asarray(image, np.float32)[at.bounds]
        found, method = _on_lattice(model, measured, at.voxels, at, sigma, expected, prior)
        shares = at.to_scan(model, found.probs), at.to_whole(found.probs)
        return TissueSegmentation(
            shares[0],
            found.means,
            found.sds,
            method,
            noise,
            shares[1],
            unmixed=method == PSF_AWARE,
        )
    if _as_t1w(expected):
        plain = plain_tissues(image, mask, zooms, sigma, prior)
        if plain is not None:
            return TissueSegmentation(plain.probs, plain.means, plain.sds, MIXTURE, noise)
    field = fit_markov_field(image, mask, zooms, sigma=sigma, expected=expected, prior=prior)
    return TissueSegmentation(field.probs, field.means, field.sds, HMRF, noise)


def segment_together(
    runs: list[Run], *, spacing: float = 1.0, expected: Numbers | None = None
) -> np.ndarray:
    """Segment the image that explains all scans, of one contrast, at once.

    What thick slices of one direction blur, those of another resolve: the tissues of the image
    deconvolved from all are better than any pool of those of each.

    Returns
    -------
    numpy.ndarray, shape (3, x, y, z), float32
        Shares on the isotropic lattice over the first scan, zero outside its brain.

    Raises
    ------
    ValueError
        If the brain of a scan does not lie where that of the first does.
    """
    at = Lattice.over(np.asarray(runs[0].mask, bool), runs[0].grid, spacing)
    placed = [
        place(r.mask, r.grid, at.fine, at.brain, r.acquired, np.ones(3), r.psf) for r in runs
    ]
    # Every voxel counts alike: scans of one session are about as noisy as each other.
    model = StackedModel(
        tuple(at.fine.shape), tuple(Part(p.model, p.seen, p.resampling) for p in placed)
    )
    measured = model.stack(
        [r.image[p.bounds] / r.white for r, p in zip(runs, placed, strict=True)]
    )
    voxels = np.concatenate([(p.voxels & p.seen).ravel() for p in placed])
    sigma = float(np.sqrt(np.mean([(r.noise.sigma / r.white) ** 2 for r in runs])))
    found, _ = _on_lattice(model, measured, voxels, at, sigma, expected)
    return at.to_whole(found.probs)


def _as_t1w(expected: Numbers | None) -> bool:
    """Whether the tissues are as bright as in T1w: CSF the darkest, WM the brightest."""
    return brightness_order(expected) == [0, 1, 2]


def _on_lattice(
    model: Any,
    measured: np.ndarray,
    voxels: np.ndarray,
    at: Lattice,
    sigma: float,
    expected: Numbers | None,
    prior: np.ndarray | None = None,
) -> tuple[TissueShares, str]:
    """Deconvolve what was measured and segment the result on its lattice.

    ``measured`` is one scan, or several in a row, and ``voxels`` their brain; ``prior`` is on the
    whole lattice. Returns the method as well.
    """
    zooms = at.fine.zooms
    sharp = edge_preserving_inverse(model, measured, voxels, sigma, zooms)
    log_field = reference_field(sharp, at.brain, zooms, expected, RESIDUAL_FWHM, SPREAD)
    sigma = SHARP_NOISE * sigma
    if prior is not None:
        prior = prior[(slice(None), *at.fine_bounds)]
    if _as_t1w(expected):
        signals = T1W if expected is None else expected
        return coarse_tissues(
            model, measured, voxels, sharp, log_field, at.brain, zooms, sigma, signals, prior
        ), PSF_AWARE
    even = sharp * np.exp(-log_field)
    return fit_markov_field(
        even, at.brain, zooms, sigma=sigma, expected=expected, prior=prior
    ), HMRF
