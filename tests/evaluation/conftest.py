"""Files that the benchmarks read, small."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_brain import small_brain, write_real

from ulfprep.evaluation.phantoms import lattice
from ulfprep.evaluation.trials import simulated_trials


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
    whole = lattice(image.shape, np.eye(4))
    before = [(p - n) // 2 for n, p in zip(image.shape, whole.shape, strict=True)]
    pad = [(b, p - n - b) for b, n, p in zip(before, image.shape, whole.shape, strict=True)]
    padded = {'image': np.pad(image, pad), 'labels': np.pad(labels, pad), 'lattice': whole}
    return SimpleNamespace(name='small', labels_by='given', **padded)


@pytest.fixture(scope='session')
def trial(brain):
    """Return a scan of the small brain as a portable scanner would make it."""
    (found,) = simulated_trials([brain], ['real'], 1)
    return found
