"""What steps took is kept, over several runs."""

import pytest

from ulfprep.bids.store.records import read_resources, resources_path
from ulfprep.workflows.engine.steps import Costs

STEPS = ['top.scan_a.prepare_wf.bias', 'top.scan_a.fit_wf.fit']


def cost(seconds, peak=0.5):
    return {'seconds': seconds, 'cpu_seconds': seconds * 2, 'peak_gb': peak, 'n_procs': 2}


def costs_of(folder, steps, scans=('sub-01_T1w',)):
    made = Costs(folder, scans)
    made.expect(steps)
    return made


@pytest.fixture
def costs(tmp_path):
    return costs_of(tmp_path, STEPS)


def test_what_steps_took_is_kept_in_their_order(tmp_path, costs):
    costs.add(STEPS[1], cost(30.00049, 1.25))
    costs.add(STEPS[0], cost(6))
    record = read_resources(tmp_path, 'sub-01_T1w')
    # In the order of the workflow.
    assert [node['node'] for node in record['nodes']] == ['bias', 'fit']
    assert record['nodes'][1] == {
        'node': 'fit',
        'seconds': 30.0,
        'cpu_seconds': 60.001,
        'peak_gb': 1.25,
        'n_procs': 2,
    }
    assert (record['seconds'], record['cpu_seconds'], record['peak_gb']) == (36, 72, 1.25)


def test_a_resumed_run_keeps_what_it_did_not_do_again(tmp_path, costs):
    costs.add(STEPS[0], cost(6))
    again = costs_of(tmp_path, STEPS)
    again.add(STEPS[1], cost(30))
    again.add(STEPS[1], cost(20))
    assert read_resources(tmp_path, 'sub-01_T1w')['seconds'] == 26


def test_steps_that_there_are_no_more_are_forgotten(tmp_path, costs):
    costs.add(STEPS[0], cost(6))
    costs_of(tmp_path, STEPS[1:]).add(STEPS[1], cost(30))
    (node,) = read_resources(tmp_path, 'sub-01_T1w')['nodes']
    assert node['node'] == 'fit'


def test_scans_of_a_group_share_its_steps_by_whole_names(tmp_path):
    names = ['top.group.scan_1.bias', 'top.group.scan_2.bias', 'top.group.fit']
    costs = costs_of(tmp_path, names, ['sub-01_T1w', 'sub-01_T2w'])
    for name in names:
        costs.add(name, cost(1))
    record = read_resources(tmp_path, 'sub-01_T2w')
    assert [node['node'] for node in record['nodes']] == ['scan_1.bias', 'scan_2.bias', 'fit']
    assert record['shared_with'] == ['sub-01_T1w']


def test_a_full_disk_costs_no_scan(tmp_path, costs, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('ulfprep.workflows.engine.steps.write_resources', full)
    costs.add(STEPS[0], cost(6))


@pytest.mark.parametrize('content', ['', '[]', '{"nodes": 3}', '{"nodes": [{"node": "fit"}]}'])
def test_what_is_no_record_is_none(tmp_path, content):
    path = resources_path(tmp_path, 'sub-01_T1w')
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert read_resources(tmp_path, 'sub-01_T1w') is None
