"""What this machine lets the process use: memory and CPUs, however they were limited."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: Share of the memory limit that is used where nobody says how much.
USED = 0.9


@dataclass(frozen=True)
class Limit:
    """How much there is, and who says so."""

    gb: float  #: of 2**30 bytes
    source: str  #: for people


def memory_limit(root: Path = Path('/')) -> Limit:
    """Return the memory this process and its children may use in all.

    The least of the machine's own, of what its control group and those above it allow (a
    container, a job of a cluster), and of what SLURM granted.
    """
    size = _field(root / 'proc/meminfo', 'MemTotal:')  # kB
    if size is None:
        size = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**10
    limits = [Limit(size / 2**20, 'installed')]
    for folder in control_groups('memory', root):
        for name in ('memory.max', 'memory.limit_in_bytes'):
            limit = _number(folder / name)
            if limit is not None:
                limits.append(Limit(limit / 2**30, 'limit of the control group'))
    granted = _granted_by_slurm()
    if granted:
        limits.append(Limit(granted, 'granted by SLURM'))
    return min(limits, key=lambda limit: limit.gb)


def memory_bound(asked_gb: float | None) -> Limit:
    """Return the memory that a run may use: what was asked for, or most of what there is."""
    limit = memory_limit()
    if asked_gb is not None:
        return Limit(asked_gb, f'--mem; {limit.source}: {limit.gb:.1f} GB')
    return Limit(USED * limit.gb, f'{USED:.0%} of {limit.gb:.1f} GB, {limit.source}')


def too_much_memory(asked_gb: float | None) -> str:
    """Return a warning of what was asked for with ``--mem`` and is not there; empty if it is."""
    limit = memory_limit()
    if asked_gb is None or asked_gb <= limit.gb:
        return ''
    text = (
        f'--mem allows {asked_gb:g} GB, and there are {limit.gb:.1f} GB ({limit.source}): more '
        'scans may run at a time than fit, and are killed then; ask for less, or leave --mem out'
    )
    meant = 0.1 <= asked_gb / 1024 <= limit.gb
    return text + (f' (if MB were meant: --mem {asked_gb:g}M)' if meant else '')


def usable_cpus(root: Path = Path('/')) -> int:
    """Return how many CPUs this process may keep busy.

    Those it may run on, and no more than the quota of its control group (``docker --cpus``)
    pays for: threads beyond that would only wait for one another.
    """
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cpus = os.cpu_count() or 1
    for folder in control_groups('cpu', root):
        quota, period = _quota(folder)
        if quota and period:
            cpus = min(cpus, int(quota / period))
    return max(1, cpus)


def killed_for_memory(root: Path = Path('/')) -> int | None:
    """Return how many processes of this control group were killed for memory, if it is told."""
    for folder in control_groups('memory', root):
        for name in ('memory.events', 'memory.oom_control'):
            count = _field(folder / name, 'oom_kill')
            if count is not None:
                return count
    return None


def own_memory_gb() -> float:
    """Return the memory that this process holds now, GB."""
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**30


def control_groups(controller: Literal['memory', 'cpu'], root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control group and of those above it, its own first."""
    top = root / 'sys/fs/cgroup'
    try:
        lines = (root / 'proc/self/cgroup').read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(':')
        names, _, path = rest.partition(':')
        if number == '0' and not names:  # version 2: one tree for all
            bases = [top, top / 'unified']
        elif controller in names.split(','):
            bases = [top / name for name in dict.fromkeys((controller, names))]
        else:
            continue
        for base in bases:
            # A container may see its own group as the top, whatever its path outside.
            own = base / path.strip('/')
            for folder in (own, *own.parents):
                if folder.is_dir():
                    yield folder
                if folder == base:
                    break


def _granted_by_slurm() -> float | None:
    """Return the memory of this SLURM job on this node, GB."""
    variables = os.environ
    try:
        megabytes = int(variables.get('SLURM_MEM_PER_NODE', 0))
        if not megabytes:
            per_cpu = int(variables.get('SLURM_MEM_PER_CPU', 0))
            megabytes = per_cpu * int(variables.get('SLURM_CPUS_ON_NODE', 1))
    except ValueError:
        return None
    return megabytes / 1024 or None  # 0 is SLURM's word for all there is


def _quota(folder: Path) -> tuple[int | None, int | None]:
    """Return the CPU time a control group may use, and per what period, microseconds."""
    try:
        quota, _, period = (folder / 'cpu.max').read_text().partition(' ')
        return int(quota), int(period)
    except (OSError, ValueError):  # not there, or the word "max"
        pass
    quota = _number(folder / 'cpu.cfs_quota_us')
    # No limit is -1.
    return (quota if quota and quota > 0 else None), _number(folder / 'cpu.cfs_period_us')


def _number(path: Path) -> int | None:
    """Return the number a file holds; None if it is missing or holds a word."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    """Return the number after a name in a file of such lines."""
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(' ')
            if key == name:
                return int(value.split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return None
