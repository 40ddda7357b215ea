"""Files that the benchmarks read, small."""

import pytest
from small_brain import write_real


@pytest.fixture(scope='session')
def real_scans(tmp_path_factory):
    """Return a folder laid out like that of the real scans; Colin27 is missing."""
    root = tmp_path_factory.mktemp('data')
    write_real(root)
    return root
