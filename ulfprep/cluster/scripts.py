"""The scripts that a scheduler runs: templates of ``data/cluster``, filled in."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from ulfprep.cluster.request import Request

#: Options of a task that mean nothing for the group level.
OF_TASKS = {
    '--time', '--mem', '--mem-per-cpu', '--mem-per-gpu', '--cpus-per-task', '--gres', '--gpus',
    '--gpus-per-task', '--gpus-per-node', '--nice', '--signal',
}  # fmt: skip
#: Long spelling of the short ones that are set here too.
LONG = {'-t': '--time', '-c': '--cpus-per-task', '-J': '--job-name', '-G': '--gpus'}
#: Options of which sbatch takes one alone.
ONE_OF = (
    {'--mem', '--mem-per-cpu', '--mem-per-gpu'},
    {'--gres', '--gpus', '--gpus-per-task', '--gpus-per-node'},
)


@dataclass(frozen=True)
class Call:
    """How and where the scripts call ulfprep."""

    here: str  #: the folder of the scripts on the host
    inside_here: str  #: where ulfprep sees it
    work: str = ''  #: that of ``--work-dir``; empty for a node's own temporary folder
    inside_work: str = ''
    image: str = ''  #: of a container, on the host; empty without
    binds: tuple[str, ...] = ()  #: what every container is given
    words: tuple[str, ...] = ()  #: of the program, without a container
    python_path: str = ''  #: ``PYTHONPATH`` of that; empty to leave it alone
    gpu: bool = False
    sbatch_args: tuple[str, ...] = ()  #: the user's options, which go before those here


def participant_script(call: Call, asked: Request, generation: str, flags: Sequence[str]) -> str:
    """Return ``participant.sbatch``.

    Parameters
    ----------
    call : Call
    asked : Request
    generation : str
        Marks of finished participants hold it; those of another are not believed.
    flags : sequence of str
        Of ulfprep, beside those in ``settings.toml``.
    """
    more = {
        'scans': str(asked.most_scans),
        'at_a_time': 'one' if asked.at_once == 1 else str(asked.at_once),
        'cpus': str(asked.cpus),
        'need': f'{asked.need_gb:.1f}',
        'memory': str(asked.memory_mb),
        'time': clock(asked.minutes),
        'gpu': '#SBATCH --gres=gpu:1\n' if call.gpu else '',
        'inside_here': shlex.quote(call.inside_here),
        'work_root': shlex.quote(call.work),
        'inside_work_root': shlex.quote(call.inside_work),
        'generation': generation,
        # Empty: all of them work on one scan.
        'threads': "''" if asked.at_once == 1 else str(asked.cpus // asked.at_once),
        'flags': shlex.join(flags),
    }
    return _filled('participant', call, call.sbatch_args, more)


def group_script(call: Call, arguments: Sequence[str]) -> str:
    """Return ``group.sbatch``; the user's options of sbatch that are of tasks are left out."""
    kept = [arg for arg in call.sbatch_args if name_of(arg) not in OF_TASKS]
    return _filled('group', call, kept, {'arguments': shlex.join(arguments)})


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


def _filled(name: str, call: Call, sbatch_args: Sequence[str], more: dict[str, str]) -> str:
    """Return a template with its fields (``@name@``) filled in.

    Of an option of sbatch that the user sets, the template's line and the comment above it are
    left out.
    """
    theirs = {name_of(argument) for argument in sbatch_args}
    theirs = theirs.union(*(group for group in ONE_OF if group & theirs))
    path = f'export PYTHONPATH={shlex.quote(call.python_path)}\n' if call.python_path else ''
    fields = {
        **more,
        'here': shlex.quote(call.here),
        'image': shlex.quote(call.image),
        'program': shlex.join(call.words),
        'container_flags': '--nv' if call.image and call.gpu else '',
        'binds': shlex.join(call.binds),
        'python_path': path,
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
