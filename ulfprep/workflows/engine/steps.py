"""The steps of a workflow, run one after another in this process, each measured."""

import ctypes
import fcntl
import gc
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from traceback import format_exception

from networkx import descendants
from nipype.pipeline.engine.utils import topological_sort
from nipype.pipeline.plugins import LinearPlugin
from nipype.pipeline.plugins.tools import report_crash

from ulfprep.bids.store.locks import open_lock
from ulfprep.bids.store.records import read_resources, write_resources
from ulfprep.workflows.engine.failures import Failure, failure_of

LOGGER = logging.getLogger('nipype.workflow')


class Costs:
    """Keeps the records of :mod:`ulfprep.bids.store.records` up to date while scans are run.

    Steps that a run takes over from an earlier one keep what they took then.
    """

    def __init__(self, output_dir: Path, scans: Sequence[str]):
        self.output_dir, self.scans = output_dir, scans
        self.names: dict[str, str] = {}

    def expect(self, steps: Iterable[str]) -> None:
        """Learn the full names of all steps, in their order, ``<whole>.<scan>. ... .<node>``."""
        last = {step: step.rpartition('.')[2] for step in steps}
        count = Counter(last.values())
        # Without its workflows, where no other step has the same name.
        self.names = {
            step: name if count[name] == 1 else step.split('.', 2)[-1]
            for step, name in last.items()
        }

    def add(self, step: str, cost: dict) -> None:
        """Note the ``seconds``, ``cpu_seconds``, ``peak_gb`` and ``n_procs`` of a known step."""
        name = self.names[step]
        kept = {key: round(cost[key], 3) for key in ('seconds', 'cpu_seconds', 'peak_gb')}
        entry = {'node': name, **kept, 'n_procs': cost['n_procs']}
        for scan in self.scans:
            before = read_resources(self.output_dir, scan) or {'nodes': []}
            known = {node['node']: node for node in before['nodes']} | {name: entry}
            # What the workflow does no more is forgotten.
            nodes = [known[one] for one in self.names.values() if one in known]
            rest = [other for other in self.scans if other != scan]
            try:
                write_resources(self.output_dir, scan, nodes, rest)
            except OSError as error:  # a full disk: the results are what matters
                LOGGER.debug('what %s took cannot be written: %s', name, error)


class Linear(LinearPlugin):
    """Nipype's Linear, which also keeps what each step took and why it failed.

    Nipype's own tells of the first failure alone, and of none where a full disk takes no crash
    file. ``begin`` is called with the full name of each step that begins, ``costs`` told what each
    took that was run; the file ``gpu_lock`` is locked while one uses a GPU.
    """

    def __init__(self, begin: Callable[[str], None], costs: Costs, gpu_lock: Path):
        super().__init__()
        self.begin, self.costs, self.gpu_lock = begin, costs, gpu_lock
        self.failures: list[Failure] = []

    def run(self, graph, config, updatehash=False):
        """Run all nodes but those that depend on one that failed."""
        folder, skipped = os.getcwd(), set()
        nodes, _ = topological_sort(graph)
        self.costs.expect(node.fullname for node in nodes)
        for node in nodes:
            if node in skipped:
                continue
            try:
                self._run_node(node, updatehash)
            except Exception as error:  # noqa: BLE001 - of whatever kind: it ends its scan alone
                self.failures.append(_failure(node, error))
                skipped |= descendants(graph, node)
                if config['execution']['stop_on_first_crash'] == 'true':
                    break
        os.chdir(folder)

    def _run_node(self, node, updatehash: bool) -> None:
        self.begin(node.fullname)
        cached, updated = node.is_cached()
        known = cached and updated and not node.interface.always_run
        if known or node.run_without_submitting:  # nothing that is worth a record
            node.run(updatehash=updatehash)
            return
        cost = {'n_procs': node.n_procs}
        with _locked(self.gpu_lock if node.is_gpu_node() else None):
            try:
                with measured(cost):
                    node.run(updatehash=updatehash)
            finally:
                LOGGER.info(
                    '%s: %.1f s, %.1f s of CPUs, at most %.2f GB',
                    node.fullname,
                    cost['seconds'],
                    cost['cpu_seconds'],
                    cost['peak_gb'],
                )
                self.costs.add(node.fullname, cost)
                let_go()


def _failure(node, error: Exception) -> Failure:
    """Return why a node failed, with its crash file written if the disk takes it."""
    story = f'Working directory: {node.output_dir()}\n\n{"".join(format_exception(error))}'
    try:
        path = report_crash(node, traceback=format_exception(error))
    except OSError as reason:
        LOGGER.error('the crash file of %s cannot be written: %s', node.fullname, reason)
        for half in Path(node.config['execution']['crashdump_dir']).glob(f'crash-*-{node._id}-*'):
            half.unlink(missing_ok=True)
        path = ''
    return failure_of(story, node.fullname, path)


@contextmanager
def measured(cost: dict) -> Iterator[None]:
    """Note what is done inside: ``seconds``, ``cpu_seconds`` and ``peak_gb``.

    CPU time is that of this process and of commands that it ran to their end, memory the most
    that this process itself held.
    """
    with suppress(OSError):  # the peak begins anew
        Path('/proc/self/clear_refs').write_text('5')
    start, used = time.monotonic(), sum(os.times()[:4])
    try:
        yield
    finally:
        cost['seconds'] = time.monotonic() - start
        cost['cpu_seconds'] = sum(os.times()[:4]) - used
        cost['peak_gb'] = peak_memory_gb()


def peak_memory_gb() -> float:
    """Return the most memory this process has held since it began, or began a step, GB."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path('/proc/self/status').read_text().splitlines():
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) / 2**20
    return 0.0


@contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    """Hold a lock, which ends with the process at the latest; without a path, do nothing."""
    if path is None:
        yield
        return
    file = open_lock(path)
    try:
        with suppress(OSError):  # the file system cannot lock
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def let_go() -> None:
    """Give memory that is not used any more back to the system: other scans may need it."""
    gc.collect(1)  # what is old stays: to look through all of it takes longer than many steps
    with suppress(OSError, AttributeError):  # not the GNU C library
        ctypes.CDLL(None).malloc_trim(0)
