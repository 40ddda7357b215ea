"""The contrast vector: one factor a tissue that takes high-field intensities to low-field ones.

The reference method matches pairwise differences of tissue SNRs only. Three differences
of three unknowns have rank two: a common shift of all tissues stays free. An anchor on
white matter makes the system full rank.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import lsq_linear

from ulfprep.physics import TISSUES
from ulfprep.physics.acquisition import amplitude_from_mean
from ulfprep.physics.types import Numbers

CSF = TISSUES.index('CSF')
#: Voxels that a mean needs to be measured in the strictest of places.
ENOUGH = 200
#: Depth from the surface of the brain at which CSF is that of the ventricles, mm.
RIM = 15.0
PAIRS = ((2, 1), (1, 0), (2, 0))  # WM-GM, GM-CSF, WM-CSF
#: Standard error of a tissue's signal where none could be measured, relative to it.
UNKNOWN_ERROR = 0.1


@dataclass(frozen=True)
class TissueStatistics:
    """Mean intensity of CSF, GM and WM, its standard error, and the voxels behind it."""

    means: np.ndarray
    standard_errors: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class ContrastSolution:
    """Solution of the contrast system and what is needed to judge it."""

    factors: np.ndarray  #: contrast vector for CSF, GM, WM
    rank: int  #: of the weighted system; 3: nothing is left free
    condition_number: float
    equations: list  #: name, target, achieved, residual (in target units) and weight of each
    active_bounds: list  #: tissues whose factor sits on a bound


def tissue_statistics(
    image: np.ndarray, probs: np.ndarray, sigma: float, zooms: Numbers | None = None
) -> TissueStatistics:
    """Mean intensity of each tissue, free of partial volume and of the noise floor.

    Voxels that are nearly pure are averaged; what they hold of the other tissues by their
    posteriors is unmixed (three equations, three means), and the upward bias that noise
    gives to magnitudes is taken off (Koay and Basser 2006, on the mean).

    Parameters
    ----------
    image, probs : numpy.ndarray, shapes (X, Y, Z) and (3, X, Y, Z)
        Magnitudes; posteriors of CSF, GM, WM.
    sigma : float
        Noise s.d., image units; with the spread inside the tissue it gives the standard error.
    zooms : sequence of 3 floats, optional
        Voxel size, mm. With it CSF is measured away from the rim of the brain, in the
        ventricles, where there is enough of it: what a segmentation calls CSF at the rim
        is also dura, vessels and bone, which give no signal.

    Returns
    -------
    TissueStatistics
        A tissue without voxels has a mean of NaN.
    """
    means, errors, counts = np.full(3, np.nan), np.full(3, np.nan), np.zeros(3, int)
    mixing = np.eye(3)
    for tissue in range(3):
        region = _core(probs[tissue])
        if tissue == CSF and zooms is not None:
            depth = ndimage.distance_transform_edt(probs.sum(axis=0) > 0.5, sampling=zooms)
            deep = region & (depth > RIM)
            region = deep if deep.sum() >= ENOUGH else region
        values = image[region]
        if values.size:
            means[tissue] = values.mean()
            counts[tissue] = values.size
            errors[tissue] = max(values.std(), sigma) / np.sqrt(values.size)
            mixing[tissue] = probs[:, region].mean(axis=1)
    known = np.isfinite(means)
    # A tissue in the noise floor (nulled CSF) is told from nothing by no less than this.
    means[known] = np.maximum(amplitude_from_mean(means[known], sigma), 0.1 * sigma)
    if known.all():
        means = _unmixed(means, mixing)
    return TissueStatistics(means, errors, counts)


def _core(probability: np.ndarray) -> np.ndarray:
    """Voxels of a tissue away from others, as strictly as enough of them remain."""
    certain = probability > 0.9
    core = ndimage.binary_erosion(certain, ndimage.generate_binary_structure(3, 1))
    # Thin tissue (cortex in 5 mm slices, sulcal CSF) may not survive erosion.
    for region in (core, certain, probability > 0.5):
        if region.sum() >= ENOUGH:
            break
    return region


def _unmixed(means: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    """Means of pure tissues from means of regions and the tissue shares in them."""
    mixing = mixing / np.maximum(mixing.sum(axis=1, keepdims=True), 1e-6)
    # A poor segmentation is nearer to a mixture of all than to three tissues: unmixing it
    # would blow up its errors, and may not turn a mean negative.
    if np.linalg.cond(mixing) > 3:
        return means
    pure = np.linalg.solve(mixing, means)
    return pure if (pure > 0).all() else means


def michelson(a: float, b: float) -> float:
    """Contrast between two intensities, ``2 (a - b) / (a + b)``."""
    return float(2 * (a - b) / (a + b)) if a + b else float('nan')


def contrasts(means: Numbers) -> dict[str, float]:
    """Michelson-like contrast of every pair of tissue means (CSF, GM, WM)."""
    return {f'{TISSUES[a]}-{TISSUES[b]}': michelson(means[a], means[b]) for a, b in PAIRS}


def contrast_system(high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Matrix (4, 3), right-hand side (4,) and names of the contrast equations.

    Of the tissues' means, or SNRs, at the high field and wanted at the low one. The last equation
    is the anchor, ``m_WM high_WM = low_WM``: without it the rank is two.
    """
    matrix = np.zeros((len(PAIRS) + 1, 3))
    for row, (a, b) in enumerate(PAIRS):
        matrix[row, a], matrix[row, b] = high[a], -high[b]
    matrix[-1, 2] = high[2]
    target = np.array([*(low[a] - low[b] for a, b in PAIRS), low[2]])
    names = [f'{TISSUES[a]}-{TISSUES[b]} difference' for a, b in PAIRS]
    return matrix, target, [*names, 'WM anchor']


def solve_contrast(
    high: Numbers, low: Numbers, errors: Numbers | None = None, upper: float = np.inf
) -> ContrastSolution:
    """Contrast vector ``m`` with ``m * high`` as close as possible to ``low``.

    Bounded least squares over the pairwise differences and the white-matter anchor,
    each equation weighted by its uncertainty.

    Parameters
    ----------
    high, low : array_like, shape (3,)
        Tissue means or SNRs at the high field, and those wanted at the low field, on one
        scale. Positive.
    errors : array_like, shape (3,), optional
        Standard errors of ``low``; equal weights without.
    upper
        Bound of every factor.

    Raises
    ------
    ValueError
        If a value is not finite and positive, or if the bounds force an equation off its
        target by more than a tenth of the white-matter value: the targets contradict
        the scan.
    """
    high, low = np.asarray(high, float), np.asarray(low, float)
    values = np.concatenate([high, low])
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f'tissue values must be finite and positive, not {high} and {low}')
    matrix, target, names = contrast_system(high, low)
    if errors is None:
        weights = np.ones(len(target))
    else:
        floor = 1e-3 * low[2]  # a mean over 1e5 voxels is not known to 1e-5: bias rules
        e = np.asarray(errors, float)
        # Of a tissue without pure voxels no standard error is known.
        e = np.maximum(np.where(np.isfinite(e), e, UNKNOWN_ERROR * low), floor)
        spread = [np.hypot(e[a], e[b]) for a, b in PAIRS] + [e[2]]
        weights = 1 / np.array(spread)
        weights /= weights.max()
    weighted = matrix * weights[:, None]
    solution = lsq_linear(weighted, target * weights, bounds=(1e-3, upper), tol=1e-12)
    factors = solution.x
    residual = matrix @ factors - target
    if np.abs(residual).max() > 0.1 * low[2]:
        worst = int(np.abs(residual).argmax())
        raise ValueError(
            f'no contrast vector within its bounds reaches the targets: {names[worst]} is off by '
            f'{residual[worst]:.3g} of {target[worst]:.3g}; give other targets or another field'
        )
    equations = [
        {
            'name': names[i],
            'target': float(target[i]),
            'achieved': float(target[i] + residual[i]),
            'residual': float(residual[i]),
            'weight': float(weights[i]),
        }
        for i in range(len(names))
    ]
    active = [TISSUES[i] for i in range(3) if solution.active_mask[i]]
    return ContrastSolution(
        factors,
        int(np.linalg.matrix_rank(weighted)),
        float(np.linalg.cond(weighted)),
        equations,
        active,
    )
