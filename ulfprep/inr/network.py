"""The field: a continuous image and its tissues, in world coordinates.

Feature lattices of several spacings feed a small MLP with Gabor-wavelet activations
(WIRE, Saragadam et al. 2023). Its outputs correct a linear first estimate and start at
zero, so that an untrained field already reproduces the regularised linear inverse.
"""

import math
from typing import Any

import torch
from torch import nn

from ulfprep.inr.linear import Linear
from ulfprep.inr.points import Points
from ulfprep.physics.acquisition import apply_matrices

#: Points that go through the network at a time.
CHUNK = 8192


class _Gabor(torch.autograd.Function):
    """Fused activation: memory traffic, not arithmetic, is what it costs on a CPU."""

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
    """``cos(w0 A x) exp(-(s0 B x)^2)``: a real Gabor wavelet of two linear maps."""

    def __init__(self, n_in: int, n_out: int, frequency: float = 4.0, scale: float = 1.0):
        super().__init__()
        self.frequency, self.scale = frequency, scale
        self.linear = Linear(n_in, 2 * n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, n_in) to (n, n_out)."""
        return _Gabor.apply(self.linear(x), self.frequency, self.scale)


class LatticeField(nn.Module):
    """Corrections to intensity and tissue logits at any point: feature lattices and a small MLP.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    spacings : sequence of float
        Spacing of each feature lattice, mm.
    features : int
        Features a lattice holds.
    hidden, layers : int
        Width and number of the Gabor layers.
    n_out : int
        Numbers a point.
    """

    def __init__(
        self, extent, spacings=(10.0, 5.0, 2.5), features=4, hidden=24, layers=2, n_out=4
    ):
        super().__init__()
        shapes = [[max(math.ceil(e / s) + 1, 2) for e in extent] for s in spacings]
        self.lattices = nn.ParameterList(
            nn.Parameter(1e-2 * torch.randn(features, *shape)) for shape in shapes
        )
        widths = [features * len(spacings) + 3] + [hidden] * layers
        self.body = nn.Sequential(
            *(GaborLayer(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        )
        self.head = Linear(hidden, n_out)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def parameter_groups(self, options: Any) -> list[dict]:
        """What is trained, and how fast."""
        mlp = [*self.body.parameters(), *self.head.parameters()]
        return [
            {'params': list(self.lattices), 'lr': options.lattice_rate},
            {'params': mlp, 'lr': options.network_rate},
        ]

    def features_on(self, points: Points) -> torch.Tensor:
        """Interpolate the lattices at points.

        Parameters
        ----------
        points : Points

        Returns
        -------
        tensor, shape (features * n_lattices + 3, n)
        """
        if points.pose is not None:
            return self._gathered(points.coordinates())
        columns = []
        for lattice in self.lattices:
            matrices, block = [], lattice
            for axis, position in enumerate(points.axes):
                matrix, start, stop = interpolation_matrix(position, lattice.shape[axis + 1])
                matrices.append(matrix)
                block = block.narrow(axis + 1, start, stop - start)
            columns.append(apply_matrices(matrices, block).flatten(1))
        shape = points.inside.shape
        for axis, position in enumerate(points.axes):
            view = [1, 1, 1]
            view[axis] = -1
            columns.append((2 * position - 1).view(view).expand(shape).reshape(1, -1))
        wanted = points.inside.flatten().nonzero().squeeze(1)
        return torch.cat(columns).index_select(1, wanted)

    def _gathered(self, coordinates):
        """The same at points that lie on no box of the lattices' own axes."""
        centred = 2 * coordinates - 1
        # The sampler's axes run from the last to the first.
        where = centred.flip(1)[None, None, None]
        columns = [
            nn.functional.grid_sample(
                lattice[None], where, padding_mode='border', align_corners=True
            )[0, :, 0, 0]
            for lattice in self.lattices
        ]
        return torch.cat([*columns, centred.T])

    def forward(self, points: Points) -> torch.Tensor:
        """Corrections at the wanted points, shape (n_out, n)."""
        features = self.features_on(points)
        # Chunks that stay in the processor's cache are several times as fast.
        parts = [self.head(self.body(part.T)).T for part in features.split(CHUNK, dim=1)]
        return torch.cat(parts, dim=1)


def interpolation_matrix(position: torch.Tensor, n: int) -> tuple[torch.Tensor, int, int]:
    """Linear interpolation weights from ``n`` lattice points over 0..1 to ``position``.

    Returns
    -------
    matrix : tensor, shape (len(position), stop - start)
    start, stop : int
        The lattice points that are needed at all.
    """
    index = position.clamp(0, 1) * (n - 1)
    low = index.floor().long().clamp(max=n - 2)
    start, stop = int(low.min()), int(low.max()) + 2
    part = (index - low).to(torch.float32)
    matrix = torch.zeros(len(position), stop - start, device=position.device)
    rows = torch.arange(len(position), device=position.device)
    matrix[rows, low - start] = 1 - part
    matrix[rows, low - start + 1] = part
    return matrix, start, stop
