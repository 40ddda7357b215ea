"""Run a function in a process of its own: what it gives, and what it took.

Memory that a process once held is not given back for certain, and what one method imported the
next would be charged with; so every method that is measured has its own process.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: How libraries are told of the number of threads, before they are loaded.
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS')
#: The environment that a new process inherits is changed by one thread at a time.
_STARTING = threading.Lock()


class ProcessFailed(Exception):
    """The function raised, or its process died; says which in one line."""


@dataclass
class Cost:
    """What something took.

    Attributes
    ----------
    cpu : float
        Seconds of processor time, of all threads and of programs that were run.
    wall : float
        Seconds on the clock.
    memory : float
        Most memory that the process has held so far, GB.
    """

    cpu: float = 0.0
    wall: float = 0.0
    memory: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure what the block takes; the cost is filled in at its end."""
    cost, cpu, wall = Cost(), processor_time(), time.perf_counter()
    yield cost
    cost.cpu = processor_time() - cpu
    cost.wall = time.perf_counter() - wall
    cost.memory = peak_memory()


def processor_time() -> float:
    """Return the processor time of this process and the programs it ran, s."""
    return sum(os.times()[:4])


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


def in_fresh_process(function, *args, threads: int | None = None):
    """Call a function in a new interpreter.

    Parameters
    ----------
    function : callable
        Importable by name. It and its arguments and result must be picklable.
    *args
        Of the function.
    threads : int, optional
        That numerical libraries may use; what the environment says without.

    Returns
    -------
    object
        What the function returns.

    Raises
    ------
    ProcessFailed
        If it raised, or if its process died.
    """
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, threads, function, args))
    with _STARTING:
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        try:
            if threads is not None:
                os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        # Nor must a process of another thread hold an end of this pipe open.
        sender.close()
    try:
        worked, answer = receiver.recv()
    except EOFError:
        process.join()
        reason = f'its process ended with status {process.exitcode}'
        if process.exitcode < 0:
            reason = f'its process was ended by signal {-process.exitcode}'
        raise ProcessFailed(reason) from None
    process.join()
    if not worked:
        raise ProcessFailed(answer)
    return answer


def _call(sender, threads, function, args):
    try:
        answer = True, function(*args)
    except Exception as error:  # noqa: BLE001 - told to the parent, whatever it is
        answer = False, ' '.join(f'{error or type(error).__name__}'.split())
    sender.send(answer)
