"""The reference set-up: Fourier features into a wide Gabor MLP.

As in HULFSynth (Indrakanti and Simpson 2025), kept for comparison: 72 Gaussian frequencies of
scale 4, 5 hidden layers of 128 real Gabor units with w0 = 20 and s0 = 10, trained at 5e-5.
"""

import math

import torch
from torch import nn

from ulfprep.inr.coordinate import CoordinateField
from ulfprep.inr.network import GaborLayer

#: Fourier features: how many frequencies, and their s.d. in cycles a unit of coordinates.
FREQUENCIES, FREQUENCY_SCALE = 72, 4.0
#: Frequency and envelope of the Gabor units.
W0, S0 = 20.0, 10.0


class FourierFeatures(nn.Module):
    """Sines and cosines of random projections (Tancik et al. 2020); nothing is trained."""

    frequencies: torch.Tensor

    def __init__(self, count: int = FREQUENCIES, scale: float = FREQUENCY_SCALE):
        super().__init__()
        self.register_buffer('frequencies', 2 * math.pi * scale * torch.randn(3, count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 3) to (n, 2 * count)."""
        angle = x @ self.frequencies
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class WireField(CoordinateField):
    """Corrections to intensity and tissue logits at any point, by the reference's network.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    hidden, layers : int
        Width and number of the Gabor layers.
    n_out : int
        Numbers a point.
    """

    def __init__(self, extent, hidden: int = 128, layers: int = 5, n_out: int = 4):
        widths = [2 * FREQUENCIES] + [hidden] * layers
        gabor = (GaborLayer(a, b, W0, S0) for a, b in zip(widths[:-1], widths[1:], strict=True))
        super().__init__(extent, nn.Sequential(FourierFeatures(), *gabor), hidden, n_out)
