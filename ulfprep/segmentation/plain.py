"""Tissues of a T1w scan whose voxels are small enough to be classified as they are."""

import numpy as np

from ulfprep.physics.types import Numbers
from ulfprep.segmentation.classes import expected_mass
from ulfprep.segmentation.mixels import TissueShares, tissue_shares

#: Spread of a tissue's signal at high field, relative to that of WM: texture, iron, myelin.
WITHIN = 0.07
#: Percentiles at which the classes start; CSF is the darkest, but may be rare or plentiful.
STARTS = ((8, 40, 80), (20, 55, 85), (4, 25, 70), (30, 65, 90))


def mixture_means(values: np.ndarray, iterations: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Means and shares of three Gaussians in a brain's intensities, darkest first.

    Expectation-maximisation over a histogram; every class has a spread of its own.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    iterations : int

    Returns
    -------
    means, shares : numpy.ndarray, shape (3,)
    """
    low, high = np.percentile(values, [0.1, 99.9])
    counts, edges = np.histogram(values, 400, range=(low, high))
    centres, mass = (edges[1:] + edges[:-1]) / 2, counts / counts.sum()
    fits = [
        _fitted(centres, mass, np.percentile(values, start).astype(float), high, iterations)
        for start in STARTS
    ]
    _, means, shares = max(fits, key=lambda fit: fit[0])
    order = np.argsort(means)
    return means[order], shares[order]


def _fitted(centres, mass, means, high, iterations):
    """Log-likelihood, means and shares that expectation-maximisation ends with."""
    sds, shares = np.full(3, np.diff(means).mean() / 2), np.full(3, 1 / 3)
    for _ in range(iterations):
        part, total = expected_mass(centres, mass, means, sds, shares, 1e-12 / high)
        shares = part.sum(axis=1) + 1e-9
        means = part @ centres / shares
        spread = (part * (centres - means[:, None]) ** 2).sum(axis=1) / shares
        sds = np.sqrt(np.maximum(spread, (0.01 * high) ** 2))
    return float((mass * np.log(total)).sum()), means, shares


def plain_tissues(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    sigma: float,
    prior: np.ndarray | None = None,
) -> TissueShares | None:
    """Shares of CSF, GM, WM: signals by a mixture of Gaussians, mixtures explicit.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected T1w.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    zooms : sequence of 3 floats
        Voxel size, mm.
    sigma : float
        Noise s.d.
    prior : numpy.ndarray, shape (3, X, Y, Z), optional

    Returns
    -------
    TissueShares or None
        None where the intensities do not show three tissues: a class that is hardly there,
        or two that are nearly as bright as each other.
    """
    means, shares = mixture_means(np.asarray(image, np.float32)[mask])
    ratios = means[:2] / means[1:]
    if shares.min() < 0.03 or ratios.max() > 0.9 or means[0] <= 0:
        return None
    sd = max(sigma, WITHIN * means[2])
    probs = tissue_shares(image, mask, zooms, means, sd, prior=prior)
    return TissueShares(probs, means, np.full(3, sd))
