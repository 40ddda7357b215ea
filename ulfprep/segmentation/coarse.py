"""Tissues on a fine lattice from a coarse T1w scan that sees them through its PSF."""

from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.types import Numbers
from ulfprep.segmentation.hmrf import TissueShares, fit_markov_field
from ulfprep.segmentation.mixels import expected_mass, tissue_shares

#: A voxel must hold this share of CSF to have a say in its signal: where there is less, what
#: is not seen of the sulci beside it would be laid at its door, and the signal would sink.
SHARE_OF_CSF = 0.85
#: Share of the brain's inside, the flattest part of it, that counts as free of mixtures.
FLATTEST = 0.1
#: S.d. of the relative brightness of GM: of what is measured (flat places are mostly deep grey
#: matter, brighter than cortex; a Markov field's class of GM holds mixtures with CSF and is
#: darker), and of what relaxation times tell (they are known to a tenth, and the sequence's
#: timing is known less).
SPREAD_MEASURED, SPREAD_EXPECTED = 0.05, 0.15
#: S.d. of the relative brightness (logarithms) of CSF and GM between which peaks are told apart:
#: CSF is nearly nulled, and timing moves it most.
SPREAD_OF_PEAKS = (0.4, 0.1)
#: Independent samples that homogeneous voxels are worth beside these: neighbours are alike.
SAMPLES = 1000


def coarse_tissues(
    model: Any,
    measured: np.ndarray,
    voxels: np.ndarray,
    sharp: np.ndarray,
    log_field: np.ndarray,
    brain: np.ndarray,
    zooms: Numbers,
    sigma: float,
    expected: Numbers,
    prior: np.ndarray | None,
) -> TissueShares:
    """Measure the tissues' signals and find their shares, each with the other.

    WM and GM are measured where the deconvolved image is flat, GM also by a Markov field. CSF,
    hardly ever pure in a thick slice, is the signal with which the labels, seen through the PSF,
    explain the scan best in least squares.

    Parameters
    ----------
    model : ForwardModel or StackedModel
        From the lattice to the scan.
    measured, voxels : numpy.ndarray, shape (X, Y, Z)
        Scan and its brain.
    sharp, log_field : numpy.ndarray, shape (x, y, z)
        Deconvolved scan, and the logarithm of what is left of its bias field.
    sigma : float
        Noise s.d. of the deconvolved scan.
    expected : sequence of 3 floats
        CSF is the darkest.
    """
    field = np.exp(log_field)
    even = sharp / field
    # The classes of a Markov field are pulled down by mixtures; flat places show mostly deep grey
    # matter, which is brighter than cortex, and the core of WM: the truth lies between.
    markov = fit_markov_field(even, brain, zooms, sigma=sigma, bias_order=0, max_iterations=15)
    means, sd = tissue_signals(even, brain, zooms, expected, markov.means)
    sd = max(sd, 0.03 * means[2])
    inside = voxels & (model.acquire(brain.astype(np.float32)) > 0.97)
    for _ in range(5):
        shares = tissue_shares(even, brain, zooms, means, sd, sweeps=2, prior=prior)
        labels = (shares == shares.max(axis=0)) & brain
        before, means[0] = means[0], _csf_mean(model, measured, inside, labels * field, means)
        if abs(means[0] - before) < 0.01 * means[2]:
            break
    shares = tissue_shares(even, brain, zooms, means, sd, prior=prior)
    return TissueShares(shares, means, np.full(3, sd))


def _csf_mean(model, measured, inside, labels, means):
    """Least squares of the scan less its GM and WM over the CSF it gathers."""
    csf, gm, wm = (share[inside] for share in model.acquire(labels.astype(np.float32)))
    rest = measured[inside] - means[1] * gm - means[2] * wm
    weight = csf * (csf > SHARE_OF_CSF)
    if weight.sum() < 30:  # next to no ventricles: what was found in flat places stands
        return means[0]
    found = float((weight * rest).sum() / (weight * csf).sum())
    return float(np.clip(found, 0.02 * means[2], 0.9 * means[1]))


def tissue_signals(
    image: np.ndarray, brain: np.ndarray, zooms: Numbers, expected: Numbers, others: Numbers
) -> tuple[np.ndarray, float]:
    """Measure the signals of CSF, GM and WM where there is one tissue alone.

    A mixture of three Gaussians is fitted to the homogeneous voxels, started at the signals that
    the sequence makes. WM is the geometric mean of what is found and of ``others``, signals that
    were measured in another way. The brightness of GM relative to WM is that of both and of
    ``expected``, averaged in logarithms, each weighted by the inverse of its variance.

    Returns
    -------
    means : numpy.ndarray, shape (3,)
    sd : float
        Of WM.
    """
    flat = homogeneous(image, brain, zooms)
    expected = np.asarray(expected, float)
    means, sds = _mixture(np.asarray(image, np.float32)[flat], expected)
    ratios = np.log([s[1] / s[2] for s in (means, others, expected)])
    weights = np.array([SPREAD_MEASURED, SPREAD_MEASURED, SPREAD_EXPECTED]) ** -2.0
    means[2] = np.sqrt(means[2] * others[2])
    means[1] = means[2] * np.exp(np.average(ratios, weights=weights))
    return means, float(sds[2])


def homogeneous(image: np.ndarray, brain: np.ndarray, zooms: Numbers) -> np.ndarray:
    """Voxels well inside the brain where the image is flattest: tissue without mixtures.

    In thick slices most voxels are mixtures, and the histogram of a brain shows no peak
    for grey matter: a class of everything between CSF and WM explains it as well. Where
    the image is flat there is one tissue.
    """
    inside = ndimage.distance_transform_edt(brain, sampling=zooms) > 3
    if inside.sum() < 1000:
        raise ValueError(f'the brain mask holds only {int(brain.sum())} voxels')
    gradient = ndimage.gaussian_gradient_magnitude(
        np.asarray(image, np.float32), [1.0 / z for z in zooms]
    )
    return inside & (gradient < np.quantile(gradient[inside], FLATTEST))


def _mixture(values, expected):
    """Means and s.d. of three Gaussians of which the last two share their s.d."""
    low, high = np.percentile(values, [0.05, 99.95])
    counts, edges = np.histogram(values, 300, range=(low, high))
    centres, shares = (edges[1:] + edges[:-1]) / 2, counts / counts.sum()
    best, best_score = None, -np.inf
    # White matter may be any of the peaks: large ventricles make one too. And the timing of a
    # sequence may leave GM half as far from WM as expected.
    for white in np.percentile(values, np.linspace(10, 95, 12)):
        for power in (1.0, 0.5):
            start = white * np.array([expected[0], expected[1] ** power, 1.0])
            means, sds, fit = _expectation_maximisation(centres, shares, start)
            score = SAMPLES * fit + _log_prior(means, expected)
            if score > best_score:
                best, best_score = (means, sds), score
    return best


def _log_prior(means, expected):
    """How likely the ratios of the means are, given what the sequence makes."""
    if means[0] <= 0 or means[1] <= 0:
        return -np.inf
    found = np.log(means[:2] / means[2])
    wanted = np.log(np.maximum(expected[:2] / expected[2], 0.05))
    return -0.5 * float((((found - wanted) / SPREAD_OF_PEAKS) ** 2).sum())


def _expectation_maximisation(centres, shares, start):
    means, white = start.copy(), start[2]
    sds, weights = np.full(3, 0.07 * white), np.full(3, 1 / 3)
    for _ in range(100):
        part, total = expected_mass(centres, shares, means, sds, weights, 1e-9 / white)
        weights = part.sum(axis=1) + 1e-6
        # A tissue that is hardly there stays where it was expected.
        means = (part @ centres + 1e-2 * start) / (part.sum(axis=1) + 1e-2)
        spread = (part * (centres - means[:, None]) ** 2).sum(axis=1)
        tissue = np.sqrt(spread[1:].sum() / weights[1:].sum())
        sds[1:] = np.clip(tissue, 0.02 * white, 0.12 * white)
        sds[0] = np.clip(np.sqrt(spread[0] / weights[0]), sds[1], 0.15 * white)
    return means, sds, float((shares * np.log(total)).sum())
