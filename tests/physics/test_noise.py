"""Noise read off magnitude images."""

import brains
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.io import loadmat

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.noise import NoiseEstimate, estimate_noise, noise_in_tissue, rayleigh_sigma

VOXEL = (1.6, 1.6, 5.0)
QUICK = settings(deadline=None, max_examples=10, derandomize=True)


def smooth_ball(n=56):
    """Return a brain-like ball with slowly varying intensity of about 100."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing='ij')
    mask = x**2 + y**2 + z**2 < 0.36
    return np.where(mask, 100 * (1 + 0.2 * np.cos(3 * x) * np.cos(2 * y)), 0), mask


@pytest.mark.parametrize('snr', [10, 20, 40])
@pytest.mark.parametrize('background', ['measured', 'zeroed'])
def test_noise_is_found_within_a_tenth(snr, background):
    image, mask = smooth_ball()
    noisy = add_rician_noise(image, 100 / snr, np.random.default_rng(snr))
    if background == 'zeroed':
        noisy = np.where(mask, noisy, 0)
    estimate = estimate_noise(noisy, mask, VOXEL)
    # The second difference at a voxel next to the rim of a stripped brain would see the edge.
    near = 0.1 if background == 'measured' else 0.03
    assert estimate.sigma == pytest.approx(100 / snr, rel=near)
    assert ('air' in estimate.method) == (background == 'measured')


@pytest.mark.parametrize(
    'processed',
    [
        lambda noisy: ndimage.uniform_filter(noisy, 3),
        lambda noisy: 0.2 * noisy,  # Rayleigh in shape, but somebody has damped it
        np.ones_like,
    ],
    ids=['smoothed', 'damped', 'constant'],
)
def test_air_that_was_processed_is_not_believed(processed):
    image, mask = smooth_ball()
    noisy = add_rician_noise(image, 5.0, np.random.default_rng(0))
    estimate = estimate_noise(np.where(mask, noisy, processed(noisy)), mask, VOXEL)
    assert 'of the brain' in estimate.method
    assert estimate.sigma == pytest.approx(5.0, rel=0.1)


def test_thick_slices_do_not_vote_on_noise():
    # Between thick slices anatomy jumps; only the two finest axes may be differenced.
    image, mask = smooth_ball()
    jumps = 60 * np.random.default_rng(1).random((56, 56, 1))
    image = image + jumps * mask
    noisy = np.where(mask, add_rician_noise(image, 5.0, np.random.default_rng(0)), 0)
    assert estimate_noise(noisy, mask, (5.0, 1.6, 1.6)).sigma == pytest.approx(5.0, rel=0.1)


def test_noise_of_too_few_voxels_is_an_error():
    mask = np.zeros((20, 20, 20), bool)
    mask[:5, :5, :5] = True
    with pytest.raises(ValueError, match='only 125 voxels'):
        estimate_noise(np.ones(mask.shape), mask, (1, 1, 1))


def test_noise_of_a_resampled_scan_is_that_of_its_acquired_voxels():
    rng = np.random.default_rng(1)
    coarse = 100 + 5 * rng.standard_normal((40, 40, 20))
    fine = ndimage.zoom(coarse, (2, 2, 1), order=3)
    mask = np.ones(fine.shape, bool)
    apart = estimate_noise(fine, mask, (1, 1, 4), acquired=(2, 2, 4)).sigma
    touching = estimate_noise(fine, mask, (1, 1, 4)).sigma
    # Interpolation averages: two thirds of the acquired noise are left in the fine voxels,
    # of which their immediate neighbours show almost nothing.
    assert 0.5 * fine.std() < apart < 5
    assert touching < 0.2 * apart


@QUICK
@given(st.floats(1e-3, 1e4))
def test_the_estimate_scales_with_the_image(scale):
    image, mask = smooth_ball(40)
    noisy = add_rician_noise(image, 7.0, np.random.default_rng(3))
    plain, scaled = (estimate_noise(x, mask, (1, 1, 1)) for x in (noisy, noisy * scale))
    assert scaled.method == plain.method
    assert scaled.sigma == pytest.approx(scale * plain.sigma, rel=1e-3)


@QUICK
@given(st.permutations(range(3)))
def test_the_order_of_the_axes_does_not_matter(order):
    image, mask = smooth_ball(40)
    noisy = np.where(mask, add_rician_noise(image, 7.0, np.random.default_rng(3)), 0)
    zooms = np.array([1.5, 2.0, 5.0])
    turned = estimate_noise(noisy.transpose(order), mask.transpose(order), zooms[list(order)])
    assert turned.sigma == pytest.approx(estimate_noise(noisy, mask, zooms).sigma, rel=1e-3)


@QUICK
@given(st.floats(0.01, 100), st.integers(0, 100))
def test_rayleigh_noise_is_known_by_its_law(sigma, seed):
    rng = np.random.default_rng(seed)
    noise = np.hypot(*(sigma * rng.standard_normal((2, 20000))))
    assert rayleigh_sigma(noise) == pytest.approx(sigma, rel=0.02)
    for other in (noise + sigma, np.maximum(noise - sigma, 0), abs(rng.standard_normal(20000))):
        assert np.isnan(rayleigh_sigma(other))


def test_a_brain_that_is_little_but_noise_floor_is_corrected_for_it():
    # At an SNR of 1.5 the s.d. of magnitudes is well below that of the channels.
    image, mask = smooth_ball()
    noisy = np.where(mask, add_rician_noise(image, 100 / 1.5, np.random.default_rng(0)), 0)
    assert estimate_noise(noisy, mask, (1, 1, 1)).sigma == pytest.approx(100 / 1.5, rel=0.1)
    assert noisy[mask].std() < 0.9 * 100 / 1.5


@pytest.mark.parametrize('zeroed', [False, True])
@pytest.mark.parametrize('modality', ['T1w', 'T2w', 'FLAIR'])
@pytest.mark.parametrize('name', ['aomic', 'colin'])
def test_noise_of_simulated_scans_of_real_brains(name, modality, zeroed):
    image, brain, white = brains.scanned(name, VOXEL, modality)
    for snr in (5, 8, 14, 25, 40):
        scan = brains.noisy(image, white / snr, snr, brain if zeroed else None)
        estimate = estimate_noise(scan, brain, VOXEL)
        assert estimate.sigma == pytest.approx(white / snr, rel=0.1), f'SNR {snr}'
        assert ('air' in estimate.method) != zeroed


@pytest.mark.parametrize('name', ['aomic', 'colin'])
def test_noise_of_scans_that_the_forward_model_simulates(name):
    image, labels = brains.low_field_brain(name)
    fine = Grid(image.shape, np.eye(4))
    model = ForwardModel.between(resized_grid(fine, VOXEL), fine, VOXEL, np.ones(3))
    clean, share = model.acquire(image), model.acquire((labels > 0).astype(np.float32))
    white = clean[model.acquire((labels == 3).astype(np.float32)) > 0.9].mean()
    for snr in (5, 14, 40):
        for brain in (share > 0.5, None):
            scan = brains.noisy(clean, white / snr, snr, brain)
            estimate = estimate_noise(scan, share > 0.5, VOXEL)
            assert estimate.sigma == pytest.approx(white / snr, rel=0.1), f'SNR {snr}'


@pytest.mark.parametrize('sequence', ['GRE', 'FSE'])
@pytest.mark.parametrize('reconstruction', ['zero-filled', 'native'])
def test_noise_of_real_55_mt_images_is_that_of_their_complex_parts(sequence, reconstruction):
    file = f'{brains.data_folder()}/kspace_55mt/0.055T_{sequence}'
    if reconstruction == 'native':
        space = loadmat(f'{file}_kspace_postEMI.mat')['kspace']
        image = np.fft.fftshift(np.fft.ifft2(space, axes=(0, 1)), axes=(0, 1)) * 256
    else:
        image = loadmat(f'{file}.mat')['image']
    # A frame around the head: its real and imaginary parts are noise and nothing else.
    frame = np.ones(image.shape, bool)
    rim = [n // 12 for n in image.shape[:2]]
    frame[rim[0] : -rim[0], rim[1] : -rim[1]] = False
    truth = np.sqrt((image[frame].real.var() + image[frame].imag.var()) / 2)
    magnitude = np.abs(image)
    smooth = ndimage.gaussian_filter(magnitude, (2, 2, 0))
    head = smooth > 0.5 * np.percentile(smooth, 95)
    brain = ndimage.binary_erosion(ndimage.binary_opening(head), np.ones((9, 9, 1)))
    estimate = estimate_noise(magnitude, brain, (1, 1, 5))
    assert estimate.sigma == pytest.approx(truth, rel=0.15)
    assert 'air' in estimate.method


def test_noise_of_high_field_brains_is_small_whatever_their_background():
    stripped, zooms, _ = brains.load('hf3t_aomic/norm.mgz')
    head, _, _ = brains.load('hf3t_aomic/orig.mgz')
    mask = stripped > 0
    for scan in (stripped, head):
        assert 30 < np.median(scan[mask]) / estimate_noise(scan, mask, zooms).sigma < 300


def smoothed_noise(width, level=4.0, shape=(60, 60, 20)):
    """White noise under a Gaussian in plane, ``level`` before, and what its s.d. is then."""
    white = level * np.random.default_rng(3).standard_normal(shape)
    noise = ndimage.gaussian_filter(white, (width, width, 0)) if width else white
    return noise, noise.std()


@pytest.mark.parametrize('width', [0.6, 0.8, 1.0, 1.5])
def test_noise_that_was_smoothed_is_found_in_what_tissues_leave(width):
    noise, level = smoothed_noise(width)
    mask = np.ones(noise.shape, bool)
    white = estimate_noise(100 + noise, mask, VOXEL)
    assert white.sigma < 0.75 * level  # second differences miss it
    found = noise_in_tissue(noise, mask, white, VOXEL)
    assert found.sigma == pytest.approx(level, rel=0.1)
    # Averaged over a region it is what the white noise was.
    assert found.sigma * found.shared == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize('width', [0.6, 1.0])
def test_unevenness_of_tissue_does_not_count_as_smoothed_noise(width):
    noise, level = smoothed_noise(width)
    uneven = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal(noise.shape), 3)
    residual = noise + level / uneven.std() * uneven
    found = noise_in_tissue(residual, np.ones(noise.shape, bool), NoiseEstimate(0.0, ''), VOXEL)
    assert found.sigma == pytest.approx(level, rel=0.2)
    assert found.shared == pytest.approx(2 * np.sqrt(np.pi) * width, rel=0.25)


def test_white_noise_and_small_errors_of_tissues_stay_as_they_were_told():
    noise, level = smoothed_noise(0)
    mask = np.ones(noise.shape, bool)
    error = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal(noise.shape), 2)
    for residual in (noise, noise + 0.5 * level / error.std() * error):
        found = noise_in_tissue(residual, mask, NoiseEstimate(level, ''), VOXEL)
        assert (found.sigma, found.shared) == (level, 1.0)


def test_a_few_voxels_tell_nothing_of_smoothed_noise():
    noise, _ = smoothed_noise(1.0)
    few = np.zeros(noise.shape, bool)
    few[:10, :10, :10] = True
    assert noise_in_tissue(noise, few, NoiseEstimate(0.1, ''), VOXEL).sigma == 0.1
