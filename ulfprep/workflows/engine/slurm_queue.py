"""SLURM by its own commands: jobs are handed in, asked after, and cancelled."""

import os
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

#: States of a job that will not run any more.
ENDED = frozenset({
    'BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'DEADLINE', 'FAILED', 'NODE_FAIL', 'OUT_OF_MEMORY',
    'PREEMPTED', 'REVOKED', 'TIMEOUT',
})  # fmt: skip
#: Words of sbatch after which the same job may be taken another time.
_BUSY = (
    'Socket timed out', 'Unable to contact', 'temporarily', 'not available at the moment',
    'Zero Bytes were transmitted', 'Job violates accounting/QOS policy', 'SubmitLimit',
    'SubmitJobLimit', 'SubmitJobPerUserLimit', 'Connection refused', 'Connection timed out',
)  # fmt: skip
#: Jobs asked after by one command.
_AT_ONCE = 500
#: Seconds that a command of SLURM may take.
_PATIENCE = 60


class SubmitError(RuntimeError):
    """SLURM does not take a job."""


class BusyError(RuntimeError):
    """SLURM does not take a job now, but may later."""


@dataclass(frozen=True)
class State:
    """What SLURM says of a job.

    Attributes
    ----------
    name : str
        ``PENDING``, ``RUNNING``, ``OUT_OF_MEMORY`` ...
    reason : str
        Why it waits or ended; ``None`` as a word where there is none.
    node : str
        Where it runs or ran.
    folder : str
        Its working directory.
    """

    name: str
    reason: str = ''
    node: str = ''
    folder: str = ''

    @property
    def ended(self) -> bool:
        return self.name in ENDED


def submit(words: list[str]) -> int:
    """Hand in a job and return its id.

    Parameters
    ----------
    words : list of str
        Arguments of ``sbatch``, the script last.

    Raises
    ------
    BusyError
        If SLURM does not answer, or takes no more jobs for now.
    SubmitError
        If it does not take this one; the message is one line.
    """
    try:
        done = _run(['sbatch', '--parsable', *words])
    except subprocess.TimeoutExpired as error:
        raise BusyError('sbatch does not answer') from error
    except OSError as error:
        raise SubmitError(f'sbatch cannot be started ({error.strerror or error})') from error
    lines = done.stderr.replace('sbatch: error: ', '').splitlines()
    said = '; '.join(line.strip() for line in lines if line.strip())
    if done.returncode:
        kind = BusyError if any(word in said for word in _BUSY) else SubmitError
        raise kind(said or f'sbatch ended with code {done.returncode}')
    # Sites wrap sbatch and have it say more; the name of a cluster may follow the number.
    found = re.findall(r'^(?:Submitted batch job )?(\d+)(?:[;\s].*)?$', done.stdout, re.MULTILINE)
    if not found:
        raise SubmitError(f'no number of a job in what sbatch said: {done.stdout.strip()!r}')
    return int(found[-1])


def states(numbers: Iterable[int]) -> dict[int, State] | None:
    """Return what SLURM says of jobs; those it has forgotten are missing.

    Returns
    -------
    dict or None
        None where SLURM does not answer.
    """
    numbers, known = sorted(numbers), {}
    for start in range(0, len(numbers), _AT_ONCE):
        some = ','.join(map(str, numbers[start : start + _AT_ONCE]))
        try:
            done = _run(['squeue', '-h', '-t', 'all', '-o', '%i|%T|%r|%N|%Z', '-j', some])
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode and 'Invalid job id' not in done.stderr:
            return None
        for line in done.stdout.splitlines():
            number, *rest = line.split('|', 4)
            if number.isdecimal() and len(rest) == 4:
                known[int(number)] = State(*rest)
    return known


def recorded(number: int) -> State | None:
    """Return what the accounting has on a job that the queue has forgotten, if there is any."""
    try:
        done = _run(['sacct', '-n', '-X', '-P', '-o', 'State,NodeList', '-j', str(number)])
    except (OSError, subprocess.TimeoutExpired):
        return None
    line = done.stdout.strip().splitlines()[:1]
    if done.returncode or not line:
        return None
    name, _, node = line[0].partition('|')
    return State(name.split()[0] if name.split() else '', node=node)


def cancel(numbers: Iterable[int], patience: float = _PATIENCE) -> list[int]:
    """Cancel jobs and wait until they are gone.

    Parameters
    ----------
    numbers : iterable of int
    patience : float
        Seconds to wait at most.

    Returns
    -------
    list of int
        Those that are still there.
    """
    left = sorted(numbers)
    end = time.monotonic() + patience
    while left:
        for start in range(0, len(left), _AT_ONCE):
            try:
                _run(['scancel', *map(str, left[start : start + _AT_ONCE])])
            except (OSError, subprocess.TimeoutExpired):
                break
        known = states(left)
        if known is not None:
            left = [number for number in left if number in known and not known[number].ended]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.5)
    return left


def _run(words: list[str]) -> subprocess.CompletedProcess:
    """Run a command of SLURM; what the job said that this process itself may be in is left out."""
    kept = ('SLURM_CONF', 'SLURM_CLUSTERS')
    variables = {
        name: value
        for name, value in os.environ.items()
        if name in kept or not name.startswith('SLURM_')
    }
    return subprocess.run(
        words,
        env=variables,
        capture_output=True,
        encoding='utf-8',
        errors='surrogateescape',
        timeout=_PATIENCE,
        check=False,
    )
