"""Single voxels far brighter or darker than tissue neither steer nor stop anything."""

import numpy as np
import pytest

from ulfprep.physics.spikes import REACH, spikes_in_words, without_spikes


@pytest.fixture
def brain():
    """Return a brain of two tissues with vessels 2.4 times as bright, and its mask."""
    rng = np.random.default_rng(0)
    mask = np.zeros((24, 26, 20), bool)
    mask[4:-4, 4:-4, 4:-4] = True
    image = np.where(np.indices(mask.shape)[0] < 12, 100.0, 70.0) + rng.normal(0, 4, mask.shape)
    image[5, 5:9, 6] = 240
    return np.where(mask, image, 0).astype(np.float32), mask


def test_a_scan_with_vessels_and_fat_is_left_alone(brain):
    image, mask = brain
    same, count = without_spikes(image, mask)
    assert same is image
    assert count == 0
    assert spikes_in_words(count) == []


@pytest.mark.parametrize('value', [2800, 1e9, -2800])
def test_spikes_become_the_median_of_their_neighbours_and_all_else_stays(brain, value):
    image, mask = brain
    spiked = image.copy()
    at = [(10, 10, 10), (10, 11, 10), (18, 18, 12)]  # two of them touch
    for place in at:
        spiked[place] = value
    before = spiked.copy()
    mended, count = without_spikes(spiked, mask)
    np.testing.assert_array_equal(spiked, before)
    assert count == 3
    elsewhere = np.ones(mask.shape, bool)
    for place, level in zip(at, (100, 100, 70), strict=True):
        assert abs(mended[place] - level) < 4
        elsewhere[place] = False
    np.testing.assert_array_equal(mended[elsewhere], image[elsewhere])


def test_the_core_of_a_large_spike_is_cut_off(brain):
    image, mask = brain
    image[10:13, 10:13, 8:11] = 2800
    mended, count = without_spikes(image, mask)
    assert count == 27
    assert spikes_in_words(count)[0].startswith('27 voxels were')
    assert spikes_in_words(1)[0].startswith('One voxel was')
    assert mended[11, 11, 9] == pytest.approx(REACH * np.percentile(image[mask], 99))
    assert abs(mended[10, 10, 8] - 100) < 6


def test_spikes_outside_the_brain_are_looked_for_where_one_is_told_to(brain):
    image, mask = brain
    image[1, 1, 1] = 2800
    assert without_spikes(image, mask)[1] == 0
    mended, count = without_spikes(image, mask, np.ones(mask.shape, bool))
    assert (count, mended[1, 1, 1]) == (1, 0)


def test_an_image_without_signal_is_left_alone():
    nothing = np.zeros((4, 4, 4), np.float32)
    for mask in (nothing > 0, nothing == 0):
        same, count = without_spikes(nothing, mask)
        assert same is nothing
        assert count == 0
