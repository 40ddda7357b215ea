"""What a task asks for follows from its scans."""

import dataclasses
from pathlib import Path

import pytest

from ulfprep.bids.read.dataset import find_scans
from ulfprep.cluster.duration import Work, minutes_of, scan_seconds
from ulfprep.cluster.request import MAIN, Request, memory_mb, request
from ulfprep.cluster.scripts import Folders, Program, clock, name_of, participant_script
from ulfprep.machine import USED
from ulfprep.settings import Settings
from ulfprep.workflows.resources import largest_need, size_of

SETTINGS = Settings(Path('in'), Path('out'))
#: What was measured on one thread: direction, million voxels, sloppy, CPU seconds.
MEASURED = (
    ('enhance', 0.40, False, 63),
    ('enhance', 0.61, False, 69),
    ('enhance', 0.40, True, 45),
    ('simulate', 5.15, False, 29),
    ('simulate', 16.78, False, 86),
)


@pytest.mark.parametrize(('direction', 'voxels', 'sloppy', 'seconds'), MEASURED)
def test_the_model_says_what_was_measured(direction, voxels, sloppy, seconds):
    settings = dataclasses.replace(SETTINGS, sloppy=sloppy)
    found = scan_seconds(Work(direction, int(voxels * 1e6)), settings)
    assert found == pytest.approx(seconds, rel=0.2)


def test_more_to_do_takes_longer():
    scan = Work('enhance', 400_000)
    for other in (
        scan_seconds(scan, dataclasses.replace(SETTINGS, output_resolution=0.5)),
        scan_seconds(scan, dataclasses.replace(SETTINGS, backbone='wire')),
        scan_seconds(scan, dataclasses.replace(SETTINGS, segmentation='synthseg')),
        scan_seconds(dataclasses.replace(scan, together=True), SETTINGS),
        scan_seconds(dataclasses.replace(scan, reference_voxels=10**7), SETTINGS),
    ):
        assert other > 1.3 * scan_seconds(scan, SETTINGS)
    noisy = dataclasses.replace(SETTINGS, n_realisations=20)
    heads = Work('simulate', 10**7)
    assert scan_seconds(heads, noisy) > 2 * scan_seconds(heads, SETTINGS)
    assert minutes_of([scan] * 20, SETTINGS) > 1.7 * minutes_of([scan] * 20, SETTINGS, at_once=2)
    assert minutes_of([], SETTINGS) == 15


def test_memory_is_what_the_steps_of_the_largest_scan_declare(make_dataset):
    root = make_dataset('sub-1', 'sub-2_run-1', 'sub-2_run-2')
    scans = find_scans(Settings(root, root / 'out'))
    planned = [(scan, 'enhance') for scan in scans]
    settings = dataclasses.replace(SETTINGS, nprocs=2, omp_nthreads=2)
    asked = request(planned, settings)
    need = largest_need([size_of(scans[0].path)], settings)[1]
    assert (asked.cpus, asked.most_scans, asked.at_once) == (2, 2, 1)
    assert asked.need_gb == pytest.approx(need, abs=0.01)
    # The run uses nine tenths of what is granted, less its main process: the need has room.
    assert USED * asked.memory_mb / 1024 - MAIN >= need
    two = request(planned, dataclasses.replace(settings, omp_nthreads=1))
    assert two.at_once == 2
    assert two.need_gb == pytest.approx(2 * need, abs=0.01)
    fused = request(planned, dataclasses.replace(settings, fuse='runs'))
    assert fused.need_gb > asked.need_gb
    assert memory_mb(100.0, asked_gb=8) == 9216


def test_words_of_sbatch():
    assert clock(25) == '00:25:00'
    assert clock(3 * 24 * 60 + 61) == '3-01:01:00'
    names = [name_of(text) for text in ('--mem=3G', '--mem 3G', '-t 5', '-c4', '-p long')]
    assert names == ['--mem', '--mem', '--time', '--cpus-per-task', '-p']


def test_what_the_user_asks_for_stands_in_the_place_of_our_own():
    """sbatch refuses a script that says memory in two ways."""
    asked = Request(2, 3584, 15, 1, 1, 1.9)
    arguments = ('--mem-per-cpu=4G', '--gpus=a100:1', '--partition=long')
    script = participant_script(
        asked,
        Program(('ulfprep',)),
        Folders('/jobs', '/jobs'),
        'x',
        sbatch_args=arguments,
        gpu=True,
    )
    lines = [line.removeprefix('#SBATCH ') for line in script.splitlines() if '#SBATCH' in line]
    assert set(arguments) <= set(lines)
    assert not [line for line in lines if line.startswith(('--mem=', '--gres'))]
    assert '--cpus-per-task=2' in lines
