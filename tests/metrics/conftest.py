"""Scans whose metrics are known, as arguments of what metrics are computed of."""

from dataclasses import replace

import numpy as np
import pytest
from plans import make_plan
from records import SIMULATION

from ulfprep.metrics.tissue_change import TissueChange, moves_between
from ulfprep.physics import Grid

PLAN = make_plan(
    means=(40.0, 80.0, 100.0),
    snr=(10.0, 20.0, 25.0),
    noise_sigma=4.0,
    target_means=(20.0, 60.0, 100.0),
    target_contrast={'WM-GM': 0.5, 'GM-CSF': 1.0, 'WM-CSF': 4 / 3},
    source_contrast={'WM-GM': 0.222, 'GM-CSF': 0.667, 'WM-CSF': 0.857},
    contrast_vector=(0.5, 0.75, 1.0),
    target_field_T=0.064,
)


def layers(shape):
    """Return three slabs of tissue in a field of view that they do not fill."""
    probs = np.zeros((3, *shape), np.float32)
    third = shape[0] // 4
    for k in range(3):
        probs[k, k * third : (k + 1) * third] = 1
    return probs


@pytest.fixture
def enhanced():
    """Return the arguments of an enhanced scan whose metrics are known."""
    rng = np.random.default_rng(0)
    scan_probs, fine_probs = layers((12, 10, 4)), layers((24, 20, 20))
    fine_mask, scan_mask = (p.sum(axis=0) > 0 for p in (fine_probs, scan_probs))
    scan = np.tensordot(PLAN.means, scan_probs, 1)
    field = np.broadcast_to(np.linspace(0.8, 1.2, 10)[:, None], scan.shape)
    # A tenth of every voxel of white matter became grey matter.
    later = scan_probs.copy()
    later[1] += 0.1 * scan_probs[2]
    later[2] *= 0.9
    moves = moves_between(scan_probs, later)
    return {
        'scan': scan,
        'scan_mask': scan_mask,
        'scan_grid': Grid((12, 10, 4), np.diag([2.0, 2.0, 5.0, 1.0])),
        'scan_probs': scan_probs,
        'enhanced': np.tensordot(PLAN.target_means, fine_probs, 1),
        'fine_probs': fine_probs,
        'fine_mask': fine_mask,
        'fine_grid': Grid((24, 20, 20), np.eye(4)),
        'bicubic': np.tensordot(PLAN.means, fine_probs, 1),
        'residual': np.where(scan_mask, rng.standard_normal(scan.shape), 0),
        'uncertainty': np.where(fine_mask, 5.0, 0.0),
        'entropy': np.where(fine_mask, 0.5, 0.0),
        'claim': np.where(fine_mask, 0.25, 0.0),
        'plan': PLAN,
        'conformed': scan * field,
        'bias_field': field,
        'change': TissueChange(moves.sum(axis=0), moves, scan_mask, 0.02),
    }


@pytest.fixture(scope='module')
def simulation():
    """Return a source, its tissues and the scan simulated from it at an SNR of 14."""
    from ulfprep.physics.simulation import realise, simulate

    grid = Grid((60, 56, 60), np.diag([1.0, 1.0, 1.0, 1.0]))
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in grid.shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    probs = np.stack([(radius < 0.9) & (radius >= 0.8), (radius < 0.8) & (radius >= 0.6),
                      radius < 0.6]).astype(np.float32)  # fmt: skip
    image = np.tensordot(PLAN.means, probs, 1)
    made = simulate(image, radius < 0.9, probs, grid, PLAN)
    field = np.broadcast_to(np.linspace(0.8, 1.2, 60), grid.shape)
    return {
        'scan': image,
        'scan_mask': radius < 0.9,
        'scan_probs': probs,
        'scan_grid': grid,
        'simulated': realise(made),
        'simulated_grid': made.grid,
        'plan': PLAN,
        'facts': replace(SIMULATION, psf='gaussian', noise_sd=made.sigma),
        'conformed': image * field,
        'bias_field': field,
    }
