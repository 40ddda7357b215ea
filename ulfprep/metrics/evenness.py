"""What bias correction did: how much of the field is gone, and whether the contrast stayed."""

import numpy as np

from ulfprep.physics import LABELS


def bias_effect(
    before: np.ndarray, after: np.ndarray, field: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Measure a bias correction inside the tissues.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (X, Y, Z)
        The scan as measured, and divided by the field.
    field : numpy.ndarray, shape (X, Y, Z)
        The multiplicative field.
    labels : numpy.ndarray of int, shape (X, Y, Z)
        Tissues as BIDS numbers them (:data:`ulfprep.physics.LABELS`), 0 elsewhere.
        The same for both images, or the labels would differ where the images do.

    Returns
    -------
    dict of float
        ``bias_range`` (99th over 1st percentile of the field in the brain), ``wm_cov_before``
        and ``wm_cov_after`` (s.d. over mean of white matter), ``wm_gm_ratio_before`` and
        ``wm_gm_ratio_after`` (ratio of medians). NaN where there is no tissue to measure.
    """
    labels = np.asarray(labels)
    inside = np.asarray(field)[labels > 0]
    low, high = np.percentile(inside, [1, 99]) if inside.size else (np.nan, np.nan)
    values = {'bias_range': _ratio(high, low)}
    for when, image in (('before', before), ('after', after)):
        white = np.asarray(image)[labels == LABELS['WM']].astype(np.float64)
        grey = np.asarray(image)[labels == LABELS['GM']].astype(np.float64)
        values[f'wm_cov_{when}'] = _ratio(white.std(), white.mean()) if white.size else np.nan
        measured = white.size and grey.size
        medians = (np.median(white), np.median(grey)) if measured else (np.nan, np.nan)
        values[f'wm_gm_ratio_{when}'] = _ratio(*medians)
    return {name: float(value) for name, value in values.items()}


def profile(
    image: np.ndarray, labels: np.ndarray, label: int, axis: int, n_bins: int = 10, least: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Median of one tissue in slabs along an axis.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
    labels : numpy.ndarray of int, shape (X, Y, Z)
    label : int
        The tissue that is looked at.
    axis : int
        The axis that the slabs lie across.
    n_bins : int
        Slabs of equal thickness between the first and the last labelled voxel of any tissue;
        fewer where there are fewer slices.
    least : int
        Voxels a slab must hold for its median to be told from noise.

    Returns
    -------
    centres : numpy.ndarray, shape (n,)
        Middle of each slab in voxel indices (0 is the centre of the first voxel).
    medians : numpy.ndarray, shape (n,)
        NaN in slabs with too few voxels of the tissue.
    """
    labels = np.asarray(labels)
    others = tuple(a for a in range(3) if a != axis)
    hit = np.flatnonzero((labels > 0).any(axis=others))
    if not hit.size:
        return np.empty(0), np.empty(0)
    first, last = hit[0], hit[-1] + 1
    edges = np.linspace(first, last, min(n_bins, last - first) + 1)
    here = labels == label
    slab = np.searchsorted(edges, np.nonzero(here)[axis] + 0.5, side='right') - 1
    values = np.asarray(image)[here]
    medians = [
        np.median(values[slab == k]) if (slab == k).sum() >= least else np.nan
        for k in range(len(edges) - 1)
    ]
    return (edges[:-1] + edges[1:]) / 2 - 0.5, np.array(medians, float)


def _ratio(numerator, denominator) -> float:
    return numerator / denominator if denominator else np.nan
