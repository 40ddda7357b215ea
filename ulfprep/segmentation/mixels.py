"""Markov random field of three tissues and the mixtures between them, of known signals."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from ulfprep.physics.types import Numbers
from ulfprep.segmentation.hmrf import NeighbourMean

#: Pairs of tissues that touch and mix: CSF with GM, GM with WM.
MIXTURES = ((0, 1), (1, 2))
#: How much commoner a mixture is than the neighbourhood's mean of its two tissues says: cortex
#: is as thick as a few voxels, and most of what lies at a border is a mixture.
PREFERENCE = 2.0
#: Signals beyond every tissue by more than this many s.d. count as that far.
REACH = 4.0


@dataclass(frozen=True)
class TissueShares:
    """Shares of CSF, GM, WM, shape (3, x, y, z); means and s.d. of the tissues, shape (3,)."""

    probs: np.ndarray
    means: np.ndarray
    sds: np.ndarray


def tissue_shares(
    image: np.ndarray,
    brain: np.ndarray,
    zooms: Numbers,
    means: Numbers,
    sd: float,
    *,
    beta: float = 0.6,
    sweeps: int = 6,
    prior: np.ndarray | None = None,
) -> np.ndarray:
    """Share of CSF, GM and WM in every voxel.

    Five states a voxel: three pure tissues and two mixtures, in which every share is as
    likely as any other (Shattuck et al. 2001). Gaussian noise on top; the prior makes states
    likely that the neighbours hold too, in the mean-field approximation (Zhang, Brady
    and Smith 2001). What is returned is the expected share.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
    brain : numpy.ndarray of bool, shape (X, Y, Z)
    zooms : sequence of 3 floats
        Voxel size, mm.
    means : sequence of 3 floats
        Signals of CSF, GM, WM, image units.
    sd : float
        S.d. of a pure tissue, image units.
    beta : float
        Strength of the prior at voxels of 1 mm; it falls with the distance of neighbours.
    sweeps : int
        Mean-field sweeps.
    prior : numpy.ndarray, shape (3, X, Y, Z), optional
        Prior probabilities of CSF, GM and WM, none of them zero; a mixture has the mean of its
        two tissues'. All alike without.

    Returns
    -------
    numpy.ndarray, shape (3, X, Y, Z), float32
        They sum to one inside the brain and are zero outside.
    """
    brain = np.asarray(brain, bool)
    means = np.asarray(means, np.float32)
    margin = np.float32(REACH * sd)
    values = np.asarray(image, np.float32)[brain]
    values = np.clip(values, means.min() - margin, means.max() + margin)
    likelihood, parts = _states(values, means, np.float32(sd))
    if prior is not None:
        likelihood *= _with_mixtures(np.asarray(prior, np.float32)[:, brain])
    strength = 6 * beta / float(np.mean(zooms))
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
