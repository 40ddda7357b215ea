"""A dataset as one workflow: one sub-workflow a scan, run so that each stands alone."""

import hashlib
import logging
import traceback
from itertools import count
from pathlib import Path

from niworkflows.engine.workflows import LiterateWorkflow

import ulfprep
from ulfprep import __version__
from ulfprep.bids.dataset import Scan
from ulfprep.bids.export import export_simulated
from ulfprep.settings import Settings
from ulfprep.workflows.enhance import render_memory
from ulfprep.workflows.failures import Failure, Verdict, read_crashes
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.group import GroupTask
from ulfprep.workflows.jobs import Job, job_done, job_node, judge, plan_jobs, scans_of, tasks_of
from ulfprep.workflows.plugin import ResilientMultiProc, memory_limit_gb
from ulfprep.workflows.reference import NAME as REFERENCE
from ulfprep.workflows.reference import init_reference_wf
from ulfprep.workflows.scan import PLAN_NODE, init_scan_wf, make_task, node_name, safe_name
from ulfprep.workflows.screen import screen

LOGGER = logging.getLogger('ulfprep')


def scans_at_a_time(n_scans: int, settings: Settings, memory_gb: float) -> int:
    """Return how many scans may run at once without wanting more CPUs or memory than there are."""
    by_cpu = settings.nprocs // settings.omp_nthreads
    by_memory = int(memory_gb // render_memory(settings))
    return max(1, min(n_scans, by_cpu, by_memory))


def init_ulfprep_wf(
    jobs: list[Job], settings: Settings, crash_dir: Path, alone: bool = True
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
    """
    # Nipype knows its nodes' inputs but not their code: by this name, intermediate results
    # that other code left in the work folder are not picked up.
    workflow = LiterateWorkflow(
        name=safe_name(f'ulfprep_{__version__}_{source_digest()}'.replace('.', '_')),
        base_dir=str(settings.work_dir),
    )
    workflow.config['execution'] = {
        'crashdump_dir': str(crash_dir),
        'crashfile_format': 'txt',
        'create_report': 'false',
        'hash_method': 'content',
        'poll_sleep_duration': '0.05',
        'remove_unnecessary_outputs': 'false',
        'stop_on_first_crash': 'false',
    }
    reference = init_reference_wf(settings) if settings.target_like else None
    for job in jobs:
        group = isinstance(job, GroupTask)
        part = (init_fuse_wf if group else init_scan_wf)(job, settings, alone)
        workflow.add_nodes([part])
        if reference is None:
            continue
        for scan in scans_of(job):
            plan = f'{node_name(scan)}.{PLAN_NODE}' if group else PLAN_NODE
            workflow.connect(reference, 'measure.out_file', part, f'{plan}.reference_file')
    return workflow


def run_scans(
    scans: list[Scan], settings: Settings, crash_dir: Path
) -> tuple[list[Verdict], list[str]]:
    """Process scans; a bad one never stops the others.

    Parameters
    ----------
    scans : list of Scan
    settings : Settings
        With ``device`` and ``segmentation`` resolved.
    crash_dir : Path
        Where crash files of this run go.

    Returns
    -------
    verdicts : list of Verdict
        In the order of ``scans``.
    methods : list of str
        Methods texts of the workflows that were built, each once.
    """
    tasks, refused = screen(scans, settings)
    verdicts = {name: Verdict(one.scan, 'failed', one.failure) for name, one in refused.items()}
    methods: list[str] = []
    jobs = plan_jobs(tasks, refused, settings)
    # A group that some scan cannot join is run again without it, and that scan alone.
    for attempt in count():
        waiting = []
        for job in jobs:
            if not job_done(job, settings):
                waiting.append(job)
                continue
            for scan in scans_of(job):
                LOGGER.info('%s: finished before with the same settings, not run again', scan.name)
                verdicts[scan.name] = Verdict(scan, 'skipped')
        if not waiting:
            break
        folder = crash_dir / f'again-{attempt}' if attempt else crash_dir
        folder.mkdir(parents=True, exist_ok=True)
        methods += _execute(waiting, settings, folder)
        failures = read_crashes(folder)
        # Without the reference no scan has a target: its failure is theirs.
        of_reference = (f for f in failures if f.node.split('.')[1:2] == [REFERENCE])
        shared = next(of_reference, None)
        jobs = []
        for job in waiting:
            judged, again = judge(job, settings, failures, shared)
            verdicts |= {verdict.scan.name: verdict for verdict in judged}
            jobs += again
    if settings.simulate_as_bids:
        verdicts = {name: _export(verdict, settings) for name, verdict in verdicts.items()}
    return [verdicts[scan.name] for scan in scans], list(dict.fromkeys(methods))


def source_digest() -> str:
    """Return a short hash of the package's source."""
    digest = hashlib.sha256()
    root = Path(ulfprep.__file__).parent
    for path in sorted(root.rglob('*.py')):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _execute(jobs: list[Job], settings: Settings, crash_dir: Path) -> list[str]:
    """Run the workflow of all scans; failures are found afterwards, in crash files."""
    memory = 0.9 * memory_limit_gb()
    at_once = scans_at_a_time(len(jobs), settings, memory)
    workflow = init_ulfprep_wf(jobs, settings, crash_dir, alone=at_once == 1)
    for task in (task for job in jobs for task in tasks_of(job)):
        LOGGER.info('%s: %s', task.scan.name, ' '.join(task.notes))
    if at_once == 1:
        plugin = 'Linear'
    else:
        plugin = ResilientMultiProc(
            plugin_args={
                'n_procs': settings.nprocs,
                'memory_gb': memory,
                'raise_insufficient': False,
                # One process at a time on a GPU; Nipype would count GPUs with another tool.
                'n_gpu_procs': int(settings.device.startswith('cuda')),
                'log_level': logging.INFO if settings.verbose else logging.WARNING,
            }
        )
    LOGGER.info(
        'processing %d scan(s), %d at a time, %d thread(s) each',
        len(jobs),
        at_once,
        settings.omp_nthreads,
    )
    try:
        workflow.run(plugin=plugin)
    except Exception as error:  # Nipype raises after all scans are through
        LOGGER.debug('the workflow engine ended with: %s', error)
        if not list(crash_dir.glob('crash-*.txt')):
            # Not a node, then: without this the reason would be lost.
            LOGGER.error('the workflow engine failed: %s', error)
            LOGGER.debug('', exc_info=error)
    parts = [workflow.get_node(job_node(job)) for job in jobs]
    return list(dict.fromkeys(' '.join(part.visit_desc().split()) for part in parts))


def _export(verdict: Verdict, settings: Settings) -> Verdict:
    """Put a finished simulation into the raw dataset; a scan that cannot be has failed."""
    scan = verdict.scan
    if verdict.failure or make_task(scan, settings).direction != 'simulate':
        return verdict
    try:
        for path in export_simulated(scan, settings):
            LOGGER.info('%s: written %s', scan.name, path)
    except Exception as error:  # noqa: BLE001 - one scan must not cost the others
        failure = Failure('export', type(error).__name__, str(error), _format(error))
        return Verdict(scan, 'failed', failure)
    return verdict


def _format(error: Exception) -> str:
    """Return an exception's traceback as text."""
    return ''.join(traceback.format_exception(error)).strip()
