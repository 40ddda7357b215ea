"""Plain interpolation onto the truth's lattice: what a viewer or a resampling tool would do.

Straight onto that lattice, so that no second interpolation dulls a baseline.
"""

from functools import lru_cache

import numpy as np

from ulfprep.evaluation.prepare import Enhanced, Prepared
from ulfprep.physics.grid import aligned_offsets, covered
from ulfprep.physics.interpolation import bicubic, carry

#: Voxels on either side that a windowed sinc takes in.
LOBES = 5


def splines(order: int):
    """Return interpolation by splines of an order: 0 nearest, 1 linear."""

    def method(given: Prepared, options) -> Enhanced:
        scan = np.asarray(given.scan, np.float32)
        return Enhanced(carry(scan, given.grid, given.target, order=order), given.target)

    return method


def cubic(given: Prepared, options) -> Enhanced:
    """Cubic splines, what is called bicubic elsewhere."""
    return Enhanced(bicubic(given.scan, given.grid, given.target), given.target)


def windowed_sinc(given: Prepared, options) -> Enhanced:
    """Sinc under a Lanczos window of :data:`LOBES` voxels, an axis at a time."""
    target, image = given.target, np.asarray(given.scan, np.float32)
    for axis, position in enumerate(aligned_offsets(given.grid, target)):
        weights = lanczos_weights(position, image.shape[axis])
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    inside = covered(given.grid, target)
    return Enhanced(np.where(inside, np.maximum(image, 0), 0).astype(np.float32), target)


def lanczos_weights(position: np.ndarray, n: int, lobes: int = LOBES) -> np.ndarray:
    """Weights of n samples at m positions (0 at the first sample), shape (m, n).

    The outermost samples go on for ever; rows sum to one.
    """
    first = np.floor(position).astype(int) - lobes + 1
    taps = first[:, None] + np.arange(2 * lobes)
    distance = position[:, None] - taps
    weight = np.sinc(distance) * np.sinc(distance / lobes)
    weight /= weight.sum(axis=1, keepdims=True)
    out = np.zeros((len(position), n), np.float32)
    rows = np.repeat(np.arange(len(position)), 2 * lobes)
    np.add.at(out, (rows, np.clip(taps, 0, n - 1).ravel()), weight.ravel())
    return out


def histogram_matching(given: Prepared, options) -> Enhanced:
    """Cubic interpolation with the histogram of a high-field template's brain.

    The template is the MNI152 T1w that comes with nilearn: what can be had without any other
    scan of the subject. White matter is brought back to the scan's own brightness.
    """
    from skimage.exposure import match_histograms

    image = bicubic(given.scan, given.grid, given.target)
    brain = image > 0.1 * given.plan.means[2]
    matched = np.zeros_like(image)
    matched[brain] = match_histograms(image[brain], _template_values())
    return Enhanced(matched * np.float32(given.plan.means[2]), given.target)


@lru_cache(maxsize=1)
def _template_values() -> np.ndarray:
    """Intensities of the template's brain, white matter as one."""
    from ulfprep.evaluation.examples import example_truth

    truth = example_truth('01')
    return truth.image[truth.mask]
