"""The template's prior: where it lies, and what it never says."""

import subprocess
import sys

import numpy as np
import pytest
from template_brain import scan_of_template

from ulfprep.physics.grid import isotropic_grid
from ulfprep.segmentation import template
from ulfprep.segmentation.template import (
    FLOOR,
    check_match,
    load_template,
    prior_under,
    template_files,
    template_match,
)


@pytest.fixture(scope='module')
def scan():
    """Return a coarse scan of the template under a known affine."""
    return scan_of_template()


@pytest.fixture(scope='module')
def match(scan):
    """Return the affine that is found for it."""
    return template_match(scan.image, scan.mask, scan.grid)


@pytest.fixture(scope='module')
def prior(scan, match):
    """Return its prior on a lattice of 3 mm."""
    return prior_under(match, isotropic_grid(scan.grid, 3.0))


def test_a_known_affine_is_found_again(scan, match):
    points = scan.grid.affine[:3, :3] @ np.argwhere(scan.mask).T + scan.grid.affine[:3, 3:]
    gap = (match - scan.matrix)[:3, :3] @ points + (match - scan.matrix)[:3, 3:]
    distance = np.sqrt((gap**2).sum(axis=0))
    assert np.median(distance) < 1.5
    assert distance.max() < 2.5


def test_the_prior_lies_where_the_tissues_are(scan, prior):
    # Sampled with the affine that made the scan, the maps must be those that were found.
    _, grey, white, where = load_template()
    grid = isotropic_grid(scan.grid, 3.0)
    index = np.linalg.inv(where.affine) @ scan.matrix @ grid.affine
    points = index[:3, :3] @ np.indices(grid.shape).reshape(3, -1) + index[:3, 3:]
    points = np.clip(np.round(points), 0, np.array(where.shape)[:, None] - 1).astype(int)
    for k, true in ((1, grey), (2, white)):
        assert np.corrcoef(prior[k].ravel(), true[tuple(points)])[0, 1] > 0.85


def test_the_prior_sums_to_one_and_forbids_nothing(scan, prior):
    assert prior.dtype == np.float32
    assert prior.shape == (3, *isotropic_grid(scan.grid, 3.0).shape)
    np.testing.assert_allclose(prior.sum(axis=0), 1, atol=1e-5)
    assert prior.min() > 0.99 * FLOOR / 3
    # Outside the template's brain there is no tissue to expect but CSF.
    assert prior[0, 0, 0, 0] > 0.9


def test_the_same_scan_gives_the_same_bytes(scan, monkeypatch):
    monkeypatch.setattr(template, 'ITERATIONS', (3, 4))
    one, two = (template_match(scan.image, scan.mask, scan.grid) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    'matrix',
    [(-1.0, 1, 1), (1.0, 1, 1.5), (0.6, 1.0, 1.0), (-1.0, -1, 1)],
    ids=['mirrored', 'stretched', 'squeezed', 'back to front'],
)
def test_absurd_matches_are_refused(matrix):
    with pytest.raises(ValueError, match='--tissue-prior none') as error:
        check_match(np.diag([*matrix, 1.0]))
    assert '\n' not in str(error.value)


def test_a_likely_match_is_believed():
    check_match(np.diag([0.8, 1.2, 1.3, 1]))


def test_a_template_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(template, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match='install nilearn, or use --tissue-prior none'):
        template_files()


def test_the_template_is_found_without_importing_nilearn():
    code = (
        'import sys\n'
        'from ulfprep.segmentation.template import load_template\n'
        'brain, grey, white, grid = load_template()\n'
        'assert brain.max() == grey.max() == white.max() == 1\n'
        "sys.exit('nilearn' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
