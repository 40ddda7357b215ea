"""What is given takes the place of what would be computed."""

import dataclasses

import pytest
from derived import put_prep
from graphs import assert_all_inputs_given

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.derived_take import with_derivatives
from ulfprep.bids.read.fusion import group_scans
from ulfprep.settings import Settings
from ulfprep.workflows.fuse import init_fuse_wf
from ulfprep.workflows.scan import init_scan_wf


@pytest.fixture
def settings(make_dataset, tmp_path):
    for run in ('1', '2'):
        put_prep(tmp_path / 'own', f'sub-01_run-{run}', 'x', shares=run == '1')
    return Settings(
        make_dataset('sub-01_run-1', 'sub-01_run-2'),
        tmp_path / 'out',
        device='cpu',
        segmentation='fast',
        work_dir=tmp_path / 'work',
        derivatives=(tmp_path / 'own',),
    )


@pytest.fixture
def tasks(settings):
    tasks = [make_task(scan, settings) for scan in find_scans(settings)]
    return with_derivatives(tasks, settings.derivatives)


def test_given_tissues_leave_no_segmentation_to_do(settings, tasks):
    for task, files in zip(tasks, (3, 1), strict=True):
        workflow = init_scan_wf(task, settings)
        assert_all_inputs_given(workflow)
        assert 'fast' not in workflow.list_node_names()
        tissues = workflow.get_node('segment').inputs
        assert len(tissues.given) == files
        mask = workflow.get_node('prepare').inputs
        assert mask.mask_option == '--derivatives'
        methods = workflow.visit_desc()
        assert 'FSL FAST' not in methods
        assert 'those of other software' in methods


def test_given_tissues_go_before_synthseg(settings, tasks):
    settings = dataclasses.replace(settings, segmentation='synthseg')
    names = init_scan_wf(tasks[0], settings).list_node_names()
    assert 'synthseg' not in names
    assert 'segment' in names


def test_scans_with_given_tissues_are_not_segmented_together(settings, tasks):
    settings = dataclasses.replace(settings, segmentation='embedded')
    (fusion,), _ = group_scans(tasks, 'all')
    workflow = init_fuse_wf(fusion, settings)
    assert_all_inputs_given(workflow)
    assert 'together' not in workflow.list_node_names()
