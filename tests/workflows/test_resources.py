"""The memory of a scan follows from the size of its image."""

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ulfprep.bids.task import Scan, Task, grid_of
from ulfprep.settings import Settings
from ulfprep.workflows.resources import how_many, need_gb, points_of

SETTINGS = Settings(Path('i'), Path('o'))
#: Shape and voxel size of a scan of 64 mT and of a head of 1 mm.
LOW, HEAD = ((112, 136, 40), (1.6, 1.6, 5)), ((256, 256, 256), (1, 1, 1))


@pytest.fixture
def scan(tmp_path):
    """Return a function that writes a blank scan."""

    def make(shape, zooms, direction='enhance'):
        path = tmp_path / f'{shape}.nii'
        image = nib.Nifti1Image(np.broadcast_to(np.uint8(0), shape), np.diag([*zooms, 1]))
        nib.save(image, path)
        return Task(Scan(path, {'subject': '01'}, {}, 'sub-01'), direction)

    return make


def test_points_are_those_of_the_finer_of_scan_and_lattice(scan, tmp_path):
    assert points_of(grid_of(scan((4, 5, 6), (1.5, 2, 4)))) == pytest.approx(120 * 12)
    assert points_of(grid_of(scan((4, 5, 7), (0.5, 0.5, 0.5)))) == 140
    (tmp_path / 'bad.nii.gz').write_bytes(b'no image')
    for name in ('bad.nii.gz', 'none.nii'):
        assert points_of(grid_of(Task(Scan(tmp_path / name, {'subject': '01'})))) == 0


def test_more_points_and_more_scans_need_more_memory(scan):
    low, head = scan(*LOW), scan(*HEAD)
    finer = dataclasses.replace(SETTINGS, output_resolution=0.5)
    alone = need_gb([low], SETTINGS)
    assert alone < need_gb([head], SETTINGS)
    assert alone < need_gb([low, low], SETTINGS) < 2 * alone
    assert alone < need_gb([low], finer)
    # Simulated scans have voxels of their own.
    assert need_gb([scan(*LOW, 'simulate')], finer) == alone


def test_synthseg_needs_what_is_published_of_it(scan):
    chosen = dataclasses.replace(SETTINGS, segmentation='synthseg')
    for size, least, most in ((LOW, 7.5, 16), (HEAD, 16, 24)):
        for direction in ('enhance', 'simulate'):
            assert least < need_gb([scan(*size, direction)], chosen) < most


@pytest.mark.parametrize(
    ('needs', 'memory', 'expected'),
    [([2, 2, 2], 7, 3), ([2, 2, 2], 5, 2), ([8, 1, 1], 9.5, 2), ([8, 1], 4, 1), ([], 4, 1)],
)
def test_whichever_scans_run_together_fit(needs, memory, expected):
    assert how_many(needs, memory) == expected
