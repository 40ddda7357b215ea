import numpy as np
import pytest
from phantom_files import grid_affine, save

from ulfprep.reports.drawing.volumes import (
    bounding_box,
    cut,
    load,
    place,
    positions,
)


def turned(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


@pytest.mark.parametrize('angle', [0.0, 0.2])
def test_grids_of_one_scan_share_positions(angle):
    rotation = turned(angle)
    scan = place(np.zeros((10, 10, 4)), grid_affine((1.6, 1.6, 5.0), rotation))
    fine = place(np.zeros((16, 16, 20)), grid_affine((1.0, 1.0, 1.0), rotation))
    np.testing.assert_allclose(scan.low, fine.low, atol=1e-9)


def test_positions_of_an_aligned_grid_are_world_millimetres():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-9, -9, 100)
    mask = place(np.ones((10, 10, 11)), affine)
    assert positions(mask, 2, 1) == [110.0]


def test_cut_keeps_millimetres_of_thick_slices():
    data = np.zeros((4, 5, 6))
    data[1, :, 4] = 1
    volume = place(data, np.diag([1.6, 1.6, 5.0, 1.0]))
    box = bounding_box(volume._replace(data=np.ones_like(data)), margin=0)
    image, extent = cut(volume, 'coronal', 3.0, box)
    assert image.shape == (6, 4)  # rows go up (S), columns to the right (R)
    assert image[4, 1] == 1
    np.testing.assert_allclose(extent, (-0.8, 5.6, -2.5, 27.5))


def test_an_empty_mask_shows_the_whole_volume():
    mask = place(np.zeros((4, 4, 4)), np.eye(4))
    box = bounding_box(mask)
    np.testing.assert_allclose(box.high - box.low, 4)
    assert len(positions(mask, 2, 3)) == 3


def test_box_never_leaves_the_volume():
    box = bounding_box(place(np.ones((3, 3, 3)), np.eye(4)), margin=50)
    np.testing.assert_allclose(box.high - box.low, 3)


def test_load_turns_to_ras_and_drops_nan(tmp_path):
    data = np.zeros((3, 3, 3), np.float32)
    data[0, 0, 0] = 7
    data[1, 1, 1] = np.nan
    path = save(tmp_path / 'lps.nii.gz', data, np.diag([-1.0, -1.0, 1.0, 1.0]))
    volume = load(path)
    assert volume.data[2, 2, 0] == 7
    assert np.isfinite(volume.data).all()
    assert load(None) is None
