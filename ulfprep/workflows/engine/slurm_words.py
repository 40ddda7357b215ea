"""What is written for SLURM and read from it: scripts, options, and why a job ended."""

import math
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from ulfprep.workflows.engine.slurm_queue import State

#: Variables of the run that its jobs need, wherever a site keeps SLURM from handing them on.
CARRIED = (
    'NO_ET', 'NIPYPE_NO_ET', 'TEMPLATEFLOW_AUTOUPDATE', 'NIPYPE_CONFIG_DIR', 'TEMPLATEFLOW_HOME',
    'MPLCONFIGDIR', 'XDG_CACHE_HOME', 'TORCH_HOME', 'MPLBACKEND', 'FSLOUTPUTTYPE',
    'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'MKL_CBWR', 'OPENBLAS_NUM_THREADS', 'OPENBLAS_CORETYPE',
    'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY', 'ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS',
    'CUBLAS_WORKSPACE_CONFIG', 'HOME', 'LOGNAME', 'TMPDIR', 'FSLDIR', 'PYTHONNOUSERSITE',
    'PYTHONDONTWRITEBYTECODE',
)  # fmt: skip
#: Variables to which a job's own are added.
BEFORE = ('PATH', 'LD_LIBRARY_PATH')
#: Options of sbatch that say a thing, by what they say.
ASKED = {
    'memory': ('--mem', '--mem-per-cpu', '--mem-per-gpu'),
    'cpus': ('-c', '--cpus-per-task'),
    'name': ('-J', '--job-name'),
    'output': ('-o', '--output'),
    'gpu': ('-G', '--gres', '--gpus', '--gpus-per-node', '--gpus-per-task'),
}
#: Least memory of a job, MB: Python, Nipype and torch.
LEAST = 1000
#: Memory is asked for in steps of so many MB.
STEP = 100
#: Lines of a job's output that are told where it ended without an answer.
_LAST = 3


def memory_mb(declared_gb: float) -> int:
    """Return the memory to ask for, MB, for a node that declares some GB."""
    return max(LEAST, STEP * math.ceil(declared_gb * 1024 / STEP))


def job_script(template: str, folder: Path) -> str:
    """Return the script of a job.

    Parameters
    ----------
    template : str
        Its first lines.
    folder : Path
        Of the job.
    """
    lines = [template.rstrip('\n')]
    if not template.startswith('#!'):
        lines.insert(0, '#!/bin/bash')
    for name in CARRIED:
        if name in os.environ:
            lines.append(f'export {name}={shlex.quote(os.environ[name])}')
    for name in BEFORE:
        if os.environ.get(name):
            lines.append(f'export {name}={shlex.quote(os.environ[name])}"${{{name}:+:${name}}}"')
    found = os.pathsep.join(filter(None, sys.path))
    lines.append(f'export PYTHONPATH={shlex.quote(found)}')
    words = [sys.executable, '-m', 'ulfprep.workflows.engine.slurm_job', str(folder)]
    lines.append(f'exec {shlex.join(words)}')
    return '\n'.join(lines) + '\n'


def words_of_template(template: str) -> list[str]:
    """Return the options that the first lines of a script give to sbatch."""
    lines = (line for line in template.splitlines() if line.startswith('#SBATCH'))
    return [word for line in lines for word in shlex.split(line, comments=False)[1:]]


def says(words: Iterable[str], options: tuple[str, ...]) -> str:
    """Return the first word that is one of some options; empty if there is none."""
    for word in words:
        name = word.partition('=')[0] if word.startswith('--') else word[:2]
        if name in options:
            return word
    return ''


def reason_of(
    number: int, state: State, asked: list[str], declared_gb: float, output: Path
) -> str:
    """Return one line on why a job ended without an answer, with the way out.

    Parameters
    ----------
    number : int
    state : State
        The last that is known of it.
    asked : list of str
        Options that it was handed in with.
    declared_gb : float
        What its node was expected to need.
    output : Path
        What it printed.
    """
    job = f'job {number} of SLURM' + (f' on {state.node}' if state.node else '')
    again = 'run the same command again: finished steps are kept'
    if state.name == 'OUT_OF_MEMORY':
        return (
            f'{job} was killed for memory ({says(asked, ASKED["memory"])}; {declared_gb:.1f} GB '
            'were expected); ask for more in plugin_args, such as sbatch_args: --mem=8G, and '
            f'{again}'
        )
    if state.name in ('TIMEOUT', 'DEADLINE'):
        return (
            f'{job} came to the end of its time ({state.name}); ask for more in plugin_args, such '
            f'as sbatch_args: --time=2:00:00, and {again}'
        )
    how = state.name or 'nothing is known of how'
    if state.reason not in ('', 'None'):
        how += f', {state.reason}'
    if state.name in ('CANCELLED', 'PREEMPTED', 'REVOKED', 'NODE_FAIL', 'BOOT_FAIL'):
        return f'{job} was ended from outside ({how}); {again}'
    if said := last_words(output):
        how += f'; it said: {said}'
    return f'{job} ended without an answer ({how}); {again}'


def last_words(output: Path) -> str:
    """Return the end of what a job printed, as one line."""
    try:
        lines = output.read_text(encoding='utf-8', errors='replace').split('\n')
    except OSError:
        return ''
    return ' / '.join([line.strip() for line in lines if line.strip()][-_LAST:])
