"""Super-resolution on a grid of voxels: no network, the same physics.

Two are linear or convex inverses of the point-spread function; the third has ulfprep's own
forward model and loss, and a free number for every voxel in the place of the network.
"""

import numpy as np
import torch
from torch import nn

from ulfprep.evaluation.prepare import Enhanced, Prepared
from ulfprep.inr.network import Points
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import brain_bounds, isotropic_grid
from ulfprep.physics.inverse import discrepancy_inverse, edge_preserving_inverse

#: Step of Adam on the voxels, and passes over the brain; every pass is one step of all voxels,
#: for Adam's momentum would move those that a block leaves out.
VOXEL_RATE, VOXEL_EPOCHS, WHOLE_BRAIN_MM = 5e-2, 30, 1000.0


def inverse(solve):
    """Return an inverse of the scan on the fine voxel grid, blind to tissues."""

    def method(given: Prepared, options) -> Enhanced:
        plan, white = given.plan, np.float32(given.plan.means[2])
        bounds, fine_bounds = brain_bounds(given.mask, given.grid, options.spacing)
        near = given.grid.crop(bounds)
        fine = isotropic_grid(given.grid, options.spacing).crop(fine_bounds)
        model = ForwardModel.between(near, fine, plan.psf_fwhm_mm, np.ones(3), plan.psf)
        measured_scan, sigma = given.scan[bounds] / white, plan.noise_sigma / white
        image = solve(model, measured_scan, given.mask[bounds], sigma, fine.zooms)
        return Enhanced(image * white, fine)

    return method


def conjugate_gradients(*problem):
    """Linear inverse, as smooth as the noise demands."""
    return discrepancy_inverse(*problem)[0]


total_variation = edge_preserving_inverse


class VoxelField(nn.Module):
    """Corrections to intensity and tissue logits that are free numbers at every voxel.

    ``extent`` is the size of the field of view and ``spacing`` that of the voxels, mm.
    """

    def __init__(self, extent, spacing: float, n_out: int = 4):
        super().__init__()
        shape = [max(round(e / spacing) + 1, 2) for e in extent]
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


def free_voxels(extent, options, n_out: int) -> VoxelField:
    """Build a free number for every voxel in the place of a network."""
    return VoxelField(extent, options.spacing, n_out)
