"""Scans are run in child processes, as many at once as there is room for, in order."""

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

from ulfprep.machine import killed_for_memory, memory_limit
from ulfprep.workflows.engine.failures import Failure

#: What a child runs: it takes the pid of its parent, and everything else from its input.
_START = 'from ulfprep.workflows.engine.child import main; main()'
_AGAIN = (
    'give it more memory, or run fewer scans at a time (--omp-nthreads equal to --nprocs runs '
    'one), and run the same command again: finished steps are kept'
)


@dataclass(frozen=True)
class Call:
    """What one child is to do."""

    name: str  #: of the workflow that it runs: a failure of no step is named by it
    #: Takes ``arguments`` and, as ``tell``, a function to be called with the name of each step
    #: that begins. It has to be importable.
    function: Callable[..., list[Failure]]
    arguments: tuple
    need_gb: float = 0.0  #: memory that it may take


@dataclass(frozen=True)
class Ended:
    """What became of a child."""

    name: str  #: of its call
    failures: list[Failure]
    minutes: float


class _Child:
    """A process of its own for one call; it ends with this one, however that comes about."""

    def __init__(self, call: Call, logs: tuple[int, str | None]):
        self.call, self.begun, self.said = call, time.monotonic(), b''
        # Not forked: copies of a process that has used threads (torch, BLAS) may lock up. In a
        # process group of its own: Ctrl-C is answered by the main process alone.
        self.process = subprocess.Popen(
            [sys.executable, '-P', '-c', f'import sys; sys.path[:] = {_path()!r}; {_START}',
             str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0,
        )  # fmt: skip
        with suppress(BrokenPipeError):  # dead already: its end tells
            self.process.stdin.write(pickle.dumps((logs, call)))
            self.process.stdin.close()

    def is_over(self) -> bool:
        """Read what it says; tell whether that was its last word."""
        more = os.read(self.process.stdout.fileno(), 1 << 16)
        self.said += more
        return not more

    def end(self, bound_gb: float, known_kills: int) -> Ended:
        """Return what became of it once it has no more to say."""
        minutes = (time.monotonic() - self.begun) / 60
        self.process.stdout.close()
        _, status, usage = os.wait4(self.process.pid, 0)
        code = self.process.returncode = os.waitstatus_to_exitcode(status)
        step, failures = _read(self.said)
        if failures is None:
            for_memory = (killed_for_memory() or 0) > known_kills
            # Not less than this process held when it began the child: so the kernel counts.
            figures = usage.ru_maxrss / 2**20, self.call.need_gb, bound_gb
            said = why_killed(code, for_memory, *figures)
            failures = [Failure(step or self.call.name, 'WorkerKilledError', said)]
        return Ended(self.call.name, failures, minutes)

    def kill(self) -> None:
        """End it at once, and what it started: what it writes is written under other names."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def in_children(
    calls: Iterable[Call], at_once: int, bound_gb: float, logs: tuple[int, str | None]
) -> Iterator[Ended]:
    """Run each call in a child process, and say of each as soon as it is over what became of it.

    They are begun in their order, ``at_once`` run, and all may use ``bound_gb`` of memory
    together. ``logs`` are how often ``-v`` was given, and the log of the run. Whoever stops asking
    ends all that still run.
    """
    waiting, running = deque(calls), {}
    known_kills = killed_for_memory() or 0
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                child = _Child(waiting.popleft(), logs)
                running[child.process.stdout.fileno()] = child
            for file in wait(list(running)):
                if running[file].is_over():
                    ended = running.pop(file).end(bound_gb, known_kills)
                    known_kills = killed_for_memory() or 0
                    yield ended
    finally:
        for child in running.values():
            child.kill()


def why_killed(
    code: int, for_memory: bool, held_gb: float, expected_gb: float, bound_gb: float
) -> str:
    """Return one line on a child that ended without an answer.

    ``code`` is negative for a signal; ``for_memory`` is whether the kernel has counted a process
    killed for memory; the others are the memory that it held at most, that it was expected to
    need, and that all may use, GB.
    """
    limit = memory_limit()
    figures = (
        f'it held {held_gb:.1f} GB, {expected_gb:.1f} GB were expected and '
        f'{bound_gb:.1f} GB to be used in all; {limit.source}: {limit.gb:.1f} GB'
    )
    if for_memory:
        return f'out of memory, the kernel killed the process ({figures}); {_AGAIN}'
    if code == -signal.SIGKILL:
        return f'the process was killed, probably out of memory ({figures}); {_AGAIN}'
    how = f'by signal {-code}' if code < 0 else f'with code {code}'
    return (
        f'the process ended {how} without a word ({figures}); run the same command again, and if '
        'that ends likewise report it with the log'
    )


def _path() -> list[str]:
    """Return where this process finds its modules, whatever the working directory becomes."""
    return [os.path.abspath(folder) for folder in sys.path]


def _read(said: bytes) -> tuple[str, list[Failure] | None]:
    """Return the last step that a child began, and its answer; None where it gave none."""
    step, stream = '', io.BytesIO(said)
    while True:
        try:
            word = pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):  # it was killed, perhaps as it spoke
            return step, None
        if not isinstance(word, str):
            return step, word
        step = word
