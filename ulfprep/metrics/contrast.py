"""Contrast, noise and evenness of tissues in one image."""

import numpy as np

from ulfprep.physics import LABELS
from ulfprep.physics.types import Numbers

#: Share of zeros beside the brain (beyond the field of view, say) from which on there is no air.
MOST_ZEROS = 0.5


def tissue_means(image: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Mean of each tissue over the points that are more likely of it than not, shape (3,)."""
    return np.array([_of_any(np.mean, image[p > 0.5]) for p in probs])


def tissue_sds(image: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Standard deviation of each tissue over the same points, shape (3,)."""
    return np.array([_of_any(np.std, image[p > 0.5]) for p in probs])


def coefficient_of_joint_variation(means: Numbers, sds: Numbers) -> float:
    """CJV of white and grey matter, ``(s_WM + s_GM) / |m_WM - m_GM|`` (Ganzetti et al. 2016)."""
    return float((sds[2] + sds[1]) / abs(means[2] - means[1]))


def contrast_to_noise(means: Numbers, sigma: float, pair: tuple[int, int] = (2, 1)) -> float:
    """CNR of two tissues, ``(m_a - m_b) / sigma``; of white and grey matter by default."""
    return float((means[pair[0]] - means[pair[1]]) / sigma)


def foreground_to_background(image: np.ndarray, mask: np.ndarray) -> tuple[float, str]:
    """FBER: median energy of the brain over that of the air, or NaN and the reason why not."""
    from ulfprep.physics.noise import air_around

    image, mask = np.asarray(image, np.float32), np.asarray(mask, bool)
    if not mask.any():
        return float('nan'), 'the scan has no brain'
    outside = image[~mask]
    if not outside.size or (outside == 0).mean() > MOST_ZEROS:
        return float('nan'), 'what lies outside the head is zero in this scan: there is no air'
    air = image[air_around(image, mask, MOST_ZEROS)].astype(float)
    if not air.size or not np.median(air):
        return float('nan'), 'no air around the head was found in this scan'
    return float(np.median(image[mask].astype(float) ** 2) / np.median(air**2)), ''


def entropy_focus_criterion(image: np.ndarray) -> float:
    """EFC (Atkinson et al. 1997), 0 (sharp) to 1 (spread).

    Shannon entropy of the intensities relative to that of an image whose energy is spread evenly
    over all voxels.
    """
    values = np.abs(np.asarray(image, float).ravel())
    energy = np.sqrt((values**2).sum())
    n = values.size
    worst = np.sqrt(n) * np.log(np.sqrt(n))
    share = values / energy
    return float(-(share * np.log(share + 1e-16)).sum() / worst)


def bias_effect(
    before: np.ndarray, after: np.ndarray, field: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Measure a bias correction inside the tissues: how much is gone, and what contrast stayed.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (X, Y, Z)
        The scan as measured, and divided by the field.
    field : numpy.ndarray, shape (X, Y, Z)
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
    inside = np.asarray(field)[labels > 0]
    low, high = np.percentile(inside, [1, 99]) if inside.size else (np.nan, np.nan)
    values = {'bias_range': _ratio(high, low)}
    for when, image in (('before', before), ('after', after)):
        white, grey = (
            np.asarray(image)[labels == LABELS[tissue]].astype(np.float64)
            for tissue in ('WM', 'GM')
        )
        values[f'wm_cov_{when}'] = _ratio(_of_any(np.std, white), _of_any(np.mean, white))
        medians = (_of_any(np.median, tissue) for tissue in (white, grey))
        values[f'wm_gm_ratio_{when}'] = _ratio(*medians)
    return {name: float(value) for name, value in values.items()}


def profile(
    image: np.ndarray, labels: np.ndarray, label: int, axis: int, n_bins: int = 10, least: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Median of one tissue in slabs across an axis.

    Parameters
    ----------
    image, labels : numpy.ndarray, shape (X, Y, Z)
    label, axis : int
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


def _of_any(function, values) -> float:
    return float(function(values)) if values.size else float('nan')


def _ratio(numerator, denominator) -> float:
    return numerator / denominator if denominator else np.nan
