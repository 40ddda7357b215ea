"""The scripts that a scheduler runs: templates of ``data/cluster``, filled in."""

import re
import shlex
from collections.abc import Mapping, Sequence
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
    more = {
        'scans': str(asked.most_scans),
        'at_a_time': 'one' if asked.at_once == 1 else str(asked.at_once),
        'cpus': str(asked.cpus),
        'need': f'{asked.need_gb:.1f}',
        'memory': str(asked.memory_mb),
        'time': clock(asked.minutes),
        'gpu': '#SBATCH --gres=gpu:1\n' if gpu else '',
        'inside_here': shlex.quote(folders.inside_here),
        'work_root': shlex.quote(folders.work),
        'inside_work_root': shlex.quote(folders.inside_work),
        'generation': generation,
        # Empty: all of them work on one scan.
        'threads': "''" if asked.at_once == 1 else str(asked.cpus // asked.at_once),
        'flags': shlex.join(flags),
    }
    return _filled('participant', program, folders, sbatch_args, more)


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
    kept = [arg for arg in sbatch_args if name_of(arg) not in OF_TASKS]
    return _filled('group', program, folders, kept, {'arguments': shlex.join(arguments)})


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


def _filled(
    name: str,
    program: Program,
    folders: Folders,
    sbatch_args: Sequence[str],
    more: Mapping[str, str],
) -> str:
    """Return a template with its fields (``@name@``) filled in.

    Of an option of sbatch that the user sets, the template's line and the comment above it are
    left out.
    """
    theirs = {name_of(argument) for argument in sbatch_args}
    theirs = theirs.union(*(group for group in ONE_OF if group & theirs))
    python_path = '' if program.image else program.python_path
    fields = {
        **more,
        'here': shlex.quote(folders.here),
        'image': shlex.quote(program.image),
        'program': shlex.join(program.words),
        'container_flags': shlex.join(program.flags),
        'binds': shlex.join(program.binds),
        'python_path': f'export PYTHONPATH={shlex.quote(python_path)}\n' * bool(python_path),
        'common': _part('common.sh'),
    }

    def filled(text: str) -> str:  # a field that is a line by itself holds whole lines
        return re.sub(
            r'^@(\w+)@\n|@(\w+)@', lambda at: fields[at[1] or at[2]], text, flags=re.MULTILINE
        )

    head, _, body = _part(f'{name}.sbatch').partition('@sbatch_args@\n')
    head = filled(head)
    for line in re.findall(r'^(?:# .*\n)?#SBATCH .*\n', head, re.MULTILINE):
        if name_of(line.partition('#SBATCH ')[2].strip()) in theirs:
            head = head.replace(line, '')
    return head + ''.join(f'#SBATCH {argument}\n' for argument in sbatch_args) + filled(body)


def _part(name: str) -> str:
    return files('ulfprep.data').joinpath('cluster', name).read_text(encoding='utf-8')
