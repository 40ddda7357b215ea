"""How alike the lines of an image are: correlation of rows and columns some distance apart."""

from typing import Any

import numpy as np

from ulfprep.metrics.registry import Metric, measures

#: Slices with less brain than this share of the largest slice's are left out.
LEAST_AREA = 0.25


def line_correlations(image: np.ndarray, mask: np.ndarray) -> tuple[float, ...]:
    """Measure mean line correlation (MLC) and its shifted form (MSLC) of axial slices.

    Of every slice the brain's bounding box is taken, zero outside the brain. MLC is the mean
    correlation of neighbouring rows and columns, MSLC that of rows and columns half the box
    apart (Schuppert et al. 2022). MSLC hardly reacts to blur or noise and rises where noise is
    removed: it is no measure of artefacts by itself.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Axial slices along the last axis.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.

    Returns
    -------
    mlc, mslc : float
        Means over the slices, -1 to 1; NaN where there is no brain.
    """
    mask = np.asarray(mask, bool)
    area = mask.sum(axis=(0, 1))
    near, far = [], []
    for z in np.flatnonzero((area > 0) & (area >= LEAST_AREA * area.max(initial=0))):
        rows, columns = (np.flatnonzero(mask[..., z].any(axis=a)) for a in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        part = np.where(mask[..., z], image[..., z], 0)[box].astype(np.float64)
        if min(part.shape) < 2:
            continue
        near.append(_along_both(part, (1, 1)))
        far.append(_along_both(part, (part.shape[0] // 2, part.shape[1] // 2)))
    return tuple(float(np.mean(found)) if found else float('nan') for found in (near, far))


def _along_both(part, distances):
    """Mean correlation over the pairs of rows and the pairs of columns."""
    pairs = [pair_correlations(part, distances[0]), pair_correlations(part.T, distances[1])]
    return np.concatenate(pairs).mean()


def pair_correlations(lines: np.ndarray, distance: int) -> np.ndarray:
    """Correlate every row with the one ``distance`` below it.

    Parameters
    ----------
    lines : numpy.ndarray, shape (n, m)
    distance : int
        From 1 to n - 1.

    Returns
    -------
    numpy.ndarray, shape (n - distance,)
        1 where both rows are the same, 0 where else one of them is constant.
    """
    first, second = lines[:-distance], lines[distance:]
    a = first - first.mean(axis=1, keepdims=True)
    b = second - second.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    found = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)
    return np.where((first == second).all(axis=1), 1.0, found)


def _described(end, image):
    """Return what MLC and MSLC of an image are."""
    yield Metric(
        f'mlc{end}',
        f'Mean line correlation, {image}',
        'Near 1: neighbouring lines are alike; falls with noise.',
        'Mean correlation of neighbouring rows and columns of axial slices, in the bounding box '
        'of the brain.',
        'Contrast',
    )
    yield Metric(
        f'mslc{end}',
        f'Mean shifted line correlation, {image}',
        'Rises where noise is removed; no evidence of artefacts by itself.',
        'The same of rows and columns half the box apart.',
        'Contrast',
    )


@measures(
    *_described('', 'enhanced'),
    *_described('_bicubic', 'cubic interpolation'),
    of='enhance',
    otherwise='the enhanced image has no brain',
)
def lines(one: Any) -> tuple[float, ...]:
    """Line correlations of the enhanced image and of the interpolated scan."""
    plain = line_correlations(one.bicubic, one.brain)
    return *line_correlations(one.enhanced, one.brain), *plain
