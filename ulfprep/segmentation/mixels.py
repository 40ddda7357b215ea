"""Tissues whose signals are known, with mixtures between them; and fine T1w scans told by both."""

import numpy as np
from scipy.special import ndtr

from ulfprep.physics.types import Numbers
from ulfprep.segmentation.hmrf import NeighbourMean, TissueShares

#: Pairs of tissues that touch and mix: CSF with GM, GM with WM.
MIXTURES = ((0, 1), (1, 2))
#: How much commoner a mixture is than the neighbourhood's mean of its two tissues says: cortex
#: is as thick as a few voxels, and most of what lies at a border is a mixture.
PREFERENCE = 2.0
#: Signals beyond every tissue by more than this many s.d. count as that far.
REACH = 4.0
#: Strength of the Markov prior at voxels of 1 mm; it falls with the distance of neighbours.
BETA = 0.6
#: Spread of a tissue's signal at high field, relative to that of WM: texture, iron, myelin.
WITHIN = 0.07
#: Percentiles at which the classes start; CSF is the darkest, but may be rare or plentiful.
STARTS = ((8, 40, 80), (20, 55, 85), (4, 25, 70), (30, 65, 90))


def plain_tissues(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    sigma: float,
    prior: np.ndarray | None = None,
) -> TissueShares | None:
    """Segment a T1w scan whose voxels are small enough to be classified as they are.

    The signals are those of a mixture of three Gaussians, one a tissue. None where the intensities
    do not show three tissues: a class is hardly there, or two are nearly as bright as each other.
    """
    means, shares = mixture_means(np.asarray(image, np.float32)[mask])
    ratios = means[:2] / means[1:]
    if shares.min() < 0.03 or ratios.max() > 0.9 or means[0] <= 0:
        return None
    sd = max(sigma, WITHIN * means[2])
    probs = tissue_shares(image, mask, zooms, means, sd, prior=prior)
    return TissueShares(probs, means, np.full(3, sd))


def mixture_means(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and shares, shape (3,), of three Gaussians in a brain's intensities, darkest first.

    Expectation-maximisation over a histogram; every class has a spread of its own.
    """
    low, high = np.percentile(values, [0.1, 99.9])
    counts, edges = np.histogram(values, 400, range=(low, high))
    centres, mass = (edges[1:] + edges[:-1]) / 2, counts / counts.sum()
    starts = [np.percentile(values, start).astype(float) for start in STARTS]
    fits = [_fitted(centres, mass, means, high) for means in starts]
    _, means, shares = max(fits, key=lambda fit: fit[0])
    order = np.argsort(means)
    return means[order], shares[order]


def _fitted(centres, mass, means, high):
    """Log-likelihood, means and shares that expectation-maximisation ends with."""
    sds, shares = np.full(3, np.diff(means).mean() / 2), np.full(3, 1 / 3)
    for _ in range(300):
        part, total = expected_mass(centres, mass, means, sds, shares, 1e-12 / high)
        shares = part.sum(axis=1) + 1e-9
        means = part @ centres / shares
        spread = (part * (centres - means[:, None]) ** 2).sum(axis=1) / shares
        sds = np.sqrt(np.maximum(spread, (0.01 * high) ** 2))
    return float((mass * np.log(total)).sum()), means, shares


def expected_mass(
    centres: np.ndarray,
    mass: np.ndarray,
    means: np.ndarray,
    sds: np.ndarray,
    weights: np.ndarray,
    floor: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mass (k, n) of a histogram divided among Gaussians (k,) by their posteriors.

    And the density (n,) of all of them and of ``floor``, but for a common factor.
    """
    scaled = (centres - means[:, None]) / sds[:, None]
    each = weights[:, None] * np.exp(-0.5 * scaled**2) / sds[:, None]
    density = each.sum(axis=0) + floor
    return each / density * mass, density


def tissue_shares(
    image: np.ndarray,
    brain: np.ndarray,
    zooms: Numbers,
    means: Numbers,
    sd: float,
    *,
    sweeps: int = 6,
    prior: np.ndarray | None = None,
) -> np.ndarray:
    """Expected share of CSF, GM and WM in every voxel.

    Five states a voxel: three pure tissues and two mixtures, in which every share is as
    likely as any other (Shattuck et al. 2001) and whose prior is the mean of its two tissues'.
    Gaussian noise on top; a Markov prior makes states likely that the neighbours hold too, in the
    mean-field approximation (Zhang, Brady and Smith 2001).

    Parameters
    ----------
    means : sequence of 3 floats
        Signals of CSF, GM, WM, image units.
    sd : float
        S.d. of a pure tissue, image units.
    sweeps : int
        Of the mean field.
    """
    brain = np.asarray(brain, bool)
    means = np.asarray(means, np.float32)
    margin = np.float32(REACH * sd)
    values = np.asarray(image, np.float32)[brain]
    values = np.clip(values, means.min() - margin, means.max() + margin)
    likelihood, parts = _states(values, means, np.float32(sd))
    if prior is not None:
        likelihood *= _with_mixtures(np.asarray(prior, np.float32)[:, brain])
    strength = 6 * BETA / float(np.mean(zooms))
    neighbours = NeighbourMean(brain, zooms)
    shares = _shares(likelihood, parts)
    for _ in range(sweeps):
        likely = np.exp(strength * (_with_mixtures(neighbours(shares)) - 1))
        likely[3:] *= PREFERENCE
        shares = _shares(likelihood * likely, parts)
    out = np.zeros((3, *brain.shape), np.float32)
    out[:, brain] = shares
    return out


def _states(values, means, sd):
    """Likelihood of the five states, and the expected part of each mixture's second tissue."""
    pure = [_normal((values - m) / sd) / sd for m in means]
    mixed, parts = [], []
    for a, b in MIXTURES:
        low, high = sorted((means[a], means[b]))
        low, high = (low - values) / sd, (high - values) / sd
        inside = np.maximum(ndtr(high) - ndtr(low), np.float32(1e-12))
        mixed.append(inside / abs(means[b] - means[a]))
        # Mean of the noise-free signal: a normal distribution cut off at the two tissues.
        signal = values + sd * (_normal(low) - _normal(high)) / inside
        parts.append(np.clip((signal - means[a]) / (means[b] - means[a]), 0, 1))
    return np.stack(pure + mixed), parts


def _with_mixtures(tissues):
    """Three tissues and the mixtures, each the mean of its two, shape (5, n)."""
    return np.concatenate([tissues, [(tissues[a] + tissues[b]) / 2 for a, b in MIXTURES]])


def _normal(z):
    return np.exp(-0.5 * z * z) / np.float32(np.sqrt(2 * np.pi))


def _shares(weights, parts):
    """Expected shares of the tissues from the weights of the states."""
    total = weights.sum(axis=0) + np.float32(1e-30)
    shares = weights[:3] / total
    for (a, b), weight, part in zip(MIXTURES, weights[3:], parts, strict=True):
        shares[a] += weight / total * (1 - part)
        shares[b] += weight / total * part
    return (shares / np.maximum(shares.sum(axis=0), 1e-6)).astype(np.float32)
