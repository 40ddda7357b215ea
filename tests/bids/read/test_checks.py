"""Unusable images are refused in plain words; usable ones pass with notes."""

import nibabel as nib
import numpy as np
import pytest

from ulfprep.bids.read.checks import background, below_zero, check_image
from ulfprep.bids.read.nifti import UnusableScanError

#: Voxels of 8 x 8 x 16 mm: those of a head, though there are few.
AFFINE = np.diag([8.0, 8.0, 16.0, 1.0])


@pytest.fixture
def save(tmp_path):
    """Return a function that saves an array as a NIfTI file."""

    def save(data, affine=None, code=1, name='sub-01_T1w.nii.gz'):
        image = nib.Nifti1Image(data, AFFINE if affine is None else affine)
        image.set_sform(image.affine, code)
        image.set_qform(image.affine, code)
        nib.save(image, tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def data():
    return np.random.default_rng(0).uniform(1, 100, (16, 16, 8)).astype(np.float32)


def refuse(path, *words):
    with pytest.raises(UnusableScanError) as error:
        check_image(path)
    message = str(error.value)
    assert str(path) in message
    assert '\n' not in message
    for word in words:
        assert word in message


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ('damage', 'word'),
    [
        (lambda content: b'', 'empty'),
        (lambda content: b'this is no image', 'not a readable NIfTI'),
        (lambda content: content[: len(content) // 50], 'copy'),
        (lambda content: content[: len(content) // 2], 'copy'),
        (lambda content: content[: len(content) * 99 // 100], 'copy'),
        (flip, 'damaged'),
    ],
)
def test_damaged_and_empty_files(save, data, damage, word):
    path = save(data)
    path.write_bytes(damage(path.read_bytes()))
    refuse(path, word)


def test_files_that_are_not_there(tmp_path):
    refuse(tmp_path / 'none.nii.gz', 'no such file')
    (tmp_path / 'link.nii.gz').symlink_to(tmp_path / 'annex' / 'key')
    refuse(tmp_path / 'link.nii.gz', 'broken link', 'datalad get')


def test_other_format_with_the_wrong_name(tmp_path, data):
    nib.save(nib.MGHImage(data, AFFINE), tmp_path / 'x.mgz')
    (tmp_path / 'x.mgz').rename(tmp_path / 'x.nii.gz')
    refuse(tmp_path / 'x.nii.gz', 'NIfTI')


def test_few_nan_become_zero(save, data):
    data[0, :3, 0] = np.nan, np.inf, -np.inf
    checked = check_image(save(data))
    assert np.isfinite(checked.data).all()
    assert (checked.data[0, :3, 0] == 0).all()
    assert checked.notes[0].text.startswith('3 NaN')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda data: data[..., 0], ['slice']),
        (lambda data: data[:1], ['slice']),
        (lambda data: np.stack([data] * 5, axis=3), ['5 volumes']),
        (lambda data: np.where(np.arange(16)[:, None, None] < 2, np.nan, data), ['12.5%', '5%']),
        (lambda data: 0 * data, ['all zero']),
        (lambda data: 0 * data + 7, ['constant (7']),
    ],
)
def test_images_of_which_nothing_can_be_made(save, data, change, words):
    refuse(save(change(data).astype(np.float32)), *words)


def test_odd_images_pass_with_a_note(save, data):
    checked = check_image(save(data[..., None]))
    assert checked.data.shape == data.shape
    assert 'single volume' in checked.notes[0].text
    assert 'neither sform nor qform' in check_image(save(data, code=0)).notes[0].text
    image = nib.Nifti1Image(data, AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(np.diag([-1, 1, 1, 1]) @ AFFINE, 1)
    path = save(data)
    nib.save(image, path)
    assert 'contradict' in check_image(path).notes[0].text


def test_complex_and_rgb(save, data):
    refuse(save(data.astype(np.complex64)), 'complex')
    rgb = np.zeros((8, 8, 8), [('R', 'u1'), ('G', 'u1'), ('B', 'u1')])
    refuse(save(rgb), 'one number')


def test_scaled_integers_are_scaled(tmp_path):
    image = nib.Nifti1Image(
        np.arange(512, dtype=np.int16).reshape(8, 8, 8), np.diag([12, 12, 12, 1])
    )
    image.header.set_slope_inter(0.5, 10)
    nib.save(image, tmp_path / 'x.nii.gz')
    stored = nib.load(tmp_path / 'x.nii.gz').get_fdata()
    np.testing.assert_allclose(check_image(tmp_path / 'x.nii.gz').data, stored)


# What intensities say of how an image was made

HEAD = (40, 44, 30)


@pytest.fixture(scope='module')
def head():
    """Return a magnitude image: a bright ball of two tissues in dark noise."""
    rng = np.random.default_rng(0)
    r = np.sqrt(((np.indices(HEAD) - np.reshape(HEAD, (3, 1, 1, 1)) / 2) ** 2).sum(axis=0))
    signal = np.where(r < 9, 1000.0, np.where(r < 13, 750.0, 0.0))
    noise = rng.normal(0, 40, (2, *HEAD))
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
    real = np.where(head > 300, head, rng.normal(0, 40, HEAD) - offset).astype(np.float32)
    assert real.min() < -100
    assert not below_zero(real, 65536)
    assert not below_zero(head, 65536)


def check_head_of(tmp_path, data):
    path = tmp_path / 'sub-01_T1w.nii.gz'
    nib.save(nib.Nifti1Image(data.astype(np.float32), np.diag([4, 4, 5, 1])), path)
    return check_image(path)


def test_a_scan_of_z_scores_is_refused_by_its_check(tmp_path, head):
    with pytest.raises(UnusableScanError, match=r'sub-01_T1w.nii.gz: its values are z-scores'):
        check_head_of(tmp_path, z_scored(head))


def test_nan_around_the_brain_is_background_and_inside_is_none(tmp_path, head):
    data = np.where(head > 300, head, np.nan)
    checked = check_head_of(tmp_path, data)
    np.testing.assert_array_equal(checked.data, np.nan_to_num(data))
    assert any('background is NaN' in note.text for note in checked.notes)
    data[15:25, 17:27, 10:20] = np.nan
    assert not background(~np.isfinite(data))[20, 22, 15]
    with pytest.raises(UnusableScanError, match='NaN or infinite'):
        check_head_of(tmp_path, data)
