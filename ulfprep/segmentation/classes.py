"""Signals of the tissues, measured where the scan is flat."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ulfprep.physics.types import Numbers

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


@dataclass(frozen=True)
class TissueClasses:
    """Signals of CSF, GM and WM in image units, each of shape (3,).

    Attributes
    ----------
    means, sds : numpy.ndarray
    measured : numpy.ndarray
        The means before relaxation times had their say.
    """

    means: np.ndarray
    sds: np.ndarray
    measured: np.ndarray


def homogeneous(
    image: np.ndarray, brain: np.ndarray, zooms: Numbers, share: float = FLATTEST
) -> np.ndarray:
    """Voxels well inside the brain where the image is flattest: tissue without mixtures.

    In thick slices most voxels are mixtures, and the histogram of a brain shows no peak
    for grey matter: a class of everything between CSF and WM explains it as well. Where
    the image is flat there is one tissue.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
    brain : numpy.ndarray of bool, shape (X, Y, Z)
    zooms : sequence of 3 floats
        Voxel size, mm.
    share : float
        Part of the inside that is taken.

    Returns
    -------
    numpy.ndarray of bool, shape (X, Y, Z)
    """
    inside = ndimage.distance_transform_edt(brain, sampling=zooms) > 3
    if inside.sum() < 1000:
        raise ValueError(f'the brain mask holds only {int(brain.sum())} voxels')
    gradient = ndimage.gaussian_gradient_magnitude(
        np.asarray(image, np.float32), [1.0 / z for z in zooms]
    )
    return inside & (gradient < np.quantile(gradient[inside], share))


def tissue_classes(
    image: np.ndarray,
    brain: np.ndarray,
    zooms: Numbers,
    expected: Numbers,
    others: Numbers | None = None,
) -> TissueClasses:
    """Measure the signals of CSF, GM and WM.

    A mixture of three Gaussians is fitted to the homogeneous voxels, started at the
    signals that the sequence makes. Where GM and WM were measured in another way too, WM is the
    geometric mean of both. The brightness of GM relative to WM is that of both and of what
    the sequence makes, averaged in logarithms, each weighted by the inverse of its variance.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected intensities.
    brain : numpy.ndarray of bool, shape (X, Y, Z)
    zooms : sequence of 3 floats
        Voxel size, mm.
    expected : sequence of 3 floats
        Signals of CSF, GM, WM that the scan should show, relative to WM.
    others : sequence of 3 floats, optional
        Signals of CSF, GM, WM as measured in another way.

    Returns
    -------
    TissueClasses

    Raises
    ------
    ValueError
        If the brain is too small.
    """
    flat = homogeneous(image, brain, zooms)
    expected = np.asarray(expected, float)
    means, sds = _mixture(np.asarray(image, np.float32)[flat], expected)
    # Estimates of one ratio, in logarithms.
    measured = [means[1] / means[2]]
    settled = means.copy()
    if others is not None:
        measured.append(others[1] / others[2])
        settled[2] = np.sqrt(means[2] * others[2])
    ratios = np.log([*measured, expected[1] / expected[2]])
    weights = np.array([SPREAD_MEASURED] * len(measured) + [SPREAD_EXPECTED]) ** -2.0
    ratio = float(np.average(ratios, weights=weights))
    settled[1] = settled[2] * np.exp(ratio)
    return TissueClasses(settled, sds, means)


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


def expected_mass(
    centres: np.ndarray,
    mass: np.ndarray,
    means: np.ndarray,
    sds: np.ndarray,
    weights: np.ndarray,
    floor: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide the mass of a histogram among Gaussians, by their posteriors.

    Parameters
    ----------
    centres, mass : numpy.ndarray, shape (n,)
        Bins and what is in them.
    means, sds, weights : numpy.ndarray, shape (k,)
    floor : float
        Density of what belongs to none of them.

    Returns
    -------
    part : numpy.ndarray, shape (k, n)
    density : numpy.ndarray, shape (n,)
        Of all of them and the floor, but for a common factor.
    """
    scaled = (centres - means[:, None]) / sds[:, None]
    each = weights[:, None] * np.exp(-0.5 * scaled**2) / sds[:, None]
    density = each.sum(axis=0) + floor
    return each / density * mass, density


def _expectation_maximisation(centres, shares, start, iterations=100):
    means, white = start.copy(), start[2]
    sds, weights = np.full(3, 0.07 * white), np.full(3, 1 / 3)
    for _ in range(iterations):
        part, total = expected_mass(centres, shares, means, sds, weights, 1e-9 / white)
        weights = part.sum(axis=1) + 1e-6
        # A tissue that is hardly there stays where it was expected.
        means = (part @ centres + 1e-2 * start) / (part.sum(axis=1) + 1e-2)
        spread = (part * (centres - means[:, None]) ** 2).sum(axis=1)
        tissue = np.sqrt(spread[1:].sum() / weights[1:].sum())
        sds[1:] = np.clip(tissue, 0.02 * white, 0.12 * white)
        sds[0] = np.clip(np.sqrt(spread[0] / weights[0]), sds[1], 0.15 * white)
    return means, sds, float((shares * np.log(total)).sum())
