"""Nodes as jobs of SLURM, with stand-ins of its commands."""

from pathlib import Path

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe
from slurm_commands import install

from ulfprep.cli.environment import run_environment
from ulfprep.settings import Settings
from ulfprep.workflows.engine import slurm, slurm_queue
from ulfprep.workflows.engine.execute import free_memory, make_plugin, run_workflow
from ulfprep.workflows.engine.failures import read_crashes
from ulfprep.workflows.engine.plugin_file import graph_plugin_names, read_plugin_file
from ulfprep.workflows.engine.slurm_words import ASKED, CARRIED, job_script, reason_of, says
from ulfprep.workflows.engine.watch import Watch


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Have stand-ins of SLURM's commands; return the folder of what they know."""
    monkeypatch.setattr(slurm, '_AGAIN', 0.2)
    return install(tmp_path, monkeypatch)


def good(x):
    import os
    from pathlib import Path

    Path(x, 'threads').write_text(os.environ.get('OMP_NUM_THREADS', 'unknown'))
    return x


def bad(x):
    raise ValueError('too much')


def hungry(x):
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


def endless(x):
    import time

    time.sleep(60)


def workflow_of(base: Path, *functions) -> pe.Workflow:
    """Return a workflow with a part for each function, and a step after the last of them."""
    workflow = pe.Workflow('top', base_dir=str(base))
    workflow.config['execution'] = {
        'crashdump_dir': str(base / 'crash'), 'crashfile_format': 'txt',
        'stop_on_first_crash': 'false', 'poll_sleep_duration': '0.05',
    }  # fmt: skip
    for function in functions:
        part = pe.Workflow(f'{function.__name__}_part')
        interface = Function(function=function, input_names=['x'], output_names=['x'])
        node = pe.Node(interface, name='step', mem_gb=2.31, n_procs=3)
        node.inputs.x = str(base)
        part.add_nodes([node])
        workflow.add_nodes([part])
    return workflow


def job_of(plugin, workflow):
    """Hand in the first node of a workflow, and return its place."""
    plugin._config = workflow.config
    graph = pe.utils.generate_expanded_graph(workflow._create_flat_graph())
    for node in graph.nodes():
        node.base_dir = workflow.base_dir
    plugin._generate_dependency_list(graph)
    place = plugin._submit_job(plugin.procs[0])
    assert plugin._get_result(place) is None
    return graph, place


def test_jobs_end_in_many_ways(tmp_path, state, monkeypatch):
    """Each failure is told with its reason, no other job suffers, and costs are known."""
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    base = tmp_path / 'a 100% odd "füll" folder'
    base.mkdir()
    workflow = workflow_of(base, good, bad, hungry)
    arguments = {'sbatch_args': '--time=20 --comment="two words"', 'poll_seconds': 0.1}
    plugin = slurm.ResilientSLURM(plugin_args=arguments)
    costs, told = {}, []
    plugin.note_cost = lambda name, cost, names: costs.update({name: cost})
    parts = [f'{function.__name__}_part' for function in (good, bad, hungry)]
    run_workflow(workflow, plugin, Watch(parts, told.append), base / 'crash')

    assert sorted(told) == sorted(parts)
    # Nothing but what the run carries into it tells a job of the number of threads.
    assert (base / 'threads').read_text() == '7'
    failures = {failure.node: failure for failure in read_crashes(base / 'crash')}
    assert sorted(failures) == ['top.bad_part.step', 'top.hungry_part.step']
    assert failures['top.bad_part.step'].message == 'too much'
    killed = failures['top.hungry_part.step']
    assert killed.kind == 'WorkerKilledError'
    assert 'on node1 was killed for memory (--mem=2400M; 2.3 GB' in killed.message
    assert costs['top.good_part.step']['peak_gb'] > 0.01
    assert costs['top.good_part.step']['n_procs'] == 3
    words = (state / '101.words').read_text().splitlines()
    wanted = ['--mem=2400M', '--cpus-per-task=3', '--time=20', '--comment=two words']
    assert [word for word in wanted if word not in words] == []


def test_what_a_run_left_behind_is_cancelled(tmp_path, state):
    """By its own end, and by the next run where it was killed."""
    workflow = workflow_of(tmp_path / 'w', endless)
    for ended_by_itself in (True, False):
        plugin = slurm.ResilientSLURM(plugin_args={'poll_seconds': 0.1})
        graph, place = job_of(plugin, workflow)
        number = plugin._jobs[place].number
        assert slurm_queue.states([number])[number].name == 'RUNNING'
        if ended_by_itself:
            plugin.stop()
        else:
            slurm.ResilientSLURM()._prerun_check(graph)
        assert slurm_queue.states([number])[number].name == 'CANCELLED'


def test_a_busy_slurm_is_asked_again_and_a_refusal_is_told(tmp_path, state):
    (state / 'refuse').write_text('sbatch: error: QOSMaxSubmitJobPerUserLimit\n')
    workflow = workflow_of(tmp_path / 'w', endless)
    plugin = slurm.ResilientSLURM(plugin_args={'poll_seconds': 0.1})
    _, place = job_of(plugin, workflow)
    job = plugin._jobs[place]
    assert job.number is None
    (state / 'refuse').write_text('sbatch: error: invalid partition specified: nope\n')
    job.tried = 0.0
    story = ''.join(plugin._get_result(place)['traceback'])
    assert 'invalid partition specified: nope' in story
    assert 'plugin_args' in story


def test_a_slurm_that_does_not_answer_is_waited_for(tmp_path, state):
    plugin = slurm.ResilientSLURM(plugin_args={'poll_seconds': 0.001})
    _, place = job_of(plugin, workflow_of(tmp_path / 'w', endless))
    squeue = tmp_path / 'bin' / 'squeue'
    kept = squeue.read_text()
    squeue.write_text('#!/bin/bash\necho "Unable to contact slurm controller" >&2\nexit 1\n')
    for _ in range(3):
        assert plugin._get_result(place) is None
    squeue.write_text(kept)
    plugin.stop()


def test_a_job_has_the_variables_of_a_run(tmp_path):
    settings = Settings(Path('i'), Path('o'), work_dir=tmp_path)
    assert set(run_environment(settings)) <= set(CARRIED)
    script = job_script('#SBATCH --mem=3G', tmp_path)
    assert script.startswith('#!/bin/bash\n#SBATCH --mem=3G\n')


@pytest.mark.parametrize(
    ('words', 'found'),
    [(['--mem=3G'], '--mem=3G'), (['--mem-per-cpu', '1G'], '--mem-per-cpu'), (['--time=3'], '')],
)
def test_what_the_user_asks_for_is_known(words, found):
    assert says(words, ASKED['memory']) == found
    assert says(['-c4'], ASKED['cpus']) == '-c4'


@pytest.mark.parametrize(
    ('name', 'words'),
    [('TIMEOUT', '--time'), ('CANCELLED', 'from outside'), ('NODE_FAIL', 'NODE_FAIL'),
     ('FAILED', 'no such module'), ('', 'nothing is known')],
)  # fmt: skip
def test_why_a_job_ended(tmp_path, name, words):
    output = tmp_path / 'output.txt'
    output.write_text('one\ntwo\nno such module\n')
    line = reason_of(12, slurm_queue.State(name, 'None', 'n1'), [], 1.0, output)
    assert words in line
    assert 'job 12' in line
    assert 'run the same command again' in line


def test_plugin_files_that_could_not_work_are_refused(tmp_path):
    file = tmp_path / 'plugin.yml'
    assert 'SLURMGraph' in graph_plugin_names()
    file.write_text('plugin: SLURMGraph')
    with pytest.raises(ValueError, match='returns at once'):
        read_plugin_file(file)
    file.write_text('plugin: SLURM\nplugin_args: {sbatch_arg: -p long}')
    with pytest.raises(ValueError, match='not sbatch_arg'):
        read_plugin_file(file)


def test_this_computer_does_not_bound_what_others_run(tmp_path):
    file = tmp_path / 'plugin.yml'
    file.write_text('plugin: SLURM\nplugin_args: {max_jobs: 5}')
    settings = Settings(Path('i'), Path('o'), use_plugin=file, nprocs=1, mem_gb=1.0)
    assert free_memory(settings).gb > 1e6
    plugin = make_plugin(settings, ['a'], 1, 1.0)
    assert isinstance(plugin, slurm.ResilientSLURM)
    assert plugin.max_jobs == 5
