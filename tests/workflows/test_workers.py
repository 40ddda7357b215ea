"""Processes that compute: each may die, none outlives the run."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from ulfprep.workflows.engine.execute import run_workflow
from ulfprep.workflows.engine.failures import read_crashes
from ulfprep.workflows.engine.plugin import ResilientMultiProc, why_killed
from ulfprep.workflows.engine.watch import Watch
from ulfprep.workflows.engine.workers import Pool, WorkerDied

#: A run of two nodes that take very long, in a main process of their own.
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_workers import sleeping_workflow
from ulfprep.cli.signals import Terminated, ended_by_signals
from ulfprep.workflows.engine.plugin import ResilientMultiProc
if __name__ == '__main__':
    plugin = ResilientMultiProc({{'n_procs': 2, 'memory_gb': 8}})
    try:
        with ended_by_signals():
            sleeping_workflow(Path({folder!r})).run(plugin=plugin)
    except Terminated as end:
        plugin.stop()
        sys.exit(end.exit_code)
"""


def sleep(x, folder):
    import os
    import time
    from pathlib import Path

    child = os.spawnvp(os.P_NOWAIT, 'sleep', ['sleep', '600'])
    Path(folder, f'{os.getpid()}.pid').touch()
    Path(folder, f'{child}.child').touch()
    time.sleep(600)
    return x


def die(x, number):
    import os
    import time

    time.sleep(0.3)
    os.kill(os.getpid(), number)
    return x


def write(x, path, seconds):
    import time
    from pathlib import Path

    time.sleep(seconds)
    Path(path).write_text(f'{x}')
    return x


def fail(x):
    raise ValueError(f'{x} is of no use')


def node(function, name, **inputs):
    made = pe.Node(Function(function=function, input_names=list(inputs), output_names=['x']), name)
    for key, value in inputs.items():
        setattr(made.inputs, key, value)
    return made


def workflow_of(folder, *nodes, stop='false'):
    workflow = pe.Workflow('top', base_dir=str(folder))
    workflow.config['execution'] = {
        'crashdump_dir': str(folder / 'crash'),
        'crashfile_format': 'txt',
        'stop_on_first_crash': stop,
        'poll_sleep_duration': '0.05',
    }
    workflow.add_nodes(list(nodes))
    return workflow


def sleeping_workflow(folder):
    nodes = [node(sleep, f'sleep{k}', x=k, folder=str(folder)) for k in (1, 2)]
    return workflow_of(folder, *nodes)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it never came to that'
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().split(')')[1].split()[0] != 'Z'
    except OSError:
        return False


@pytest.fixture
def running(tmp_path):
    """Return a main process and the pids of its two busy workers."""
    code = RUN.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    (tmp_path / 'run.py').write_text(code)
    process = subprocess.Popen([sys.executable, tmp_path / 'run.py'], start_new_session=True)
    wait_for(lambda: len(list(tmp_path.glob('*.child'))) == 2)
    workers = [int(path.stem) for path in tmp_path.glob('*.pid')]
    children = [int(path.stem) for path in tmp_path.glob('*.child')]
    assert all(map(alive, workers))
    yield process, workers, children
    for pid in [process.pid, *workers, *children]:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def test_workers_end_with_a_main_process_that_is_killed(running):
    process, workers, _ = running
    process.kill()
    wait_for(lambda: not any(map(alive, workers)), seconds=5)


def test_sigterm_ends_workers_and_what_they_started(running):
    process, workers, children = running
    process.terminate()
    assert process.wait(10) == 143
    wait_for(lambda: not any(map(alive, workers + children)), seconds=5)


def test_the_death_of_one_worker_costs_nothing_else(tmp_path):
    # The others are at work when it dies, and one is still waiting.
    workflow = workflow_of(
        tmp_path,
        node(die, 'killed', x=1, number=int(signal.SIGKILL)),
        node(die, 'crashed', x=1, number=int(signal.SIGSEGV)),
        *(node(write, f'fine{k}', x=k, path=str(tmp_path / f'{k}'), seconds=2) for k in (1, 2)),
    )
    plugin = ResilientMultiProc({'n_procs': 3, 'memory_gb': 8})
    with pytest.raises(RuntimeError):
        workflow.run(plugin=plugin)
    assert [(tmp_path / f'{k}').read_text() for k in (1, 2)] == ['1', '2']
    failures = {f.node: f for f in read_crashes(tmp_path / 'crash')}
    assert sorted(failures) == ['top.crashed', 'top.killed']
    assert {f.kind for f in failures.values()} == {'WorkerKilledError'}
    assert 'probably out of memory' in failures['top.killed'].message
    assert '8.0 GB to be used in all' in failures['top.killed'].message
    assert f'by signal {int(signal.SIGSEGV)}' in failures['top.crashed'].message
    assert 'memory' not in failures['top.crashed'].message.partition('(')[0]


def test_it_says_so_where_the_kernel_says_that_memory_ran_out():
    death = WorkerDied(-9, 3.2)
    sure, unsure = (why_killed(death, known, 3.0, 7.2) for known in (True, False))
    assert sure.startswith('out of memory, the kernel killed the process (it held 3.2 GB')
    assert unsure.startswith('the process was killed, probably out of memory')
    for text in (sure, unsure):
        assert '3.0 GB were expected and 7.2 GB to be used in all' in text
        assert 'run the same command again' in text
        assert '\n' not in text


@pytest.mark.parametrize('level', [logging.WARNING, logging.INFO], ids=['usual', 'verbose'])
def test_what_nipype_says_in_a_worker_goes_to_the_log(tmp_path, capfd, level):
    log = tmp_path / 'ulfprep.log'
    failing = node(fail, 'failing', x=1)
    failing.base_dir = str(tmp_path)
    pool = Pool((str(tmp_path), level, str(log)))
    worker = pool.submit(failing, False, 0)
    answers = []
    wait_for(lambda: answers.append(worker.result()) or answers[-1])
    pool.stop()
    assert '1 is of no use' in ''.join(answers[-1]['traceback'])
    assert 'Error on "failing"' in log.read_text()
    out, err = capfd.readouterr()
    assert out == ''
    assert ('Error on "failing"' in err) == (level == logging.INFO)


def test_idle_workers_make_room_for_what_needs_their_memory():
    pool = Pool(('/', logging.WARNING, None))
    try:
        workers = [pool.submit(None, False, k) for k in range(3)]
        # None is no node: they say so, and are idle again.
        wait_for(lambda: not [w for w in workers if w.busy and not w.result()])
        pids = [worker.process.pid for worker in workers]
        pool.make_room(keep=1)
        assert sum(map(alive, pids)) == 1
    finally:
        pool.stop()
    assert not any(map(alive, pids))


def test_scans_are_finished_one_after_another(tmp_path):
    """The first part is through before the last begins, where one is in work at a time."""
    workflow = workflow_of(tmp_path)
    times = {}
    for part in ('b', 'c', 'a'):
        sub = pe.Workflow(part)
        first = node(write, 'first', x=1, path=str(tmp_path / f'{part}1'), seconds=0)
        second = node(write, 'second', x=None, path=str(tmp_path / f'{part}2'), seconds=0)
        sub.connect(first, 'x', second, 'x')
        workflow.add_nodes([sub])
    order = ['c', 'a', 'b']
    args = {'n_procs': 2, 'memory_gb': 8, 'parts': order, 'at_once': 1}
    workflow.run(plugin=ResilientMultiProc(args))
    for part in order:
        for k in '12':
            times[part + k] = (tmp_path / f'{part}{k}').stat().st_mtime_ns
    assert sorted(times, key=times.get) == ['c1', 'c2', 'a1', 'a2', 'b1', 'b2']


def test_the_first_crash_ends_the_others_where_that_is_asked_for(tmp_path):
    slow = node(sleep, 'slow', x=1, folder=str(tmp_path))
    failing = node(die, 'killed', x=1, number=int(signal.SIGKILL))
    workflow = workflow_of(tmp_path, failing, slow, stop='true')
    plugin = ResilientMultiProc({'n_procs': 2, 'memory_gb': 8})
    begun = time.monotonic()
    run_workflow(workflow, plugin, Watch([], print), tmp_path / 'crash')
    assert time.monotonic() - begun < 60  # not the ten minutes of the other
    pids = [int(path.stem) for path in (*tmp_path.glob('*.pid'), *tmp_path.glob('*.child'))]
    wait_for(lambda: not any(map(alive, pids)), seconds=5)
    assert [failure.node for failure in read_crashes(tmp_path / 'crash')] == ['top.killed']
