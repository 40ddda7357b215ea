"""The inverse that knows what the image may be: a guess, and how far it may be wrong where."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ulfprep.physics.acquisition import apply_matrices
from ulfprep.physics.types import Numbers

#: Distance of the Gaussians that corrections are made of, in their s.d.
DISTANCE = 1.25
#: Degrees of freedom of Student's t: corrections that the guess did not expect, lesions among
#: them, are rare, but not as rare as a Gaussian has them.
FREEDOM = 4.0
#: Rounds of weights, and steps of conjugate gradients in each.
ROUNDS, STEPS = 4, 6


def gaussians(n: int, spacing: float, width: float) -> np.ndarray:
    """Gaussians of s.d. ``width`` (mm) along an axis of ``n`` points ``spacing`` (mm) apart.

    A column each, float32. Sums with independent weights of s.d. one have an s.d. of one.
    """
    step = DISTANCE * width
    centres = np.arange(-step, (n - 1) * spacing + 2 * step, step)
    out = np.exp(-0.5 * ((np.arange(n)[:, None] * spacing - centres) / width) ** 2)
    return (out / np.sqrt((out**2).sum(axis=1, keepdims=True))).astype(np.float32)


def informed_inverse(
    model: Any,
    scan: np.ndarray,
    mask: np.ndarray,
    sigma: float,
    spacing: Numbers,
    guess: np.ndarray,
    spread: np.ndarray,
    width: float,
) -> tuple[np.ndarray, dict]:
    """Correct a guess as far as the noise shows, and the doubt about it allows.

    The image is ``guess + spread * B z``: ``B z`` is a sum of Gaussians with independent weights,
    so that a correction is as large as ``spread`` and as smooth as they are. The weights minimise

        |A (guess + spread B z) - y|^2 / 2 sigma^2 + (f + 1) / 2 sum_i log(1 + z_i^2 / f),

    the posterior under Student's t with f degrees of freedom, by conjugate gradients with
    weights that follow from the last result (iteratively reweighted least squares).

    Parameters
    ----------
    model : ForwardModel or StackedModel
        Of which the acquisition ``A`` is used.
    scan, mask : numpy.ndarray
        Measured voxels ``y``, and those of them that count.
    sigma : float
        Noise s.d., image units.
    spacing : sequence of 3 floats
        Voxel size of the image, mm.
    guess, spread : numpy.ndarray, shape (x, y, z)
        What the image may be at the scan's contrast, and the s.d. of its error.
    width : float
        S.d. of the Gaussians, mm.

    Returns
    -------
    correction : numpy.ndarray, shape (x, y, z), float32
    course : dict of list
        ``step``, ``epoch``, the terms ``data`` and ``prior`` a voxel of the scan, their ``total``,
        and ``residual_rms`` in units of ``sigma``, a value a round.
    """
    basis = [gaussians(n, s, width) for n, s in zip(guess.shape, spacing, strict=True)]
    across = [b.T for b in basis]
    spread = np.asarray(spread, np.float32)
    root = (np.asarray(mask) / np.float32(sigma)).astype(np.float32)
    voxels = max(int(np.count_nonzero(mask)), 1)

    def down(z):
        return root * model.acquire(spread * apply_matrices(basis, z))

    def up(seen):
        return apply_matrices(across, spread * model.adjoint(root * seen).reshape(guess.shape))

    rest = root * (scan - model.acquire(np.asarray(guess, np.float32)))
    z = np.zeros([b.shape[1] for b in basis], np.float32)
    precision = np.ones_like(z)
    course: dict[str, list[float]] = {}
    for number in range(1, ROUNDS + 1):

        def curvature(step, precision=precision):
            return [precision * step[0] + up(down(step[0]))]

        z = z + conjugate_gradients(curvature, [up(rest - down(z)) - precision * z], STEPS)[0]
        precision = np.float32(FREEDOM + 1) / (np.float32(FREEDOM) + z**2)
        left = float(np.square(rest - down(z), dtype=np.float64).sum()) / voxels
        odds = (FREEDOM + 1) * np.log1p(np.square(z, dtype=np.float64) / FREEDOM).sum()
        terms = {'data': 0.5 * left, 'prior': 0.5 * float(odds) / voxels}
        terms |= {'total': sum(terms.values()), 'residual_rms': float(np.sqrt(left))}
        for name, value in {'step': number * STEPS, 'epoch': number, **terms}.items():
            course.setdefault(name, []).append(value)
    return spread * apply_matrices(basis, z), course


def conjugate_gradients(apply: Callable, right: list, steps: int) -> list:
    """Approximate solution of ``apply(x) = right``, lists of arrays.

    ``apply`` is linear, symmetric and positive definite.
    """
    x = [np.zeros_like(r) for r in right]
    r = [v.copy() for v in right]
    p, rho = [v.copy() for v in right], _inner(right, right)
    for _ in range(steps):
        if rho == 0:
            break
        ap = apply(p)
        alpha = np.float32(rho / _inner(p, ap))
        x = [a + alpha * b for a, b in zip(x, p, strict=True)]
        r = [a - alpha * b for a, b in zip(r, ap, strict=True)]
        before, rho = rho, _inner(r, r)
        p = [a + np.float32(rho / before) * b for a, b in zip(r, p, strict=True)]
    return x


def _inner(a, b):
    return float(sum((x.astype(np.float64) * y).sum() for x, y in zip(a, b, strict=True)))
