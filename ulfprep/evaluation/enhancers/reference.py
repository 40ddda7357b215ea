"""The reference's set-up: its network, random points, no point-spread function.

As Indrakanti and Simpson (2025) publish it: 72 Fourier features, five layers of 128 Gabor units,
Adam at 5e-5, random voxels of the scan in every step, each compared with the field at its centre
alone (no PSF), 1000 times the mean absolute error and 100 times Dice and cross-entropy against
the tissues of the scan. Bias field, tissues and contrast vector are ulfprep's, so that what
differs is the field and its training. Their small total variation is left out: between points
drawn at random it compares voxels that are no neighbours.
"""

import numpy as np
import torch

from ulfprep.evaluation.prepare import Enhanced, Prepared
from ulfprep.inr.losses import segmentation_term
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import resample_mask

#: Weights of the two terms of the objective.
DATA, SEGMENTATION = 1000.0, 100.0
#: Steps of the published training, and points in each.
STEPS, POINTS = 15000, 36864
#: Points that go through the network at a time.
CHUNK = 4096


def reference(given: Prepared, seed: int, *, steps: int = STEPS, points: int = POINTS) -> Enhanced:
    """Train the reference's field on a scan, ``points`` a step, and render it at 1 mm.

    The seed is that of the network and of the points; ``passes`` of the result are the steps.
    """
    fine = isotropic_grid(given.grid)
    to_unit = _normaliser(fine)
    voxels = np.argwhere(given.mask)
    where = torch.as_tensor(to_unit(voxels, given.grid), dtype=torch.float32)
    white = np.float32(given.plan.means[2])
    seen = torch.as_tensor(given.scan[given.mask] / white)
    posterior = torch.as_tensor(np.ascontiguousarray(given.probs[:, given.mask]))
    contrast = torch.as_tensor(np.array(given.plan.contrast_vector, np.float32))[:, None]
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, optimiser = _network()
    points = min(points, len(voxels))
    for _ in range(steps):
        chosen = torch.as_tensor(rng.choice(len(voxels), points, replace=False))
        intensity, probs = _evaluate(network, where[chosen])
        predicted = intensity * (probs * contrast).sum(0)
        loss = DATA * (predicted - seen[chosen]).abs().mean()
        loss = loss + SEGMENTATION * segmentation_term(probs, posterior[:, chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    inside = resample_mask(given.mask, given.grid, fine)
    wanted = torch.as_tensor(to_unit(np.argwhere(inside), fine), dtype=torch.float32)
    with torch.no_grad():
        parts = [_evaluate(network, part) for part in wanted.split(CHUNK)]
    image, shares = np.zeros(fine.shape, np.float32), np.zeros((3, *fine.shape), np.float32)
    image[inside] = white * torch.cat([part[0] for part in parts]).numpy()
    shares[:, inside] = torch.cat([part[1] for part in parts], dim=1).numpy()
    return Enhanced(image, fine, shares, passes=steps)


def _network():
    """Network of the published size, with the optimiser that it is trained by."""
    from ulfprep.inr.network import WireField
    from ulfprep.inr.options import FitOptions

    options = FitOptions.default('wire')
    network = WireField((1.0, 1.0, 1.0), options.hidden, options.layers)
    # It starts from nothing: a head of zeros would leave the intensity without a gradient.
    torch.nn.init.kaiming_uniform_(network.head.weight, a=5**0.5)
    torch.nn.init.constant_(network.head.bias, 0.0)
    with torch.no_grad():
        network.head.bias[0] = 0.5
    return network, torch.optim.Adam(network.parameters(), lr=options.network_rate)


def _evaluate(network, where):
    """Intensity (white matter as one) and tissue shares at points (n, 3)."""
    out = network.head(network.body(where)).T
    return torch.relu(out[0]), torch.softmax(out[1:], dim=0)


def _normaliser(lattice: Grid):
    """Return a function from indices of a grid to coordinates, -1 to 1 over a lattice."""
    extent = np.array([(n - 1) * z for n, z in zip(lattice.shape, lattice.zooms, strict=True)])
    inverse = np.linalg.inv(lattice.affine)

    def to_unit(index, grid):
        matrix = inverse @ grid.affine
        place = (index @ matrix[:3, :3].T + matrix[:3, 3]) * lattice.zooms
        return (2 * place - extent) / extent.max()

    return to_unit
