"""What the task of a participant asks a scheduler for: memory, time and cores."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ulfprep.machine import USED
from ulfprep.settings import Settings
from ulfprep.workflows.resources import need_gb

if TYPE_CHECKING:
    from ulfprep.bids.task import Task

#: Memory of the main process, GB.
MAIN = 0.5
#: Memory is asked for in steps of this, MB.
STEP = 512
#: Minutes that are asked for at least, and beside those of each scan: four times what one takes on
#: a core (60 to 90 seconds), or more with what is slow.
LEAST, BEGIN, SCAN, SLOW_SCAN = 15, 5, 5, 30


@dataclass(frozen=True)
class Request:
    """What one task asks for."""

    cpus: int
    memory_mb: int  #: of 2**20 bytes, as SLURM counts them
    minutes: int
    at_once: int  #: scans of the participant that are in work at a time
    most_scans: int  #: of a participant
    need_gb: float  #: what its largest scans may take


def request(tasks: Iterable['Task'], settings: Settings) -> Request:
    """Return what the largest of the participants needs; all tasks of an array ask for the same.

    In the settings, ``nprocs`` and ``omp_nthreads`` are those of one task.
    """
    participants: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        participants[task.scan.subject].append(task)
    most = max(map(len, participants.values()), default=0)
    at_once = max(1, min(settings.nprocs // settings.omp_nthreads, most))
    needs = [_needs(own, settings) for own in participants.values()]
    need = max((sum(sorted(each)[-at_once:]) for each in needs), default=0.0)
    minutes = (SLOW_SCAN if _is_slow(settings) else SCAN) * math.ceil(most / at_once)
    return Request(
        settings.nprocs,
        memory_mb(need, settings.mem_gb),
        max(LEAST, BEGIN + minutes),
        at_once,
        most,
        round(need, 2),
    )


def memory_mb(need_gb: float, asked_gb: float | None = None) -> int:
    """Return the memory to ask for, MB, of which ulfprep then uses nine tenths.

    What the scans that are run at a time may need gives way to what ``--mem`` says.
    """
    use = need_gb + MAIN if asked_gb is None else asked_gb
    return STEP * math.ceil(round(1024 * use / USED / STEP, 6))


def _needs(tasks: list['Task'], settings: Settings) -> list[float]:
    """Return the memory that each scan of a participant may take, GB."""
    if settings.fuse == 'none':
        return [need_gb([task], settings) for task in tasks]
    # Which are fitted together is known once they are read: all of a session at the most.
    sessions: dict[str | None, list[Task]] = defaultdict(list)
    for task in tasks:
        sessions[task.scan.session].append(task)
    return [need_gb(together, settings) for together in sessions.values()]


def _is_slow(settings: Settings) -> bool:
    """Tell whether something was asked for that may take minutes of each scan."""
    return (
        settings.backbone != 'direct'
        or settings.segmentation == 'synthseg'
        or settings.output_resolution < 1
        or settings.reference != 'none'
        or settings.n_realisations > 10
    )
