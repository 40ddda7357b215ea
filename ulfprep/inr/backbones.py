"""The networks a field can be made of, by name.

Each is a module called with :class:`ulfprep.inr.points.Points` that returns a tensor of shape
(n_out, n_points): corrections to the first estimate, exactly zero before training. Its
``parameter_groups(options)`` are what Adam is given.
"""

from typing import Any

import torch
from torch import nn

from ulfprep.inr.network import LatticeField
from ulfprep.inr.options import BACKBONES
from ulfprep.inr.wire import WireField
from ulfprep.physics.types import Numbers


class Unchanged(nn.Module):
    """No network: the first estimate is the result."""

    def __init__(self, n_out: int):
        super().__init__()
        self.n_out = n_out

    def forward(self, points: Any) -> torch.Tensor:
        """Corrections at the wanted points, shape (n_out, n): none."""
        n = int(points.inside.count_nonzero())
        return torch.zeros(self.n_out, n, device=points.inside.device)


def build_network(extent: Numbers, options: Any, n_out: int = 4) -> torch.nn.Module:
    """Build an untrained network over a field of view.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    options : FitOptions
    n_out : int
        Numbers asked of every point: an intensity for each contrast, and three tissue logits.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such backbone.
    """
    if options.backbone == 'direct':
        return Unchanged(n_out)
    if options.backbone == 'lattice':
        return LatticeField(
            extent,
            options.lattice_spacings,
            options.features,
            options.hidden,
            options.layers,
            n_out,
        )
    if options.backbone == 'wire':
        return WireField(extent, options.hidden, options.layers, n_out)
    raise ValueError(f'no such backbone: {options.backbone}; there are {", ".join(BACKBONES)}')
