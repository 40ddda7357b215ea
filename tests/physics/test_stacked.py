"""Several acquisitions as one operator."""

import numpy as np
import pytest
from shapes import rotation

from ulfprep.physics import ForwardModel, Grid
from ulfprep.physics.grid import isotropic_grid
from ulfprep.physics.stacked import Part, StackedModel, linear_resampling


def grid(shape, zooms, angle=0.0, shift=(0.0, 0.0, 0.0)):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation((0, 0, angle)) * zooms, shift
    return Grid(shape, affine)


@pytest.fixture
def stacked():
    """Return an axial and a turned coronal scan of one lattice."""
    fine = grid((12, 14, 16), (1.0, 1.0, 1.0))
    axial = grid((6, 7, 4), (2.0, 2.0, 4.0), shift=(0.5, 0.5, 1.5))
    turned = grid((6, 4, 8), (2.0, 4.0, 2.0), 11, (0.4, 1.0, 0.5))
    own = isotropic_grid(turned, 1.0)
    rng = np.random.default_rng(0)
    models = [
        ForwardModel.between(scan, lattice, scan.zooms, np.ones(3))
        for scan, lattice in ((axial, fine), (turned, own))
    ]
    weights = [rng.random(scan.shape).astype(np.float32) for scan in (axial, turned)]
    resampled = None, linear_resampling(fine, own)
    return StackedModel(fine.shape, tuple(map(Part, models, weights, resampled)))


def test_the_adjoint_is_the_exact_transpose(stacked):
    rng = np.random.default_rng(1)
    volume = rng.standard_normal(stacked.shape).astype(np.float32)
    seen = stacked.acquire(volume)
    voxels = rng.standard_normal(seen.shape).astype(np.float32)
    assert np.vdot(seen, voxels) == pytest.approx(
        np.vdot(volume, stacked.adjoint(voxels)), rel=1e-4
    )


def test_several_images_are_taken_at_once(stacked):
    volumes = np.random.default_rng(2).random((3, *stacked.shape)).astype(np.float32)
    together = stacked.acquire(volumes)
    for one, volume in zip(together, volumes, strict=True):
        np.testing.assert_allclose(one, stacked.acquire(volume), rtol=1e-5)


def test_an_even_image_is_seen_as_even(stacked):
    seen = stacked.acquire(np.full(stacked.shape, 3, np.float32))
    weights = stacked.stack([np.ones(part.weights.shape) for part in stacked.parts])
    np.testing.assert_allclose(seen, 3 * weights, rtol=1e-4)


def test_resampling_reproduces_linear_functions_in_any_orientation():
    source, target = grid((9, 8, 7), (1.0, 1.5, 2.0)), grid((5, 4, 3), (1, 1, 1), 17, (2, 2, 3))

    def ramp(where):
        index = np.indices(where.shape).reshape(3, -1)
        x, y, z = where.affine[:3, :3] @ index + where.affine[:3, 3:]
        return 2 * x - y + 3 * z + 1

    found = linear_resampling(source, target) @ ramp(source)
    np.testing.assert_allclose(found, ramp(target), atol=1e-4)
