"""What a task asks for follows from its scans."""

import dataclasses
from pathlib import Path

import pytest

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.task import Task
from ulfprep.cluster.request import MAIN, Request, memory_mb, request
from ulfprep.cluster.scripts import Call, clock, name_of, participant_script
from ulfprep.machine import USED
from ulfprep.settings import Settings
from ulfprep.workflows.resources import need_gb

SETTINGS = Settings(Path('in'), Path('out'))


def test_more_to_do_takes_longer(make_dataset):
    root = make_dataset('sub-1_run-1', 'sub-1_run-2', 'sub-1_run-3', 'sub-2_run-1')
    planned = [Task(scan, 'enhance') for scan in find_scans(Settings(root, root / 'out'))]

    def minutes(scans=planned, **changes):
        return request(scans, dataclasses.replace(SETTINGS, **changes)).minutes

    assert minutes([]) == minutes(planned[-1:]) == 15
    assert minutes() == 20
    assert minutes(nprocs=3) == 15
    for change in ({'backbone': 'wire'}, {'segmentation': 'synthseg'}, {'output_resolution': 0.5}):
        assert minutes(**change) > 4 * minutes()


def test_memory_is_that_of_the_largest_scan(make_dataset):
    root = make_dataset('sub-1', 'sub-2_run-1', 'sub-2_run-2')
    planned = [Task(scan, 'enhance') for scan in find_scans(Settings(root, root / 'out'))]
    settings = dataclasses.replace(SETTINGS, nprocs=2, omp_nthreads=2)
    asked = request(planned, settings)
    need = need_gb(planned[:1], settings)
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
    call = Call('/jobs', '/jobs', words=('ulfprep',), sbatch_args=arguments, gpu=True)
    script = participant_script(call, asked, 'x', [])
    lines = [line.removeprefix('#SBATCH ') for line in script.splitlines() if '#SBATCH' in line]
    assert set(arguments) <= set(lines)
    assert not [line for line in lines if line.startswith(('--mem=', '--gres'))]
    assert '--cpus-per-task=2' in lines
