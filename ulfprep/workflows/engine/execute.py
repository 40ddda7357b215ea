"""A workflow is run: with which of Nipype's plugins, in how much memory, and watched."""

import logging
import math
import shutil
from contextlib import contextmanager
from pathlib import Path

from nipype.pipeline import plugins
from niworkflows.engine.workflows import LiterateWorkflow

from ulfprep.machine import Limit, memory_bound, own_memory_gb
from ulfprep.settings import Settings
from ulfprep.workflows.engine.plugin import ResilientMultiProc
from ulfprep.workflows.engine.plugin_file import read_plugin_file
from ulfprep.workflows.engine.slurm import ResilientSLURM
from ulfprep.workflows.engine.watch import Watch
from ulfprep.workflows.engine.workers import let_go

LOGGER = logging.getLogger('ulfprep')
#: What this package has its own plugin for.
OWN = 'MultiProc'
#: Plugin where no file names one.
USUAL = OWN
#: The other one that this package has its own for: nodes are not run on this computer.
CLUSTER = 'SLURM'


def on_cluster(settings: Settings) -> bool:
    """Tell whether nodes are jobs of a scheduler, which finds the place for them."""
    return bool(settings.use_plugin) and read_plugin_file(settings.use_plugin)[0] == CLUSTER


def free_memory(settings: Settings) -> Limit:
    """Return the memory that nodes may use in all: what the run may, less its main process."""
    let_go()  # of the images that were checked
    if on_cluster(settings):
        return Limit(math.inf, 'SLURM gives each step its own')
    bound = memory_bound(settings.mem_gb)
    return Limit(max(bound.gb - own_memory_gb(), 0.1), bound.source)


def make_plugin(settings: Settings, parts: list[str], at_once: int, memory_gb: float):
    """Return the plugin that runs a workflow.

    Nodes run in processes of their own even where there is one at a time: when memory runs out
    the kernel then kills what computes, not the run.

    Parameters
    ----------
    settings : Settings
    parts : list of str
        Names of the parts of the workflow, in the order in which they are wanted.
    at_once : int
        How many of them may be in work.
    memory_gb : float
        Memory that all nodes may use together.
    """
    name, arguments = USUAL, {}
    if settings.use_plugin:
        name, arguments = read_plugin_file(settings.use_plugin)
    log_level = logging.INFO if settings.verbose else logging.WARNING
    if name == CLUSTER:
        return ResilientSLURM(plugin_args={'log_level': log_level, **arguments})
    if name != OWN:
        return getattr(plugins, f'{name}Plugin')(plugin_args=dict(arguments))
    return ResilientMultiProc(
        plugin_args={
            'n_procs': settings.nprocs,
            'memory_gb': memory_gb,
            'raise_insufficient': False,
            # One process at a time on a GPU; Nipype would count GPUs with another tool.
            'n_gpu_procs': int(settings.device.startswith('cuda')),
            'log_level': log_level,
            'log_file': _log_file(),
            'parts': parts,
            'at_once': at_once,
            **arguments,
        }
    )


def run_workflow(workflow: LiterateWorkflow, plugin, watch: Watch, crash_dir: Path) -> None:
    """Run a workflow to its end; failures are found afterwards, in crash files.

    Parameters
    ----------
    workflow : LiterateWorkflow
    plugin : PluginBase
    watch : Watch
        Is told what becomes of each node.
    crash_dir : Path
        Where crash files go.
    """
    with _watched(plugin, watch):
        try:
            workflow.run(plugin=plugin)
        except Exception as error:  # Nipype raises after all scans are through
            LOGGER.debug('the workflow engine ended with: %s', error)
            unwritten = getattr(plugin, 'unwritten', ())
            if not unwritten and not list(crash_dir.glob('crash-*.txt')):
                # Not a node, then: without this the reason would be lost.
                LOGGER.error('the workflow engine failed: %s', error)
                LOGGER.debug('', exc_info=error)
        finally:
            # However the run ends: nothing goes on behind its back.
            if stop := getattr(plugin, 'stop', None):
                stop()
    watch.catch_up()


@contextmanager
def _watched(plugin, watch: Watch):
    """Have a plugin, any of Nipype's, say what becomes of its nodes."""
    run = plugin.run

    def run_watched(graph, *args, **kwargs):
        watch.expect(graph.nodes())
        return run(graph, *args, **kwargs)

    plugin.run, plugin._status_callback = run_watched, watch
    try:
        yield
    finally:
        del plugin.run


def _log_file() -> str | None:
    """Return the file of the run's log, for the workers to write to as well."""
    files = (h for h in LOGGER.handlers if isinstance(h, logging.FileHandler))
    return next((handler.baseFilename for handler in files), None)


def draw_graph(workflow: LiterateWorkflow, folder: Path) -> Path:
    """Draw a workflow into a folder: ``graph.dot``, and ``graph.svg`` where Graphviz is there.

    Returns
    -------
    Path
        The picture, or the source of one.
    """
    source = folder / 'graph.dot'
    workflow.write_hierarchical_dotfile(dotfilename=str(source), colored=True)
    picture = source.with_suffix('.svg')
    if shutil.which('dot'):
        import subprocess

        done = subprocess.run(
            ['dot', '-Tsvg', str(source), '-o', str(picture)], capture_output=True, check=False
        )
        if done.returncode == 0:
            return picture
    return source
