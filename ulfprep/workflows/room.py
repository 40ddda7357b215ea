"""How much room on disks a run will take, and whether it is there."""

import logging
import os
import shutil
from pathlib import Path

from ulfprep.settings import Settings
from ulfprep.workflows.jobs import Job, job_node, tasks_of
from ulfprep.workflows.resources import points_of

LOGGER = logging.getLogger('ulfprep')
#: Less than this share of what a run will take, and it is not begun.
REFUSED = 0.5
#: Less than this share, and it is warned of: how well images compress is not known before.
BORDERLINE = 1.25
#: Bytes a mm^3 of the field of view that a scan takes in the work folder and in the output folder,
#: as the example scans took by default (38 and 10; sloppy ones, and simulated ones, take less).
WORK, OUT = 40, 10
#: A brain is no larger than this, mm^3, whatever the field of view; outside it maps are zero and
#: take nothing.
BRAIN = 5e6


class NoRoomError(RuntimeError):
    """A disk is too small for a run; the message is one line that names the folder."""


def room_of(path: Path, settings: Settings) -> tuple[float, float]:
    """Return about what a scan takes of the work folder and of the output folder, bytes."""
    inside = min(points_of(path), BRAIN)
    return WORK * inside, OUT * inside / min(1.0, settings.output_resolution) ** 3


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
    work_needed = out_needed = 0.0
    for job in jobs:
        each = [room_of(task.scan.path, settings) for task in tasks_of(job)]
        # What a run that was ended left there is used again.
        work_needed += max(0.0, sum(one for one, _ in each) - held(work / job_node(job)))
        out_needed += sum(one for _, one in each)
    folders = [
        (settings.work_dir, 'work folder', '--work-dir', work_needed),
        (settings.output_dir, 'output folder', 'output_dir', out_needed),
    ]
    if _one_disk(settings.work_dir, settings.output_dir):
        both = 'disk of output and work folder'
        folders = [(settings.work_dir, both, '--work-dir', work_needed + out_needed)]
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
