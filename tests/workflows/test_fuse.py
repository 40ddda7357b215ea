"""The workflow of a group: what is connected, what it says, and what a failure costs."""

import dataclasses

import pytest
from graphs import assert_all_inputs_given

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.fusion import group_scans
from ulfprep.settings import Settings
from ulfprep.workflows.endings import ending_of
from ulfprep.workflows.engine.failures import Failure
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.jobs import job_node, node_name, plan_jobs, register_name
from ulfprep.workflows.screen import screen
from ulfprep.workflows.whole import init_job_wf


@pytest.fixture
def settings(make_dataset, tmp_path):
    make_dataset('sub-01', suffix='T2w')
    return Settings(
        make_dataset('sub-01_run-1', 'sub-01_run-2', 'sub-02'),
        tmp_path / 'out',
        device='cpu',
        segmentation='embedded',
        modalities=('T1w', 'T2w'),
        work_dir=tmp_path / 'work',
        fuse='all',
    )


@pytest.fixture
def tasks(settings):
    return [make_task(scan, settings) for scan in find_scans(settings)]


@pytest.fixture
def group(tasks):
    (fusion,), _ = group_scans(tasks, 'all')
    return fusion


def test_every_mandatory_input_is_set_or_connected(settings, group):
    assert_all_inputs_given(init_fuse_wf(group, settings))


@pytest.mark.parametrize('segmentation', ['network', 'embedded', 'fast', 'synthseg'])
def test_scans_are_segmented_together_unless_other_software_was_asked_for(
    settings, group, segmentation
):
    workflow = init_fuse_wf(group, dataclasses.replace(settings, segmentation=segmentation))
    assert_all_inputs_given(workflow)
    own = segmentation in ('network', 'embedded')
    assert ('together' in workflow.list_node_names()) == own
    if own:
        seen = ['T1w', 'T1w', 'T2w'] if segmentation == 'network' else ['T1w', 'T1w']
        assert workflow.get_node('together').inputs.modalities == seen


def test_the_methods_say_what_was_fused_and_nothing_twice(settings, group):
    workflow = init_fuse_wf(group, settings)
    text = ' '.join(workflow.visit_desc().split())
    assert '3 scans of the session (2 T1-weighted, 1 T2-weighted)' in text
    assert 'from these scans alone' in text
    assert 'The T2-weighted scan was reoriented' in text
    assert text.count('The T1-weighted scan was reoriented') == 1
    assert text.count('It was rendered at 1 mm') == 1
    for name in workflow.list_node_names():
        if name.endswith('.write'):
            assert workflow.get_node(name).inputs.methods == text


def test_groups_and_scans_stand_side_by_side(settings, tasks, tmp_path):
    settings = dataclasses.replace(settings, target_like=tmp_path / 'ref_T1w.nii.gz')
    jobs = plan_jobs(tasks, settings)
    assert [type(job).__name__ for job in jobs] == ['Fusion', 'Task']
    measured = tmp_path / 'measured.json'
    measured.touch()
    workflows = [init_job_wf(job, settings, measured=measured) for job in jobs]
    plans = [node for w in workflows for node in w._create_flat_graph() if node.name == 'plan']
    assert [plan.inputs.like for plan in plans] == [str(measured)] * 4


def failure(group, *where, kind='ValueError', message='no brain was found'):
    return Failure('.'.join(['ulfprep', job_node(group), *where]), kind, message)


def judged(group, settings, *failures):
    verdicts, again = ending_of(group, settings, list(failures))
    return [v.status for v in verdicts], [[task.name for task in job.members] for job in again]


def test_who_fails_is_left_out_and_tried_alone(settings, group):
    first, second, other = group.members
    bad = failure(group, node_name(first), 'prepare')
    assert judged(group, settings, bad) == ([], [[second.name, other.name], [first.name]])
    moved = failure(group, register_name(other), kind='RegistrationError')
    assert judged(group, settings, moved) == ([], [[first.name, second.name], [other.name]])
    # One alone is no group.
    statuses, again = judged(group, settings, bad, moved)
    assert statuses == []
    assert sorted(again) == sorted([scan.name] for scan in group.members)


def test_a_killed_worker_leaves_nobody_out(settings, group):
    where = node_name(group.members[1])
    killed = failure(group, where, 'prepare', kind='WorkerKilledError')
    assert judged(group, settings, killed) == (['failed'] * 3, [])


def test_what_fails_after_the_fit_is_the_failure_of_all(settings, group):
    late = failure(group, 'fit', message='the fit diverged')
    assert judged(group, settings, late) == (['failed'] * 3, [])


def test_a_damaged_file_is_no_member(settings, tasks):
    path = tasks[0].scan.path
    path.write_bytes(path.read_bytes()[:1000])
    group, other = plan_jobs(screen(tasks, settings), settings)
    assert tasks[0].name not in [task.name for task in group.members]
    assert other.name != tasks[0].name
    ((name, reason),) = group.left_out
    assert name == tasks[0].name
    assert str(settings.bids_dir) not in reason
    assert 'cut short' in reason


def test_a_figure_that_cannot_be_drawn_is_the_failure_of_its_scan(settings, group, monkeypatch):
    monkeypatch.setattr('ulfprep.workflows.endings.is_finished', lambda *_: True)
    first, second, other = group.members
    where = f'results_{node_name(second)}'
    figures = failure(group, where, 'write')
    assert judged(group, settings, figures) == (['finished', 'failed', 'finished'], [])
    shared = failure(group, 'outputs_T1w', 'write')
    assert judged(group, settings, shared) == (['failed', 'failed', 'finished'], [])
    # What its files need is missing: the reason is told of each that wants it.
    monkeypatch.setattr('ulfprep.workflows.endings.is_finished', lambda scan, *_: scan is None)
    verdicts, _ = ending_of(group, settings, [failure(group, where, 'measure')])
    assert {v.failure.message for v in verdicts} == {'no brain was found'}
