"""Layers of the networks; their bits do not follow the number of threads."""

import math

import torch
from torch import nn

#: Points whose contributions to a weight are added up by one thread.
ROWS = 128


class _Linear(torch.autograd.Function):
    """``x W^T + b``, with the gradient of ``W`` summed in an order of our own.

    It is a product over all points. Where the library that multiplies matrices shares these out
    among threads, its result follows their number.
    """

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.addmm(bias, x, weight.t())

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        back = gradient @ weight if ctx.needs_input_grad[0] else None
        # A batch of one would be a single product again.
        whole = len(x) // ROWS * ROWS if len(x) >= 2 * ROWS else 0
        of_weight = torch.zeros_like(weight)
        if whole:
            rows = gradient[:whole].view(-1, ROWS, gradient.shape[1])
            points = x[:whole].reshape(-1, ROWS, x.shape[1])
            of_weight += torch.bmm(rows.transpose(1, 2), points).sum(0)
        if whole < len(x):
            of_weight += (gradient[whole:, :, None] * x[whole:, None]).sum(0)
        return back, of_weight, gradient.sum(0)


class Linear(nn.Linear):
    """:class:`torch.nn.Linear` of points, (n, n_in) to (n, n_out)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Linear.apply(x, self.weight, self.bias)


def zero_linear(n_in: int, n_out: int) -> Linear:
    """Return a linear layer that gives zero until it is trained."""
    layer = Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _Gabor(torch.autograd.Function):
    """``cos(w0 u) exp(-(s0 v)^2)`` of pairs (n, 2 n_out) of ``u`` and ``v``.

    Fused: memory traffic, not arithmetic, is what the activation costs on a CPU.
    """

    @staticmethod
    def forward(ctx, pair, frequency, scale):
        wave, envelope = pair.chunk(2, dim=-1)
        angle = frequency * wave
        window = (scale * envelope).square_().neg_().exp_()
        ctx.save_for_backward(pair, window)
        ctx.constants = frequency, scale
        return angle.cos_().mul_(window)

    @staticmethod
    def backward(ctx, gradient):
        pair, window = ctx.saved_tensors
        frequency, scale = ctx.constants
        wave, envelope = pair.chunk(2, dim=-1)
        angle = frequency * wave
        common = gradient * window
        out = torch.empty_like(pair)
        d_wave, d_envelope = out.chunk(2, dim=-1)
        torch.mul(angle.cos(), envelope, out=d_envelope)
        d_envelope.mul_(common).mul_(-2 * scale**2)
        d_wave.copy_(angle.sin_().mul_(common).mul_(-frequency))
        return out, None, None


class GaborLayer(nn.Module):
    """A real Gabor wavelet of two linear maps, (n, n_in) to (n, n_out); see :class:`_Gabor`."""

    def __init__(self, n_in: int, n_out: int, frequency: float = 4.0, scale: float = 1.0):
        super().__init__()
        self.frequency, self.scale = frequency, scale
        self.linear = Linear(n_in, 2 * n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _Gabor.apply(self.linear(x), self.frequency, self.scale)


def gabor_layers(n_in: int, width: int, count: int, *constants: float) -> list[GaborLayer]:
    """Return Gabor layers that follow each other; ``constants`` are frequency and scale."""
    return [GaborLayer(width if k else n_in, width, *constants) for k in range(count)]


class FourierFeatures(nn.Module):
    """Sines and cosines of random projections (Tancik et al. 2020), (n, 3) to (n, 2 count).

    ``scale`` is the s.d. of the frequencies, cycles a unit of coordinates; nothing is trained.
    """

    frequencies: torch.Tensor

    def __init__(self, count: int, scale: float):
        super().__init__()
        self.register_buffer('frequencies', 2 * math.pi * scale * torch.randn(3, count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        angle = x @ self.frequencies
        return torch.cat([angle.sin(), angle.cos()], dim=-1)
