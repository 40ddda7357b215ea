"""Killing tasks of an array: which, when and how; and the scheduler's words for it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

#: As a node that fails; as an administrator or a time limit; as the kernel, for memory.
WAYS = ('task', 'cancel', 'process')
#: Seconds between two looks at the queue.
LOOK = 0.5


@dataclass
class Kills:
    """Tasks to be killed, by the order in which they start."""

    #: Place in the order -> seconds after its start, and one of :data:`WAYS`.
    planned: dict[int, tuple[float, str]]
    #: Task, after how many seconds, in which way.
    done: list[tuple[str, float, str]] = field(default_factory=list)
    _started: dict[str, float] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)

    def due(self, running: set[str], now: float) -> list[tuple[str, str]]:
        """Return the tasks whose moment has come and how each is to end.

        What was planned for a task that ended before its moment goes to the next that starts,
        so that as many are killed as were to be.
        """
        for task in sorted(running - self._started.keys()):
            self._started[task] = now
            self._order.append(task)
        found = []
        for place, (moment, way) in sorted(self.planned.items()):
            if place >= len(self._order):
                continue
            task = self._order[place]
            if task not in running:
                del self.planned[place]
                self.planned[self._free()] = (moment, way)
            elif now - self._started[task] >= moment:
                del self.planned[place]
                self.done.append((task, round(now - self._started[task], 1), way))
                found.append((task, way))
        return found

    def _free(self) -> int:
        place = len(self._order)
        while place in self.planned:
            place += 1
        return place


def plan_kills(count: int, seconds: float, seed: int = 0) -> Kills:
    """Choose which tenth of the tasks to kill, at moments anywhere in their lives."""
    rng = np.random.default_rng(seed)
    places = rng.choice(count, max(1, round(0.1 * count)), replace=False)
    moments = rng.uniform(0, seconds, len(places))
    ways = [WAYS[i % len(WAYS)] for i in range(len(places))]
    return Kills(
        {int(p): (float(m), way) for p, m, way in zip(places, moments, ways, strict=True)}
    )


def queued(folder: Path) -> dict[str, str]:
    """Return the jobs whose scripts lie in a folder -> state, array tasks one by one."""
    words = ['squeue', '--noheader', '--array', '--format=%i|%T|%o']
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = (line.split('|', 2) for line in lines)
    return {task: state for task, state, command in rows if command.startswith(str(folder))}


def watch(folder: Path, kills: Kills | None = None, say: Callable = print) -> None:
    """Wait until no job of a folder is queued, and kill on the way what is to be killed."""
    while jobs := queued(folder):
        running = {task for task, state in jobs.items() if state == 'RUNNING' and '_' in task}
        for task, way in kills.due(running, time.monotonic()) if kills else ():
            say(f'killed: {task}, {end(task, way)}', flush=True)
        time.sleep(LOOK)


def end(task: str, way: str) -> str:
    """End a running task; return how that was done.

    ``scancel --signal=KILL`` would not do: SLURM makes a cancellation of it, with a SIGTERM that
    goes before. Where the processes of the task are not on this machine, it is cancelled.
    """
    processes = [] if way == 'cancel' else processes_of(task)
    if way == 'process':
        processes = [pid for pid, words in processes if b'--participant-label' in words][:1]
    else:
        processes = [pid for pid, _ in processes]
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if processes:
        return way
    subprocess.run(['scancel', task], check=False)
    return 'cancel'


def processes_of(task: str) -> list[tuple[int, list[bytes]]]:
    """Return id and words of all processes of an array task on this machine, oldest first."""
    array, _, index = task.partition('_')
    wanted = {f'SLURM_ARRAY_JOB_ID={array}'.encode(), f'SLURM_ARRAY_TASK_ID={index}'.encode()}
    found = []
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            environment = set((folder / 'environ').read_bytes().split(b'\0'))
            words = (folder / 'cmdline').read_bytes().split(b'\0')
        except OSError:
            continue
        if wanted <= environment:
            found.append((int(folder.name), words))
    return sorted(found)
