"""What the task of a participant asks a scheduler for: memory, time and cores."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ulfprep.bids.read.highfield import why_not
from ulfprep.cluster.duration import Work, minutes_of
from ulfprep.machine import USED
from ulfprep.settings import Settings
from ulfprep.workflows.resources import largest_need, scans_need, size_of

if TYPE_CHECKING:
    from ulfprep.bids.read.scan import Scan

#: Memory of the main process and of workers that wait, GB: Nipype, torch, Matplotlib.
MAIN = 1.0
#: Memory is asked for in steps of this, MB.
STEP = 512


@dataclass(frozen=True)
class Request:
    """What one task asks for.

    Attributes
    ----------
    cpus : int
    memory_mb : int
        MB of 2**20 bytes, as SLURM counts them.
    minutes : int
    at_once : int
        How many scans of the participant are in work at a time.
    most_scans : int
        Of a participant.
    need_gb : float
        What its most demanding steps declare, GB.
    """

    cpus: int
    memory_mb: int
    minutes: int
    at_once: int
    most_scans: int
    need_gb: float


def request(planned: Iterable[tuple['Scan', str]], settings: Settings) -> Request:
    """Return what the largest of the participants needs; all tasks of an array ask for the same.

    Parameters
    ----------
    planned : iterable of (Scan, str)
        Scans that will be worked on, and the direction of each.
    settings : Settings
        ``nprocs`` and ``omp_nthreads`` are those of one task.
    """
    participants: dict[str, list] = defaultdict(list)
    for scan, direction in planned:
        participants[scan.subject].append((scan, direction))
    at_once = max(1, settings.nprocs // settings.omp_nthreads)
    most = max(map(len, participants.values()), default=0)
    at_once = max(1, min(at_once, most))
    needs = [_needs(scans, settings) for scans in participants.values()]
    need = max((sum(sorted(each)[-at_once:]) for each in needs), default=0.0)
    works = [_works(scans, settings) for scans in participants.values()]
    minutes = max(minutes_of(each, settings, at_once) for each in works or [[]])
    return Request(
        settings.nprocs, memory_mb(need, settings.mem_gb), minutes, at_once, most, round(need, 2)
    )


def memory_mb(need_gb: float, asked_gb: float | None = None) -> int:
    """Return the memory to ask for, of which ulfprep then uses nine tenths, MB.

    Parameters
    ----------
    need_gb : float
        What the steps that run at a time declare.
    asked_gb : float, optional
        ``--mem``: goes before that.
    """
    use = need_gb + MAIN if asked_gb is None else asked_gb
    return STEP * math.ceil(round(1024 * use / USED / STEP, 6))


def _needs(scans: list[tuple['Scan', str]], settings: Settings) -> list[float]:
    """Return the memory that each scan of a participant may take, GB."""
    sessions: dict[str | None, list] = defaultdict(list)
    needs = []
    for scan, direction in scans:
        needs.append(scans_need([scan], settings, direction)[1])
        if direction == 'enhance':
            sessions[scan.session].append(scan.path)
    if settings.fuse != 'none':
        # Which are fitted together is known once they are read: all of a session at the most.
        needs += [
            largest_need([size_of(path) for path in paths], settings)[1]
            for paths in sessions.values()
        ]
    return needs


def _works(scans: list[tuple['Scan', str]], settings: Settings) -> list[Work]:
    return [
        Work(
            direction,
            size_of(scan.path).voxels,
            together=settings.fuse != 'none' and len(scans) > 1,
            reference_voxels=0 if why_not(scan) else size_of(scan.highfield.path).voxels,
        )
        for scan, direction in scans
    ]
