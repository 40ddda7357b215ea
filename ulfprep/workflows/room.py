"""How much room on disks a run will take, and whether it is there."""

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ulfprep.settings import Settings
from ulfprep.workflows.group import GroupTask
from ulfprep.workflows.jobs import Job, job_node, tasks_of
from ulfprep.workflows.resources import Size, size_of

LOGGER = logging.getLogger('ulfprep')
#: Less than this share of what a run will take, and it is not begun.
REFUSED = 0.5
#: Less than this share, and it is warned of: how well images compress is not known before.
BORDERLINE = 1.25
#: The fitted field, bytes.
FIELD, SLOPPY_FIELD = 117e6, 16e6
#: A brain has no more points at 1 mm than this, whatever the field of view; outside it maps are
#: zero and take nothing.
BRAIN = 5e6


class NoRoomError(RuntimeError):
    """A disk is too small for a run; the message is one line that names the folder."""


@dataclass(frozen=True)
class Room:
    """Bytes that a scan takes.

    Attributes
    ----------
    work, out : float
        In the work folder and in the output folder.
    """

    work: float
    out: float


def room_of(size: Size, settings: Settings, direction: str) -> Room:
    """Return what a scan takes on disk, by what scans of known sizes took.

    Default runs of scans of 0.40, 0.55, 0.61 and 0.70 million voxels and 5.2 to 8.0 l took 197
    to 210 MB of work and 46 to 54 MB of output (this says 187 to 199 and 50), a sloppy one of
    the first 84 and 52 MB (86 and 50), a simulation of a head of 17 million voxels 82 and 36 MB
    (89 and 41).

    Parameters
    ----------
    size : Size
    settings : Settings
    direction : {'enhance', 'simulate'}
    """
    points = size.volume  # of 1 mm
    if direction == 'simulate':
        images = settings.n_realisations * 0.5e6
        return Room(5.0 * size.voxels + 10 * images, 2.2 * size.voxels + 8 * images)
    inside = min(points, BRAIN)
    kept = inside / settings.output_resolution**3
    field = SLOPPY_FIELD if settings.sloppy else FIELD
    work = field + 10 * inside + 3.3 * points + 8 * size.voxels
    if settings.output_resolution != 1.0:
        work += 9 * kept
    return Room(work, 4e6 + 9 * kept + 2 * size.voxels)


def check_room(jobs: list[Job], work: Path, settings: Settings) -> None:
    """Refuse a run whose files do not fit, before anything is computed.

    Parameters
    ----------
    jobs : list of Task and GroupTask
        That are to be run.
    work : Path
        The folder of intermediate results, each job's in one of its own.
    settings : Settings

    Raises
    ------
    NoRoomError
    """
    wanted = Room(0.0, 0.0)
    for job in jobs:
        direction = 'enhance' if isinstance(job, GroupTask) else job.direction
        each = [room_of(size_of(task.scan.path), settings, direction) for task in tasks_of(job)]
        # What a run that was ended left there is used again.
        there = held(work / job_node(job))
        wanted = Room(
            wanted.work + max(0.0, sum(one.work for one in each) - there),
            wanted.out + sum(one.out for one in each),
        )
    folders = [
        (settings.work_dir, 'work folder', '--work-dir', wanted.work),
        (settings.output_dir, 'output folder', 'output_dir', wanted.out),
    ]
    if _one_disk(settings.work_dir, settings.output_dir):
        both = 'disk of output and work folder'
        folders = [(settings.work_dir, both, '--work-dir', wanted.work + wanted.out)]
    for folder, what, flag, need in folders:
        free = free_bytes(folder)
        if free is None or free >= BORDERLINE * need:
            continue
        line = (
            f'{folder}: the {what} has {in_words(free)} free, and {len(jobs)} scan(s) will take '
            f'about {in_words(need)}; make room, or name another with {flag}'
        )
        if free < REFUSED * need:
            raise NoRoomError(line)
        LOGGER.warning('%s', line)


def held(folder: Path) -> int:
    """Return the bytes of all files in a folder, which need not exist."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:  # gone meanwhile
                continue
    return total


def free_bytes(folder: Path) -> float | None:
    """Return the room that is left in a folder; None where the file system does not tell."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free if usage.total else None


def in_words(count: float) -> str:
    """Return a number of bytes for people."""
    if count < 999.5e6:
        return f'{count / 1e6:.0f} MB'
    return f'{count / 1e9:.1f} GB'


def _one_disk(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_dev == other.stat().st_dev
    except OSError:
        return False
