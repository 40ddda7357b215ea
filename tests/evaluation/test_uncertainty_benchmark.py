"""The coverage of the uncertainty, measured on a brain of a few thousand voxels."""

import csv
import io

import nibabel as nib
import numpy as np
import pytest

from ulfprep.evaluation.__main__ import main
from ulfprep.evaluation.uncertainty import COLUMNS, coverage, truth_at_target

PLAN = {'means': [20.0, 80.0, 100.0], 'target_means': [30.0, 70.0, 100.0]}


def brain():
    """Return image and labels (1 CSF, 2 GM, 3 WM) of a ball with a ventricle, 48 x 48 x 50 mm."""
    shape = (48, 48, 50)
    axes = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing='ij')
    radius = np.sqrt(sum(a**2 for a in axes))
    labels = np.zeros(shape, np.uint8)
    for label, limit in ((1, 21), (2, 18), (3, 12), (1, 5)):
        labels[radius < limit] = label
    noise = np.random.default_rng(0).normal(0, 3, shape)
    image = np.array([0, 30, 70, 110])[labels] + noise
    return np.where(labels > 0, np.maximum(image, 1), 0).astype(np.float32), labels


def test_gaussian_errors_are_covered_as_they_should_be():
    sd = np.random.default_rng(0).uniform(0.5, 2, 100_000)
    found = coverage(sd * np.random.default_rng(1).standard_normal(sd.size), sd)
    assert found['within_1_sd'] == pytest.approx(0.683, abs=0.01)
    assert found['within_1.96_sd'] == pytest.approx(0.95, abs=0.01)


def test_the_truth_has_the_means_that_were_asked_for_and_keeps_its_order():
    image, labels = brain()
    truth = truth_at_target(image, labels, PLAN)
    for label, mean in zip((1, 2, 3), PLAN['target_means'], strict=True):
        assert np.median(truth[labels == label]) == pytest.approx(mean, rel=0.05)
    order = np.argsort(image[labels > 0])
    assert (np.diff(truth[labels > 0][order]) >= -1e-9).all()


def test_a_target_that_does_not_rise_cannot_be_compared():
    with pytest.raises(ValueError, match='must rise'):
        truth_at_target(*brain(), {**PLAN, 'target_means': [100.0, 70.0, 30.0]})


def test_the_command_prints_one_row_a_scan(tmp_path, capsys):
    image, labels = brain()
    folder = tmp_path / 'hf_colin27'
    folder.mkdir()
    nib.save(nib.Nifti1Image(image, np.eye(4)), folder / 'ch2bet.nii.gz')
    nib.save(nib.Nifti1Image(labels, np.eye(4)), folder / 'fast_seg.nii.gz')
    argv = ['uncertainty', '--data', str(tmp_path), '--quick', '--sloppy']
    assert main(argv) == 0
    out, err = capsys.readouterr()
    (row,) = csv.DictReader(io.StringIO(out), delimiter='\t')
    assert list(row) == list(COLUMNS)
    assert row['brain'] == 'colin'
    assert 0 < float(row['within_1_sd']) < float(row['within_1.96_sd']) <= 1
    assert 'aomic is left out' in err


def test_images_of_another_simulator_must_lie_beside_their_labels(tmp_path, capsys):
    image, labels = brain()
    (tmp_path / 'truth').mkdir()
    anat = tmp_path / 'bids' / 'sub-x' / 'anat'
    anat.mkdir(parents=True)
    nib.save(nib.Nifti1Image(image, np.eye(4)), anat / 'sub-x_T1w.nii.gz')
    nib.save(nib.Nifti1Image(labels, np.eye(4)), tmp_path / 'truth' / 'x_dseg.nii.gz')
    assert main(['uncertainty', '--cases', str(tmp_path)]) == 1
    assert 'x_T1w.nii.gz is missing' in capsys.readouterr().err
