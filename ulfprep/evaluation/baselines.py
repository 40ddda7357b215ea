"""What others would do with a low-field scan: interpolate, invert it on voxels, train a network.

Interpolation goes straight onto the lattice of the truth, so that no second one dulls it.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import nn

from ulfprep.evaluation.prepare import Enhanced, Prepared
from ulfprep.inr.losses import segmentation_term
from ulfprep.inr.network import Points
from ulfprep.physics.grid import aligned_offsets, covered, isotropic_grid
from ulfprep.physics.interpolation import bicubic, carry, resample_mask
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.lattice import Lattice

#: Voxels on either side that a windowed sinc takes in.
LOBES = 5
#: Step of Adam on free voxels, and passes over the brain; every pass is one step of all voxels,
#: for Adam's momentum would move those that a block leaves out.
VOXEL_RATE, VOXEL_EPOCHS, WHOLE_BRAIN_MM = 5e-2, 30, 1000.0
#: Of the reference set-up: weights of the two terms of its objective, steps of the published
#: training, points in each, and points that go through the network at a time.
DATA, SEGMENTATION = 1000.0, 100.0
STEPS, POINTS = 15000, 36864
CHUNK = 4096


def splines(order: int):
    """Return interpolation by splines of an order: 0 nearest, 1 linear."""

    def method(given: Prepared, options) -> Enhanced:
        scan = np.asarray(given.scan, np.float32)
        return Enhanced(carry(scan, given.grid, given.target, order=order), given.target)

    return method


def cubic(given: Prepared, options) -> Enhanced:
    """Cubic splines, what is called bicubic elsewhere."""
    return Enhanced(bicubic(given.scan, given.grid, given.target), given.target)


def windowed_sinc(given: Prepared, options) -> Enhanced:
    """Sinc under a Lanczos window of :data:`LOBES` voxels, an axis at a time."""
    target, image = given.target, np.asarray(given.scan, np.float32)
    for axis, position in enumerate(aligned_offsets(given.grid, target)):
        weights = lanczos_weights(position, image.shape[axis])
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    inside = covered(given.grid, target)
    return Enhanced(np.where(inside, np.maximum(image, 0), 0).astype(np.float32), target)


def lanczos_weights(position: np.ndarray, n: int) -> np.ndarray:
    """Weights of n samples at m positions (0 at the first sample), shape (m, n).

    The outermost samples go on for ever; rows sum to one.
    """
    first = np.floor(position).astype(int) - LOBES + 1
    taps = first[:, None] + np.arange(2 * LOBES)
    distance = position[:, None] - taps
    weight = np.sinc(distance) * np.sinc(distance / LOBES)
    weight /= weight.sum(axis=1, keepdims=True)
    out = np.zeros((len(position), n), np.float32)
    rows = np.repeat(np.arange(len(position)), 2 * LOBES)
    np.add.at(out, (rows, np.clip(taps, 0, n - 1).ravel()), weight.ravel())
    return out


def histogram_matching(given: Prepared, options) -> Enhanced:
    """Cubic interpolation with the histogram of the MNI152 T1w that comes with nilearn.

    White matter is brought back to the scan's own brightness.
    """
    from skimage.exposure import match_histograms

    image = bicubic(given.scan, given.grid, given.target)
    brain = image > 0.1 * given.plan.means[2]
    matched = np.zeros_like(image)
    matched[brain] = match_histograms(image[brain], _template_values())
    return Enhanced(matched * np.float32(given.plan.means[2]), given.target)


@lru_cache(maxsize=1)
def _template_values() -> np.ndarray:
    """Intensities of the template's brain, white matter as one."""
    from ulfprep.evaluation.examples import example_truth

    truth = example_truth('01')
    return truth.image[truth.mask]


def inverse(solve):
    """Return an inverse of the scan on the fine voxel grid, blind to tissues."""

    def method(given: Prepared, options) -> Enhanced:
        plan, white = given.plan, np.float32(given.plan.means[2])
        at = Lattice.over(given.mask, given.grid, options.spacing)
        model = at.model(plan.psf_fwhm_mm, plan.psf)
        measured_scan, sigma = given.scan[at.bounds] / white, plan.noise_sigma / white
        image = solve(model, measured_scan, at.voxels, sigma, at.fine.zooms)
        return Enhanced(image * white, at.fine)

    return method


def conjugate_gradients(*problem):
    """Linear inverse, as smooth as the noise demands."""
    return discrepancy_inverse(*problem)[0]


class VoxelField(nn.Module):
    """Corrections to intensity and tissue logits that are free numbers at every voxel.

    What a network is to ulfprep's own forward model and loss; ``extent`` is the size of the field
    of view, mm.
    """

    def __init__(self, extent, options, n_out: int):
        super().__init__()
        shape = [max(round(e / options.spacing) + 1, 2) for e in extent]
        self.values = nn.Parameter(torch.zeros(n_out, *shape))

    def parameter_groups(self, options) -> list[dict]:
        """What is trained, and how fast."""
        return [{'params': [self.values], 'lr': VOXEL_RATE}]

    def forward(self, points: Points):
        """Corrections at the wanted points, shape (n_out, n)."""
        block = self.values
        for axis, position in enumerate(points.axes):
            n = block.shape[axis + 1]
            index = (position * (n - 1)).round().long()
            if not torch.allclose(index.float() / (n - 1), position, atol=1e-3 / n):
                raise ValueError('a grid of voxels has values at its voxels alone')
            block = block.narrow(axis + 1, int(index[0]), len(index))
        wanted = points.inside.flatten().nonzero().squeeze(1)
        return block.flatten(1).index_select(1, wanted)


def reference(given: Prepared, seed: int, *, steps: int = STEPS, points: int = POINTS) -> Enhanced:
    """Train the network of Indrakanti and Simpson (2025) on a scan, and render it at 1 mm.

    As they publish it: 72 Fourier features, five layers of 128 Gabor units, Adam at 5e-5, in every
    step random voxels of the scan, each compared with the field at its centre alone (no PSF), 1000
    times the mean absolute error and 100 times Dice and cross-entropy against the tissues of the
    scan. Bias field, tissues and contrast vector are ulfprep's, so that what differs is the field
    and its training. Their small total variation is left out: between points drawn at random it
    compares voxels that are no neighbours.

    The seed is that of the network and of the points; ``passes`` of the result are the steps.
    """
    fine = isotropic_grid(given.grid)
    voxels = np.argwhere(given.mask)
    where = _normalised(voxels, given.grid, fine)
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
    wanted = _normalised(np.argwhere(inside), fine, fine)
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


def _normalised(index, grid, lattice):
    """Take indices of a grid to coordinates, -1 to 1 over a lattice."""
    extent = np.array([(n - 1) * z for n, z in zip(lattice.shape, lattice.zooms, strict=True)])
    matrix = np.linalg.inv(lattice.affine) @ grid.affine
    place = (index @ matrix[:3, :3].T + matrix[:3, 3]) * lattice.zooms
    return torch.as_tensor((2 * place - extent) / extent.max(), dtype=torch.float32)
