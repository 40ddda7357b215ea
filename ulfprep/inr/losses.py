"""The terms of the fit's objective. All are means, so that their weights carry over."""

import math

import torch

#: Ways to compare voxels, see :func:`data_term`.
LIKELIHOODS = ('mae', 'rician')
#: Numbers that one thread adds up at a time.
ROW = 1024


def total(values: torch.Tensor) -> torch.Tensor:
    """Sum of all elements, the same bits whatever the number of threads.

    Of large tensors PyTorch gives every thread a part, so that the order of the additions
    follows the number of parts. Sums of short rows do not, nor does what is left of them.
    """
    values = values.reshape(-1)
    while len(values) > ROW:
        whole = len(values) // ROW * ROW
        rows = values[:whole].view(-1, ROW).sum(1)
        values = torch.cat([rows, values[whole:].sum(0, keepdim=True)])
    return values.sum()


def average(values: torch.Tensor) -> torch.Tensor:
    """Mean of all elements, see :func:`total`."""
    return total(values) / values.numel()


def data_term(
    predicted: torch.Tensor, measured: torch.Tensor, sigma: float, likelihood: str = 'mae'
) -> torch.Tensor:
    """How far the scan is from what the field predicts, in units of the noise.

    Parameters
    ----------
    predicted, measured : tensor, shape (n,)
        Noise-free signal of the voxels, and their magnitude in the scan.
    sigma : float
        Noise s.d., same units.
    likelihood : str
        ``mae``, the mean absolute difference over ``sigma``; or ``rician``, see
        :func:`rician_term`.

    Raises
    ------
    ValueError
        If there is no such likelihood.
    """
    if likelihood == 'mae':
        return average((predicted - measured).abs()) / sigma
    if likelihood == 'rician':
        return rician_term(predicted, measured, sigma)
    raise ValueError(f'no such likelihood: {likelihood}; there are {", ".join(LIKELIHOODS)}')


def rician_term(predicted: torch.Tensor, measured: torch.Tensor, sigma: float) -> torch.Tensor:
    """Negative log-likelihood of magnitudes ``y`` of signals ``s`` in complex noise.

    Mean of ``(y - |s|)^2 / 2 sigma^2 - log(exp(-x) I0(x))`` with ``x = y |s| / sigma^2``
    (Gudbjartsson and Patz 1995), less its value at ``s = y``: bright and dark parts of the
    brain then count from one zero. The exponentially scaled Bessel function neither
    overflows nor vanishes. The mean is multiplied by
    ``sqrt(pi / 2)``: where the residual is noise, the mean absolute gradient is then that of
    the mean absolute error, so that the weights of the other terms keep their meaning.
    """
    # The sign of a signal cannot be seen in its magnitude.
    signal, magnitude = predicted.abs() / sigma, measured / sigma
    bessel = torch.log(torch.special.i0e(signal * magnitude) / torch.special.i0e(magnitude**2))
    return math.sqrt(math.pi / 2) * average(0.5 * (magnitude - signal) ** 2 - bessel)


def segmentation_term(
    predicted: torch.Tensor, posterior: torch.Tensor, epsilon: float = 1e-4
) -> torch.Tensor:
    """Soft Dice plus cross-entropy between tissue shares, shapes (3, n)."""
    overlap = 2 * _each(predicted * posterior) + epsilon
    dice = overlap / (_each(predicted**2) + _each(posterior**2) + epsilon)
    entropy = average(-(posterior * torch.log(predicted.clamp_min(epsilon))).sum(0))
    return (1 - dice).mean() + entropy


def _each(values):
    """Sum of every row."""
    return torch.stack([total(row) for row in values])


def total_variation(
    volume: torch.Tensor, inside: torch.Tensor, spacing: float, floor: float = 1e-3
) -> torch.Tensor:
    """Isotropic total variation per millimetre, over neighbours that are both inside.

    A mean over points and channels of a ``volume`` (c, x, y, z) whose points are ``spacing`` mm
    apart. Gradients below ``floor`` count quadratically: it smooths the absolute value at zero.
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
    return total(gradient * both) / (both.sum().clamp_min(1) * volume.shape[0])


def class_term(
    intensity: torch.Tensor, probs: torch.Tensor, means: torch.Tensor, spread: float
) -> torch.Tensor:
    """Squared distance of intensities (n,) to the target mean (3,) of their tissue (3, n).

    In units of ``spread``, the s.d. of the intensities of one tissue.
    """
    distance = (intensity[None] - means[:, None]) / spread
    return 0.5 * average((probs * distance**2).sum(0))
