"""The network that knows what brains look like: its classes, architecture, weights and input.

A small residual U-Net in plain torch. It sees any subset of T1w, T2w and FLAIR on one 1 mm
lattice in RAS order, and says of every voxel of the brain mask how probable each class is.
Training and inference share everything in this file, so that they cannot drift apart.
"""

import hashlib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ulfprep.physics.grid import Grid, aligned_offsets, are_aligned
from ulfprep.physics.interpolation import carry

#: Scans that it can see, in the order of its input.
CHANNELS = ('T1w', 'T2w', 'FLAIR')
#: What it tells apart, and the tissue that each class belongs to.
CLASSES = {
    'other': None,
    'CSF': 'CSF',
    'ventricles': 'CSF',
    'cortex': 'GM',
    'white matter': 'WM',
    'deep grey': 'GM',
    'cerebellar cortex': 'GM',
    'cerebellar white matter': 'WM',
    'brain stem': 'WM',
}
#: Features at 1, 2, 4, 8 and 16 mm.
WIDTHS = (16, 32, 64, 80, 80)
#: Numbers that describe one scan: whether it is there, log2 of its voxel size along the axes.
HINTS = 4
#: Level at which positions in the brain enter, and the length they are in units of, mm.
POSITION_LEVEL, POSITION_UNIT = 2, 80.0
#: Multiple that the sides of its input must be of, voxels.
STRIDE = 2 ** (len(WIDTHS) - 1)
#: Shortest side, in voxels, up to which convolutions are done in single precision: the gradient
#: that oneDNN returns for bfloat16 where a side is 2 is memory that nobody wrote.
SMALLEST = 2
#: Times the mean of the brain at which intensities are cut.
BRIGHTEST = 6.0
#: Factor of what is left when the mean of the brain is taken from a levelled scan.
CONTRAST = np.float32(2)


class Conv(nn.Conv3d):
    """A convolution in the precision of its input; its weights stay in single precision."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the type of ``x``."""
        if x.dtype == torch.bfloat16 and min(x.shape[2:]) <= SMALLEST:
            return self(x.float()).to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.conv3d(x, self.weight.to(x.dtype), bias, self.stride, self.padding)


class Norm(nn.GroupNorm):
    """Group normalisation in the precision of its input."""

    def __init__(self, width: int):
        super().__init__(4, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the type of ``x``."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.group_norm(x, self.num_groups, weight, bias, self.eps)


class Block(nn.Module):
    """Two convolutions added to what comes in, steered by what is known of the scans."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = (Conv(width, width, 3, padding=1) for _ in range(2))
        self.steer = nn.Linear(HINTS * len(CHANNELS), 2 * width)
        self.inner, self.outer = Norm(width), Norm(width)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)

    def forward(self, x: torch.Tensor, hints: torch.Tensor) -> torch.Tensor:
        """Return features of the shape of ``x``."""
        scale, shift = self.steer(hints).to(x.dtype)[..., None, None, None].chunk(2, dim=1)
        y = F.leaky_relu(torch.addcmul(shift, self.inner(self.first(x)), 1 + scale), 0.1, True)
        return F.leaky_relu(self.outer(x + self.second(y)), 0.1, True)


class TissueNet(nn.Module):
    """Class scores of every voxel from scans on a 1 mm lattice."""

    def __init__(self):
        super().__init__()
        finest, steps = WIDTHS[0], list(pairwise(WIDTHS))
        self.stem = Conv(2 * len(CHANNELS) + 1, finest, 3, padding=1)
        self.down = nn.ModuleList(Conv(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.position = Conv(3, WIDTHS[POSITION_LEVEL], 1)
        self.encode = nn.ModuleList(Block(w) for w in WIDTHS[1:])
        self.up = nn.ModuleList(Conv(coarse, fine, 1) for fine, coarse in steps)
        self.decode = nn.ModuleList(Block(w) for w in WIDTHS[1:-1])
        self.fuse = Conv(finest, finest, 3, padding=1)
        self.norms = nn.ModuleList(Norm(finest) for _ in range(3))
        self.head = Conv(finest, len(CLASSES), 1)
        self._start()

    def _start(self):
        """Start with features of about one size at every depth."""
        for module in self.modules():
            if isinstance(module, Conv):
                nn.init.kaiming_normal_(module.weight, 0.1)
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Block):  # close to the identity
                    module.second.weight.mul_(0.2)
            for module in self.up:
                module.weight.mul_(0.7)
            self.head.weight.mul_(0.3)

    def forward(self, x: torch.Tensor, hints: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
        """Return class scores, shape (B, 9, X, Y, Z).

        Parameters
        ----------
        x : torch.Tensor, shape (B, 7, X, Y, Z)
            Of :func:`stack`; sides are multiples of :data:`STRIDE`.
        hints : torch.Tensor, shape (B, 12)
            Of :func:`describe`, float32.
        centre : torch.Tensor, shape (B, 3)
            Where the centroid of the brain mask lies, voxel index of ``x``; float32.
        """
        x = F.leaky_relu(self.norms[0](self.stem(x)), 0.1, True)
        skips = [x]
        for level, (down, block) in enumerate(zip(self.down, self.encode, strict=True), 1):
            x = down(x)
            if level == POSITION_LEVEL:
                x = x + self.position(_positions(x, 2**level, centre))
            x = block(x, hints)
            skips.append(x)
        skips.pop()
        # In place and a step a line: features at 1 mm are what the memory of a scan goes into.
        for level in reversed(range(len(self.up))):
            x = F.interpolate(self.up[level](x), scale_factor=2, mode='nearest')
            x += skips.pop()
            if level:
                x = self.decode[level - 1](x, hints)
        x = self.norms[1](x)
        x = self.fuse(F.leaky_relu(x, 0.1, True))
        x = self.norms[2](x)
        return self.head(F.leaky_relu(x, 0.1, True))


def _positions(x, step, centre):
    """Distance of every coarse voxel from the brain's centroid along the axes."""
    axes = []
    for axis, n in enumerate(x.shape[2:]):
        middle = torch.arange(n, device=x.device, dtype=torch.float32) * step + (step - 1) / 2
        at = (middle[None] - centre[:, axis : axis + 1]) / POSITION_UNIT
        shape = [len(centre), 1, 1, 1]
        shape[axis + 1] = n
        axes.append(at.reshape(shape).expand(len(centre), *x.shape[2:]))
    return torch.stack(axes, dim=1).to(x.dtype)


def weights_file() -> Any:
    """Return the file of the network's weights that ships with the package."""
    return files('ulfprep.data') / 'tissue_network.npz'


def write_weights(file: Path, state: dict) -> None:
    """Write a :meth:`TissueNet.state_dict` as a NumPy archive: half precision, no pickle."""
    arrays = {
        name: value.detach().cpu().numpy().astype(np.float16) for name, value in state.items()
    }
    np.savez_compressed(file, **arrays)


def read_network(file: Path) -> TissueNet:
    """Build the network from a file of :func:`write_weights`.

    Raises
    ------
    ValueError
        If the file holds the weights of another network.
    """
    net = TissueNet()
    with np.load(file, allow_pickle=False) as found:
        state = {k: torch.from_numpy(found[k].astype(np.float32)) for k in found.files}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f'{file} holds the weights of another network: {error}') from error
    return net.eval()


def digest(file: Path) -> str:
    """SHA-256 of a file of weights."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def lay(scan: np.ndarray, grid: Grid, lattice: Grid) -> np.ndarray:
    """Interpolate a scan onto the lattice, however turned, shape (2, *lattice.shape), float32.

    By linear interpolation, and by the nearest voxel, which shows where the slices are.
    """
    scan = np.asarray(scan, np.float32)
    if not are_aligned(grid, lattice):
        return np.stack([carry(scan, grid, lattice, order=k) for k in (1, 0)])
    linear, nearest = scan, scan
    for axis, at in enumerate(aligned_offsets(grid, lattice)):
        n = grid.shape[axis]
        # The outermost voxels are extended by the half voxel that is their own.
        inside = ((at >= -0.5 - 1e-3) & (at <= n - 0.5 + 1e-3)).astype(np.float32)
        held = np.clip(at, 0, n - 1)
        low = np.minimum(np.floor(held).astype(int), max(n - 2, 0))
        high = np.minimum(low + 1, n - 1)
        shape = [1, 1, 1]
        shape[axis] = len(at)
        weight = (held - low).astype(np.float32).reshape(shape)
        inside = inside.reshape(shape)
        below, above = linear.take(low, axis), linear.take(high, axis)
        linear = (below + weight * (above - below)) * inside
        nearest = nearest.take(np.floor(held + 0.5).astype(int), axis) * inside
    return np.stack([linear, nearest])


def stack(laid: dict, levels: dict, mask: np.ndarray) -> np.ndarray:
    """Put the network's input together, shape (7, X, Y, Z), float32; missing scans are zero.

    Parameters
    ----------
    laid : dict of str to numpy.ndarray, shape (2, X, Y, Z)
        Scans on the lattice (:func:`lay`) by channel.
    levels : dict of str to float
        What each is divided by.
    """
    out = np.zeros((2 * len(CHANNELS) + 1, *mask.shape), np.float32)
    for k, name in enumerate(CHANNELS):
        if name in laid:
            scaled = laid[name] * np.float32(1 / levels[name])
            # Contrast between tissues is a small part of the signal: take the mean away.
            out[2 * k : 2 * k + 2] = CONTRAST * (np.clip(scaled, 0, BRIGHTEST) - 1) * mask
    out[-1] = mask
    return out


def describe(voxel_sizes: dict) -> np.ndarray:
    """Hints to the network, shape (12,), float32: which scans there are, how large their voxels.

    These are the sizes at acquisition along the axes of the lattice, mm, by channel.
    """
    out = np.zeros((len(CHANNELS), HINTS), np.float32)
    for k, name in enumerate(CHANNELS):
        if name in voxel_sizes:
            out[k] = 1, *np.log2(np.maximum(voxel_sizes[name], 0.5))
    return out.ravel()
