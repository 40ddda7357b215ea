"""Fields whose network takes coordinates themselves, not features of lattices."""

from typing import Any

import torch
from torch import nn

from ulfprep.inr.linear import Linear
from ulfprep.inr.points import Points

#: Points that go through such a network at a time.
CHUNK = 4096


class _Recomputed(torch.autograd.Function):
    """A network of points whose activations are computed once more on the way back.

    Kept instead, those of a wide network at every point of a block are gigabytes.
    """

    @staticmethod
    def forward(ctx, network, points, *parameters):
        ctx.network = network
        ctx.save_for_backward(points, *parameters)
        return network(points)

    @staticmethod
    def backward(ctx, gradient):
        points, *parameters = ctx.saved_tensors
        with torch.enable_grad():
            values = ctx.network(points)
        return None, None, *torch.autograd.grad(values, parameters, gradient)


class CoordinateField(nn.Module):
    """Corrections to intensity and tissue logits at any point, by a network of the point alone.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    body : torch.nn.Module
        Takes coordinates (n, 3), from -1 to 1 along the longest axis and in proportion along
        the others, to features (n, width).
    width : int
        Features that ``body`` returns.
    n_out : int
        Numbers a point.
    """

    scale: torch.Tensor

    def __init__(self, extent, body: nn.Module, width: int, n_out: int = 4):
        super().__init__()
        scale = torch.as_tensor(extent, dtype=torch.float32)
        # One scale for all axes: a frequency is the same wavelength in every direction.
        self.register_buffer('scale', scale / scale.max().clamp_min(1e-6))
        self.body = body
        self.head = Linear(width, n_out)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def parameter_groups(self, options: Any) -> list[dict]:
        """What is trained, and how fast."""
        return [{'params': list(self.parameters()), 'lr': options.network_rate}]

    def forward(self, points: Points) -> torch.Tensor:
        """Corrections at the wanted points, shape (n_out, n)."""
        where = (2 * points.coordinates() - 1) * self.scale
        parameters = list(self.parameters())
        parts = [_Recomputed.apply(self._values, p, *parameters) for p in where.split(CHUNK)]
        return torch.cat(parts).T

    def _values(self, where):
        return self.head(self.body(where))
