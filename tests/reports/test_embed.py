"""Volumes on their way into a page: what is rounded, averaged and packed, and by how much."""

import base64
import gzip

import nibabel as nib
import numpy as np
import pytest

from ulfprep.reports.drawing.volumes import Box, Volume, coarser, cropped, thinned
from ulfprep.reports.viewer import OUTSIDE, STEPS, packed, quantised, surprises


def restored(found):
    """Undo :func:`surprises` voxel by voxel, as the page does."""
    codes = np.zeros(np.array(found.shape) + 1, int)
    for z, y, x in np.ndindex(found.shape[::-1]):
        near = codes[x, y + 1, z + 1] + codes[x + 1, y, z + 1] + codes[x + 1, y + 1, z]
        far = codes[x, y, z + 1] + codes[x, y + 1, z] + codes[x + 1, y, z]
        codes[x + 1, y + 1, z + 1] = (int(found[x, y, z]) + (2 * near - far) // 3) % 256
    return codes[1:, 1:, 1:]


def test_no_value_is_off_by_more_than_half_a_step():
    values = np.random.default_rng(0).uniform(-5, 5, (6, 7, 8))
    codes, slope, intercept = quantised(values, -5, 5)
    assert np.abs(intercept + slope * codes - values).max() <= slope / 2 + 1e-9
    assert slope == pytest.approx(10 / STEPS)


def test_what_lies_beyond_the_range_is_its_end():
    codes, slope, intercept = quantised(np.array([[[-9.0, 9.0]]]), 0, 2)
    np.testing.assert_allclose(intercept + slope * codes, [[[0, 2]]])


def test_outside_is_told_from_zero():
    inside = np.array([[[True, False]]])
    codes, slope, intercept = quantised(np.zeros((1, 1, 2)), 0, 1, inside)
    assert codes[~inside] == OUTSIDE
    assert intercept + slope * codes[inside] == pytest.approx(0)


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match='between 1 and 1'):
        quantised(np.ones((1, 1, 1)), 1, 1)


def test_blocks_are_averaged_over_what_is_inside():
    data = np.zeros((3, 2, 2))
    data[:2] = [[[1, 2], [3, 4]], [[5, 6], [7, 100]]]
    inside = data > 0
    inside[1, 1, 1] = False
    volume, kept = coarser(Volume(data, np.ones(3), np.zeros(3)), inside, 2.0)
    assert volume.data.shape == (2, 1, 1)
    assert volume.data[0, 0, 0] == pytest.approx(28 / 7)
    np.testing.assert_array_equal(kept[:, 0, 0], [True, False])
    np.testing.assert_array_equal(volume.zooms, [2, 2, 2])


def test_thick_slices_are_not_thickened():
    volume = Volume(np.ones((8, 8, 4)), np.array([0.8, 0.8, 5.0]), np.zeros(3))
    found, _ = coarser(volume, volume.data > 0, 1.6)
    assert found.data.shape == (4, 4, 4)
    assert thinned(volume, 1.6).data.shape == (4, 4, 4)


def test_a_crop_keeps_its_place():
    data = np.arange(10.0)[:, None, None] * np.ones((10, 4, 4))
    volume = Volume(data, np.array([2.0, 2, 2]), np.array([-10.0, 0, 0]))
    found = cropped(volume, Box(np.array([-4.0, 0, 0]), np.array([2.0, 4, 99])))
    np.testing.assert_array_equal(found.low, [-4, 0, 0])
    np.testing.assert_array_equal(found.data[:, 0, 0], [3, 4, 5])
    assert found.data.shape == (3, 2, 4)


@pytest.mark.parametrize('foretold', [True, False])
def test_what_is_packed_is_a_nifti_file_of_the_codes(foretold):
    codes = np.random.default_rng(1).integers(0, 102, (5, 4, 3)).astype(np.uint8)
    affine = np.array([[0, -2.0, 0, 5], [2, 0, 0, 6], [0, 0, 3, -7], [0, 0, 0, 1]])
    text = packed(codes, affine, 101, foretold=foretold)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))
    np.testing.assert_allclose(image.affine, affine)
    stored = np.asarray(image.dataobj).astype(np.uint8)
    np.testing.assert_array_equal(restored(stored) if foretold else stored, codes)
    assert image.header['cal_max'] == 101
    assert text == packed(codes, affine, 101, foretold=foretold)
    # Without a name and a time, and with the same mark of the system whichever Python packs.
    assert base64.b64decode(text)[3:10] == bytes([0, 0, 0, 0, 0, 2, 3])


def test_foretelling_makes_a_smooth_image_smaller():
    axes = np.linspace(0, 6, 40)
    smooth = 50 + 40 * np.sin(axes)[:, None, None] * np.cos(axes)[:, None] * np.sin(axes)
    codes = (smooth + np.random.default_rng(2).normal(0, 1, smooth.shape)).astype(np.uint8)
    assert len(packed(codes, np.eye(4), 100)) < 0.8 * len(
        packed(codes, np.eye(4), 100, foretold=False)
    )
    assert surprises(codes).dtype == np.uint8
