"""Ulfprep's own, and a fit of the same on free voxels."""

from ulfprep.evaluation.enhancers.result import Enhanced
from ulfprep.evaluation.prepare import Prepared
from ulfprep.physics.grid import isotropic_grid


def field(given: Prepared, options, seed, **more) -> Enhanced:
    """Make the field and render it at 1 mm, as the workflow does."""
    from ulfprep.inr import fit_scan, render

    fit = fit_scan(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        options,
        seed=seed,
        lattice_probs=given.lattice_probs,
        **more,
    )
    grid = isotropic_grid(given.grid)
    result = render(fit, grid)
    epochs = len(fit.history['epoch'])
    return Enhanced(result.intensity, grid, result.probs, result.uncertainty, epochs)


def free_voxels(given: Prepared, options, seed) -> Enhanced:
    """Fit a free number for every voxel through ulfprep's forward model and loss."""
    from ulfprep.evaluation.enhancers.voxels import VoxelField

    def build(extent, options, n_out):
        return VoxelField(extent, options.spacing, n_out)

    return field(given, options, seed, build=build)
