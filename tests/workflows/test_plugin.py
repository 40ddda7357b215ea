"""A killed worker is reported, and costs no other scan."""

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from ulfprep.workflows.engine.failures import read_crashes
from ulfprep.workflows.engine.plugin import ResilientMultiProc


def die(x):
    import os
    import signal
    import time

    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def survive(x, path):
    from pathlib import Path

    Path(path).write_text(str(x))
    return x


def node(function, name, **inputs):
    interface = Function(function=function, input_names=[*inputs, 'x'], output_names=['x'])
    made = pe.Node(interface, name=name)
    for key, value in inputs.items():
        setattr(made.inputs, key, value)
    return made


def test_killed_worker(tmp_path):
    workflow = pe.Workflow('top', base_dir=str(tmp_path))
    workflow.config['execution'] = {
        'crashdump_dir': str(tmp_path / 'crash'),
        'crashfile_format': 'txt',
        'stop_on_first_crash': 'false',
        'poll_sleep_duration': '0.05',
    }
    bad, after_bad = pe.Workflow('bad'), node(survive, 'later', path=str(tmp_path / 'never'))
    killed = node(die, 'killed')
    killed.inputs.x = 1
    bad.connect(killed, 'x', after_bad, 'x')
    good = pe.Workflow('good')
    # Waits for a first node of its own, so that it is still to be run when the pool breaks.
    first = node(survive, 'first', path=str(tmp_path / 'first'))
    first.inputs.x = 2
    good.connect(first, 'x', node(survive, 'second', path=str(tmp_path / 'second')), 'x')
    workflow.add_nodes([bad, good])
    plugin = ResilientMultiProc(plugin_args={'n_procs': 1, 'memory_gb': 8})
    costs = {}
    plugin.note_cost = lambda name, cost, names: costs.update({name: (cost, sorted(names))})
    with pytest.raises(RuntimeError):
        workflow.run(plugin=plugin)
    assert (tmp_path / 'first').exists()
    assert (tmp_path / 'second').read_text() == '2'
    assert not (tmp_path / 'never').exists()
    failures = read_crashes(tmp_path / 'crash')
    assert [failure.node for failure in failures] == ['top.bad.killed']
    assert failures[0].kind == 'WorkerKilledError'
    assert 'probably out of memory' in failures[0].message
    # Of what the killed node took nothing is known.
    assert sorted(costs) == ['top.good.first', 'top.good.second']
    cost, names = costs['top.good.second']
    assert cost['seconds'] >= 0
    assert cost['cpu_seconds'] >= 0
    assert cost['peak_gb'] > 0.01
    assert cost['n_procs'] == 1
    assert names == ['top.bad.killed', 'top.bad.later', 'top.good.first', 'top.good.second']
