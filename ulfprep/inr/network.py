"""The networks a field can be made of: corrections to a first estimate, in world coordinates.

Each is a module that takes :class:`Points` and returns a tensor of shape (n_out, n_points): an
intensity for each contrast, and three tissue logits. Before training they are exactly zero, so
that an untrained field already reproduces the regularised linear inverse. Its
``parameter_groups(options)`` are what Adam is given.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from ulfprep.inr.layers import FourierFeatures, gabor_layers, zero_linear
from ulfprep.inr.options import BACKBONES, FitOptions
from ulfprep.physics.acquisition import apply_matrices
from ulfprep.physics.types import Numbers

#: Points that go through the lattices' network, and through the reference's, at a time.
CHUNK, WIDE_CHUNK = 8192, 4096
#: The reference's Fourier features: how many, and their s.d. in cycles a unit of coordinates.
FREQUENCIES, FREQUENCY_SCALE = 72, 4.0
#: Frequency and envelope of its Gabor units.
W0, S0 = 20.0, 10.0


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a regular box at which a field is asked for its values."""

    #: Positions along each axis of the box, 3 tensors. Without ``pose`` they are the field's own
    #: normalised coordinates, 0 to 1 across its field of view.
    axes: tuple
    inside: torch.Tensor  #: points that are wanted, bool, shape (x, y, z)
    #: Matrix (3, 3) and offset (3,) that take positions along the axes of the box to normalised
    #: coordinates, where the box is turned against the field.
    pose: tuple | None = None

    def coordinates(self) -> torch.Tensor:
        """Normalised coordinates of the wanted points, shape (n, 3)."""
        index = self.inside.nonzero()
        along = torch.stack([axis[index[:, k]] for k, axis in enumerate(self.axes)], dim=1)
        if self.pose is None:
            return along
        matrix, offset = self.pose
        return along @ matrix.T + offset


class LatticeField(nn.Module):
    """Feature lattices of several spacings (mm), read by a small MLP of Gabor layers.

    ``extent`` is the size of the field of view, mm; ``features`` are those of each lattice.
    """

    def __init__(self, extent, spacings, features=4, hidden=24, layers=2, n_out=4):
        super().__init__()
        shapes = [[max(math.ceil(e / s) + 1, 2) for e in extent] for s in spacings]
        self.lattices = nn.ParameterList(
            nn.Parameter(1e-2 * torch.randn(features, *shape)) for shape in shapes
        )
        self.body = nn.Sequential(*gabor_layers(features * len(spacings) + 3, hidden, layers))
        self.head = zero_linear(hidden, n_out)

    def parameter_groups(self, options: FitOptions) -> list[dict]:
        """What is trained, and how fast."""
        mlp = [*self.body.parameters(), *self.head.parameters()]
        return [
            {'params': list(self.lattices), 'lr': options.lattice_rate},
            {'params': mlp, 'lr': options.network_rate},
        ]

    def features_on(self, points: Points) -> torch.Tensor:
        """Lattices interpolated at points, and coordinates; (features * n_lattices + 3, n)."""
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


class WireField(nn.Module):
    """The reference set-up: Fourier features of a point into a wide Gabor MLP.

    As in HULFSynth (Indrakanti and Simpson 2025), on WIRE (Saragadam et al. 2023), kept for
    comparison: 72 Gaussian frequencies of scale 4, 5 hidden layers of 128 real Gabor units with
    w0 = 20 and s0 = 10, trained at 5e-5. ``extent`` is the size of the field of view, mm.
    """

    scale: torch.Tensor

    def __init__(self, extent, hidden: int = 128, layers: int = 5, n_out: int = 4):
        super().__init__()
        scale = torch.as_tensor(extent, dtype=torch.float32)
        # One scale for all axes: a frequency is the same wavelength in every direction.
        self.register_buffer('scale', scale / scale.max().clamp_min(1e-6))
        self.body = nn.Sequential(
            FourierFeatures(FREQUENCIES, FREQUENCY_SCALE),
            *gabor_layers(2 * FREQUENCIES, hidden, layers, W0, S0),
        )
        self.head = zero_linear(hidden, n_out)

    def parameter_groups(self, options: FitOptions) -> list[dict]:
        """What is trained, and how fast."""
        return [{'params': list(self.parameters()), 'lr': options.network_rate}]

    def forward(self, points: Points) -> torch.Tensor:
        where = (2 * points.coordinates() - 1) * self.scale
        parameters = list(self.parameters())
        parts = [_Recomputed.apply(self._values, p, *parameters) for p in where.split(WIDE_CHUNK)]
        return torch.cat(parts).T

    def _values(self, where):
        return self.head(self.body(where))


class Unchanged(nn.Module):
    """No network: the first estimate is the result."""

    def __init__(self, n_out: int):
        super().__init__()
        self.n_out = n_out

    def forward(self, points: Points) -> torch.Tensor:
        n = int(points.inside.count_nonzero())
        return torch.zeros(self.n_out, n, device=points.inside.device)


def build_network(extent: Numbers, options: FitOptions, n_out: int = 4) -> nn.Module:
    """Build the untrained network of ``options.backbone`` over a field of view.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    options : FitOptions
    n_out : int
        Numbers asked of every point.

    Raises
    ------
    ValueError
        If there is no such backbone.
    """
    o = options
    if o.backbone == 'direct':
        return Unchanged(n_out)
    if o.backbone == 'lattice':
        return LatticeField(extent, o.lattice_spacings, o.features, o.hidden, o.layers, n_out)
    if o.backbone == 'wire':
        return WireField(extent, o.hidden, o.layers, n_out)
    raise ValueError(f'no such backbone: {o.backbone}; there are {", ".join(BACKBONES)}')
