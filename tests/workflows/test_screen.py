"""All inputs are looked at before anything is computed, each once."""

import dataclasses
import json
import logging
import threading
import time

import pytest

from ulfprep.bids.read.checks import check_image
from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.sidecars import TIMINGS
from ulfprep.settings import Settings
from ulfprep.workflows.base import run_scans
from ulfprep.workflows.screen import MOST_AT_ONCE, screen


@pytest.fixture
def settings(make_dataset, tmp_path):
    root = make_dataset('sub-01', 'sub-02', 'sub-03')
    return Settings(root, tmp_path / 'out', segmentation='embedded', nprocs=2)


def looked_at(settings, scans=None):
    """Screen all scans; return those that can be used, and the others by name."""
    scans = find_scans(settings) if scans is None else scans
    tasks = screen([make_task(scan, settings) for scan in scans], settings)
    usable = [task for task in tasks if not task.problem]
    return usable, {task.name: task for task in tasks if task.problem}


def lines(caplog, level):
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_good_scans_are_tasks_with_their_voxel_size(settings, caplog):
    tasks, refused = looked_at(settings)
    assert [task.scan.subject for task in tasks] == ['01', '02', '03']
    assert [task.grid.zooms.tolist() for task in tasks] == [pytest.approx([6, 6, 7.5])] * 3
    assert refused == {}
    assert not lines(caplog, logging.ERROR)
    assert not lines(caplog, logging.WARNING)


def test_each_problem_is_one_line(settings, caplog):
    scans = find_scans(settings)
    scans[0].path.write_bytes(b'')
    scans[1].metadata['MagneticFieldStrength'] = 'abc'
    tasks, refused = looked_at(settings, scans)
    assert [task.name for task in tasks] == ['sub-03_T1w']
    assert list(refused) == ['sub-01_T1w', 'sub-02_T1w']
    first, second, total = lines(caplog, logging.ERROR)
    assert first == refused['sub-01_T1w'].problem
    assert second == refused['sub-02_T1w'].problem
    assert total == '2 of 3 scan(s) cannot be used'
    # Its field strength is known, and so is what it was for.
    assert [one.direction for one in refused.values()] == ['enhance', '']


def test_warnings_are_told_and_kept(settings, caplog):
    sidecar = settings.bids_dir / 'sub-01/anat/sub-01_T1w.json'
    sidecar.write_text('{"MagneticFieldStrength": 0.064, "SkullStripped": "yes"}')
    tasks, _ = looked_at(settings)
    (warning,) = lines(caplog, logging.WARNING)
    assert warning.startswith(f"{tasks[0].scan.path}: SkullStripped is 'yes'")
    assert any('SkullStripped' in note.text for note in tasks[0].notes)


@pytest.mark.parametrize('key', TIMINGS)
@pytest.mark.parametrize('value', [0, -1, 'n/a', [0.005, 0.01], 2300])
def test_a_timing_that_cannot_be_costs_no_scan(settings, key, value, caplog):
    sidecar = settings.bids_dir / 'sub-01/anat/sub-01_T1w.json'
    sidecar.write_text(json.dumps({'MagneticFieldStrength': 0.064, key: value}))
    tasks, refused = looked_at(settings)
    assert not refused
    assert [task.direction for task in tasks] == ['enhance'] * 3
    told = [line for line in lines(caplog, logging.WARNING) if f': {key} is ' in line]
    # 0 is how converters write that they do not know the InversionTime.
    silent = (key, value) == ('InversionTime', 0)
    assert [line.startswith(f'{tasks[0].scan.path}: ') for line in told] == [True] * (not silent)


def test_scans_that_would_share_their_files_are_refused_and_cost_no_other(make_dataset, settings):
    make_dataset('sub-02_acq-x', 'sub-02_acq-X')
    tasks, refused = looked_at(settings)
    assert [task.scan.stem for task in tasks] == ['sub-01', 'sub-02', 'sub-03']
    assert set(refused) == {'sub-02_acq-x_T1w', 'sub-02_acq-X_T1w'}
    assert 'rename one of the two' in refused['sub-02_acq-x_T1w'].problem


def test_only_a_few_images_are_held_at_once(settings, monkeypatch):
    lock, now, most = threading.Lock(), [0], [0]

    def watched(path):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        return check_image(path)

    monkeypatch.setattr('ulfprep.workflows.screen.check_image', watched)
    scans = find_scans(settings) * 5
    for nprocs, limit in ((1, 1), (2, 2), (64, MOST_AT_ONCE)):
        most[0] = 0
        looked_at(dataclasses.replace(settings, nprocs=nprocs), scans)
        assert most[0] == limit


def test_no_workflow_is_built_for_scans_that_cannot_be_used(settings, tmp_path, monkeypatch):
    scans = find_scans(settings)
    for scan in scans:
        scan.path.write_bytes(b'')

    def never(*args, **kwargs):
        raise AssertionError('a workflow was built')

    monkeypatch.setattr('ulfprep.workflows.whole.init_ulfprep_wf', never)
    tasks = [make_task(scan, settings) for scan in scans]
    verdicts, _ = run_scans(tasks, settings, tmp_path / 'crash')
    assert [verdict.status for verdict in verdicts] == ['failed'] * 3


def test_scans_of_another_direction_are_not_planned_for_a_fusion(settings, caplog):
    """Damaged or not, a high-field scan changes no name of what is fused."""
    from ulfprep.workflows.jobs import plan_jobs

    settings = dataclasses.replace(settings, fuse='runs')
    scans = [
        dataclasses.replace(
            scan, entities={'subject': '01', 'run': str(k)}, stem=f'sub-01_run-{k}'
        )
        for k, scan in enumerate(find_scans(settings), 1)
    ]
    scans[2].metadata['MagneticFieldStrength'] = 3.0
    planned = []
    for content in (scans[2].path.read_bytes(), b''):
        scans[2].path.write_bytes(content)
        tasks = screen([make_task(scan, settings) for scan in scans], settings)
        planned.append([task.name for task in plan_jobs(tasks, settings)[0].planned])
    assert planned == [['sub-01_run-1_T1w', 'sub-01_run-2_T1w']] * 2


@pytest.mark.parametrize('sidecar', ['{', '[]'])
def test_a_bad_sidecar_of_the_reference_is_found_at_once(settings, make_dataset, sidecar):
    root = make_dataset('sub-09', name='elsewhere')
    reference = root / 'sub-09/anat/sub-09_T1w.nii.gz'
    settings = dataclasses.replace(settings, target_like=reference)
    assert looked_at(settings)[1] == {}
    (root / 'sub-09/anat/sub-09_T1w.json').write_text(sidecar)
    tasks, refused = looked_at(settings)
    assert tasks == []
    assert all('sub-09_T1w.nii.gz' in one.problem for one in refused.values())


def test_what_cannot_be_in_the_sidecar_of_the_reference_is_told(settings, make_dataset, caplog):
    root = make_dataset('sub-09', name='elsewhere', metadata={'EchoTime': 5})
    reference = root / 'sub-09/anat/sub-09_T1w.nii.gz'
    settings = dataclasses.replace(settings, target_like=reference)
    assert looked_at(settings)[1] == {}
    (warning,) = lines(caplog, logging.WARNING)
    assert warning.startswith(f'{reference}: EchoTime is 5 in the sidecar')
