"""Nipype's process pool, made to survive the death of a worker and to finish scan by scan."""

import logging
from pathlib import Path
from traceback import format_exception

import numpy as np
from nipype.pipeline.plugins import MultiProcPlugin

from ulfprep.machine import killed_for_memory, memory_limit
from ulfprep.workflows.engine.failures import failure_of
from ulfprep.workflows.engine.workers import IDLE_MEMORY, Pool, WorkerDied

LOGGER = logging.getLogger('nipype.workflow')
AGAIN = (
    'give it more memory, or run fewer scans at a time (--omp-nthreads equal to --nprocs runs '
    'one), and run the same command again: finished steps are kept'
)


class WorkerKilledError(RuntimeError):
    """A worker process died without a word."""


class Telling:
    """What all plugins of this package do beside Nipype's: failures and costs are kept.

    Attributes
    ----------
    unwritten : list of Failure
        Failures of which there is no crash file.
    note_cost : callable or None
        Called with a node's full name, what it took, and the names of all nodes.
    """

    def __init__(self, plugin_args=None):
        super().__init__(plugin_args=plugin_args)
        self.unwritten = []
        self.note_cost = None

    def _report_crash(self, node, result=None):
        """Write the crash file of a node; what cannot be written (a full disk) is remembered."""
        try:
            return super()._report_crash(node, result=result)
        except OSError as error:
            LOGGER.error('the crash file of %s cannot be written: %s', node.fullname, error)
            folder = Path(node.config['execution']['crashdump_dir'])
            for half in folder.glob(f'crash-*-{node._id}-*'):
                half.unlink(missing_ok=True)
            story = ''.join((result or {}).get('traceback') or format_exception(error))
            heading = f'Node: {node.fullname}\nWorking directory: {node.output_dir()}\n\n'
            self.unwritten.append(failure_of(heading + story, node.fullname))
            return None

    def _took(self, node, result: dict) -> None:
        """Tell what a node took."""
        if 'peak_gb' not in result:
            return
        LOGGER.info(
            '%s: %.1f s, %.1f s of CPUs (declared %d), at most %.2f GB (declared %.2f)',
            node.fullname,
            result['seconds'],
            result['cpu_seconds'],
            node.n_procs,
            result['peak_gb'],
            node.mem_gb,
        )
        if self.note_cost:
            names = (other.fullname for other in self.procs)
            self.note_cost(node.fullname, result | {'n_procs': node.n_procs}, names)


class ResilientMultiProc(Telling, MultiProcPlugin):
    """MultiProc that reports killed workers and goes on with the other scans.

    As it comes, Nipype waits for ever for the result of a worker that was killed (by the
    kernel when memory runs out, for example), or gives up all other scans without a crash
    file for the one that failed. It also takes the steps of all scans in turn, so that none
    is finished until nearly all are; here a scan has to wait for those before it.

    Parameters
    ----------
    plugin_args : dict
        Nipype's, and ``log_level`` (of Nipype in workers), ``log_file`` (of ulfprep in
        workers), ``parts`` (names of the parts of the workflow, a scan's each, in the order in
        which they are wanted) and ``at_once`` (how many of them may be in work).
    """

    def __init__(self, plugin_args=None):
        super().__init__(plugin_args=plugin_args)
        self.pool.shutdown(wait=False)
        level = self.plugin_args.get('log_level', logging.WARNING)
        self.pool = Pool((self._cwd, level, self.plugin_args.get('log_file')))
        self._killed_before = killed_for_memory()
        self._places = None

    def stop(self) -> None:
        """End all workers at once."""
        self.pool.stop()

    def _submit_job(self, node, updatehash=False):
        self._taskid += 1
        # What idle workers hold is not accounted for anywhere else.
        running = sum(self.procs[job].mem_gb for _, job in self.pending_tasks)
        spare = self.memory_gb - running - node.mem_gb
        self.pool.make_room(keep=1 + max(0, int(spare / IDLE_MEMORY)))
        self._task_obj[self._taskid] = self.pool.submit(node, updatehash, self._taskid), node
        return self._taskid

    def _get_result(self, taskid):
        worker, node = self._task_obj[taskid]
        try:
            result = worker.result()
        except WorkerDied as death:
            self.pool.forget(worker)
            return result_of(WorkerKilledError(self._why(death, node))) | {'taskid': taskid}
        if result:
            self._took(node, result)
        return result

    def _why(self, death: WorkerDied, node) -> str:
        """Say why a worker died, with the numbers."""
        count = killed_for_memory()
        for_memory = (count or 0) > (self._killed_before or 0)
        self._killed_before = count
        return why_killed(death, for_memory, node.mem_gb, self.memory_gb)

    def _sort_jobs(self, jobids, scheduler='tsort'):
        """Return the nodes that may be started: of the first unfinished parts, in their order."""
        if 'parts' not in self.plugin_args:
            return super()._sort_jobs(jobids, scheduler)
        if self._places is None:
            order = {name: place for place, name in enumerate(self.plugin_args['parts'])}
            # What is no scan's own is what scans wait for.
            self._places = np.array([order.get(part_of(node), -1) for node in self.procs])
        unfinished = np.unique(self._places[~self.proc_done | self.proc_pending])
        last = unfinished[unfinished >= 0][: self.plugin_args['at_once']].max(initial=-1)
        chosen = [job for job in jobids if self._places[job] <= last]
        return sorted(chosen, key=lambda job: (self._places[job], job))


def result_of(error: Exception) -> dict:
    """Return an error as a worker reports what it lived to tell: Nipype takes no exception."""
    story = ['Traceback (most recent call last):\n', *format_exception(error)]
    return {'result': None, 'traceback': story}


def part_of(node) -> str:
    """Return the name of the part of the workflow (a scan's, as a rule) that a node is of."""
    names = node.fullname.split('.')
    return names[1] if len(names) > 2 else names[-1]


def why_killed(death: WorkerDied, for_memory: bool, declared_gb: float, bound_gb: float) -> str:
    """Return one line on the death of a worker.

    Parameters
    ----------
    death : WorkerDied
    for_memory : bool
        Whether the kernel has counted a process killed for memory.
    declared_gb, bound_gb : float
        What the node was expected to need, and what all may use.
    """
    limit = memory_limit()
    held = f'it held {death.peak_gb:.1f} GB when last seen, ' if death.peak_gb else ''
    numbers = (
        f'{held}{declared_gb:.1f} GB were expected and {bound_gb:.1f} GB to be used in all; '
        f'{limit.source}: {limit.gb:.1f} GB'
    )
    if for_memory:
        return f'out of memory, the kernel killed the process ({numbers}); {AGAIN}'
    code = death.exit_code
    if code == -9 or code is None:
        return f'the process was killed, probably out of memory ({numbers}); {AGAIN}'
    how = f'by signal {-code}' if code < 0 else f'with code {code}'
    return (
        f'the process ended {how} without a word ({numbers}); run the same command again, and if '
        'that ends likewise report it with this crash file'
    )
