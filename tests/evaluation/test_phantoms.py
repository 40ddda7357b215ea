"""The benchmark's own simulator: its contrast, resolution, noise and field."""

import numpy as np
import pytest

from ulfprep.evaluation.brains import padded, tissue_medians
from ulfprep.evaluation.phantoms import (
    RATIOS,
    low_field_signal,
    receive_field,
    scan_brain,
)
from ulfprep.physics.grid import Grid

LOW_FIELD = (1.6, 1.6, 5.0)


@pytest.fixture(scope='module')
def blocks():
    """Return three thick slabs, CSF, GM and WM, of a brain that fills most of the view."""
    labels = np.zeros((96, 96, 80), np.uint8)
    for label, start in ((1, 8), (2, 32), (3, 60)):
        labels[start : start + 28, 8:-8, 10:-10] = label
    image = np.array([0, 30.0, 70.0, 110.0])[labels]
    return image, labels


def deep(labels, label, voxel):
    """Voxels of the scan in the middle two fifths of a slab, along every axis."""
    inner = np.argwhere(labels == label)
    middle, half = inner.mean(axis=0), np.ptp(inner, axis=0) / 5
    centres = [
        (np.arange(round(n / v)) + 0.5) * v - 0.5 for n, v in zip(labels.shape, voxel, strict=True)
    ]
    return np.ix_(*[np.abs(c - m) < h for c, m, h in zip(centres, middle, half, strict=True)])


def test_medians_become_the_ratios_and_mixtures_stay_between(blocks):
    image, labels = blocks
    mixed = image.copy()
    mixed[45, 20, 20] = 90.0  # half-way between GM and WM
    signal = low_field_signal(mixed, labels, (0.3, 0.7, 1.0))
    np.testing.assert_allclose(tissue_medians(signal, labels), (0.3, 0.7, 1.0), rtol=1e-6)
    assert signal[45, 20, 20] == pytest.approx(0.85)
    assert not signal[labels == 0].any()


def test_medians_ignore_the_rim_of_a_tissue(blocks):
    image, labels = blocks
    blurred = image.copy()
    blurred[8:10], blurred[34:36] = 500.0, 500.0
    np.testing.assert_array_equal(tissue_medians(blurred, labels), (30, 70, 110))


def test_contrast_that_is_not_of_t1w_is_refused(blocks):
    image, labels = blocks
    with pytest.raises(ValueError, match='must rise'):
        low_field_signal(image.max() - image, labels)
    with pytest.raises(ValueError, match='no GM'):
        low_field_signal(image, np.where(labels == 2, 3, labels))


@pytest.mark.parametrize('voxel', [LOW_FIELD, (2.0, 2.0, 2.0)])
def test_pure_voxels_show_the_ratios(blocks, voxel):
    image, labels = blocks
    signal = low_field_signal(image, labels)
    scan, mask = scan_brain(signal, labels > 0, voxel, snr=1e6, seed=1, bias=0)
    assert scan.shape == tuple(round(n / v) for n, v in zip(labels.shape, voxel, strict=True))
    for label, ratio in enumerate(RATIOS, 1):
        where = deep(labels, label, voxel)
        assert mask[where].all()
        assert scan[where].mean() == pytest.approx(ratio, rel=0.01)


@pytest.mark.parametrize('snr', [8.0, 20.0])
def test_noise_has_the_level_that_the_snr_says(blocks, snr):
    _, labels = blocks
    brain = labels > 0
    scan, _ = scan_brain(brain * 1.0, brain, (2, 2, 2), snr=snr, seed=3, bias=0)
    clean, _ = scan_brain(brain * 1.0, brain, (2, 2, 2), snr=1e9, seed=3, bias=0)
    where = (slice(10, -10),) * 3
    noise = (scan - clean)[where]
    assert noise.std() == pytest.approx(1 / snr, rel=0.03)
    # The magnitude of complex noise lifts the mean by half the variance.
    assert noise.mean() == pytest.approx(0.5 / snr**2, abs=3 / snr / np.sqrt(noise.size))


def test_a_seed_makes_one_scan_and_another_another(blocks):
    image, labels = blocks
    signal = low_field_signal(image, labels)
    one, again, other = (
        scan_brain(signal, labels > 0, LOW_FIELD, snr=14, seed=seed)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other)[one > 0].mean() > 0.02


def test_the_plane_passes_what_its_voxels_resolve_and_nothing_else():
    x = np.arange(96)[:, None, None]
    brain = np.ones((96, 96, 80), bool)
    swings = {}
    for cycles in (10, 36):  # of 96 mm: below and beyond one half by 1.6 mm, which is 30
        wave = 1 + 0.5 * np.sin(2 * np.pi * cycles * x / 96) * np.ones(brain.shape)
        scan, _ = scan_brain(wave, brain, LOW_FIELD, snr=1e9, seed=1, bias=0)
        swings[cycles] = scan.std()
    assert swings[10] == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    assert swings[36] < 1e-3


def test_a_slice_is_as_thick_as_its_voxel():
    """A plate of 1 mm, moved through the slices, is seen half as bright at half a voxel."""
    brain = np.ones((16, 16, 80), bool)
    seen = []
    for place in range(40, 50):
        plate = np.zeros(brain.shape)
        plate[:, :, place] = 1
        seen.append(scan_brain(plate, brain, LOW_FIELD, snr=1e9, seed=1, bias=0)[0][5, 5, 8])
    seen = np.array(seen)  # slice 8 is centred on 42
    assert seen.argmax() == 2
    assert seen[2 + 5] == pytest.approx(0, abs=1e-6)
    assert np.interp(2.5, np.arange(6), seen[2:8] / seen[2]) == pytest.approx(0.5, abs=0.03)


def test_the_field_is_smooth_and_as_strong_as_asked(blocks):
    brain = blocks[1] > 0
    log = np.log(receive_field(brain, 0.2, np.random.default_rng(0)))
    assert log[brain].std() == pytest.approx(0.2)
    assert log[brain].mean() == pytest.approx(0, abs=1e-9)
    assert max(np.abs(np.diff(log, axis=a)).max() for a in range(3)) < 0.05
    assert (receive_field(brain, 0, np.random.default_rng(0)) == 1).all()


def test_voxels_must_fill_the_view():
    with pytest.raises(ValueError, match='do not fill'):
        scan_brain(np.ones((95, 96, 80)), np.ones((95, 96, 80), bool), LOW_FIELD, snr=1, seed=1)
    grid, volume = padded(Grid((95, 96, 72), np.eye(4)), np.ones((95, 96, 72)))
    assert grid.shape == volume.shape == (96, 96, 80)
    assert volume[:, :, 4:76].sum() == volume.sum()
    assert grid.affine[2, 3] == -4
