"""Acquired resolution: what the image shows, and the rule that decides."""

import brains
import numpy as np
import pytest
from scipy import ndimage, signal
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from ulfprep.physics.resolution import estimate_resolution

LOWGAN = 'ulf64mt_lowgan_bids/sub-MS017/ses-ulf/anat/sub-MS017_ses-ulf'


def to_one_mm(scan, voxel, order, degrees=(0, 0, 0)):
    """Resample to 1 mm in one step, off the acquired lattice, turned about the axes."""
    shape = (np.array(scan.shape) * voxel).astype(int) - 2
    turn = Rotation.from_euler('xyz', degrees, degrees=True).as_matrix() / np.array(voxel)[:, None]
    offset = (np.array(scan.shape) - 1) / 2 - turn @ ((shape - 1) / 2) + 0.13
    fine = ndimage.affine_transform(
        scan, turn, offset, tuple(int(n) for n in shape), order=order, mode='nearest'
    )
    return np.maximum(fine, 0)


@pytest.mark.parametrize(
    ('name', 'voxel', 'snr', 'zeroed', 'order'),
    [
        ('aomic', (1.6, 1.6, 5.0), 8, True, 1),
        ('aomic', (1.6, 1.6, 5.0), 8, False, 3),
        ('colin', (1.6, 1.6, 5.0), 30, True, 3),
        ('aomic', (1.5, 1.5, 5.0), 30, False, 1),
        ('colin', (1.7, 1.7, 5.0), 8, True, 3),
        ('aomic', (2.0, 2.0, 4.0), 14, True, 1),
        ('colin', (2.5, 1.42, 6.1), 14, False, 3),
        ('colin', (2.5, 1.42, 6.1), 14, True, 1),
        ('colin', (1.5, 1.5, 5.0), 30, False, 3),
    ],
)
def test_a_scan_resampled_to_1_mm_is_known_for_what_it_was(name, voxel, snr, zeroed, order):
    image, brain, white = brains.scanned(name, voxel)
    scan = brains.noisy(image, white / snr, snr, brain if zeroed else None)
    estimate = estimate_resolution(to_one_mm(scan, voxel, order), (1, 1, 1))
    assert estimate.resampled == (True, True, True)
    np.testing.assert_allclose(estimate.voxel_size_mm, voxel, rtol=0.05)


@pytest.mark.parametrize(
    ('modality', 'voxel', 'order', 'turn'),
    [
        ('T1w', (1.6, 1.6, 5.0), 1, (6, 4, 3)),
        ('T1w', (1.6, 1.6, 5.0), 3, (6, 4, 3)),
        ('T2w', (1.5, 1.7, 5.0), 3, (0, 0, 0)),
        ('FLAIR', (1.5, 1.7, 5.0), 3, (0, 0, 0)),
    ],
)
def test_a_scan_that_was_turned_and_other_contrasts_are_no_harder(modality, voxel, order, turn):
    image, brain, white = brains.scanned('aomic', voxel, modality)
    scan = to_one_mm(brains.noisy(image, white / 14, 0, brain), voxel, order, turn)
    estimate = estimate_resolution(scan, (1, 1, 1))
    np.testing.assert_allclose(estimate.voxel_size_mm, voxel, rtol=0.05)


def test_nearest_neighbours_repeat_planes():
    voxel = (2.0, 1.6, 4.0)
    image, brain, white = brains.scanned('aomic', voxel)
    scan = to_one_mm(brains.noisy(image, white / 14, 0, brain), voxel, 0)
    estimate = estimate_resolution(scan, (1, 1, 1))
    np.testing.assert_allclose(estimate.voxel_size_mm, voxel, rtol=0.1)
    assert 'repeat' in estimate.method


def test_fourier_interpolation_is_known_by_where_the_spectrum_ends():
    voxel = (1.6, 1.6, 5.0)
    image, brain, white = brains.scanned('aomic', voxel)
    scan = brains.noisy(image, white / 14, 0, brain)
    for axis in range(3):
        scan = signal.resample(scan, round(image.shape[axis] * voxel[axis]), axis=axis)
    estimate = estimate_resolution(np.maximum(scan, 0), (1, 1, 1))
    np.testing.assert_allclose(estimate.voxel_size_mm, voxel, rtol=0.15)
    assert 'spectrum that ends' in estimate.method


@pytest.mark.parametrize(('sequence', 'matrix'), [('GRE', (128, 196)), ('FSE', (128, 126))])
def test_zero_filled_k_space_is_known_by_where_the_spectrum_ends(sequence, matrix):
    # Real 55 mT magnitudes on 256 x 256; the size of their k-space is known.
    image = loadmat(brains.data_folder() / 'kspace_55mt' / f'0.055T_{sequence}.mat')['image']
    estimate = estimate_resolution(np.abs(image), (1, 1, 5))
    acquired = [256 / n for n in matrix]
    np.testing.assert_allclose(estimate.voxel_size_mm[:2], acquired, rtol=0.15)


@pytest.mark.parametrize('voxel', [(1.6, 1.6, 5.0), (2.0, 2.0, 2.0)])
@pytest.mark.parametrize('snr', [8, 30])
def test_a_scan_as_acquired_is_not_taken_for_resampled(voxel, snr):
    image, brain, white = brains.scanned('aomic', voxel)
    for mask in (brain, None):
        estimate = estimate_resolution(brains.noisy(image, white / snr, 0, mask), voxel)
        assert estimate.resampled == (False, False, False)
        assert estimate.voxel_size_mm == pytest.approx(voxel)


def test_the_real_scan_on_a_1_mm_grid_shows_its_thick_slices():
    scan, zooms, _ = brains.load('ulf64mt_stripped/MRI_mT_sub2.nii.gz')
    estimate = estimate_resolution(scan, zooms)
    np.testing.assert_allclose(estimate.voxel_size_mm, (1.6, 1.6, 5.0), rtol=0.05)
    assert all(estimate.resampled)


@pytest.mark.parametrize(
    'name',
    [
        f'{LOWGAN}_T1w.nii.gz',
        f'{LOWGAN}_T2w.nii.gz',
        f'{LOWGAN}_FLAIR.nii.gz',
        'hf3t_aomic/norm.mgz',
        'hf_colin27/ch2.nii.gz',
        'hf_ms_patient07/patient07_T1.nii.gz',
        'hf_ms_patient07/patient07_T2.nii.gz',
    ],
)
def test_real_scans_on_their_own_grid_keep_their_voxels(name):
    scan, zooms, _ = brains.load(name)
    assert estimate_resolution(scan, zooms).voxel_size_mm == pytest.approx(tuple(zooms))


def test_noise_and_blocks_are_not_taken_for_interpolated():
    noise = np.random.default_rng(0).random((60, 60, 60))
    blocks = np.zeros((40, 48, 40))
    blocks[8:30, 8:40, 8:32] = 100
    for image in (noise, blocks):
        assert not any(estimate_resolution(image, (1, 1, 1)).resampled)


def test_an_image_without_signal_is_an_error():
    with pytest.raises(ValueError, match='no signal'):
        estimate_resolution(np.zeros((30, 30, 30)), (1, 1, 1))
