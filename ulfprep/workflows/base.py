"""A dataset as one workflow: one sub-workflow a scan, run so that each stands alone."""

import hashlib
import logging
import traceback
from pathlib import Path

from niworkflows.engine.workflows import LiterateWorkflow

import ulfprep
from ulfprep import __version__
from ulfprep.bids.checks import UnusableScanError
from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import is_finished, missing_files
from ulfprep.bids.export import export_simulated
from ulfprep.settings import Settings
from ulfprep.workflows.enhance import FIT_MEMORY
from ulfprep.workflows.failures import Failure, Verdict, read_crashes
from ulfprep.workflows.plugin import ResilientMultiProc, memory_limit_gb
from ulfprep.workflows.reference import NAME as REFERENCE
from ulfprep.workflows.reference import init_reference_wf
from ulfprep.workflows.scan import (
    PLAN_NODE,
    Task,
    init_scan_wf,
    make_task,
    node_name,
    safe_name,
)

LOGGER = logging.getLogger('ulfprep')


def scans_at_a_time(n_scans: int, settings: Settings, memory_gb: float) -> int:
    """Return how many scans may run at once without wanting more CPUs or memory than there are."""
    by_cpu = settings.nprocs // settings.omp_nthreads
    by_memory = int(memory_gb // FIT_MEMORY)
    return max(1, min(n_scans, by_cpu, by_memory))


def init_ulfprep_wf(
    tasks: list[Task], settings: Settings, crash_dir: Path, alone: bool = True
) -> LiterateWorkflow:
    """Build the workflow of all scans.

    Parameters
    ----------
    tasks : list of Task
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
    scans = [init_scan_wf(task, settings, alone) for task in tasks]
    workflow.add_nodes(scans)
    if settings.target_like:
        reference = init_reference_wf(settings)
        for scan in scans:
            workflow.connect(reference, 'measure.out_file', scan, f'{PLAN_NODE}.reference_file')
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
    verdicts: dict[str, Verdict] = {}
    tasks: list[Task] = []
    for scan in scans:
        try:
            task = make_task(scan, settings)
            done = is_finished(scan, settings, task.direction)
        except UnusableScanError as error:
            failure = Failure('check', type(error).__name__, str(error), _format(error))
            verdicts[scan.name] = Verdict(scan, 'failed', failure)
            continue
        if done:
            LOGGER.info('%s: finished before with the same settings, not run again', scan.name)
            verdicts[scan.name] = Verdict(scan, 'skipped')
        else:
            tasks.append(task)
    methods = _execute(tasks, settings, crash_dir) if tasks else []
    crashes = {}
    for failure in read_crashes(crash_dir):
        parts = failure.node.split('.')
        crashes.setdefault(parts[1] if len(parts) > 1 else '', failure)
    # Without the reference no scan has a target: its failure is theirs.
    shared = crashes.get(REFERENCE)
    for task in tasks:
        verdicts[task.scan.name] = _judge(task, settings, crashes, shared)
    if settings.simulate_as_bids:
        verdicts = {name: _export(verdict, settings) for name, verdict in verdicts.items()}
    return [verdicts[scan.name] for scan in scans], methods


def source_digest() -> str:
    """Return a short hash of the package's source."""
    digest = hashlib.sha256()
    root = Path(ulfprep.__file__).parent
    for path in sorted(root.rglob('*.py')):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _execute(tasks: list[Task], settings: Settings, crash_dir: Path) -> list[str]:
    """Run the workflow of all scans; failures are found afterwards, in crash files."""
    memory = 0.9 * memory_limit_gb()
    at_once = scans_at_a_time(len(tasks), settings, memory)
    workflow = init_ulfprep_wf(tasks, settings, crash_dir, alone=at_once == 1)
    for task in tasks:
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
        len(tasks),
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
    scan_workflows = [workflow.get_node(node_name(task.scan)) for task in tasks]
    return list(dict.fromkeys(' '.join(wf.visit_desc().split()) for wf in scan_workflows))


def _judge(
    task: Task, settings: Settings, crashes: dict[str, Failure], shared: Failure | None = None
) -> Verdict:
    """Return what became of a scan that was run."""
    failure = crashes.get(node_name(task.scan)) or shared
    if failure is None and not is_finished(task.scan, settings, task.direction):
        missing = missing_files(task.scan, settings, task.direction)
        what = f'{len(missing)} of its files are missing, the first: {missing[0]}'
        failure = Failure('outputs', 'Incomplete', what if missing else 'its QC file is stale')
    return Verdict(task.scan, 'failed' if failure else 'finished', failure)


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
