"""Hidden Markov random field of three tissues, fitted by expectation-maximisation."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ulfprep.physics.types import Numbers

#: How far WM and GM may be from where their relaxation times put them (T2w, FLAIR).
MARGIN = 1.12
#: The fit ends once the means move by less than this part of the mean of WM.
TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class TissueShares:
    """CSF, GM and WM in an image, and the means and s.d. of their signals, shape (3,)."""

    probs: np.ndarray
    means: np.ndarray
    sds: np.ndarray


def brightness_order(expected: Numbers | None) -> list[int]:
    """Tissues (0 CSF, 1 GM, 2 WM) from the darkest to the brightest."""
    return [0, 1, 2] if expected is None else [int(k) for k in np.argsort(expected)]


def fit_markov_field(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    *,
    sigma: float = 0.0,
    beta: float = 0.9,
    bias_order: int = 2,
    expected: Numbers | None = None,
    max_iterations: int = 25,
    prior: np.ndarray | None = None,
) -> TissueShares:
    """Segment a brain into CSF, GM and WM.

    Gaussian intensities whose means a smooth multiplicative field bends, and a Potts
    prior in the mean-field approximation (Zhang, Brady and Smith 2001; Van Leemput et
    al. 1999 for the field inside the EM). Deterministic.

    In T1w the classes stand apart. In T2w the many mixtures of tissue and bright CSF, and in
    FLAIR the faint contrast of GM, would make a class of their own that is no tissue: there WM
    stays near the mode of the brain's intensities, and GM near its ratio to WM in the sequence.

    Parameters
    ----------
    sigma : float
        A floor of every class's s.d.
    beta : float
        Strength of the Potts prior, summed over a voxel's neighbours relative to six of them; a
        neighbour counts by the inverse of its distance.
    bias_order : int
        Order of the polynomial that models the logarithm of the field; 0 for none.

    Raises
    ------
    ValueError
        If the mask is too small to hold three tissues.
    """
    mask = np.asarray(mask, bool)
    if mask.sum() < 1000:
        raise ValueError(f'the brain mask holds only {int(mask.sum())} voxels')
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside = mask[box]
    values = np.asarray(image[box], np.float32)[inside]
    # Classes go from dark to bright; these are where the tissues are among them.
    order = brightness_order(expected)
    csf, gm, wm = place = np.argsort(order)
    bounds = None
    if expected is not None and order != [0, 1, 2]:
        bounds = _bounds(values, float(expected[1] / expected[2]))
    means, sds = _initial_classes(image, mask, sigma, csf)
    means = _held(means, gm, wm, bounds)
    neighbours = NeighbourMean(inside, zooms)
    log_prior = np.zeros((), np.float32)
    if prior is not None:
        log_prior = np.log(np.asarray(prior, np.float32)[(slice(None), *box)][:, inside][order])
    basis = _polynomials(inside, bias_order)
    log_bias = np.zeros(values.size, np.float32)
    probs = np.full((3, values.size), 1 / 3, np.float32)
    for iteration in range(1, max_iterations + 1):
        corrected = values * np.exp(-log_bias)
        # A few mean-field sweeps an iteration; the prior grows in over the first ones,
        # so that a poor start is not frozen into patches.
        strength = beta * min(1.0, iteration / 5)
        log_likelihood = _log_gaussian(corrected, means, sds) + log_prior
        for _ in range(2):
            field = neighbours(probs) if iteration > 1 else 0.0
            probs = softmax(log_likelihood + 6 * strength * field)
        # A class is measured where its neighbours are of that class too: voxels of mixed
        # tissue would pull CSF up and GM towards it.
        pure = probs * neighbours(probs) ** 4
        weight = pure.sum(axis=1) + 1e-6
        updated = (pure @ corrected) / weight
        spread = np.stack([(corrected - m) ** 2 for m in updated])
        sds = np.sqrt((pure * spread).sum(axis=1) / weight)
        sds = np.maximum(sds, max(sigma, 0.01 * updated[wm]))
        # Nor may a class of mixtures (sulcal CSF) grow so wide that it swallows another.
        sds = np.minimum(sds, 2 * sds[wm])
        updated = _held(updated, gm, wm, bounds)
        moved = np.abs(updated - means).max() / updated[wm]
        means = np.sort(updated)
        if basis is not None:
            log_bias = _fit_bias(values, probs, means, sds, basis, csf, wm)
        if moved < TOLERANCE and iteration > 8:
            break
    out = np.zeros((3, *mask.shape), np.float32)
    out[(slice(None), *box)][:, inside] = probs[place]
    return TissueShares(out, means[place].astype(float), sds[place].astype(float))


def _initial_classes(image, mask, sigma, csf):
    """Start from 1-D k-means of the lightly smoothed intensities."""
    smooth = ndimage.gaussian_filter(np.where(mask, image, 0).astype(np.float32), 0.6)
    norm = ndimage.gaussian_filter(mask.astype(np.float32), 0.6)
    values = smooth[mask] / norm[mask]
    low, high = np.percentile(values, [1, 99])
    values = values[(values >= low) & (values <= high)]
    # CSF is the rarest: a tenth of the voxels at the dark end, or at the bright one in T2w.
    start = [8, 40, 80] if csf == 0 else [20, 60, 92]
    means = np.percentile(values, start).astype(float)
    for _ in range(50):
        label = np.abs(values[None] - means[:, None]).argmin(axis=0)
        updated = np.array(
            [values[label == k].mean() if (label == k).any() else means[k] for k in range(3)]
        )
        if np.allclose(updated, means, rtol=1e-6):
            break
        means = updated
    means = np.sort(means)
    gap = np.diff(means)
    sds = np.maximum([gap[0] / 2, gap.mean() / 2, gap[1] / 2], max(sigma, 1e-6))
    return means, sds


def _bounds(values, grey_to_white):
    """Least and greatest mean of WM, and of GM relative to it.

    Most of a brain is WM or GM and the two are nearly as bright: the mode of the intensities
    lies between them, whatever CSF and its mixtures do.
    """
    low, high = np.percentile(values, [1, 97])
    counts, edges = np.histogram(values, bins=64, range=(low, high))
    peak = ndimage.gaussian_filter1d(counts.astype(float), 2.0).argmax()
    white = (edges[peak] + edges[peak + 1]) / 2 / np.sqrt(grey_to_white)
    return (white / MARGIN, white * MARGIN), (grey_to_white / MARGIN, grey_to_white * MARGIN)


def _held(means, gm, wm, bounds):
    """Means with WM and GM within their bounds, if there are any."""
    if bounds is None:
        return means
    means = means.copy()
    means[wm] = np.clip(means[wm], *bounds[0])
    means[gm] = np.clip(means[gm], *np.multiply(bounds[1], means[wm]))
    return means


class NeighbourMean:
    """Distance-weighted mean of the six neighbours' posteriors, over masked voxels only."""

    def __init__(self, inside, zooms):
        self.inside = inside
        weights = 1 / np.asarray(zooms, float)
        self.weights = (weights / (2 * weights.sum())).astype(np.float32)
        self.volume = np.zeros(tuple(n + 2 for n in inside.shape), np.float32)
        self.core = (slice(1, -1),) * 3

    def __call__(self, probs):
        out = np.empty_like(probs)
        core = self.volume[self.core]
        for k, values in enumerate(probs):
            core[self.inside] = values
            total = np.zeros(self.inside.shape, np.float32)
            for axis, weight in enumerate(self.weights):
                for start in (0, 2):
                    shift = [slice(1, -1)] * 3
                    shift[axis] = slice(start, start + self.inside.shape[axis])
                    total += weight * self.volume[tuple(shift)]
            out[k] = total[self.inside]
        return out


def _polynomials(inside, order):
    """Smooth basis over the masked voxels, without the constant, shape (n_voxels, n)."""
    if order < 1:
        return None
    axes = [
        np.linspace(-1, 1, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32)
        for n in inside.shape
    ]
    x, y, z = (g[inside] for g in np.meshgrid(*axes, indexing='ij'))
    columns = [
        x**i * y**j * z**k
        for i in range(order + 1)
        for j in range(order + 1 - i)
        for k in range(order + 1 - i - j)
        if i + j + k > 0
    ]
    basis = np.stack(columns, axis=1)
    return basis - basis.mean(axis=0)


def _fit_bias(values, probs, means, sds, basis, csf, wm):
    """Weighted least squares of the log ratio between the image and its class means."""
    precision = (probs / (sds**2)[:, None]).astype(np.float32)
    # CSF is bent by partial volume far more than by the coil: it does not vote.
    precision[csf] = 0
    weight = precision.sum(axis=0)
    predicted = (precision * means[:, None].astype(np.float32)).sum(axis=0)
    predicted = np.where(weight > 0, predicted / np.maximum(weight, 1e-12), means[wm])
    ratio = np.log(np.maximum(values, 0.05 * means[wm]) / predicted)
    ratio = np.clip(ratio, -0.7, 0.7)
    w = weight * predicted**2
    w /= w.mean()
    gram = basis.T @ (basis * w[:, None])
    gram += 1e-3 * values.size * np.eye(basis.shape[1], dtype=np.float32)
    coefficients = np.linalg.solve(gram, basis.T @ (w * ratio))
    return (basis @ coefficients).astype(np.float32)


def _log_gaussian(values, means, sds):
    scaled = (values[None] - means[:, None]) / sds[:, None]
    return (-0.5 * scaled**2 - np.log(sds)[:, None]).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities along the first axis from logarithms of their weights."""
    logits = logits - logits.max(axis=0)
    np.exp(logits, out=logits)
    return logits / logits.sum(axis=0)
