"""Run a function in a process of its own, and measure what it takes.

Memory that a process once held is not given back for certain, and what one method imported the
next would be charged with; so every method that is measured has its own process.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path


@dataclass
class Cost:
    """What something took: seconds of all processors, on the clock, and peak memory, GB."""

    cpu: float = 0.0
    wall: float = 0.0
    memory: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what the block takes; the cost is filled in at its end."""
    cost, cpu, wall = Cost(), sum(os.times()[:4]), time.perf_counter()
    yield cost
    cost.cpu = sum(os.times()[:4]) - cpu
    cost.wall = time.perf_counter() - wall
    cost.memory = peak_memory()


def peak_memory() -> float:
    """Return the most memory that this process held at once, GB."""
    status = Path('/proc/self/status')
    if status.is_file():
        # Linux counts what the parent held at the fork in ru_maxrss, but not here.
        for line in status.read_text().splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024 / 1e9
    import resource

    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def in_fresh_process(function, *args):
    """Call a function in a new interpreter whose numerical libraries use one thread.

    What it raises is raised here; ``BrokenProcessPool`` if its process died.
    """
    with ProcessPoolExecutor(1, get_context('spawn'), _use_one_thread) as pool:
        return pool.submit(function, *args).result()


def reason(error: BaseException) -> str:
    """Return an error in one line."""
    return ' '.join(str(error).split()) or type(error).__name__


def _use_one_thread() -> None:
    # Called before the function is imported, and NumPy and PyTorch with it.
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        os.environ[name] = '1'
