"""Volumes in millimetres, slices cut from them, and which slices are shown."""

import numpy as np
import pytest
from phantom_files import grid_affine, save

from ulfprep.reports.drawing.pictures import enhancement
from ulfprep.reports.drawing.slices import CORTEX, DEEP, deep_centre, whole_and_close
from ulfprep.reports.drawing.volumes import (
    PLANES,
    Box,
    Volume,
    bounding_box,
    coarser,
    cropped,
    cut,
    load,
    place,
    positions,
    thinned,
)


@pytest.fixture
def brain(volumes):
    dseg = volumes['fine_dseg']
    return dseg._replace(data=(dseg.data > 0).astype(np.uint8)), dseg


@pytest.mark.parametrize('angle', [0.0, 0.2])
def test_grids_of_one_scan_share_positions(angle):
    c, s = np.cos(angle), np.sin(angle)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    scan = place(np.zeros((10, 10, 4)), grid_affine((1.6, 1.6, 5.0), rotation))
    fine = place(np.zeros((16, 16, 20)), grid_affine((1.0, 1.0, 1.0), rotation))
    np.testing.assert_allclose(scan.low, fine.low, atol=1e-9)


def test_positions_of_an_aligned_grid_are_world_millimetres():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-9, -9, 100)
    assert positions(place(np.ones((10, 10, 11)), affine), 2, 1) == [110.0]


def test_cut_keeps_millimetres_of_thick_slices():
    data = np.zeros((4, 5, 6))
    data[1, :, 4] = 1
    volume = place(data, np.diag([1.6, 1.6, 5.0, 1.0]))
    box = bounding_box(volume._replace(data=np.ones_like(data)), margin=0)
    image, extent = cut(volume, 'coronal', 3.0, box)
    assert image.shape == (6, 4)  # rows go up (S), columns to the right (R)
    assert image[4, 1] == 1
    np.testing.assert_allclose(extent, (-0.8, 5.6, -2.5, 27.5))


def test_an_empty_mask_shows_the_whole_volume_and_a_box_never_leaves_it():
    mask = place(np.zeros((4, 4, 4)), np.eye(4))
    full = bounding_box(mask._replace(data=mask.data + 1), margin=50)
    for box in (bounding_box(mask), full):
        np.testing.assert_allclose(box.high - box.low, 4)
    assert len(positions(mask, 2, 3)) == 3


def test_load_turns_to_ras_and_drops_nan(tmp_path):
    data = np.zeros((3, 3, 3), np.float32)
    data[0, 0, 0] = 7
    data[1, 1, 1] = np.nan
    volume = load(save(tmp_path / 'lps.nii.gz', data, np.diag([-1.0, -1.0, 1.0, 1.0])))
    assert volume.data[2, 2, 0] == 7
    assert np.isfinite(volume.data).all()
    assert load(None) is None


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
    assert found.data.shape == thinned(volume, 1.6).data.shape == (4, 4, 4)


def test_a_crop_keeps_its_place():
    data = np.arange(10.0)[:, None, None] * np.ones((10, 4, 4))
    volume = Volume(data, np.array([2.0, 2, 2]), np.array([-10.0, 0, 0]))
    found = cropped(volume, Box(np.array([-4.0, 0, 0]), np.array([2.0, 4, 99])))
    np.testing.assert_array_equal(found.low, [-4, 0, 0])
    np.testing.assert_array_equal(found.data[:, 0, 0], [3, 4, 5])
    assert found.data.shape == (3, 2, 4)


def test_three_rows_of_the_same_slices(brain):
    whole, cortex, deep = whole_and_close(*brain)
    for name, row, size in (('cortex', cortex, CORTEX), ('deep grey matter', deep, DEEP)):
        assert [(p.plane, p.position) for p in row] == [(p.plane, p.position) for p in whole]
        assert {panel.name for panel in row} == {name}
        for panel in row:
            np.testing.assert_allclose(panel.size, size)


def test_the_deep_grey_matter_is_in_the_middle_and_the_cortex_is_not(brain):
    mask, dseg = brain
    # Half axes of the phantom's head, from its middle in the middle of the field of view.
    middle = mask.low + np.array(mask.data.shape) * mask.zooms / 2
    half = np.array([65, 80, 60])
    centre = (deep_centre(mask, dseg) - middle) / half
    assert abs(centre[0]) < 0.1
    assert np.linalg.norm(centre) < 0.4
    for whole, panel in zip(*whole_and_close(mask, dseg)[:2], strict=True):
        shown = (panel.box.low + panel.box.high) / 2
        assert np.linalg.norm(((shown - middle) / half)[list(PLANES[whole.plane][1:])]) > 0.3


def test_without_tissues_or_without_a_brain_there_are_close_ups_all_the_same(brain):
    mask, _ = brain
    for where in (mask, mask._replace(data=np.zeros_like(mask.data))):
        assert [len(row) for row in whole_and_close(where, None)] == [3, 3, 3]


def test_both_halves_of_the_figure_show_the_same_in_one_window(volumes):
    figure = enhancement(*map(volumes.get, ('bicubic', 'enhanced', 'fine_dseg')))
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 2 * 9
    for first, second in zip(panels[:9], panels[9:], strict=True):
        assert first.images[0].get_clim() == second.images[0].get_clim()
        assert first.images[0].get_extent() == second.images[0].get_extent()
        assert (first.get_xlim(), first.get_ylim()) == (second.get_xlim(), second.get_ylim())
    # Frames of both close-ups lie on each whole slice.
    frames = [[line.get_linewidth() for line in axes.lines].count(1) for axes in panels[:3]]
    assert frames == [2] * 3
