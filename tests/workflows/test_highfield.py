"""The way of a scan that is measured against a high-field image."""

import dataclasses

import pytest
from graphs import assert_all_inputs_given

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.highfield import with_references
from ulfprep.settings import Settings
from ulfprep.workflows.endings import ending_of
from ulfprep.workflows.engine.failures import Failure
from ulfprep.workflows.jobs import node_name
from ulfprep.workflows.resources import need_gb
from ulfprep.workflows.scan import init_scan_wf


@pytest.fixture
def settings(make_dataset, tmp_path):
    make_dataset('sub-01_ses-ulf')
    root = make_dataset('sub-01_ses-hf', metadata={'MagneticFieldStrength': 3.0})
    return Settings(
        root,
        tmp_path / 'out',
        device='cpu',
        segmentation='embedded',
        skull_strip='skip',
        work_dir=tmp_path / 'work',
        session_label=('ulf',),
        reference='auto',
    )


@pytest.fixture
def task(settings):
    return with_references([make_task(s, settings) for s in find_scans(settings)], settings)[0]


def test_the_reference_is_prepared_as_a_scan_is_and_its_metrics_are_kept(task, settings):
    workflow = init_scan_wf(task, settings)
    assert_all_inputs_given(workflow)
    prepare = workflow.get_node('highfield.prepare')
    assert prepare.inputs.in_file.endswith('sub-01_ses-hf_T1w.nii.gz')
    # Said of the scans with --skull-strip, not of the image of another scanner.
    assert prepare.inputs.said_by != '--skull-strip skip'
    sources = {
        start.name
        for start, end, data in workflow._graph.edges(data=True)
        if end.name == 'write'
        for names in data['connect']
        if names[1] == 'metrics_file'
    }
    assert sources == {'highfield'}
    assert task.notes[-1].text.startswith('High-field reference: bids:raw:sub-01/ses-hf/')


def test_memory_is_that_of_both_images(task, settings):
    alone = dataclasses.replace(task, highfield=None)
    assert need_gb([task], settings) > need_gb([alone], settings)


@pytest.mark.parametrize(
    ('node', 'kind', 'again'),
    [
        ('highfield.prepare', 'ValueError', True),
        ('highfield.compare', 'WorkerKilledError', False),
        ('fit', 'ValueError', False),
    ],
)
def test_only_what_is_the_references_fault_is_run_again_without_it(
    task, settings, node, kind, again
):
    failure = Failure(f'ulfprep.{node_name(task)}.{node}', kind, 'it is blank.')
    verdicts, jobs = ending_of(task, settings, [failure])
    assert bool(jobs) == again
    assert bool(verdicts) != again
    if again:
        assert jobs[0].highfield.problem == 'it is blank'
        assert jobs[0].notes[-1].text.endswith('could not be used: it is blank.')
