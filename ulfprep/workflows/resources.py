"""Whether memory and disks hold what a run will take, by the sizes of its images."""

import logging
import math
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ulfprep.bids.read.highfield import why_not
from ulfprep.bids.task import Task, grid_of
from ulfprep.physics.grid import Grid
from ulfprep.settings import Settings
from ulfprep.workflows.jobs import Job, job_node

LOGGER = logging.getLogger('ulfprep')
#: What a process holds whatever its scan, GB, and bytes a point: a quarter or more over what was
#: measured, 1.60 GB on a scan of 64 mT of 5.2 litres, 1.91 on the same rendered at 0.5 mm, 2.36 on
#: three fused scans of 7.9 litres each and 1.78 on a head of 256^3 that is simulated.
BASE, PER_POINT = 1.7, 64
#: The same with SynthSeg, which was not measured here. Published are 7.5 GB for a usual T1w
#: (QSIPrep) and 24 GB as what FreeSurfer 8 asks for; its activations lie on a 1 mm grid. This is
#: 12 to 16 GB for scans of 64 mT and 22 GB for a head of 256^3.
SYNTHSEG_BASE, SYNTHSEG_PER_POINT = 8.0, 900
#: Less than this share of what a run will take of a disk, and it is not begun.
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


def points_of(grid: Grid | None, spacing: float = 1.0) -> float:
    """Return the points of a grid, or of a lattice over its field of view if those are more.

    None stands for an image that cannot be read: its own step says why. ``spacing`` is in mm.
    """
    if grid is None:
        return 0.0
    voxels = math.prod(grid.shape)
    return max(voxels, voxels * math.prod(grid.zooms) / spacing**3)


def need_gb(tasks: Iterable[Task], settings: Settings) -> float:
    """Return the memory that a scan, or scans fitted together, may take in their process, GB.

    High-field images that they are held against are counted too.
    """
    each = []
    for task in tasks:
        finest = min(1.0, settings.output_resolution) if task.direction == 'enhance' else 1.0
        each.append(points_of(grid_of(task), finest))
        if task.highfield and task.highfield.scan and not why_not(task):
            each.append(points_of(grid_of(Task(task.highfield.scan))))
    need = BASE + PER_POINT * sum(each) / 2**30
    if settings.segmentation == 'synthseg':
        synthseg = SYNTHSEG_BASE + SYNTHSEG_PER_POINT * max(each, default=0.0) / 2**30
        return max(need, synthseg)
    return need


def how_many(needs: list[float], memory_gb: float) -> int:
    """Return how many scans fit into memory together, whichever they are; one always may."""
    total = 0.0
    for count, need in enumerate(sorted(needs, reverse=True)):
        total += need
        if total > memory_gb:
            return max(1, count)
    return max(1, len(needs))


def room_of(grid: Grid | None, settings: Settings) -> tuple[float, float]:
    """Return about what a scan takes of the work folder and of the output folder, bytes."""
    inside = min(points_of(grid), BRAIN)
    return WORK * inside, OUT * inside / min(1.0, settings.output_resolution) ** 3


def check_room(jobs: list[Job], work: Path, settings: Settings) -> None:
    """Refuse a run whose files do not fit, before anything is computed (:class:`NoRoomError`).

    ``work`` is the folder of intermediate results, each job's in one of its own.
    """
    work_needed = out_needed = 0.0
    for job in jobs:
        each = [room_of(grid_of(task), settings) for task in job.members]
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
