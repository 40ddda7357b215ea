"""Tissues that explain scans through their point-spread functions, near what is known of brains.

A prior says how probable each tissue is in every point of a lattice; the scans decide. The signals
of the tissues are measured by least squares of a scan on what its voxels gather of them, together
with what is left of its bias field. The prior is wrong about where borders lie, and neighbouring
points share that error: so every scan v tilts the odds of bright against dark tissues by a smooth
field, and the shares are

    q_k(x) = p_k(x) exp(sum_v u_vk (B z_v)(x)) / Z(x),

where p is the prior, u_vk the signal of tissue k between 0 for the darkest and 1 for the
brightest, and B z a sum of Gaussians on a coarser lattice with independent weights z. The z that
explain the scans without leaving the prior further than they must minimise

    sum_v 1/2 sum_j w_vj (y_vj - f_vj (A_v sum_k s_vk q_k)_j)^2 + 1/2 sum_v |z_v|^2,

by Gauss and Newton's method with conjugate gradients.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.acquisition import apply_matrices
from ulfprep.physics.informed import conjugate_gradients, gaussians
from ulfprep.physics.interpolation import spread_out
from ulfprep.physics.noise import NoiseEstimate
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.hmrf import softmax

#: S.d. of the tilt, logarithm of the odds of the brightest against the darkest tissue; that of its
#: Gaussians, mm. Chosen on heads that the network never saw.
TILT, WIDTH = 3.0, 2.0
#: Least probability that a tissue has anywhere in the brain.
RAREST = 1e-3
#: Residuals beyond this many s.d. lose weight: lesions and vessels are no error of the tissues.
FAR = 2.5
#: Share of one tissue that makes a voxel flat.
FLAT = 0.95
#: Size of the neighbourhoods that show what is left of the bias field, mm.
FIELD_FWHM = 45.0
#: S.d. of the logarithm of signals about those that the sequence makes: they have a say where a
#: tissue is next to absent.
SIGNAL_SPREAD = 0.3
#: What tilts the odds is what the scan holds beyond the shares at hand, so signals are measured
#: on these, raised to this power: shares as they are exaggerate contrast, since they were read
#: off the scan, and whole labels leave the mixtures of a fold unexplained. Chosen on these heads.
SHARPENED = 1.5
#: Rounds of signals and shares, of signals and field, and of Newton's method.
ROUNDS, ALTERNATIONS, NEWTON = 2, 4, 3
#: Steps of conjugate gradients in each of Newton's.
CONJUGATE = 5


@dataclass(frozen=True, eq=False)
class View:
    """One scan of the lattice."""

    model: Any  #: images on the lattice to the scan (``acquire``), and back (``adjoint``)
    measured: np.ndarray  #: (X, Y, Z), bias-corrected
    voxels: np.ndarray  #: (X, Y, Z), its brain
    zooms: tuple
    noise: NoiseEstimate  #: of the scan by itself
    expected: Numbers  #: signals of all K tissues, relative to WM


@dataclass(frozen=True, eq=False)
class Explained:
    """How the tissues explain one scan; volumes have its shape (X, Y, Z) and are float32."""

    signals: np.ndarray  #: (K,), of pure tissue, units of the scan
    sigma: float  #: s.d. of what is not explained, noise and all, units of the scan
    field: np.ndarray  #: what was left of the bias field
    weight: np.ndarray  #: belief in each voxel: one, less where it is far off, zero outside
    residual: np.ndarray  #: scan less what is expected of it, its units; zero outside
    flat: np.ndarray  #: voxels of nearly one tissue, bool


@dataclass(frozen=True, eq=False)
class TissueEstimate:
    """Result of :func:`estimate_tissues`."""

    shares: np.ndarray  #: (K, x, y, z), float32; one in sum inside the brain, zero outside
    views: list[Explained]  #: how they explain each scan
    #: Residual of each scan when the prior alone explains it, units of its ``sigma``.
    surprise: list[np.ndarray]


def estimate_tissues(
    views: list[View], prior: np.ndarray, brain: np.ndarray, spacing: float, tilt: float = TILT
) -> TissueEstimate:
    """Estimate signals and shares of the tissues.

    Parameters
    ----------
    prior : numpy.ndarray, shape (K, n)
        Probabilities of the tissues in the n points of the brain, one in sum. The first three are
        CSF, GM and WM; others, such as deep grey matter, have signals of their own.
    tilt : float
        S.d. of the tilt; the smaller, the closer the shares stay to the prior.

    Raises
    ------
    ValueError
        If a scan has no voxel that gathers brain alone.
    """
    whole = brain.astype(np.float32)
    inside = [v.voxels & (v.model.acquire(whole) > 0.97) for v in views]
    if not all(i.any() for i in inside):
        raise ValueError('no voxel of the scan lies wholly within the brain mask')
    log_prior = np.log(np.maximum(prior, RAREST)).astype(np.float32)
    shares = softmax(log_prior)
    basis = [gaussians(n, spacing, WIDTH) for n in brain.shape]
    basis[0] = np.float32(tilt) * basis[0]
    weights = [np.zeros([b.shape[1] for b in basis], np.float32) for _ in views]
    surprise: list[np.ndarray] = []

    def all_explained(shares):
        spread = spread_out(shares, brain)
        return [explain(v, spread, i) for v, i in zip(views, inside, strict=True)]

    for _ in range(ROUNDS):
        explained = all_explained(_sharpened(shares))
        surprise = surprise or [e.residual / np.float32(e.sigma) for e in explained]
        shares, weights = _tilt(views, explained, log_prior, brain, weights, basis)
    return TissueEstimate(spread_out(shares, brain), all_explained(_purest(shares)), surprise)


def explain(view: View, shares: np.ndarray, inside: np.ndarray) -> Explained:
    """Measure a scan's signals, and its left-over bias field, with given shares (K, x, y, z).

    Least squares on shares that were themselves read off the scan would exaggerate contrast: noise
    that makes a voxel dark makes it grey matter too. With whole labels the errors of the two
    nearly cancel. Only the voxels ``inside`` are used.
    """
    seen = view.model.acquire(shares)
    weight: np.ndarray = inside.astype(np.float32)
    field = np.ones(inside.shape, np.float32)
    for _ in range(ALTERNATIONS):
        signals = measure_signals(view.measured, seen * field, weight, view.expected)
        predicted = np.tensordot(signals, seen, 1).astype(np.float32)
        field = left_over_field(view.measured, predicted, weight, view.zooms)
        residual = np.where(inside, view.measured - field * predicted, 0).astype(np.float32)
        sigma = max(view.noise.sigma, 1.4826 * float(np.median(np.abs(residual[inside]))))
        weight = inside / np.maximum(1, np.abs(residual) / np.float32(FAR * sigma))
    flat = inside & (seen.max(axis=0) > FLAT)
    return Explained(signals, sigma, field, weight, residual, flat)


def measure_signals(
    measured: np.ndarray, seen: np.ndarray, weight: np.ndarray, expected: Numbers
) -> np.ndarray:
    """Signals of the tissues, shape (K,), that explain a scan best in weighted least squares.

    ``seen``, shape (K, X, Y, Z), is the share of each tissue in a voxel, times the field;
    ``expected`` the signals relative to WM, near which those of absent tissues stay.
    """
    used = weight > 0
    a = seen[:, used].astype(np.float64)
    w, y = weight[used].astype(np.float64), measured[used].astype(np.float64)
    gram, right = (a * w) @ a.T, (a * w) @ y
    free = np.linalg.lstsq(gram, right, rcond=1e-9)[0]
    variance = float((w * (y - free @ a) ** 2).sum() / max(w.sum() - len(a), 1))
    white = max(float(free[2]), 1e-3 * float(y.max()))
    wanted = white * np.asarray(expected, float) / expected[2]
    hold = variance / (SIGNAL_SPREAD * np.maximum(wanted, 0.1 * white)) ** 2
    gram, right = gram + np.diag(hold), right + hold * wanted
    return np.maximum(np.linalg.solve(gram, right), 0.02 * white)


def left_over_field(
    measured: np.ndarray, predicted: np.ndarray, weight: np.ndarray, zooms: Numbers
) -> np.ndarray:
    """Smooth factor (X, Y, Z) between a scan and what is predicted of it, one in the mean."""
    width = [FIELD_FWHM / 2.3548 / z for z in zooms]
    w = (weight * predicted).astype(np.float32)
    above, below = (
        ndimage.gaussian_filter(w * volume, width, mode='constant')
        for volume in (measured, predicted)
    )
    gain = np.float32(above.sum() / below.sum())
    few = np.float32(0.02 * below.max())  # where little is seen the field tends to one
    field = (above / gain + few) / (below + few)
    return (field * np.float32(weight.sum() / (field * weight).sum())).astype(np.float32)


def _tilt(views, explained, log_prior, brain, weights, basis):
    """Return the shares of tilted odds that explain the scans, and the Gaussians' weights.

    Of each scan in units of its WM: ``goals`` are its voxels over what is not explained of them,
    ``roots`` takes to these what the model sees.
    """
    signals = [(e.signals / e.signals[2]).astype(np.float32) for e in explained]
    brightness = [(s - s.min()) / max(float(np.ptp(s)), 1e-3) for s in signals]
    roots = [np.sqrt(e.weight) * np.float32(e.signals[2] / e.sigma) for e in explained]
    goals = [
        r * v.measured / np.float32(e.signals[2])
        for r, v, e in zip(roots, views, explained, strict=True)
    ]
    roots = [r * e.field for r, e in zip(roots, explained, strict=True)]
    across = [b.T for b in basis]

    def field(weights):
        return apply_matrices(basis, weights)[brain]

    def seen(images):
        return [
            r * v.model.acquire(spread_out(x, brain))
            for r, v, x in zip(roots, views, images, strict=True)
        ]

    def back(voxels):
        return [
            v.model.adjoint(r * d).reshape(brain.shape)[brain]
            for r, v, d in zip(roots, views, voxels, strict=True)
        ]

    def tilted(weights):
        logits = log_prior.copy()
        for u, z in zip(brightness, weights, strict=True):
            logits += u[:, None] * field(z)
        return softmax(logits)

    def varied(q, by, of, images):
        """Change of the sums ``of`` over tissues where their odds change by ``by`` images."""
        change = sum(b[:, None] * image for b, image in zip(by, images, strict=True))
        change = q * (change - (q * change).sum(axis=0))
        return [o @ change for o in of]

    for _ in range(NEWTON):
        q = tilted(weights)
        gap = [g - f for g, f in zip(goals, seen([s @ q for s in signals]), strict=True)]

        def down(voxels, q=q):
            moved = varied(q, signals, brightness, back(voxels))
            return [apply_matrices(across, spread_out(m, brain)) for m in moved]

        def curvature(step, q=q, down=down):
            moved = varied(q, brightness, signals, [field(z) for z in step])
            return [z + d for z, d in zip(step, down(seen(moved)), strict=True)]

        right = [d - z for d, z in zip(down(gap), weights, strict=True)]
        step = conjugate_gradients(curvature, right, CONJUGATE)
        weights = [z + s for z, s in zip(weights, step, strict=True)]
    return tilted(weights), weights


def _sharpened(shares):
    """Shares nearer to whole labels, one in sum."""
    sharp = shares ** np.float32(SHARPENED)
    return sharp / sharp.sum(axis=0)


def _purest(shares):
    """Whole labels: one for the tissue with the largest share, shape of ``shares``."""
    return (shares.argmax(axis=0) == np.arange(len(shares))[:, None]).astype(np.float32)
