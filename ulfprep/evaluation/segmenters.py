"""Ways to tell CSF, GM and WM apart in one T1w scan: ulfprep's, plain ones, other packages'.

All are given the same scan, mask and grid. What a method raises is a result of the benchmark.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.noise import estimate_noise
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.learned import segment_learned
from ulfprep.segmentation.tissue import SHARP_NOISE, segment

#: Strength of the prior in FSL FAST and in the examples of Atropos and dipy.
FAST_BETA = 0.1
#: Voxels a Gaussian mixture is fitted to; more do not move its means.
MIXTURE_SAMPLE = 50000


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found.

    Attributes
    ----------
    probs : numpy.ndarray, shape (3, x, y, z)
        CSF, GM, WM.
    grid : Grid
        Where they are: the scan's grid, or a 1 mm lattice over it.
    means : numpy.ndarray, shape (3,), optional
        Signals of the tissues in the method's own model.
    """

    probs: np.ndarray
    grid: Grid
    means: np.ndarray | None = None


def mixture(scan, mask, grid) -> Found:
    """Fit three Gaussians without neighbours (scikit-learn)."""
    from sklearn.mixture import GaussianMixture

    values = scan[mask].astype(float)[:, None]
    sample = np.random.default_rng(0).permutation(values)[:MIXTURE_SAMPLE]
    start = np.percentile(values, [8, 40, 80])[:, None]
    model = GaussianMixture(3, means_init=start, random_state=0).fit(sample)
    order = np.argsort(model.means_[:, 0])
    probs = np.zeros((3, *mask.shape), np.float32)
    probs[:, mask] = model.predict_proba(values).T[order]
    return Found(probs, grid, model.means_[order, 0])


def markov_field(beta: float) -> Callable:
    """Return HMRF-EM on the scan's own grid, of a given strength of the prior."""

    def method(scan, mask, grid) -> Found:
        field = fit_markov_field(scan, mask, grid.zooms, beta=beta)
        return Found(field.probs, grid, field.means)

    return method


def linear_inverse(scan, mask, grid) -> Found:
    """HMRF-EM on the 1 mm lattice, after the linear inverse."""
    sigma = estimate_noise(scan, mask, grid.zooms).sigma
    bounds, fine_bounds = brain_bounds(mask, grid, 1.0)
    near, fine = grid.crop(bounds), isotropic_grid(grid).crop(fine_bounds)
    model = ForwardModel.between(near, fine, grid.zooms, np.ones(3))
    sharp, _ = discrepancy_inverse(model, scan[bounds], mask[bounds], sigma, fine.zooms)
    brain = resample_mask(mask[bounds], near, fine)
    field = fit_markov_field(sharp, brain, fine.zooms, sigma=SHARP_NOISE * sigma)
    return Found(field.probs, fine, field.means)


def network(scan, mask, grid) -> Found:
    """What ulfprep does: :func:`ulfprep.segmentation.learned.segment_learned`."""
    return _where_segmented(segment_learned(scan, mask, grid), grid)


def embedded(scan, mask, grid) -> Found:
    """What ulfprep does without the network: :func:`ulfprep.segmentation.tissue.segment`."""
    return _where_segmented(segment(scan, mask, grid.zooms), grid)


def atropos(scan, mask, grid) -> Found:
    """ANTs Atropos, started by k-means."""
    import ants

    spacing = tuple(float(z) for z in grid.zooms)
    image = ants.from_numpy(np.asarray(scan, np.float32), spacing=spacing)
    region = ants.from_numpy(mask.astype(np.float32), spacing=spacing)
    result = ants.atropos(
        a=image, x=region, i='kmeans[3]', m=f'[{FAST_BETA},1x1x1]', c='[25,0]', v=0
    )
    probs = np.stack([p.numpy() for p in result['probabilityimages']])
    return Found(by_brightness(probs, scan, mask), grid)


def dipy_hmrf(scan, mask, grid) -> Found:
    """Run dipy's TissueClassifierHMRF."""
    from dipy.segment.tissue import TissueClassifierHMRF

    brain = np.where(mask, scan, 0).astype(np.float64)
    # It divides by the variances of classes that have lost all voxels.
    with np.errstate(all='ignore'):
        _, labels, probs = TissueClassifierHMRF(verbose=False).classify(brain, 3, FAST_BETA)
    if not (np.asarray(labels)[mask] > 0).any():
        raise ValueError('no voxel has a label: all are -1')
    probs = np.moveaxis(np.asarray(probs), -1, 0)[-3:]
    if not np.isfinite(probs).all():
        raise ValueError('probabilities are not finite')
    return Found(by_brightness(probs, scan, mask), grid)


def by_brightness(probs, scan, mask) -> np.ndarray:
    """Order classes from the darkest to the brightest: CSF, GM, WM of a T1w scan."""
    probs = np.where(mask, probs, 0).astype(np.float32)
    weights = probs.reshape(3, -1).sum(axis=1)
    if not (weights > 0).all():
        raise ValueError('a class has no voxel')
    return probs[np.argsort((probs * scan).reshape(3, -1).sum(axis=1) / weights)]


def _where_segmented(result, grid) -> Found:
    """Return tissues on the lattice where there are any, else on the scan."""
    if result.fine is None:
        return Found(result.probs, grid, result.means)
    return Found(result.fine, isotropic_grid(grid), result.means)


#: Name -> method, and what it is.
SEGMENTERS = {
    'mixture': (mixture, 'Gaussian mixture of three classes on the scan (scikit-learn)'),
    'hmrf-0.1': (
        markov_field(FAST_BETA),
        'HMRF-EM of ulfprep on the scan, prior 0.1 (the strength of FSL FAST)',
    ),
    'hmrf-0.9': (markov_field(0.9), 'HMRF-EM of ulfprep on the scan, prior 0.9'),
    'inverse+hmrf': (
        linear_inverse,
        'HMRF-EM of ulfprep on the 1 mm lattice after the linear inverse',
    ),
    'network': (
        network,
        'ulfprep: the network of tissues as prior, the scan decides through its PSF',
    ),
    'embedded': (
        embedded,
        'ulfprep without the network: PSF-aware on 1 mm; mixtures where voxels are 1 mm',
    ),
    'atropos': (atropos, 'ANTs Atropos (antspyx) on the scan, k-means start, MRF 0.1'),
    'dipy': (dipy_hmrf, "dipy's TissueClassifierHMRF on the scan, beta 0.1"),
}
#: Those that make no sense at 1 mm, where nothing is deconvolved.
COARSE_ONLY = ('hmrf-0.9', 'inverse+hmrf')
