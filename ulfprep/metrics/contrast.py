"""Contrast and noise metrics of tissues."""

import numpy as np


def tissue_means(image, probs, threshold: float = 0.5):
    """Mean of each tissue over the points that are most likely of it, shape (3,)."""
    return np.array([_mean(image[p > threshold]) for p in probs])


def tissue_sds(image, probs, threshold: float = 0.5):
    """Standard deviation of each tissue over the same points, shape (3,)."""
    return np.array([_sd(image[p > threshold]) for p in probs])


def coefficient_of_joint_variation(means, sds) -> float:
    """CJV of white and grey matter, ``(s_WM + s_GM) / |m_WM - m_GM|`` (Ganzetti et al. 2016)."""
    return float((sds[2] + sds[1]) / abs(means[2] - means[1]))


def contrast_to_noise(means, sigma: float) -> float:
    """CNR of white and grey matter, ``(m_WM - m_GM) / sigma``."""
    return float((means[2] - means[1]) / sigma)


def entropy_focus_criterion(image) -> float:
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
