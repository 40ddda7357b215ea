"""Whether a run will fit on its disks is known before it begins."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from ulfprep.bids.task import Scan, Task
from ulfprep.settings import Settings
from ulfprep.workflows import resources as room

SETTINGS = Settings(Path('in'), Path('out'))
#: Points of a scan of the examples, mm^3.
SCAN = 5.15e6


def test_finer_images_take_more_room(monkeypatch):
    monkeypatch.setattr(room, 'points_of', lambda grid: SCAN)
    fine = room.room_of(None, dataclasses.replace(SETTINGS, output_resolution=0.5))
    usual = room.room_of(None, SETTINGS)
    assert fine[1] == 8 * usual[1]
    assert fine[0] == usual[0]


@pytest.fixture
def check(tmp_path, monkeypatch, caplog):
    """Return a function that checks a run of two scans with some megabytes left."""
    settings = dataclasses.replace(
        SETTINGS, output_dir=tmp_path / 'out', work_dir=tmp_path / 'work'
    )
    for folder in (settings.output_dir, settings.work_dir):
        folder.mkdir()
    monkeypatch.setattr(room, 'points_of', lambda grid: SCAN)
    monkeypatch.setattr(room, 'job_node', lambda job: job.scan.path.name)
    jobs = [Task(Scan(Path(name), {'subject': name}), 'enhance') for name in ('one', 'two')]

    def run(megabytes, apart=True):
        monkeypatch.setattr(room, 'free_bytes', lambda folder: megabytes * 1e6)
        monkeypatch.setattr(room, '_one_disk', lambda one, other: not apart)
        caplog.clear()
        room.check_room(jobs, settings.work_dir, settings)
        return caplog.text

    return run, settings.work_dir


def test_too_little_is_refused_and_a_little_warned_of(check):
    run, work = check
    with pytest.raises(room.NoRoomError, match=r'work: the work folder has 100 MB free, and 2 sc'):
        run(100)
    assert f'{work}: the work folder has 400 MB free' in run(400)
    assert run(500) == ''
    # Both folders on one disk need more.
    assert 'disk of output and work folder has 500 MB' in run(500, apart=False)


def test_what_an_earlier_run_left_is_used_again(check):
    run, work = check
    (work / 'one').mkdir()
    with open(work / 'one' / 'field.pt', 'wb') as file:
        file.truncate(180_000_000)
    assert run(280) == ''


def test_a_file_system_that_tells_nothing_stops_nothing(monkeypatch):
    monkeypatch.setattr(room.shutil, 'disk_usage', lambda folder: SimpleNamespace(total=0, free=0))
    assert room.free_bytes(Path('/')) is None
