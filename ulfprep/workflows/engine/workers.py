"""Processes that run nodes: the death of one costs what it was doing, and nothing else."""

import ctypes
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import time
import warnings
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from traceback import format_exception

from nipype.pipeline.plugins.multiproc import run_node

from ulfprep.log_file import LogFile

#: A worker holds about this much when idle, GB: Python, Nipype and torch.
IDLE_MEMORY = 0.5
#: Seconds between looks at how much memory a worker holds.
LOOK = 0.2
_PR_SET_PDEATHSIG = 1
#: What people may send to a run; only its main process answers.
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class WorkerDied(RuntimeError):  # noqa: N818 - it is what happened, not yet an error
    """A worker ended without an answer.

    Parameters
    ----------
    exit_code : int or None
        Negative for a signal.
    peak_gb : float
        The most memory it was seen to hold.
    """

    def __init__(self, exit_code: int | None, peak_gb: float):
        super().__init__(f'worker ended with {exit_code}')
        self.exit_code = exit_code
        self.peak_gb = peak_gb


class Worker:
    """One process that is given nodes, one after another.

    Parameters
    ----------
    set_up : tuple
        Arguments of the process's own preparation: folder, log level, log file.
    """

    def __init__(self, set_up: tuple):
        # Started anew, not forked: copies of a process that has used threads (torch, BLAS) may
        # lock up. And as children of this very process the kernel ends them with it.
        context = multiprocessing.get_context('spawn')
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, os.getpid(), *set_up), name='ulfprep worker'
        )
        self.busy = False
        self.peak_gb = 0.0
        self._looked = 0.0
        # It unblocks the signals when it starts, so it has to be there already.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def give(self, *job) -> None:
        """Give it a node to run; what ``run_node`` takes."""
        self.busy, self.peak_gb = True, 0.0
        with suppress(OSError):  # dead: told when it is asked for the result
            self.pipe.send(job)

    def result(self) -> dict | None:
        """Return what ``run_node`` returned, or None if it still runs.

        Raises
        ------
        WorkerDied
        """
        try:
            if self.pipe.poll():
                answer = self.pipe.recv()
                self.busy = False
                return answer
        except (EOFError, OSError):
            self.process.join(5)
            raise WorkerDied(self.process.exitcode, self.peak_gb) from None
        self._look()
        return None

    def stop(self) -> None:
        """End it at once, and what it started: whatever it writes is written under other names."""
        for kill in (lambda: os.killpg(self.process.pid, signal.SIGKILL), self.process.kill):
            with suppress(OSError):
                kill()
        self.process.join(5)
        self.pipe.close()

    def _look(self) -> None:
        """Note how much memory it holds; when it is dead it is too late."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        self.peak_gb = max(self.peak_gb, peak_memory_gb(self.process.pid))


class Pool:
    """Workers, started when they are needed.

    Parameters
    ----------
    set_up : tuple
        See :class:`Worker`.
    """

    def __init__(self, set_up: tuple):
        self.set_up = set_up
        self.workers: list[Worker] = []

    def submit(self, *job) -> Worker:
        """Give a node to an idle worker, and return the worker."""
        self.workers = [w for w in self.workers if w.busy or w.process.is_alive()]
        worker = next((w for w in self.workers if not w.busy), None)
        if worker is None:
            worker = Worker(self.set_up)
            self.workers.append(worker)
        worker.give(*job)
        return worker

    def forget(self, worker: Worker) -> None:
        """Take a dead worker off the list."""
        worker.stop()
        self.workers.remove(worker)

    def make_room(self, keep: int) -> None:
        """Stop idle workers but for some: they hold memory that another node needs."""
        idle = [worker for worker in self.workers if not worker.busy]
        for worker in idle[keep:]:
            self.forget(worker)

    def stop(self) -> None:
        """End all workers at once."""
        while self.workers:
            self.workers.pop().stop()

    # As Nipype calls it after a run.
    def shutdown(self, wait: bool = True) -> None:
        self.stop()


def peak_memory_gb(pid: int | str = 'self') -> float:
    """Return the most memory a process has held since it began, or began its last node, GB."""
    try:
        for line in Path(f'/proc/{pid}/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) / 2**20
    except (OSError, ValueError, IndexError):
        pass
    return 0.0


def _serve(pipe, parent: int, folder: str, log_level: int, log_file: str | None) -> None:
    """Run nodes until the pipe is closed; the work of a worker process."""
    die_with(parent)
    os.setpgid(0, 0)
    os.chdir(folder)
    quieten(log_level, log_file)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        answer = run_measured(*job)
        try:
            pipe.send(answer)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            story = format_exception(error)
            pipe.send({'result': None, 'traceback': story, 'taskid': job[-1]})
        del job, answer
        let_go()


def run_measured(node, updatehash: bool, taskid: int) -> dict:
    """Run a node; return what ``run_node`` returns, and what it took.

    Returns
    -------
    dict
        ``result``, ``traceback`` and ``taskid`` of Nipype, ``seconds``, ``cpu_seconds`` and
        ``peak_gb``.
    """
    _forget_peak()
    start, used = time.monotonic(), time.process_time()
    try:
        answer = run_node(node, updatehash, taskid)  # what the node raises is in it
    except Exception as error:  # noqa: BLE001 - of Nipype itself
        answer = {'result': None, 'traceback': format_exception(error), 'taskid': taskid}
    answer['seconds'] = time.monotonic() - start
    answer['cpu_seconds'] = time.process_time() - used
    answer['peak_gb'] = peak_memory_gb()
    return answer


def die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, however that comes about.

    A run that was killed may be started again at once: nothing of the old one may still write.
    """
    if sys.platform.startswith('linux'):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def quieten(log_level: int, log_file: str | None) -> None:
    """Set up the logs of a worker process: errors come back through results, not through these.

    Parameters
    ----------
    log_level : int
        Of Nipype's messages.
    log_file : str or None
        Gets all messages; ulfprep's own go to standard error as well, and Nipype's do where its
        level is below that of warnings (``--verbose``).
    """
    for name in ('nipype', 'nipype.workflow', 'nipype.interface', 'nipype.utils'):
        logging.getLogger(name).setLevel(log_level)
    if log_level >= logging.WARNING:
        warnings.simplefilter('ignore')
    ours, nipypes = logging.getLogger('ulfprep'), logging.getLogger('nipype')
    terminal = logging.StreamHandler(sys.stderr)
    ours.setLevel(logging.INFO)
    ours.addHandler(terminal)
    # Nipype's own handler prints on standard output, whenever that is flushed.
    nipypes.propagate = False
    nipypes.handlers[:] = [terminal if log_level < logging.WARNING else logging.NullHandler()]
    if log_file:
        whole = LogFile(log_file)
        ours.addHandler(whole)
        nipypes.addHandler(whole)


def let_go() -> None:
    """Give memory that is not used any more back to the system: other workers may need it."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not the GNU C library
        ctypes.CDLL(None).malloc_trim(0)


def _forget_peak() -> None:
    """Let the peak of memory begin anew."""
    with suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')
