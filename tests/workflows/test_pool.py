"""Scans in processes of their own: each may die, none outlives the run."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ulfprep.workflows.engine.failures import Failure
from ulfprep.workflows.engine.pool import Call, in_children, why_killed

LOGS = 0, None
#: A run of two calls that take very long, in a main process of their own.
RUN = """
import sys
sys.path.insert(0, {here!r})
import test_pool
from ulfprep.cli.main import Terminated, ended_by_signals
calls = [test_pool.Call(f'top.{{k}}', test_pool.sleep, ({folder!r},)) for k in (1, 2)]
try:
    with ended_by_signals():
        list(test_pool.in_children(calls, 2, 8.0, (0, None)))
except Terminated as end:
    sys.exit(end.exit_code)
"""


def sleep(folder, *, tell):
    child = subprocess.Popen(['sleep', '600'])
    Path(folder, f'{os.getpid()}.pid').touch()
    Path(folder, f'{child.pid}.child').touch()
    time.sleep(600)
    return []


def write(path, seconds=0, wait_for=None, *, tell):
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.01)
    print('a library talks')
    time.sleep(seconds)
    Path(path).write_text('written')
    return []


def die(number, *, tell):
    tell('top.killed.first')
    tell('top.killed.second')
    held = bytearray(200 << 20)
    held[:: 1 << 12] = b'x' * len(held[:: 1 << 12])
    os.kill(os.getpid(), number)
    return []


def fail(*, tell):
    raise ValueError('of no use')


def find_fault(*, tell):
    return [Failure('top.x.step', 'UnusableScanError', 'empty', '\n' * 200_000)]


def leave(code, *, tell):
    os._exit(code)


def run(*calls, at_once=1):
    return {ended.name: ended for ended in in_children(calls, at_once, 8.0, LOGS)}


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it never came to that'
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


@pytest.fixture
def running(tmp_path):
    """Return a main process and the pids of its two children, and of what these started."""
    code = RUN.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)
    wait_for(lambda: len(list(tmp_path.glob('*.child'))) == 2, 60)
    children = [int(path.stem) for path in tmp_path.glob('*.pid')]
    started = [int(path.stem) for path in tmp_path.glob('*.child')]
    assert all(map(alive, children))
    yield process, children, started
    for pid in [process.pid, *children, *started]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def test_children_end_with_a_main_process_that_is_killed(running):
    process, children, _ = running
    process.kill()
    wait_for(lambda: not any(map(alive, children)), seconds=5)


def test_sigterm_ends_children_and_what_they_started(running):
    process, children, started = running
    process.terminate()
    assert process.wait(10) == 143
    wait_for(lambda: not any(map(alive, children + started)), seconds=5)


def test_each_is_answered_for_and_the_death_of_one_costs_no_other(tmp_path, monkeypatch):
    # Whatever else the kernel kills on this machine meanwhile is not counted.
    monkeypatch.setattr('ulfprep.workflows.engine.pool.killed_for_memory', lambda: 0)
    path = tmp_path / 'written'
    ended = run(
        Call('top.killed', die, (int(signal.SIGKILL),), 3.0),
        Call('top.crashed', die, (int(signal.SIGSEGV),)),
        Call('top.left', leave, (0,)),
        Call('top.raised', fail, ()),
        Call('top.x', find_fault, ()),
        Call('top.fine', write, (str(path),)),
    )
    assert list(ended) == [
        f'top.{n}' for n in ('killed', 'crashed', 'left', 'raised', 'x', 'fine')
    ]
    assert path.read_text() == 'written'
    assert ended['top.fine'].failures == []
    assert ended['top.x'].failures == find_fault(tell=None)
    (raised,) = ended['top.raised'].failures
    assert (raised.node, raised.kind, raised.message) == ('top.raised', 'ValueError', 'of no use')
    (killed,) = ended['top.killed'].failures
    # Named by the step that it was at, with what was held, expected and allowed.
    assert (killed.node, killed.kind) == ('top.killed.second', 'WorkerKilledError')
    assert 'probably out of memory' in killed.message
    assert float(re.search(r'it held (\S+) GB', killed.message)[1]) >= 0.2
    assert '3.0 GB were expected and 8.0 GB to be used in all' in killed.message
    (crashed,) = ended['top.crashed'].failures
    assert f'by signal {int(signal.SIGSEGV)}' in crashed.message
    assert 'memory' not in crashed.message.partition('(')[0]
    (left,) = ended['top.left'].failures
    assert (left.node, left.kind) == ('top.left', 'WorkerKilledError')


def test_as_many_run_as_may_and_in_order(tmp_path):
    """The first two wait for each other's file, the third for nothing, and comes last."""
    a, b, c = (str(tmp_path / name) for name in 'abc')
    both = [Call('a', write, (a,)), Call('b', write, (b, 0, a)), Call('c', write, (c,))]
    assert list(run(*both, at_once=2))[-1] in ('b', 'c')
    times = [Path(path).stat().st_mtime_ns for path in (a, b, c)]
    assert times[0] < min(times[1:])


def test_who_stops_asking_ends_the_others(tmp_path):
    calls = [Call('slow', sleep, (str(tmp_path),)), Call('bad', fail, ())]
    over = in_children([*calls, Call('never', write, (str(tmp_path / 'x'),))], 2, 8.0, LOGS)
    assert next(over).name == 'bad'
    wait_for(lambda: list(tmp_path.glob('*.child')), 60)
    over.close()
    pids = [int(path.stem) for path in (*tmp_path.glob('*.pid'), *tmp_path.glob('*.child'))]
    wait_for(lambda: not any(map(alive, pids)), seconds=5)
    assert not (tmp_path / 'x').exists()


def test_it_says_so_where_the_kernel_says_that_memory_ran_out():
    sure, unsure = (why_killed(-9, known, 3.2, 3.0, 7.2) for known in (True, False))
    assert sure.startswith('out of memory, the kernel killed the process (it held 3.2 GB')
    assert unsure.startswith('the process was killed, probably out of memory')
    for text in (sure, unsure):
        assert '3.0 GB were expected and 7.2 GB to be used in all' in text
        assert 'run the same command again' in text
        assert '\n' not in text
