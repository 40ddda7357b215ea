"""How alike images are: one and the truth, the lines of one among themselves."""

from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.metrics.registry import Metric, measures

#: Slices with less brain than this share of the largest slice's have no line correlations.
LEAST_AREA = 0.25


def match_intensity(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fit ``a * image + b`` to the truth inside the mask (least squares); zero outside it.

    A method is then not paid for guessing the scale.
    """
    design = np.stack([image[mask], np.ones(int(mask.sum()))], axis=1).astype(float)
    slope, offset = np.linalg.lstsq(design, truth[mask].astype(float), rcond=None)[0]
    return np.where(mask, slope * image + offset, 0)


def psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray, data_range: float) -> float:
    """Peak signal-to-noise ratio inside the mask, dB."""
    error = float(np.mean((image[mask] - truth[mask]) ** 2))
    return float(10 * np.log10(data_range**2 / error)) if error else float('inf')


def ssim(image: np.ndarray, truth: np.ndarray, mask: np.ndarray, data_range: float) -> float:
    """Mean 3-D structural similarity inside the mask."""
    from skimage.metrics import structural_similarity

    inside = [np.where(mask, one, 0) for one in (image, truth)]
    _, full = structural_similarity(*inside, data_range=data_range, full=True)
    return float(full[mask].mean())


def dice(labels: np.ndarray, truth: np.ndarray, label: int) -> float:
    """Overlap ``2 |A and B| / (|A| + |B|)`` of one label; NaN if neither has it."""
    a, b = labels == label, truth == label
    size = a.sum() + b.sum()
    return float(2 * (a & b).sum() / size) if size else float('nan')


def canny_edges(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Canny edges of every axial slice (last axis), boolean, where white matter is about one.

    What lies outside the mask counts as zero.
    """
    from skimage.feature import canny

    slices = np.moveaxis(np.where(mask, image, 0), -1, 0)
    found = [canny(part, 1.0, low_threshold=0.05, high_threshold=0.12) for part in slices]
    return np.stack(found, axis=-1)


def edge_f1(edges: np.ndarray, truth: np.ndarray, tolerance: int = 0) -> float:
    """F1 score of edges against those of the truth, 0 to 1; NaN if neither image has an edge.

    An edge may be off by ``tolerance`` voxels in the axial plane.
    """
    if not edges.any() and not truth.any():
        return float('nan')
    hit = (edges & _widen(truth, tolerance)).sum()
    found = (truth & _widen(edges, tolerance)).sum()
    precision = hit / max(edges.sum(), 1)
    recall = found / max(truth.sum(), 1)
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _widen(edges, tolerance):
    if tolerance == 0:
        return edges
    structure = np.ones((2 * tolerance + 1, 2 * tolerance + 1, 1), bool)
    return ndimage.binary_dilation(edges, structure)


def line_correlations(image: np.ndarray, mask: np.ndarray) -> tuple[float, ...]:
    """Measure mean line correlation (MLC) and its shifted form (MSLC) of axial slices.

    Of every slice (last axis) the brain's bounding box is taken, zero outside the brain. MLC is
    the mean correlation of neighbouring rows and columns, MSLC that of rows and columns half the
    box apart (Schuppert et al. 2022). MSLC hardly reacts to blur or noise and rises where noise
    is removed: it is no measure of artefacts by itself. Both are means over the slices, -1 to 1;
    NaN where there is no brain.
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
    """Correlate each of n rows with the one ``distance`` below it, shape (n - distance,).

    1 where both rows are the same, 0 where else one of them is constant.
    """
    first, second = lines[:-distance], lines[distance:]
    a = first - first.mean(axis=1, keepdims=True)
    b = second - second.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    found = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)
    return np.where((first == second).all(axis=1), 1.0, found)


def _lines_of(end, image):
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
    *_lines_of('', 'enhanced'),
    *_lines_of('_bicubic', 'cubic interpolation'),
    of='enhance',
    otherwise='the enhanced image has no brain',
)
def lines(one: Any) -> tuple[float, ...]:
    """Line correlations of the enhanced image and of the interpolated scan."""
    images = (one.enhanced, one.bicubic)
    return tuple(value for image in images for value in line_correlations(image, one.brain))
