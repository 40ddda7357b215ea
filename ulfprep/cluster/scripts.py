"""The scripts that a scheduler runs: head and variables from here, the rest from ``data``."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from ulfprep.cluster.request import Request

#: Options of a task that mean nothing for the group level.
OF_TASKS = frozenset(
    {
        '--time', '-t', '--mem', '--mem-per-cpu', '--mem-per-gpu', '--cpus-per-task', '-c',
        '--gres', '--gpus', '-G', '--gpus-per-task', '--gpus-per-node', '--nice', '--signal',
    }
)  # fmt: skip
#: Long spelling of the short ones that are set here too.
LONG = {'-t': '--time', '-c': '--cpus-per-task', '-J': '--job-name', '-G': '--gpus'}
#: Options of which sbatch takes one alone.
ONE_OF = (
    {'--mem', '--mem-per-cpu', '--mem-per-gpu'},
    {'--gres', '--gpus', '--gpus-per-task', '--gpus-per-node'},
)


@dataclass(frozen=True)
class Program:
    """How a task calls ulfprep.

    Attributes
    ----------
    words : tuple of str
        Without a container.
    python_path : str
        ``PYTHONPATH`` without a container; empty to leave it alone.
    image : str
        Container image on the host; empty without.
    flags : tuple of str
        More flags of the container runtime.
    binds : tuple of str
        What every task binds.
    """

    words: tuple[str, ...]
    python_path: str = ''
    image: str = ''
    flags: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folders:
    """Where scripts find their own folder and that of intermediate files.

    Attributes
    ----------
    here, inside_here : str
        The folder of the scripts on the host, and where ulfprep sees it.
    work, inside_work : str
        The same of ``--work-dir``; empty for a node's own temporary folder.
    """

    here: str
    inside_here: str
    work: str = ''
    inside_work: str = ''


def participant_script(
    asked: Request,
    program: Program,
    folders: Folders,
    generation: str,
    *,
    sbatch_args: Sequence[str] = (),
    flags: Sequence[str] = (),
    gpu: bool = False,
) -> str:
    """Return ``participant.sbatch``.

    Parameters
    ----------
    asked : Request
    program : Program
    folders : Folders
    generation : str
        Marks of finished participants hold it; those of another are not believed.
    sbatch_args : sequence of str
        The user's options of sbatch, which go before those here.
    flags : sequence of str
        Of ulfprep, beside those in ``settings.toml``.
    gpu : bool
        Whether a task needs one.
    """
    at_a_time = 'one at a time' if asked.at_once == 1 else f'{asked.at_once} at a time'
    head = [
        ('', f'One participant a task: at most {asked.most_scans} scan(s) each, {at_a_time}.'),
        ('--job-name=ulfprep', ''),
        ('--output=logs/%A_%a.out', ''),
        ('--open-mode=append', 'A task that is put back into the queue goes on in its log.'),
        ('--requeue', 'After the failure of a node: finished steps or scans are taken over.'),
        ('--ntasks=1', ''),
        (
            f'--cpus-per-task={asked.cpus}',
            'More than two hardly make a scan faster; more tasks at a time do.',
        ),
        (
            f'--mem={asked.memory_mb}M',
            f'{asked.need_gb:.1f} GB for the steps, as they declare; main process and head-room.',
        ),
        (
            f'--time={clock(asked.minutes)}',
            'Four times what the largest participant is expected to take.',
        ),
        ('--signal=B:TERM@60', 'A minute before the time is over, to end in good order.'),
    ]
    if gpu:
        head.append(('--gres=gpu:1', ''))
    variables = {
        **_variables(program, folders),
        'inside_here': folders.inside_here,
        'work_root': folders.work,
        'inside_work_root': folders.inside_work,
        'generation': generation,
        'cpus': str(asked.cpus),
        # Empty: all of them work on one scan.
        'threads': '' if asked.at_once == 1 else str(asked.cpus // asked.at_once),
    }
    arrays = {**_arrays(program), 'flags': flags}
    return _script(head, sbatch_args, program, variables, arrays, 'participant.sh')


def group_script(
    program: Program, folders: Folders, arguments: Sequence[str], sbatch_args: Sequence[str] = ()
) -> str:
    """Return ``group.sbatch``.

    Parameters
    ----------
    program : Program
    folders : Folders
    arguments : sequence of str
        Of ulfprep.
    sbatch_args : sequence of str
        The user's options of sbatch; those that are of tasks are left out.
    """
    head = [
        ('', 'The group level, after all tasks.'),
        ('--job-name=ulfprep-group', ''),
        ('--output=logs/group_%j.out', ''),
        ('--kill-on-invalid-dep=yes', 'Rather than to wait for ever.'),
        ('--ntasks=1', ''),
        ('--cpus-per-task=1', ''),
        ('--mem=4096M', ''),
        ('--time=01:00:00', ''),
    ]
    kept = [arg for arg in sbatch_args if name_of(arg) not in OF_TASKS]
    variables = _variables(program, folders)
    arrays = {**_arrays(program), 'arguments': arguments}
    return _script(head, kept, program, variables, arrays, 'group.sh')


def submit_script() -> str:
    """Return ``submit.sh``, which is the same for all."""
    return _part('submit.sh')


def clock(minutes: int) -> str:
    """Return minutes as SLURM takes a time: ``[days-]hours:minutes:seconds``."""
    days, rest = divmod(minutes, 24 * 60)
    return f'{f"{days}-" if days else ""}{rest // 60:02}:{rest % 60:02}:00'


def name_of(argument: str) -> str:
    """Return the option that a word of sbatch sets, in its long spelling where that is known."""
    if argument.startswith('--'):
        return argument.partition('=')[0].split()[0]
    return LONG.get(argument[:2], argument[:2])


def _variables(program: Program, folders: Folders) -> dict[str, str]:
    return {'here': folders.here, 'image': program.image}


def _arrays(program: Program) -> dict[str, Sequence[str]]:
    return {
        'program': program.words,
        'container_flags': program.flags,
        'binds': program.binds,
    }


def _script(
    head: Iterable[tuple[str, str]],
    sbatch_args: Sequence[str],
    program: Program,
    variables: dict[str, str],
    arrays: dict[str, Sequence[str]],
    body: str,
) -> str:
    """Put a script together; of an option that the user sets, ours is left out."""
    theirs = {name_of(argument) for argument in sbatch_args}
    theirs = theirs.union(*(group for group in ONE_OF if group & theirs))
    lines = ['#!/bin/bash']
    for option, why in head:
        if option and name_of(option) in theirs:
            continue
        lines += [f'# {why}'] * bool(why) + [f'#SBATCH {option}'] * bool(option)
    lines += [f'#SBATCH {argument}' for argument in sbatch_args]
    lines += ['set -euo pipefail', '']
    lines += [f'{name}={shlex.quote(value)}' for name, value in variables.items()]
    lines += [f'{name}=({shlex.join(words)})' for name, words in arrays.items()]
    if program.python_path and not program.image:
        lines.append(f'export PYTHONPATH={shlex.quote(program.python_path)}')
    return '\n'.join([*lines, '', _part('common.sh'), _part(body)])


def _part(name: str) -> str:
    return files('ulfprep.data').joinpath('cluster', name).read_text(encoding='utf-8')
