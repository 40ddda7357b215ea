"""Ulfprep's own: what the fit starts from, the fit, and the same fit on free voxels."""

import numpy as np

from ulfprep.evaluation.enhancers.result import Enhanced
from ulfprep.evaluation.prepare import Prepared
from ulfprep.physics.grid import isotropic_grid


def first_estimate(given: Prepared, options, seed) -> Enhanced:
    """What the fit starts from: two linear inverses, no network."""
    from ulfprep.inr.warm import warm_start

    warm = warm_start(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        spacing=options.spacing,
        seed=seed,
        lattice_probs=given.lattice_probs,
    )
    shares = np.exp(warm.logits) * warm.inside
    shares /= np.maximum(shares.sum(axis=0), 1e-6)
    return Enhanced(warm.intensity * np.float32(given.plan['means'][2]), warm.fine, shares)


def field(given: Prepared, options, seed, **more) -> Enhanced:
    """Fit the field and render it at 1 mm, as the workflow does."""
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
