"""Which high-field image a scan is measured against."""

import dataclasses

import numpy as np
import pytest

from ulfprep.bids.read.dataset import find_scans
from ulfprep.bids.read.decision import make_task
from ulfprep.bids.read.highfield import (
    FUSED,
    NOT_ASKED,
    ReferenceChoiceError,
    why_not,
    with_references,
)
from ulfprep.bids.write.sidecars import input_digest
from ulfprep.settings import Settings


@pytest.fixture
def chosen(make_dataset, tmp_path):
    """Return a function that makes images of stated fields and returns the scans by name."""

    def choose(fields, reference='auto', suffix='T1w', **more):
        for stem, strength in fields.items():
            metadata = {} if strength is None else {'MagneticFieldStrength': strength}
            root = make_dataset(stem, metadata=metadata, suffix=suffix)
        settings = Settings(root, tmp_path / 'out', reference=str(reference), **more)
        tasks = [make_task(scan, settings) for scan in find_scans(settings)]
        return {task.scan.stem: task for task in with_references(tasks, settings)}

    return choose


def test_nothing_is_looked_for_where_it_was_not_asked(chosen):
    scans = chosen({'sub-01_ses-a': 0.064, 'sub-01_ses-b': 3.0}, 'none')
    assert all(scan.highfield is None for scan in scans.values())
    assert why_not(scans['sub-01_ses-a']) == NOT_ASKED


def test_the_image_nearest_to_the_target_field_is_taken_and_the_others_are_named(chosen):
    scans = chosen({
        'sub-01_ses-a': 0.064,
        'sub-01_ses-b_run-10': 3.0,
        'sub-01_ses-b_run-9': 3.0,
        'sub-01_ses-c': 1.5,
        'sub-01_ses-d': 0.55,
        'sub-01_ses-e': None,
    })  # fmt: skip
    found = scans['sub-01_ses-a'].highfield
    assert found.source == 'bids:raw:sub-01/ses-b/anat/sub-01_ses-b_run-9_T1w.nii.gz'
    assert (
        'not used: sub-01_ses-b_run-10_T1w.nii.gz, sub-01_ses-c_T1w.nii.gz' in found.notes[0].text
    )
    assert 'ses-d' not in found.notes[0].text
    assert why_not(scans['sub-01_ses-a']) == ''
    assert scans['sub-01_ses-b_run-9'].highfield is None  # is simulated from


def test_the_own_session_goes_first_among_images_of_one_field(chosen):
    scans = chosen({'sub-01_ses-b_acq-ulf': 0.064, 'sub-01_ses-a': 3.0, 'sub-01_ses-b': 3.0})
    assert scans['sub-01_ses-b_acq-ulf'].highfield.scan.path.name == 'sub-01_ses-b_T1w.nii.gz'


def test_sessions_that_are_not_processed_may_still_hold_the_reference(chosen):
    scans = chosen({'sub-01_ses-a': 0.064, 'sub-01_ses-b': 3.0}, session_label=('a',))
    assert list(scans) == ['sub-01_ses-a']
    assert scans['sub-01_ses-a'].highfield.scan.path.parent.parent.name == 'ses-b'


def test_another_persons_image_is_no_reference(chosen):
    scans = chosen({'sub-01': 0.064, 'sub-02': 3.0})
    reason = why_not(scans['sub-01'])
    assert reason == (
        'the dataset holds no T1w image of sub-01 at 1.5 T or more, by their sidecars'
    )


def test_a_file_is_for_one_participant_and_one_modality(chosen, tmp_path, phantom):
    path = tmp_path / 'hf_T2w.nii.gz'
    phantom.to_filename(path)
    scans = chosen({'sub-01': 0.064}, path)
    assert why_not(scans['sub-01']) == 'the reference hf_T2w.nii.gz is no T1w image'
    path = path.rename(tmp_path / 'hf.nii.gz')
    scans = chosen({'sub-01': 0.064}, path)
    assert why_not(scans['sub-01']) == ''
    assert scans['sub-01'].highfield.source == 'hf.nii.gz'
    assert str(tmp_path) not in scans['sub-01'].highfield.notes[0].text
    with pytest.raises(ReferenceChoiceError, match='--participant-label'):
        chosen({'sub-01': 0.064, 'sub-02': 0.064}, path)


def test_a_reference_that_cannot_be_read_is_told_and_costs_nothing(chosen, tmp_path):
    fields = {'sub-01_ses-a': 0.064, 'sub-01_ses-b': 3.0}
    chosen(fields)
    (tmp_path / 'raw/sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz').write_bytes(b'no image')
    scan = chosen({'sub-01_ses-a': 0.064})['sub-01_ses-a']
    assert why_not(scan).startswith('the reference bids:raw:sub-01/ses-b/anat/')
    assert 'could not be used' in why_not(scan)
    assert scan.highfield.notes[-1].level == 'warning'
    assert str(tmp_path) not in scan.highfield.notes[-1].text
    assert len(input_digest(scan)) == 16


@pytest.mark.parametrize('named', [False, True])
def test_what_is_ignored_in_the_sidecar_of_a_reference_is_told(chosen, tmp_path, named):
    fields = {'sub-01_ses-a': 0.064, 'sub-01_ses-b': 3.0}
    chosen(fields)
    path = tmp_path / 'raw/sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz'
    path.with_name('sub-01_ses-b_T1w.json').write_text(
        '{"MagneticFieldStrength": "3.0", "EchoTime": 0}'
    )
    scan = chosen({'sub-01_ses-a': 0.064}, path if named else 'auto')['sub-01_ses-a']
    assert scan.highfield.field_strength == 3
    _, number, ignored = scan.highfield.notes
    assert number.text.startswith("of the reference: MagneticFieldStrength is '3.0'")
    assert ignored.text.startswith('of the reference: EchoTime is 0')
    assert (number.level, ignored.level) == ('info', 'warning')


def test_another_reference_is_another_input(chosen, tmp_path):
    fields = {'sub-01_ses-a': 0.064, 'sub-01_ses-b': 3.0}
    plain = chosen(fields, 'none')['sub-01_ses-a']
    with_one = chosen(fields)['sub-01_ses-a']
    path = with_one.highfield.scan.path
    digests = [input_digest(plain), input_digest(with_one)]
    path.write_bytes(path.read_bytes() + np.random.default_rng(0).bytes(8))
    digests.append(input_digest(with_one))
    assert len(set(digests)) == 3
    # Why it cannot be used is no input: what failed once is not tried for ever.
    failed = dataclasses.replace(with_one, highfield=with_one.highfield.without('it is blank'))
    assert input_digest(failed) == digests[-1]


def test_scans_that_are_fitted_together_say_why_they_are_not_measured(chosen):
    from ulfprep.bids.read.decision import group_scans

    scans = chosen({'sub-01_run-1': 0.064, 'sub-01_run-2': 0.064, 'sub-01_run-3': 3.0})
    members = [scans['sub-01_run-1'], scans['sub-01_run-2']]
    fusion = group_scans(members, 'runs')[0][0]
    assert why_not(fusion.member(members[0])) == FUSED
