"""Sinusoidal representation network (SIREN, Sitzmann et al. 2020)."""

import math

import torch
from torch import nn

from ulfprep.inr.coordinate import CoordinateField
from ulfprep.inr.linear import Linear

#: Frequency of the sines.
W0 = 30.0


class SineLayer(nn.Module):
    """``sin(w0 (A x + b))``, with weights drawn so that depth does not change the spread."""

    def __init__(self, n_in: int, n_out: int, first: bool = False):
        super().__init__()
        self.linear = Linear(n_in, n_out)
        bound = 1 / n_in if first else math.sqrt(6 / n_in) / W0
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        """Map (n, n_in) to (n, n_out)."""
        return torch.sin(W0 * self.linear(x))


class SirenField(CoordinateField):
    """Corrections to intensity and tissue logits at any point, by sines of sines.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    hidden, layers : int
        Width and number of the sine layers.
    n_out : int
        Numbers a point.
    """

    def __init__(self, extent, hidden: int = 128, layers: int = 4, n_out: int = 4):
        widths = [3] + [hidden] * layers
        pairs = zip(widths[:-1], widths[1:], strict=True)
        sines = (SineLayer(a, b, first=k == 0) for k, (a, b) in enumerate(pairs))
        super().__init__(extent, nn.Sequential(*sines), hidden, n_out)
