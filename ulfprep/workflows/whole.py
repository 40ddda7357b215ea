"""The workflows of scans as parts of one, whose folder holds all intermediate results."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from niworkflows.engine.workflows import LiterateWorkflow

import ulfprep
from ulfprep import __version__
from ulfprep.bids.task import Fusion
from ulfprep.settings import Settings
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.jobs import Job, node_name, safe_name
from ulfprep.workflows.scan import init_scan_wf

#: How the folders of intermediate results are called, first of all.
WORKFLOW = 'ulfprep_'


def init_job_wf(
    job: Job, settings: Settings, alone: bool = True, measured: Path | None = None
) -> LiterateWorkflow:
    """Build the workflow of a job.

    ``alone`` is whether no other job runs at the same time, ``measured`` the file of what was
    measured in the scan of ``--target-like``.
    """
    fused = isinstance(job, Fusion)
    workflow = (init_fuse_wf if fused else init_scan_wf)(job, settings, alone)
    if measured:
        for task in job.members:
            name = f'{node_name(task)}.plan' if fused else 'plan'
            workflow.get_node(name).inputs.like = str(measured)
    return workflow


def init_ulfprep_wf(
    parts: list[LiterateWorkflow], settings: Settings, crash_dir: Path
) -> LiterateWorkflow:
    """Put workflows into the one whose folder holds all intermediate results."""
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
    workflow.add_nodes(parts)
    return workflow


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


def draw_graph(workflow: LiterateWorkflow, folder: Path) -> Path:
    """Draw a workflow, as ``graph.svg`` where Graphviz is there, else ``graph.dot``; return it."""
    source = folder / 'graph.dot'
    workflow.write_hierarchical_dotfile(dotfilename=str(source), colored=True)
    picture = source.with_suffix('.svg')
    if shutil.which('dot'):
        words = ['dot', '-Tsvg', str(source), '-o', str(picture)]
        if subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return picture
    return source
