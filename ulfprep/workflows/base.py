"""A dataset as one workflow: one sub-workflow a scan, run so that each stands alone."""

import dataclasses
import hashlib
import logging
import shutil
from itertools import count
from pathlib import Path
from uuid import uuid4

from niworkflows.engine.workflows import LiterateWorkflow

import ulfprep
from ulfprep import __version__
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.store.locks import Locks
from ulfprep.bids.store.locks import claim as claim_folder
from ulfprep.bids.write.simulated import export_simulated
from ulfprep.machine import Limit
from ulfprep.settings import Settings
from ulfprep.workflows.engine.costs import Costs
from ulfprep.workflows.engine.execute import (
    draw_graph,
    free_memory,
    make_plugin,
    on_cluster,
    run_workflow,
)
from ulfprep.workflows.engine.failures import Failure, Verdict, read_crashes
from ulfprep.workflows.engine.plugin import Telling
from ulfprep.workflows.engine.watch import Watch
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.group import GroupTask
from ulfprep.workflows.jobs import Job, job_node, judge, plan_jobs, results_of, scans_of, tasks_of
from ulfprep.workflows.leftovers import remove_damaged
from ulfprep.workflows.records import Records, claim, format_error, methods_of
from ulfprep.workflows.reference import NAME as REFERENCE
from ulfprep.workflows.reference import init_reference_wf, reference_name
from ulfprep.workflows.resources import how_many, scans_need
from ulfprep.workflows.room import check_room
from ulfprep.workflows.scan import PLAN_NODE, init_scan_wf, make_task, node_name, safe_name
from ulfprep.workflows.screen import screen

LOGGER = logging.getLogger('ulfprep')
#: How the folders of intermediate results are called, first of all.
WORKFLOW = 'ulfprep_'


def scans_at_a_time(needs: list[float], settings: Settings, memory_gb: float) -> int:
    """Return how many scans may run at once without wanting more CPUs or memory than there are.

    Parameters
    ----------
    needs : list of float
        Memory that each scan may take, GB.
    settings : Settings
    memory_gb : float
        For all together.
    """
    by_cpu = max(1, settings.nprocs // settings.omp_nthreads)
    return min(len(needs), by_cpu, how_many(needs, memory_gb))


def init_ulfprep_wf(
    jobs: list[Job],
    settings: Settings,
    crash_dir: Path,
    alone: bool = True,
    reference: str = REFERENCE,
) -> LiterateWorkflow:
    """Build the workflow of all scans.

    Parameters
    ----------
    jobs : list of Task and GroupTask
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    crash_dir : Path
        Where crash files go.
    alone : bool
        Whether scans run one after another.
    reference : str
        Name of the workflow of ``--target-like``.
    """
    folder = workflow_folder(settings)
    workflow = LiterateWorkflow(name=folder.name, base_dir=str(folder.parent))
    workflow.config['execution'] = {
        'crashdump_dir': str(crash_dir),
        'crashfile_format': 'txt',
        'create_report': 'false',
        'hash_method': 'content',
        'poll_sleep_duration': '0.05',
        'remove_unnecessary_outputs': 'false',
        'stop_on_first_crash': str(settings.stop_on_first_crash).lower(),
    }
    measured = init_reference_wf(settings, reference) if settings.target_like else None
    for job in jobs:
        group = isinstance(job, GroupTask)
        part = (init_fuse_wf if group else init_scan_wf)(job, settings, alone)
        workflow.add_nodes([part])
        if measured is None:
            continue
        for scan in scans_of(job):
            plan = f'{node_name(scan)}.{PLAN_NODE}' if group else PLAN_NODE
            workflow.connect(measured, 'measure.out_file', part, f'{plan}.reference_file')
    return workflow


def run_scans(
    scans: list[Scan], settings: Settings, crash_dir: Path, locks: Locks | None = None
) -> tuple[list[Verdict], list[str]]:
    """Process scans; a bad one never stops the others.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    crash_dir : Path
        Where crash files of this run go.
    locks : Locks, optional
        Open; participants that are worked on stay locked in it. Without, they are released at
        the end.

    Returns
    -------
    verdicts : list of Verdict
        In the order of ``scans``.
    methods : list of str
        Methods texts of all scans that are finished, each once.

    Raises
    ------
    NoRoomError
        Where a disk is far too small; nothing is computed then.
    """
    if locks is None:
        with Locks.of(settings) as own:
            return run_scans(scans, settings, crash_dir, own)
    records = Records(settings, crash_dir)
    tasks, refused = screen(scans, settings)
    for one in refused.values():
        records.add(Verdict(one.scan, 'failed', one.failure))
    jobs = plan_jobs(tasks, refused, settings)
    # A group that some scan cannot join is run again without it, and that scan alone.
    for attempt in count():
        waiting = claim([job for job in jobs if not records.done(job)], locks, records)
        if not waiting:
            break
        if not attempt:
            check_room(waiting, workflow_folder(settings), settings)
        folder = crash_dir / f'again-{attempt}' if attempt else crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        jobs = _execute(waiting, settings, folder, locks, records)
    if settings.simulate_as_bids:
        for scan in scans:
            records.add(_export(records.verdicts[scan.name], settings))
    verdicts = [records.verdicts[scan.name] for scan in scans]
    return verdicts, methods_of(verdicts, settings)


def workflow_folder(settings: Settings) -> Path:
    """Return the folder of all intermediate results.

    Nipype knows its nodes' inputs but not their code: by this name, intermediate results that
    other code left in the work folder are not picked up.
    """
    name = f'{WORKFLOW}{__version__}_{source_digest()}'.replace('.', '_')
    return settings.work_dir / safe_name(name)


def source_digest() -> str:
    """Return a short hash of the package's source."""
    digest = hashlib.sha256()
    root = Path(ulfprep.__file__).parent
    for path in sorted(root.rglob('*.py')):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _execute(
    jobs: list[Job], settings: Settings, crash_dir: Path, locks: Locks, records: Records
) -> list[Job]:
    """Run the workflow of all scans; return what has to be run again in another way."""
    memory = free_memory(settings)
    needs = [_need(job, settings, memory) for job in jobs]
    elsewhere = on_cluster(settings)
    at_once = len(jobs) if elsewhere else scans_at_a_time(needs, settings, memory.gb)
    work = workflow_folder(settings)
    claim_folder(work)
    if settings.force:
        for job in jobs:
            shutil.rmtree(work / job_node(job), ignore_errors=True)
    reference = reference_name(settings)
    private = bool(settings.target_like) and not locks.take_in_work(reference)
    if private:  # another run is at it: its steps are its own
        reference += f'_{uuid4().hex[:8]}'
    for name in (*map(job_node, jobs), reference):
        remove_damaged(work / name)
    workflow = init_ulfprep_wf(jobs, settings, crash_dir, at_once == 1, reference)
    if settings.write_graph:
        LOGGER.info('graph of the workflow: %s', draw_graph(workflow, crash_dir))
    for task in (task for job in jobs for task in tasks_of(job)):
        LOGGER.info('%s: %s', task.scan.name, ' '.join(task.notes))
    places = f'{at_once} at a time, {settings.omp_nthreads} thread(s) each'
    limits = f'at most {memory.gb:.1f} GB in all ({memory.source})'
    if elsewhere:
        places, limits = 'each step a job of SLURM', 'with the memory and CPUs that it declares'
    LOGGER.info('processing %d scan(s), %s, %s', len(jobs), places, limits)
    parts = {job_node(job): job for job in jobs}
    again: dict[str, list[Job]] = {}

    def tell(part: str, last: bool = False) -> None:
        """Judge a part that is through, and keep what is known."""
        if part in again:
            return
        failures = [*read_crashes(crash_dir), *getattr(plugin, 'unwritten', ())]
        if not last and isinstance(parts[part], GroupTask) and failures:
            return  # whom a group can do without is known once all of it is through
        judged, again[part] = judge(parts[part], settings, failures)
        for verdict in judged:
            records.add(dataclasses.replace(verdict, minutes=watch.minutes(part)))

    watch = Watch(parts, tell)
    plugin = make_plugin(settings, list(parts), at_once, memory.gb)
    if isinstance(plugin, Telling):
        names = {part: [scan.name for scan in results_of(job)] for part, job in parts.items()}
        plugin.note_cost = Costs(settings.output_dir, names)
    run_workflow(workflow, plugin, watch, crash_dir)
    if private:
        shutil.rmtree(work / reference, ignore_errors=True)
    for part in parts:
        tell(part, last=True)
    return [job for part in parts for job in again[part]]


def _need(job: Job, settings: Settings, memory: Limit) -> float:
    """Return the memory a job may take, GB, and say so where that is too much."""
    direction = 'enhance' if isinstance(job, GroupTask) else job.direction
    step, need = scans_need(list(scans_of(job)), settings, direction)
    if need > memory.gb:
        LOGGER.warning(
            '%s: its step %s may need %.1f GB, and %.1f GB are to be used in all (%s); it is run '
            'alone, and killed if memory runs out',
            scans_of(job)[0].name,
            step,
            need,
            memory.gb,
            memory.source,
        )
    return need


def _export(verdict: Verdict, settings: Settings) -> Verdict:
    """Put a finished simulation into the raw dataset; a scan that cannot be has failed."""
    scan = verdict.scan
    if (
        verdict.status not in ('finished', 'skipped')
        or make_task(scan, settings).direction != 'simulate'
    ):
        return verdict
    try:
        for path in export_simulated(scan, settings):
            LOGGER.info('%s: written %s', scan.name, path)
    except Exception as error:  # noqa: BLE001 - one scan must not cost the others
        failure = Failure('export', type(error).__name__, str(error), format_error(error))
        return Verdict(scan, 'failed', failure)
    return verdict
