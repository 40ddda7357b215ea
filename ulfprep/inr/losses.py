"""The terms of the fit's objective. All are means, so that their weights carry over."""

import torch


def data_term(predicted, measured, sigma: float):
    """Mean absolute difference between voxels, in units of the noise s.d."""
    return (predicted - measured).abs().mean() / sigma


def segmentation_term(predicted, posterior, epsilon: float = 1e-4):
    """Soft Dice plus cross-entropy between tissue shares, shapes (3, n)."""
    overlap = 2 * (predicted * posterior).sum(-1) + epsilon
    dice = overlap / ((predicted**2).sum(-1) + (posterior**2).sum(-1) + epsilon)
    entropy = -(posterior * torch.log(predicted.clamp_min(epsilon))).sum(0).mean()
    return (1 - dice).mean() + entropy


def total_variation(volume, inside, spacing: float, floor: float = 1e-3):
    """Isotropic total variation per millimetre, over neighbours that are both inside.

    Parameters
    ----------
    volume : tensor, shape (c, x, y, z)
    inside : tensor of bool, shape (x, y, z)
    spacing : float
        Distance of neighbours, mm.
    floor : float
        Smooths the absolute value at zero; gradients below it count quadratically.

    Returns
    -------
    tensor, scalar
        Mean over points and channels.
    """
    core = volume[:, :-1, :-1, :-1]
    both = inside[:-1, :-1, :-1]
    squared = torch.zeros_like(core)
    for axis in range(3):
        shift = [slice(None, -1)] * 3
        shift[axis] = slice(1, None)
        neighbour = volume[(slice(None), *shift)]
        squared = squared + (neighbour - core) ** 2 * (both & inside[tuple(shift)])
    gradient = torch.sqrt(squared / spacing**2 + floor**2) - floor
    return (gradient * both).sum() / (both.sum().clamp_min(1) * volume.shape[0])


def class_term(intensity, probs, means, spread: float):
    """Squared distance of intensities to the target mean of their tissue, in ``spread``.

    Parameters
    ----------
    intensity : tensor, shape (n,)
    probs : tensor, shape (3, n)
    means : tensor, shape (3,)
    spread : float
        S.d. of the intensities of one tissue, same units as ``means``.
    """
    distance = (intensity[None] - means[:, None]) / spread
    return 0.5 * (probs * distance**2).sum(0).mean()
