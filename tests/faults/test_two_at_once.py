"""Two processes in one output and one work folder."""

import shutil
import subprocess
import time

import pytest
from faults import Place, assert_same, assert_whole, environment, results, write_dataset


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """Return the place of a run of two quick scans by one process, and what it wrote."""
    place = Place(tmp_path_factory.mktemp('pair'))
    write_dataset(place.bids, {'01': 3.0, '02': 3.0})
    done = place.run()
    assert done.returncode == 0, done.stderr
    return place, results(place.out)


@pytest.fixture
def copy(pair, tmp_path):
    """Return a place with the input of the pair."""
    shutil.copytree(pair[0].bids, tmp_path / 'in')
    return Place(tmp_path)


def start(place, *more):
    return subprocess.Popen(
        place.command(*more), env=environment(), stderr=subprocess.PIPE, text=True
    )


def test_different_participants(copy, pair):
    both = [start(copy, '--participant-label', label) for label in ('01', '02')]
    said = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    # A run over all adds what is of all, and finds nothing else to do.
    done = copy.run()
    assert done.returncode == 0
    assert done.stderr.count('finished before with the same settings, not run again') == 2
    assert_same(results(copy.out), pair[1])


def test_the_same_participant(copy, pair):
    """Who comes second leaves it alone, says whose it is, and does what is free."""
    first = start(copy, '--participant-label', '01')
    while not list(copy.work.glob('*/scan_sub01_T1w')):
        assert first.poll() is None
        time.sleep(0.01)
    second = copy.run('--participant-label', '01')
    said = first.communicate(timeout=200)[1]
    assert first.returncode == 0, said
    assert second.returncode == 75, second.stderr
    assert f'process {first.pid}' in second.stderr
    assert 'run the same command again' in second.stderr
    assert_whole(copy.out)
    done = copy.run()
    assert done.returncode == 0
    assert_same(results(copy.out), pair[1])
