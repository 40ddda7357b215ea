"""The steps of one scan, one after another in one process."""

from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe
from nipype.pipeline.engine.utils import load_resultfile

from ulfprep.workflows.engine import steps
from ulfprep.workflows.engine.failures import read_crashes
from ulfprep.workflows.engine.steps import Costs, Linear, measured


def add(x):
    if x > 1:
        raise ValueError('too much')
    return x + 1


def hold(x):
    held = bytearray(300 << 20)
    held[:: 1 << 12] = b'x' * len(held[:: 1 << 12])
    return x


class Kept(Costs):
    """Costs that are kept in memory."""

    def __init__(self, *args):
        super().__init__(*args)
        self.found = {}

    def add(self, step, cost):
        super().add(step, cost)
        self.found[step] = cost


def node(name, function=add, x=None):
    made = pe.Node(Function(function=function, input_names=['x'], output_names=['x']), name=name)
    if x is not None:
        made.inputs.x = x
    return made


def run(folder, *links, stop='false', nodes=()):
    """Run nodes and links between them; return the plugin, what began and what each took."""
    workflow = pe.Workflow('top', base_dir=str(folder))
    workflow.config['execution'] = {
        'crashdump_dir': str(folder / 'crash'),
        'crashfile_format': 'txt',
        'stop_on_first_crash': stop,
    }
    workflow.add_nodes(list(nodes))
    for before, after in links:
        workflow.connect(before, 'x', after, 'x')
    begun, costs = [], Kept(folder, [])
    plugin = Linear(begun.append, costs, folder / 'gpu.lock')
    workflow.run(plugin=plugin)
    return plugin, begun, costs.found


def test_what_a_failed_step_feeds_is_left_out_and_nothing_else(tmp_path):
    bad, good = (node('bad', x=2), node('after')), (node('good', x=0), node('last'))
    plugin, begun, costs = run(tmp_path, bad, good)
    assert sorted(begun) == ['top.bad', 'top.good', 'top.last']
    assert sorted(costs) == sorted(begun)
    (failure,) = plugin.failures
    assert (failure.node, failure.kind, failure.message) == ('top.bad', 'ValueError', 'too much')
    (crash,) = read_crashes(tmp_path / 'crash')
    assert (crash.node, crash.kind, crash.message) == ('top.bad', 'ValueError', 'too much')
    assert failure.crash_file == crash.crash_file


def test_the_first_failure_ends_it_where_that_is_asked_for(tmp_path):
    plugin, begun, _ = run(tmp_path, stop='true', nodes=[node('a', x=2), node('b', x=2)])
    assert len(plugin.failures) == len(begun) == 1


def test_a_crash_file_that_cannot_be_written_hides_no_failure(tmp_path, monkeypatch):
    def full(node, traceback):
        half = tmp_path / 'crash' / f'crash-1-me-{node._id}-x.txt'
        half.parent.mkdir(exist_ok=True)
        half.touch()
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(steps, 'report_crash', full)
    plugin, _, _ = run(tmp_path, nodes=[node('a', x=2), node('b', x=3)])
    assert [failure.message for failure in plugin.failures] == ['too much'] * 2
    assert list((tmp_path / 'crash').iterdir()) == []


def test_what_was_done_before_is_not_done_again_nor_recorded(tmp_path):
    _, _, first = run(tmp_path, (node('good', x=0), node('last')))
    _, _, again = run(tmp_path, (node('good', x=0), node('last')))
    assert sorted(first) == ['top.good', 'top.last']
    assert again == {}


def test_each_step_has_the_memory_and_time_of_its_own(tmp_path):
    _, _, costs = run(tmp_path, (node('large', hold, 0), node('small')))
    large, small = costs['top.large'], costs['top.small']
    assert large['peak_gb'] > small['peak_gb'] + 0.2
    assert large['seconds'] > 0
    assert large['n_procs'] == 1


def test_the_time_of_commands_counts():
    import subprocess
    import sys

    cost = {}
    with measured(cost):
        subprocess.run([sys.executable, '-c', 'sum(range(10_000_000))'], check=True)
    assert cost['cpu_seconds'] > 0.05


def is_locked(path, use_gpu):
    import fcntl

    with open(path, 'a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_one_step_at_a_time_uses_a_gpu(tmp_path):
    names, lock = ['path', 'use_gpu'], str(tmp_path / 'gpu.lock')
    held = {}
    for use_gpu in (True, False):
        interface = Function(function=is_locked, input_names=names, output_names=['held'])
        step = pe.Node(interface, name=f'gpu_{use_gpu}')
        step.inputs.path, step.inputs.use_gpu = lock, use_gpu
        run(tmp_path, nodes=[step])
        result = load_resultfile(tmp_path / 'top' / step.name / f'result_{step.name}.pklz')
        held[use_gpu] = result.outputs.held
    assert held == {True: True, False: False}
