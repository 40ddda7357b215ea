"""What intensities say of how an image was made; backgrounds without a number."""

import nibabel as nib
import numpy as np
import pytest

from ulfprep.bids.read.checks import background, below_zero, check_image
from ulfprep.bids.read.nifti import UnusableScanError

SHAPE = (40, 44, 30)


@pytest.fixture(scope='module')
def head():
    """Return a magnitude image: a bright ball of two tissues in dark noise."""
    rng = np.random.default_rng(0)
    r = np.sqrt(((np.indices(SHAPE) - np.reshape(SHAPE, (3, 1, 1, 1)) / 2) ** 2).sum(axis=0))
    signal = np.where(r < 9, 1000.0, np.where(r < 13, 750.0, 0.0))
    noise = rng.normal(0, 40, (2, *SHAPE))
    return np.hypot(signal + noise[0], noise[1]).astype(np.float32)


def z_scored(head):
    return (head - head.mean()) / head.std()


def z_scored_inside(head):
    brain = head > 300
    return np.where(brain, (head - head[brain].mean()) / head[brain].std(), 0)


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (z_scored, 'z-scores'),
        (z_scored_inside, 'z-scores'),
        (lambda head: np.rint(head * 50 + 32768) % 65536 - 32768, 'wrapped around'),
        (lambda head: head - 1024, 'its background is -9'),
        (lambda head: -head, 'far below zero'),
    ],
)
def test_what_is_no_magnitude_is_named(head, make, words):
    text = below_zero(make(head).astype(np.float32), 65536)
    assert words in text
    assert ';' in text  # the way out


@pytest.mark.parametrize('offset', [0.0, 30.0])
def test_noise_about_zero_is_none_of_it(head, offset):
    rng = np.random.default_rng(1)
    real = np.where(head > 300, head, rng.normal(0, 40, SHAPE) - offset).astype(np.float32)
    assert real.min() < -100
    assert not below_zero(real, 65536)
    assert not below_zero(head, 65536)


def test_a_scan_of_z_scores_is_refused_by_its_check(tmp_path, head):
    path = tmp_path / 'sub-01_T1w.nii.gz'
    nib.save(nib.Nifti1Image(z_scored(head).astype(np.float32), np.diag([4, 4, 5, 1])), path)
    with pytest.raises(UnusableScanError, match=r'sub-01_T1w.nii.gz: its values are z-scores'):
        check_image(path)


def test_nan_around_the_brain_is_background(tmp_path, head):
    path = tmp_path / 'sub-01_T1w.nii.gz'
    data = np.where(head > 300, head, np.nan).astype(np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([4, 4, 5, 1])), path)
    checked = check_image(path)
    np.testing.assert_array_equal(checked.data, np.nan_to_num(data))
    assert any('background is NaN' in note.text for note in checked.notes)


def test_nan_inside_the_brain_is_none(tmp_path, head):
    path = tmp_path / 'sub-01_T1w.nii.gz'
    data = np.where(head > 300, head, np.nan).astype(np.float32)
    data[15:25, 17:27, 10:20] = np.nan
    assert not background(~np.isfinite(data))[20, 22, 15]
    nib.save(nib.Nifti1Image(data, np.diag([4, 4, 5, 1])), path)
    with pytest.raises(UnusableScanError, match='NaN or infinite'):
        check_image(path)
