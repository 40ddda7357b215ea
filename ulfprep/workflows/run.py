"""Jobs are run, each in a process of its own; what became of one is kept as soon as it is over."""

import dataclasses
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from ulfprep.bids.read.highfield import other_scan
from ulfprep.bids.store.locks import WORK_FOLDER, Locks, claim
from ulfprep.bids.task import Task
from ulfprep.machine import Limit, memory_bound, own_memory_gb
from ulfprep.settings import Settings
from ulfprep.workflows.endings import TARGET_LIKE, Records, ending_of
from ulfprep.workflows.engine import pool
from ulfprep.workflows.engine.failures import Failure
from ulfprep.workflows.engine.plugin_file import run_in_plugin
from ulfprep.workflows.engine.steps import Costs, Linear, let_go
from ulfprep.workflows.jobs import Job, job_node
from ulfprep.workflows.leftovers import remove_damaged
from ulfprep.workflows.resources import how_many, need_gb
from ulfprep.workflows.scan import TARGET_MEASURED, init_target_wf
from ulfprep.workflows.whole import draw_graph, init_job_wf, init_ulfprep_wf, workflow_folder

LOGGER = logging.getLogger('ulfprep')


def run_jobs(
    jobs: list[Job], settings: Settings, crash_dir: Path, locks: Locks, records: Records
) -> list[Job]:
    """Run jobs and keep what became of their scans; return what has to be run in another way."""
    memory = free_memory(settings)
    needs = [_need(job, settings, memory) for job in jobs]
    at_once = scans_at_a_time(needs, settings, memory.gb)
    work = workflow_folder(settings)
    claim(work)
    for task in (task for job in jobs for task in job.members):
        LOGGER.info('%s: %s', task.name, ' '.join(map(str, task.notes)))
    LOGGER.info(
        'processing %d scan(s), %d at a time, %d thread(s) each, at most %.1f GB in all (%s)',
        len(jobs),
        at_once,
        settings.omp_nthreads,
        memory.gb,
        memory.source,
    )
    parts = {f'{work.name}.{job_node(job)}': job for job in jobs}
    again: dict[str, list[Job]] = {}
    failures: list[Failure] = []

    def tell(part: str, minutes: float | None = None) -> None:
        endings, again[part] = ending_of(parts[part], settings, failures)
        for ending in endings:
            records.add(dataclasses.replace(ending, minutes=minutes))

    def children(calls: list[pool.Call]):
        logs = settings.verbose, _log_file()
        return closing(pool.in_children(calls, at_once, memory.gb, logs))

    like, measured = _target_of(settings, locks), None
    if like:
        with children([_measuring(like, settings, crash_dir)]) as over:
            failures += next(over).failures
        measured = None if failures else work / like / TARGET_MEASURED
    how = at_once == 1, measured
    if settings.write_graph:
        whole = _whole(jobs, settings, crash_dir, *how)
        LOGGER.info('graph of the workflow: %s', draw_graph(whole, crash_dir))
    if settings.use_plugin and not failures:
        for job in jobs:
            _clear_work(job, settings)
        whole = _whole(jobs, settings, crash_dir, *how)
        failures += run_in_plugin(whole, settings.use_plugin, crash_dir)
    elif not failures:
        calls = [
            pool.Call(name, run_job, (job, settings, crash_dir, *how), need)
            for (name, job), need in zip(parts.items(), needs, strict=True)
        ]
        with children(calls) as over:
            for ended in over:
                failures += ended.failures
                tell(ended.name, ended.minutes)
                if failures and settings.stop_on_first_crash:
                    break
    for part in parts:
        if part not in again:
            tell(part)
    if like and like != _target_name(settings):
        shutil.rmtree(work / like, ignore_errors=True)
    return [job for part in parts for job in again[part]]


def _whole(jobs: list[Job], settings: Settings, crash_dir: Path, *how):
    """Return the workflow of all jobs."""
    return init_ulfprep_wf([init_job_wf(job, settings, *how) for job in jobs], settings, crash_dir)


def run_job(
    job: Job, settings: Settings, crash_dir: Path, alone: bool, measured: Path | None, *, tell
) -> list[Failure]:
    """Run the workflow of a job in this process; return the failures of its steps.

    ``measured`` is as in :func:`ulfprep.workflows.whole.init_job_wf`; ``tell`` is called with the
    full name of each step that begins.
    """
    _clear_work(job, settings)
    workflow = init_job_wf(job, settings, alone, measured)
    return _run(workflow, settings, crash_dir, [task.name for task in job.results()], tell)


def measure_target(name: str, settings: Settings, crash_dir: Path, *, tell) -> list[Failure]:
    """Measure the scan of ``--target-like`` in a workflow of that name; see :func:`run_job`."""
    remove_damaged(workflow_folder(settings) / name)
    return _run(init_target_wf(settings, name), settings, crash_dir, [], tell)


def _clear_work(job: Job, settings: Settings) -> None:
    """Remove intermediate results of a job that are not to be used again."""
    folder = workflow_folder(settings) / job_node(job)
    if settings.force:
        shutil.rmtree(folder, ignore_errors=True)
    remove_damaged(folder)


def _run(workflow, settings: Settings, crash_dir: Path, scans: list[str], tell: Callable):
    gpu_lock = settings.work_dir / WORK_FOLDER / 'gpu.lock'
    plugin = Linear(tell, Costs(settings.output_dir, scans), gpu_lock)
    init_ulfprep_wf([workflow], settings, crash_dir).run(plugin=plugin)
    return plugin.failures


def free_memory(settings: Settings) -> Limit:
    """Return the memory that scans may use in all: what the run may, less its main process."""
    let_go()  # of the images that were checked
    bound = memory_bound(settings.mem_gb)
    return Limit(max(bound.gb - own_memory_gb(), 0.1), bound.source)


def scans_at_a_time(needs: list[float], settings: Settings, memory_gb: float) -> int:
    """Return how many scans may run at once without wanting more CPUs or memory than there are.

    ``needs`` is the memory that each may take, ``memory_gb`` that for all together, GB.
    """
    by_cpu = max(1, settings.nprocs // settings.omp_nthreads)
    return min(len(needs), by_cpu, how_many(needs, memory_gb))


def _need(job: Job, settings: Settings, memory: Limit) -> float:
    """Return the memory a job may take, GB, and say so where that is too much."""
    need = need_gb(job.members, settings)
    if need > memory.gb:
        LOGGER.warning(
            '%s: may need %.1f GB, and %.1f GB are to be used in all (%s); it is run alone, and '
            'killed if memory runs out',
            job.members[0].name,
            need,
            memory.gb,
            memory.source,
        )
    return need


def _target_name(settings: Settings) -> str:
    """Return the name of the workflow: another one for everything that may change its results.

    So the steps of one run are never replaced by those of another that uses the work folder too.
    """
    return f'{TARGET_LIKE}_{settings.digest()}_{settings.modalities[0]}'


def _target_of(settings: Settings, locks: Locks) -> str:
    """Return the name of the workflow of ``--target-like``; empty without one."""
    if not settings.target_like:
        return ''
    name = _target_name(settings)
    if locks.take_in_work(name):
        return name
    return f'{name}_{uuid4().hex[:8]}'  # another run is at it: its steps are its own


def _measuring(name: str, settings: Settings, crash_dir: Path) -> pool.Call:
    scan = other_scan(settings.target_like, settings.modalities[0])
    need = need_gb([Task(scan)], settings)
    full_name = f'{workflow_folder(settings).name}.{name}'
    return pool.Call(full_name, measure_target, (name, settings, crash_dir), need)


def _log_file() -> str | None:
    """Return the file of the run's log, for the children to write to as well."""
    files = (h for h in LOGGER.handlers if isinstance(h, logging.FileHandler))
    return next((handler.baseFilename for handler in files), None)
