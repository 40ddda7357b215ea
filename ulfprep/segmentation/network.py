"""The network that knows what brains look like: its architecture, its input and its classes.

A small residual U-Net in plain torch. It sees any subset of T1w, T2w and FLAIR on one 1 mm
lattice in RAS order, and says of every voxel of the brain mask how probable each class is.
Training and inference share everything in this file.
"""

import torch
from torch import nn
from torch.nn import functional as F

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
    """Class scores of every voxel from scans on a 1 mm lattice.

    Parameters
    ----------
    widths : sequence of int
        Features at each level; every level halves the resolution.
    """

    def __init__(self, widths=WIDTHS):
        super().__init__()
        n = len(widths)
        self.stem = Conv(2 * len(CHANNELS) + 1, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            Conv(widths[k], widths[k + 1], 2, stride=2) for k in range(n - 1)
        )
        self.position = Conv(3, widths[POSITION_LEVEL], 1)
        self.encode = nn.ModuleList(Block(w) for w in widths[1:])
        self.up = nn.ModuleList(Conv(widths[k + 1], widths[k], 1) for k in range(n - 1))
        self.decode = nn.ModuleList(Block(w) for w in widths[1:-1])
        self.fuse = Conv(widths[0], widths[0], 3, padding=1)
        self.norms = nn.ModuleList(Norm(widths[0]) for _ in range(3))
        self.head = Conv(widths[0], len(CLASSES), 1)
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
        """Return class scores.

        Parameters
        ----------
        x : torch.Tensor, shape (B, 7, X, Y, Z)
            Of :func:`stack`; sides are multiples of :data:`STRIDE`.
        hints : torch.Tensor, shape (B, 12)
            Of :func:`describe`, float32.
        centre : torch.Tensor, shape (B, 3)
            Where the centroid of the brain mask lies, voxel index of ``x``; float32.

        Returns
        -------
        torch.Tensor, shape (B, 9, X, Y, Z)
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
