"""A run that is killed loses what it was doing and nothing else."""

import random
import time

from faults import assert_same, assert_whole, kill, results

#: What is there once a stage is reached, from the beginning of a run to its end.
STAGES = (
    'out/logs/*/settings.toml',
    'work/*/scan_sub01_T1w/prepare/_node.pklz',
    'work/*/scan_sub01_T1w/plan/result_plan.pklz',
    'out/sub-01/anat/*_desc-preproc_T1w.nii.gz',
    'out/sub-01/anat/*_desc-qc_T1w.json',
    'work/*/scan_sub02_T1w/fit/_node.pklz',
    'work/*/scan_sub02_T1w/measure/result_measure.pklz',
    'out/sub-02/figures/*.svg',
)


def wait_for(place, pattern, process):
    """Wait until a file is there, looking often enough to come in the midst of the next step."""
    while not list(place.base.glob(pattern)):
        assert process.poll() is None, f'the run ended before there was {pattern}'
        time.sleep(0.002)


def test_killed_after_every_stage(twin, undisturbed):
    for number, stage in enumerate(STAGES):
        process = twin.start()
        wait_for(twin, stage, process)
        kill(process, whole_group=number % 2 == 0)
        assert_whole(twin.out)
    done = twin.run()
    assert done.returncode == 0, done.stderr
    assert 'sub-01_T1w: finished before with the same settings, not run again' in done.stderr
    assert_same(results(twin.out), undisturbed[1])


def test_killed_at_random_moments(twin, undisturbed):
    moments = random.Random(20261123)
    for number in range(4):
        process = twin.start()
        time.sleep(moments.uniform(0.3, 7))
        kill(process, whole_group=number % 2 == 0)
        assert_whole(twin.out)
    done = twin.run()
    assert done.returncode == 0, done.stderr
    assert_same(results(twin.out), undisturbed[1])


def test_a_second_run_does_nothing(undisturbed):
    place, before = undisturbed
    done = place.run()
    assert done.returncode == 0
    assert done.stderr.count('finished before with the same settings, not run again') == 2
    assert_same(results(place.out), before)
