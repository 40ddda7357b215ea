"""An image against the truth: intensities, structure, overlap."""

import numpy as np


def match_intensity(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fit ``a * image + b`` to the truth inside the mask (least squares).

    A method is then not paid for guessing the scale. Zero outside the mask.
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

    _, full = structural_similarity(
        np.where(mask, image, 0),
        np.where(mask, truth, 0),
        data_range=data_range,
        full=True,
    )
    return float(full[mask].mean())


def dice(labels: np.ndarray, truth: np.ndarray, label: int) -> float:
    """Overlap ``2 |A and B| / (|A| + |B|)`` of one label; NaN if neither has it."""
    a, b = labels == label, truth == label
    size = a.sum() + b.sum()
    return float(2 * (a & b).sum() / size) if size else float('nan')
