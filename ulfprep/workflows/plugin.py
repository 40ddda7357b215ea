"""Nipype's process pool, made to survive the death of a worker."""

import logging
import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from traceback import format_exception

from nipype.pipeline.plugins import MultiProcPlugin

KILLED = (
    'the process was killed, probably out of memory; run the same command again with fewer '
    'scans at a time (--omp-nthreads equal to --nprocs runs one): finished steps are kept'
)


class WorkerKilledError(RuntimeError):
    """A worker process died without a word."""


class ResilientMultiProc(MultiProcPlugin):
    """MultiProc that reports killed workers and goes on with the other scans.

    As it comes, Nipype waits for ever for the result of a worker that was killed (by the
    kernel when memory runs out, for example), or gives up all other scans without a crash
    file for the one that failed.
    """

    def __init__(self, plugin_args=None):
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown(wait=False)
        self.pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        """Return a pool whose workers start clean and quiet."""
        return ProcessPoolExecutor(
            max_workers=self.processors,
            initializer=_start_worker,
            initargs=(self._cwd, self.plugin_args.get('log_level', logging.WARNING)),
            # Forked copies of a process that has used threads (torch, BLAS) may lock up.
            mp_context=multiprocessing.get_context('forkserver'),
        )

    def _get_result(self, taskid):
        future = self._task_obj.get(taskid)
        if future is not None and future.done() and future.exception() is not None:
            # As a worker reports what it lived to tell: Nipype stumbles over an exception here.
            story = ['Traceback (most recent call last):\n']
            story += format_exception(WorkerKilledError(KILLED))
            return {'result': None, 'traceback': story, 'taskid': taskid}
        return super()._get_result(taskid)

    def _async_callback(self, args):
        # A failed future is dealt with in _get_result, not in the pool's own thread.
        if args.exception() is None:
            super()._async_callback(args)

    def _submit_job(self, node, updatehash=False):
        try:
            return super()._submit_job(node, updatehash)
        except BrokenProcessPool:  # useless once a worker was killed
            self.pool.shutdown(wait=False)
            self.pool = self._new_pool()
            return super()._submit_job(node, updatehash)


def _start_worker(folder: str, log_level: int) -> None:
    """Set up a worker process; errors come back through results, not through its log."""
    os.chdir(folder)
    import nipype  # noqa: F401 - sets its own levels when imported, so it has to be first

    for name in ('nipype', 'nipype.workflow', 'nipype.interface', 'nipype.utils'):
        logging.getLogger(name).setLevel(log_level)
    if log_level >= logging.WARNING:
        warnings.simplefilter('ignore')


def memory_limit_gb() -> float:
    """Return the memory this process may use, GB (a container may allow less than there is)."""
    limits = [os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')]
    for name in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'):
        try:
            limits.append(int(Path(name).read_text()))
        except (OSError, ValueError):  # not there, or the word "max"
            continue
    return min(limits) / 2**30
