"""Contrast and noise metrics of tissues."""

import numpy as np

from ulfprep.physics.types import Numbers

#: Share of zeros beside the brain (beyond the field of view, say) from which on there is no air.
MOST_ZEROS = 0.5


def tissue_means(image: np.ndarray, probs: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Mean of each tissue over the points that are most likely of it, shape (3,)."""
    return np.array([_mean(image[p > threshold]) for p in probs])


def tissue_sds(image: np.ndarray, probs: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Standard deviation of each tissue over the same points, shape (3,)."""
    return np.array([_sd(image[p > threshold]) for p in probs])


def coefficient_of_joint_variation(means: Numbers, sds: Numbers) -> float:
    """CJV of white and grey matter, ``(s_WM + s_GM) / |m_WM - m_GM|`` (Ganzetti et al. 2016)."""
    return float((sds[2] + sds[1]) / abs(means[2] - means[1]))


def contrast_to_noise(means: Numbers, sigma: float, pair: tuple[int, int] = (2, 1)) -> float:
    """CNR of two tissues, ``(m_a - m_b) / sigma``; of white and grey matter by default."""
    return float((means[pair[0]] - means[pair[1]]) / sigma)


def foreground_to_background(image: np.ndarray, mask: np.ndarray) -> tuple[float, str]:
    """FBER: median energy of the brain over that of the air around the head.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Magnitude image as measured.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.

    Returns
    -------
    ratio : float
        NaN where it cannot be had.
    reason : str
        Why; empty else.
    """
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
    """EFC (Atkinson et al. 1997) over the brain's bounding values, 0 (sharp) to 1 (spread).

    Shannon entropy of the intensities relative to that of an image whose energy is
    spread evenly over all voxels.
    """
    values = np.abs(np.asarray(image, float).ravel())
    energy = np.sqrt((values**2).sum())
    n = values.size
    worst = np.sqrt(n) * np.log(np.sqrt(n))
    share = values / energy
    return float(-(share * np.log(share + 1e-16)).sum() / worst)


def _mean(values):
    return float(values.mean()) if values.size else float('nan')


def _sd(values):
    return float(values.std()) if values.size else float('nan')
