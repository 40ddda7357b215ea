"""Tissues of a scan, or of all scans of a session, with the network's anatomy as their prior."""

from typing import Any

import numpy as np

from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry_shares, spread_out
from ulfprep.physics.lattice import Lattice
from ulfprep.physics.noise import estimate_noise, noise_in_tissue
from ulfprep.physics.stacked import Part, place
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.estimate import View, estimate_tissues
from ulfprep.segmentation.given import with_csf
from ulfprep.segmentation.hmrf import softmax
from ulfprep.segmentation.inference import (
    TISSUE_OF,
    class_shares,
    part_shares,
    tissue_sums,
)
from ulfprep.segmentation.mixels import WITHIN, tissue_shares
from ulfprep.segmentation.network import read_network, weights_file
from ulfprep.segmentation.tissue import T1W, Run, TissueSegmentation, on_lattice

#: Spacing that the network was trained at, mm.
SPACING = 1.0
#: The model, in words for reports.
NETWORK = 'the network of tissues and the PSF-aware estimate'


def segment_learned(
    image: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    expected: Numbers = T1W,
    *,
    modality: str = 'T1w',
    acquired: Numbers | None = None,
    psf: str = 'gaussian',
    spacing: float = SPACING,
) -> TissueSegmentation:
    """Segment one scan of a BIDS suffix; :func:`learned_tissues` of it."""
    acquired = tuple(map(float, grid.zooms if acquired is None else acquired))
    noise = estimate_noise(image, mask, grid.zooms, acquired)
    run = Run(image, mask, grid, 1.0, noise, acquired, psf, modality, tuple(expected))
    return learned_tissues([run], spacing)


def learned_tissues(
    runs: list[Run], spacing: float = SPACING, net: Any = None
) -> TissueSegmentation:
    """Segment a scan, or several of one brain at once.

    The network says on a 1 mm lattice how probable every tissue is
    (:mod:`ulfprep.segmentation.inference`), the scans decide through their point-spread functions
    (:mod:`ulfprep.segmentation.estimate`). A single scan with small voxels is decided voxel by
    voxel instead.

    Parameters
    ----------
    runs : list of Run
        The first one's brain and grid are those of the result. Of several scans of one contrast
        the network sees one at a time; what it says of each is pooled.
    spacing : float
        Of the lattice of the result, mm.
    net : TissueNet, optional
        The one that ships with the package without.

    Raises
    ------
    ValueError
        If a scan has no signal in the brain, or lies elsewhere.
    """
    first = runs[0]
    mask = np.asarray(first.mask, bool)
    net = read_network(weights_file()) if net is None else net
    seen = Lattice.over(mask, first.grid, SPACING)
    prior = _prior(net, runs, seen)
    if len(runs) == 1 and not on_lattice(first.acquired):
        tissues = _carried(tissue_sums(prior), seen.fine, first.grid)
        return _plain(first, mask, with_csf(tissues, mask))
    at = seen if spacing == SPACING else Lattice.over(mask, first.grid, spacing)
    if at is not seen:
        prior = _carried(prior, seen.fine, at.fine)
    views = [_view(run, at) for run in runs]
    # Only what is inside the brain is kept: the maps of all parts are large.
    prior = prior[:, at.brain]
    prior = with_csf(prior, np.ones(prior.shape[1], bool))
    estimate = estimate_tissues(views, prior, at.brain, spacing)
    view, found, shares = views[0], estimate.views[0], tissue_sums(estimate.shares)
    surprise = np.zeros(mask.shape, np.float32)
    surprise[at.bounds] = estimate.surprise[0]
    return TissueSegmentation(
        at.to_scan(view.model, shares),
        found.signals[:3],
        np.full(3, found.sigma),
        NETWORK,
        noise_in_tissue(found.residual, found.flat, view.noise, view.zooms),
        at.to_whole(shares),
        surprise,
        unmixed=True,
    )


def _prior(net, runs, at: Lattice):
    """Return what the network says of the parts of the brain on its lattice."""
    by_contrast: dict[str, list[Run]] = {}
    for run in runs:
        by_contrast.setdefault(run.modality, []).append(run)
    total = np.zeros((), np.float32)
    rounds = max(map(len, by_contrast.values()))
    for k in range(rounds):
        shown = {name: same[min(k, len(same) - 1)] for name, same in by_contrast.items()}
        classes = class_shares(net, shown, at.fine, at.brain)
        total = total + np.log(np.maximum(classes, 1e-6)) / rounds
    return spread_out(part_shares(softmax(total)), at.brain)


def _carried(shares, source, target):
    return np.stack([carry_shares(share, source, target) for share in shares])


def _view(run: Run, at: Lattice) -> View:
    placed = place(run.mask, run.grid, at.fine, at.brain, run.acquired, np.ones(3), run.psf)
    model = Part(placed.model, placed.seen.astype(np.float32), placed.resampling)
    measured = np.asarray(run.image, np.float32)[placed.bounds]
    zooms = tuple(map(float, run.grid.zooms))
    expected = [run.expected[tissue] for tissue in TISSUE_OF]
    return View(model, measured, placed.voxels & placed.seen, zooms, run.noise, expected)


def _plain(run: Run, mask, prior):
    """Decide voxel by voxel: small voxels hold mixtures of two tissues at most."""
    pure = (prior.argmax(axis=0) == np.arange(3)[:, None, None, None]) & mask
    image = np.asarray(run.image, np.float32)
    means = np.array([np.median(image[p]) if p.any() else np.nan for p in pure])
    if not np.isfinite(means).all() or not (means > 0).all():
        raise ValueError('the scan does not show three tissues')
    sd = max(run.noise.sigma, WITHIN * means[2])
    probs = tissue_shares(image, mask, run.grid.zooms, means, sd, prior=np.maximum(prior, 0.02))
    surprise = np.where(mask, (image - np.tensordot(means, prior, 1)) / sd, 0).astype(np.float32)
    return TissueSegmentation(
        probs, means, np.full(3, sd), NETWORK, run.noise, surprise=surprise, unmixed=True
    )
