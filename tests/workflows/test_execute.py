"""Which plugin runs a workflow, and with what."""

import dataclasses
from pathlib import Path

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe

from ulfprep.machine import own_memory_gb
from ulfprep.settings import Settings
from ulfprep.workflows.engine.execute import free_memory, make_plugin, run_workflow
from ulfprep.workflows.engine.plugin import ResilientMultiProc
from ulfprep.workflows.engine.plugin_file import plugin_names
from ulfprep.workflows.engine.watch import Watch


@pytest.fixture
def settings(tmp_path):
    return Settings(Path('i'), Path('o'), nprocs=4, omp_nthreads=2, device='cpu')


def plugin_of(settings, tmp_path, text):
    file = tmp_path / 'plugin.yml'
    file.write_text(text)
    return make_plugin(dataclasses.replace(settings, use_plugin=file), ['a'], 1, 6.0)


def test_nodes_run_in_processes_of_their_own_unless_a_file_says_otherwise(settings, tmp_path):
    plugin = make_plugin(settings, ['a'], 1, 6.0)
    assert isinstance(plugin, ResilientMultiProc)
    assert (plugin.processors, plugin.memory_gb) == (4, 6)
    asked = 'plugin: MultiProc\nplugin_args: {n_procs: 3, memory_gb: 2}'
    plugin = plugin_of(settings, tmp_path, asked)
    assert isinstance(plugin, ResilientMultiProc)
    assert (plugin.processors, plugin.memory_gb) == (3, 2)


@pytest.mark.parametrize('name', ['Linear', 'PBS'])
def test_any_plugin_of_nipype_is_taken_with_its_arguments(settings, tmp_path, name):
    text = f'plugin: {name}\nplugin_args: {{qsub_args: -q long}}'
    plugin = plugin_of(settings, tmp_path, text)
    assert type(plugin).__name__ == f'{name}Plugin'
    assert plugin.plugin_args == {'qsub_args': '-q long'}
    assert name in plugin_names()


def test_the_main_process_is_part_of_what_may_be_used(settings):
    left = free_memory(dataclasses.replace(settings, mem_gb=4.0))
    assert left.gb == pytest.approx(4 - own_memory_gb(), abs=0.05)
    assert left.source.startswith('--mem')


def add(x):
    if x > 1:
        raise ValueError('too much')
    return x + 1


@pytest.mark.parametrize('name', ['Linear', 'MultiProc'])
def test_each_part_is_told_of_when_it_is_through(settings, tmp_path, name):
    workflow = pe.Workflow('top', base_dir=str(tmp_path))
    crash = tmp_path / 'crash'
    workflow.config['execution'] = {
        'crashdump_dir': str(crash), 'crashfile_format': 'txt', 'stop_on_first_crash': 'false',
        'poll_sleep_duration': '0.05',
    }  # fmt: skip
    for part, x in (('good', 0), ('bad', 1)):
        sub = pe.Workflow(part)
        first, second = (
            pe.Node(Function(function=add, input_names=['x'], output_names=['x']), name=node)
            for node in ('first', 'second')
        )
        first.inputs.x = x
        sub.connect(first, 'x', second, 'x')
        workflow.add_nodes([sub])
    told = {}
    watch = Watch(
        ['good', 'bad'],
        lambda part: told.setdefault(part, len(list(crash.glob('crash-*.txt')))),
    )
    run_workflow(workflow, plugin_of(settings, tmp_path, f'plugin: {name}'), watch, crash)
    assert set(told) == {'good', 'bad'}
    assert told['bad'] == 1  # its crash file is there by then
    assert 0 <= watch.minutes('good') < 1
    assert watch.minutes('other') is None
