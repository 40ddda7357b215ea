"""Files that the benchmarks read, small."""

import numpy as np
import pytest
from small_brain import small_brain, write_real

from ulfprep.evaluation.brains import make_brain
from ulfprep.evaluation.phantoms import REGIMES, simulated_trial
from ulfprep.physics.grid import Grid


@pytest.fixture(scope='session')
def real_scans(tmp_path_factory):
    """Return a folder laid out like that of the real scans; Colin27 is missing."""
    root = tmp_path_factory.mktemp('data')
    write_real(root)
    return root


@pytest.fixture(scope='session')
def brain():
    """Return the small brain on a lattice that the voxels of both regimes fill."""
    image, labels = small_brain()
    return make_brain('small', image, Grid(image.shape, np.eye(4)), labels=labels)


@pytest.fixture(scope='session')
def trial(brain):
    """Return a scan of the small brain as a portable scanner would make it."""
    return simulated_trial(brain, REGIMES['real'], 1, 'real')
