"""A run that nothing disturbed, for all others to be held against."""

import shutil

import pytest
from faults import Place, results, write_dataset


@pytest.fixture
def place(tmp_path):
    """Return an empty place."""
    return Place(tmp_path)


@pytest.fixture(scope='session')
def undisturbed(tmp_path_factory):
    """Return the place of a run of two scans, and what it wrote."""
    place = Place(tmp_path_factory.mktemp('undisturbed'))
    write_dataset(place.bids, {'01': 3.0, '02': 0.064})
    done = place.run()
    assert done.returncode == 0, done.stderr
    return place, results(place.out)


@pytest.fixture
def twin(undisturbed, tmp_path):
    """Return a place with a copy of the undisturbed run's input and nothing else."""
    shutil.copytree(undisturbed[0].bids, tmp_path / 'in')
    return Place(tmp_path)


@pytest.fixture(scope='session')
def quick(tmp_path_factory):
    """Return the place of a run of the quickest scan, and what it wrote."""
    place = Place(tmp_path_factory.mktemp('quick'))
    write_dataset(place.bids, {'01': 3.0})
    done = place.run()
    assert done.returncode == 0, done.stderr
    return place, results(place.out)
