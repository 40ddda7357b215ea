"""Memory and CPUs that a process may use, as the kernel and the scheduler say."""

import os

import pytest

from ulfprep.machine import (
    killed_for_memory,
    memory_bound,
    memory_limit,
    too_much_memory,
    usable_cpus,
)

GIB = 2**30


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a function that makes a root folder with some of the kernel's files."""
    for name in ('SLURM_MEM_PER_NODE', 'SLURM_MEM_PER_CPU', 'SLURM_CPUS_ON_NODE'):
        monkeypatch.delenv(name, raising=False)

    def make(**files):
        files = {'proc/meminfo': 'MemTotal:       67108864 kB\nMemFree: 1 kB\n'} | files
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return tmp_path

    return make


def test_the_machines_memory_where_nothing_limits_it(root):
    limit = memory_limit(root(**{'proc/self/cgroup': '0::/a\n'}))
    assert (limit.gb, limit.source) == (64, 'installed')


@pytest.mark.parametrize('where', ['a/b', 'a'])
def test_version_2_limits_of_the_group_and_those_above(root, where):
    files = {'proc/self/cgroup': '0::/a/b\n', 'sys/fs/cgroup/a/b/memory.max': 'max\n'}
    files[f'sys/fs/cgroup/{where}/memory.max'] = f'{8 * GIB}\n'
    limit = memory_limit(root(**files))
    assert (limit.gb, limit.source) == (8, 'limit of the control group')


def test_version_1_limit_of_a_container_that_sees_its_group_as_the_top(root):
    files = {'proc/self/cgroup': '4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n'}
    files['sys/fs/cgroup/memory/memory.limit_in_bytes'] = f'{4 * GIB}\n'
    assert memory_limit(root(**files)).gb == 4


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        ({'SLURM_MEM_PER_NODE': '2048'}, 2),
        ({'SLURM_MEM_PER_CPU': '1024', 'SLURM_CPUS_ON_NODE': '3'}, 3),
        ({'SLURM_MEM_PER_NODE': '0'}, 64),
        ({'SLURM_MEM_PER_NODE': 'all'}, 64),
    ],
)
def test_what_slurm_granted(root, monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert memory_limit(root()).gb == expected


def test_what_was_asked_for_goes_before_the_limit():
    assert memory_bound(3.0).gb == 3
    assert memory_bound(None).gb == pytest.approx(0.9 * memory_limit().gb)
    assert 0.1 < memory_limit().gb < 1e5


def test_more_than_there_is_is_warned_of(monkeypatch):
    # 3000 GB lie above any machine, 2 GB are granted.
    monkeypatch.setenv('SLURM_MEM_PER_NODE', '2048')
    assert too_much_memory(None) == too_much_memory(0.5) == too_much_memory(2.0) == ''
    text = too_much_memory(3000.0)
    assert '--mem allows 3000 GB, and there are 2.0 GB (granted by SLURM)' in text
    assert '--mem 3000M' not in text
    assert text.endswith('leave --mem out')
    assert too_much_memory(1500.0).endswith('(if MB were meant: --mem 1500M)')


@pytest.mark.parametrize(
    ('files', 'expected'),
    [
        ({'cpu.max': '150000 100000\n'}, 1),
        ({'cpu.max': 'max 100000\n'}, None),
        ({'cpu.max': '50000 100000\n'}, 1),
        ({'cpu.cfs_quota_us': '100000\n', 'cpu.cfs_period_us': '100000\n'}, 1),
        ({'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_period_us': '100000\n'}, None),
    ],
)
def test_a_quota_of_cpu_time_counts(root, files, expected):
    version = '0::/a\n' if 'cpu.max' in files else '1:cpu,cpuacct:/a\n'
    folder = 'a' if 'cpu.max' in files else 'cpu,cpuacct/a'
    made = {f'sys/fs/cgroup/{folder}/{name}': text for name, text in files.items()}
    everything = len(os.sched_getaffinity(0))
    cpus = usable_cpus(root(**made, **{'proc/self/cgroup': version}))
    assert cpus == (expected or everything)


def test_processes_killed_for_memory_are_counted(root):
    text = 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n'
    files = {'proc/self/cgroup': '0::/a\n', 'sys/fs/cgroup/a/memory.events': text}
    assert killed_for_memory(root(**files)) == 2
    assert killed_for_memory(root().parent / 'nowhere') is None
