"""A dataset whose sidecars are those that portable scanners and their converters write."""

import dataclasses
import logging

import pytest

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.settings import Settings
from ulfprep.workflows.screen import RUN, outlook, screen

FIELDS = (
    'MagneticFieldStrength', 'ImagingFrequency', 'RepetitionTime', 'EchoTime', 'InversionTime',
    'SliceThickness', 'NumberOfAverages', 'AcquisitionDuration', 'PhaseEncodingSteps',
    'PixelBandwidth',
)  # fmt: skip
#: Suffix and plane -> values. The field is wrong by a power of ten, the frequency was measured.
STATED = {
    ('T1w', 'axi'): (0.006, 2.7062, 1.5, 0.007, 0.3, 5, 2, 375.7, 112, 464),
    ('T1w', 'cor'): (0.006, 2.7037, 1.5, 0.00694, 0.3, 5, 2, 330.7, 112, 516),
    ('T1w', 'sag'): (0.006, 2.7037, 1.5, 0.00694, 0.3, 5, 2, 330.7, 112, 516),
    ('T2w', 'axi'): (0.006, 2.7029, 2, 0.16096, None, 5, 2, 384.6, 146, 533),
    ('T2w', 'iso'): (0.006, 2.7028, 2, 0.14816, None, 2.25, 2, 588.6, 96, 800),
}
SAME_FOR_ALL = {
    'Manufacturer': 'Hyperfine', 'ManufacturersModelName': 'swoop', 'FlipAngle': 90,
    'MRAcquisitionType': '3D', 'SoftwareVersions': 'rc8.6.0',
}  # fmt: skip
HIGH = {'MagneticFieldStrength': 3, 'ImagingFrequency': 127.7, 'ScanningSequence': 'GR_IR',
        'RepetitionTime': 2.3, 'EchoTime': 0.003, 'InversionTime': 0.9}  # fmt: skip


def as_texts(values: dict) -> dict:
    return {key: value if isinstance(value, str) else str(value) for key, value in values.items()}


def in_hertz(values: dict) -> dict:
    return values | {'ImagingFrequency': 1e6 * values['ImagingFrequency']}


def without_field(values: dict) -> dict:
    return {key: value for key, value in values.items() if key != 'MagneticFieldStrength'}


def tasks_of(settings):
    return [make_task(scan, settings) for scan in find_scans(settings)]


@pytest.fixture
def dataset(make_dataset):
    """Return a function that makes the dataset, sidecars written in some way."""

    def make(write=dict):
        for (suffix, plane), values in STATED.items():
            said = dict(zip(FIELDS, values, strict=True)) | SAME_FOR_ALL
            said = {key: value for key, value in said.items() if value is not None}
            for session in ('HFC', 'HFE'):
                stem = f'sub-0001_ses-{session}_acq-{plane}'
                make_dataset(stem, metadata=write(said), suffix=suffix)
        return make_dataset('sub-0001_ses-GE', metadata=write(HIGH))

    return make


@pytest.fixture
def settings(tmp_path):
    return Settings(
        tmp_path / 'raw', tmp_path / 'out', modalities=('T1w', 'T2w'), segmentation='embedded'
    )


@pytest.mark.parametrize('write', [dict, as_texts, in_hertz, without_field])
def test_all_of_it_is_taken_at_its_true_field(dataset, settings, caplog, write):
    dataset(write)
    tasks = tasks_of(settings)
    plan = outlook(tasks, settings)
    assert len(plan) == 2 * len(STATED) + 1
    assert {one.fate for one in plan} == {RUN}
    tasks = screen(tasks, settings)
    assert not any(task.problem for task in tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    for task in tasks:
        low = task.scan.session != 'GE'
        assert task.source_field == (0.064 if low else pytest.approx(3, abs=0.001))
        assert task.direction == ('enhance' if low else 'simulate')
        assert any('ImagingFrequency 2.70' in n.text for n in task.notes) == low
        assert any('repetitions an average' in n.text for n in task.notes) == low


@pytest.mark.parametrize('value', ['0.064', 'n/a', 0, [0.064], 'sixty-four', 64, None])
def test_what_the_user_states_opens_every_sidecar(make_dataset, tmp_path, value):
    root = make_dataset('sub-01', metadata={'MagneticFieldStrength': value, 'EchoTime': '0.005'})
    settings = Settings(root, tmp_path / 'out', source_field=0.064)
    tasks = screen(tasks_of(settings), settings)
    assert not any(task.problem for task in tasks)
    assert tasks[0].source_field == 0.064
    assert tasks[0].scan.metadata['EchoTime'] == 0.005


def test_what_the_user_states_of_other_scans_is_not_silent(dataset, settings, caplog):
    dataset()
    settings = dataclasses.replace(settings, source_field=0.064)
    tasks = screen(tasks_of(settings), settings)
    assert {task.source_field for task in tasks} == {0.064}
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert all('sub-0001_ses-GE_T1w.nii.gz: ' in warning for warning in warnings)
    assert any('before the 3 T of the sidecar' in warning for warning in warnings)


def test_what_a_slab_or_an_unknown_echo_says_costs_no_scan(make_dataset, tmp_path, caplog):
    said = {'MagneticFieldStrength': 0.064, 'SliceThickness': 200, 'EchoTime': 0}
    settings = Settings(make_dataset('sub-01', metadata=said), tmp_path / 'out')
    tasks = screen(tasks_of(settings), settings)
    assert not any(task.problem for task in tasks)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 2
    for key in ('SliceThickness', 'EchoTime'):
        (warning,) = [w for w in warnings if key in w]
        assert warning.startswith(f'{tasks[0].scan.path}: {key} is ')
