"""The regularised linear inverse: a voxel image by conjugate gradients.

Start of every fit and, on its own, the baseline the neural representation has to beat.
"""

from typing import Any

import numpy as np

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.types import Numbers

#: Beyond so many standard deviations a residual is no noise.
LARGEST = 6.0
#: Smallest and largest smoothness tried, and bisections of its logarithm.
SMOOTHNESS, STEPS = (1e-3, 1.0), 6
#: Smallest and largest weight of total variation tried, in units of the tissue's intensity.
TV_WEIGHT = (5e-4, 2e-2)
#: Gradients (per millimetre, in units of the tissue's intensity) well below it are penalised as
#: their square.
FLAT = 0.05


def conjugate_gradient(
    model: ForwardModel,
    scan: np.ndarray,
    smoothness: float,
    spacing: Numbers,
    *,
    start: np.ndarray | None = None,
    iterations: int = 30,
    tolerance: float = 1e-3,
) -> np.ndarray:
    """Minimise ``|A u - y|^2 / 2 + smoothness |grad u|^2 / 2`` over ``u``.

    Parameters
    ----------
    model : ForwardModel
        Its acquisition ``A``; the contrast is not used.
    scan : numpy.ndarray, shape (X, Y, Z)
        Measured voxels ``y``.
    smoothness : float
    spacing : sequence of 3 floats
        Voxel size of ``u``, mm.
    start : numpy.ndarray, shape (x, y, z), optional
        First guess; the back-projected scan without.
    tolerance : float
        Stop once the gradient's norm has fallen to this part of the right-hand side's.

    Returns
    -------
    numpy.ndarray, shape (x, y, z), float32
    """
    weights = [np.float32(smoothness / s**2) for s in spacing]
    return _solve(model, scan, weights, start, iterations, tolerance)


def _solve(model, scan, weights, start, iterations, tolerance):
    """Conjugate gradients with a weight of every squared difference of neighbours.

    ``weights`` holds a number, or an array of one value a pair of neighbours, an axis.
    """

    def normal(u):
        out = model.adjoint(model.acquire(u))
        out += _laplacian(u, weights)
        return out

    r = model.adjoint(np.asarray(scan, np.float32))
    goal = tolerance**2 * float(np.vdot(r, r))
    u = r.copy() if start is None else start.astype(np.float32)
    r -= normal(u)
    p, rr = r.copy(), float(np.vdot(r, r))
    for _ in range(iterations):
        if rr <= goal:
            break
        q = normal(p)
        step = rr / float(np.vdot(p, q))
        u += step * p
        r -= step * q
        previous, rr = rr, float(np.vdot(r, r))
        p *= rr / previous
        p += r
    return u


def _laplacian(u, weights):
    """Transpose of the gradient applied to the gradient, free at the borders."""
    out = np.zeros_like(u)
    for axis, weight in enumerate(weights):
        step = np.diff(u, axis=axis) * weight
        head, tail = _neighbours(axis)
        out[head] -= step
        out[tail] += step
    return out


def _neighbours(axis):
    """Index of all voxels but the last, and of all but the first, along an axis."""
    head, tail = [slice(None)] * 3, [slice(None)] * 3
    head[axis], tail[axis] = slice(None, -1), slice(1, None)
    return tuple(head), tuple(tail)


def discrepancy_inverse(
    model: ForwardModel, scan: np.ndarray, mask: np.ndarray, sigma: float, spacing: Numbers
) -> tuple[np.ndarray, float]:
    """Choose the smoothness that leaves a residual of the size of the noise.

    Morozov's discrepancy principle: a closer fit would explain noise, a looser one
    would throw measured detail away. No truth is consulted.

    Parameters
    ----------
    model, scan, spacing
        See :func:`conjugate_gradient`.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Voxels over which the residual is measured.
    sigma : float
        Noise s.d., image units.

    Returns
    -------
    image : numpy.ndarray, shape (x, y, z), float32
    smoothness : float
    """
    low, high = np.log(SMOOTHNESS)
    image: Any = None
    for _ in range(STEPS):
        smoothness = float(np.exp((low + high) / 2))
        image = conjugate_gradient(model, scan, smoothness, spacing, start=image)
        residual = _spread((model.acquire(image) - scan)[mask])
        if abs(residual / sigma - 1) < 0.02:
            break
        if residual < sigma:
            low = np.log(smoothness)
        else:
            high = np.log(smoothness)
    return image, smoothness


def _spread(rest: np.ndarray) -> float:
    """Root mean square of what is left; a single voxel that nothing explains does not set it.

    Values beyond six standard deviations, as the median tells them, count as six.
    """
    limit = LARGEST * 1.4826 * float(np.median(np.abs(rest)))
    return float(np.sqrt(np.mean(np.minimum(np.abs(rest), limit or np.inf) ** 2)))


def edge_preserving_inverse(
    model: ForwardModel,
    scan: np.ndarray,
    mask: np.ndarray,
    sigma: float,
    spacing: Numbers,
    steps: int = 3,
) -> np.ndarray:
    """Minimise ``|A u - y|^2 / 2 + weight TV(u)``, the weight again by the discrepancy.

    Total variation (Rudin, Osher and Fatemi 1992), isotropic and smoothed at zero, solved as
    a sequence of quadratic problems whose weights are the inverse of the last gradient
    (lagged diffusivity, Vogel and Oman 1996). It keeps the borders between tissues that
    the quadratic penalty of :func:`discrepancy_inverse` blurs.

    Parameters: see :func:`discrepancy_inverse`, whose result is the first guess. ``steps`` are
    bisections of the logarithm of the weight.
    """
    image, _ = discrepancy_inverse(model, scan, mask, sigma, spacing)
    tissue = float(np.percentile(np.asarray(scan)[mask], 75))
    low, high = np.log(TV_WEIGHT)
    for _ in range(steps):
        weight = np.float32(np.exp((low + high) / 2) * tissue)
        for _ in range(3):
            weights = _diffusivity(image, weight, spacing, FLAT * tissue)
            image = _solve(model, scan, weights, image, 8, 1e-3)
        residual = _spread((model.acquire(image) - scan)[mask])
        if abs(residual / sigma - 1) < 0.05:
            break
        if residual < sigma:
            low = np.log(weight / tissue)
        else:
            high = np.log(weight / tissue)
    return image


def _diffusivity(image, weight, spacing, floor):
    """Weight of every squared difference of neighbours: large where the image is flat."""
    squared = np.zeros_like(image)
    for axis, s in enumerate(spacing):
        head, _ = _neighbours(axis)
        squared[head] += (np.diff(image, axis=axis) / np.float32(s)) ** 2
    inverse = weight / np.sqrt(squared + np.float32(floor) ** 2)
    return [inverse[_neighbours(axis)[0]] / np.float32(s**2) for axis, s in enumerate(spacing)]
