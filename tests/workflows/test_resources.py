"""Steps declare memory by the size of the image."""

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ulfprep.settings import Settings
from ulfprep.workflows.resources import (
    NEEDS,
    Size,
    how_many,
    largest_need,
    memory_gb,
    size_of,
)

SETTINGS = Settings(Path('i'), Path('o'))
LOW = Size(112 * 136 * 40, 112 * 136 * 40 * 12.8)
HEAD = Size(256**3, 256**3)
FINE = Size(366**3, 256**3)


def test_the_size_of_a_scan_is_read_from_its_header(tmp_path):
    image = nib.Nifti1Image(np.zeros((4, 5, 6, 1), np.uint8), np.diag([1.5, 2, 4, 1]))
    nib.save(image, tmp_path / 'x.nii')
    assert size_of(tmp_path / 'x.nii') == Size(120, 120 * 12)
    (tmp_path / 'bad.nii.gz').write_bytes(b'no image')
    assert size_of(tmp_path / 'bad.nii.gz') == size_of(tmp_path / 'none.nii') == Size(0, 0)


#: Most that a step was seen to hold in a process that had done all those before, GB.
SEEN = {
    'scan of 64 mT': {'check': 0.09, 'conform': 0.13, 'brain_mask': 1.10, 'bias': 0.54,
                      'tissues': 0.94, 'plan': 0.57, 'fit': 1.05, 'render': 1.17,
                      'residual': 1.20, 'bicubic': 1.03, 'metrics': 1.03, 'derivatives': 1.04,
                      'figures': 1.09},
    'head of 1 mm': {'check': 0.87, 'conform': 0.90, 'brain_mask': 1.45, 'bias': 1.20,
                     'tissues': 1.26, 'plan': 1.71, 'simulate': 1.40, 'metrics': 1.40,
                     'derivatives': 0.71},
    'head of 0.7 mm': {'check': 0.66, 'conform': 1.23},
}  # fmt: skip


@pytest.mark.parametrize(('which', 'size'), zip(SEEN, [LOW, HEAD, FINE], strict=True))
def test_what_is_declared_covers_what_was_measured(which, size):
    for node, seen in SEEN[which].items():
        declared = memory_gb(node, [size], SETTINGS)
        assert seen <= declared, node
        assert declared < 3 * seen + 1, node


def test_more_voxels_need_more_memory():
    for node in NEEDS:
        assert memory_gb(node, [FINE], SETTINGS) >= memory_gb(node, [LOW], SETTINGS)
    assert largest_need([FINE], SETTINGS)[1] > largest_need([HEAD], SETTINGS)[1]


def test_synthseg_needs_what_is_published_of_it_and_only_where_it_runs():
    chosen = dataclasses.replace(SETTINGS, segmentation='synthseg')
    for size, least, most in ((LOW, 7.5, 16), (HEAD, 16, 24)):
        assert largest_need([size], SETTINGS)[0] != 'synthseg'
        for direction in ('enhance', 'simulate'):
            node, need = largest_need([size], chosen, direction)
            assert node == 'synthseg'
            assert least < need < most


def test_finer_output_needs_more_memory_where_it_is_rendered():
    fine = dataclasses.replace(SETTINGS, output_resolution=0.5)
    assert memory_gb('render_kept', [LOW], fine) > memory_gb('render', [LOW], fine)
    assert largest_need([LOW], fine)[1] > largest_need([LOW], SETTINGS)[1]


def test_scans_that_are_fitted_together_need_more_than_one():
    alone, together = (memory_gb('fit', [LOW] * n, SETTINGS) for n in (1, 3))
    assert alone < together < 3 * alone
    assert memory_gb('check', [LOW] * 3, SETTINGS) == memory_gb('check', [LOW], SETTINGS)


@pytest.mark.parametrize(
    ('needs', 'memory', 'expected'),
    [([2, 2, 2], 7, 3), ([2, 2, 2], 5, 2), ([8, 1, 1], 9.5, 2), ([8, 1], 4, 1), ([], 4, 1)],
)
def test_whichever_scans_run_together_fit(needs, memory, expected):
    assert how_many(needs, memory) == expected
