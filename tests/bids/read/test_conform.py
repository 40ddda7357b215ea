"""A scan's file as the image that everything is computed from."""

import brains
import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ulfprep.bids.read.conform import conform
from ulfprep.bids.read.nifti import UnusableScanError


@pytest.mark.parametrize('codes', ['RAS', 'LPS', 'PIR', 'SAL'])
def test_conform_moves_no_voxel_in_the_world(tmp_path, phantom, codes):
    to = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt('RAS'), nib.orientations.axcodes2ornt(codes)
    )
    turned = phantom.as_reoriented(to)
    nib.save(turned, tmp_path / 'turned.nii.gz')
    scan = conform(tmp_path / 'turned.nii.gz')
    assert nib.aff2axcodes(scan.grid.affine) == ('R', 'A', 'S')
    np.testing.assert_allclose(scan.grid.affine, phantom.affine, atol=1e-4)
    np.testing.assert_array_equal(scan.data, phantom.get_fdata())
    assert bool(scan.notes) == (codes != 'RAS')


def test_oblique_scan_stays_oblique(tmp_path, phantom):
    c, s = np.cos(0.2), np.sin(0.2)
    turn = np.array([[c, -s, 0, 5], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(phantom.get_fdata(), turn @ phantom.affine), tmp_path / 'x.nii.gz')
    np.testing.assert_allclose(
        conform(tmp_path / 'x.nii.gz').grid.affine, turn @ phantom.affine, atol=1e-4
    )


def test_missing_file_gets_the_checks_own_words(tmp_path):
    with pytest.raises(UnusableScanError, match='there is no such file'):
        conform(tmp_path / 'none.nii.gz')


def test_a_resampled_scan_goes_back_to_its_acquired_voxels(tmp_path):
    shape = (60, 72, 120)
    data = np.zeros(shape, np.float32)
    data[12:48, 12:60, 24:96] = np.random.default_rng(0).uniform(80, 120, (36, 48, 72))
    # Axes of the file: left, superior, posterior; slices of 5 mm along the second.
    affine = np.array([[-1, 0, 0, 29], [0, 0, -1, 59], [0, 1, 0, -35], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(data, affine), tmp_path / 'scan.nii.gz')
    for metadata, zooms in (({'AcquisitionVoxelSize': [2, 5, 2]}, (2, 2, 5)), ({}, (1, 1, 1))):
        done = conform(tmp_path / 'scan.nii.gz', metadata)
        values, grid = done.data, done.grid
        assert np.allclose(grid.zooms, zooms)
        assert nib.aff2axcodes(grid.affine) == ('R', 'A', 'S')
        # The block stays where it was in the world, and its surroundings exactly zero.
        centre = nib.affines.apply_affine(grid.affine, np.argwhere(values > 50)).mean(axis=0)
        assert np.allclose(centre, nib.affines.apply_affine(affine, (29.5, 35.5, 59.5)), atol=1)
        assert (values == 0).any()
        assert values[values > 0].min() > 5
        assert any('brought back' in note.text for note in done.notes) == bool(metadata)


def test_a_resampled_scan_is_known_without_a_sidecar(tmp_path):
    voxel = (1.6, 1.6, 5.0)
    image, brain, white = brains.scanned('aomic', voxel)
    scan = brains.noisy(image, white / 14, 0, brain)
    fine = np.maximum(ndimage.zoom(scan, voxel, order=3, grid_mode=True, mode='nearest'), 0)
    # Axes of the file: inferior, right, anterior.
    affine = np.array([[0, 1, 0, -70], [0, 0, 1, -90], [-1, 0, 0, 80], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(fine.transpose(2, 0, 1)[::-1], affine), tmp_path / 'scan.nii.gz')
    done = conform(tmp_path / 'scan.nii.gz')
    assert np.allclose(done.grid.zooms, voxel, rtol=0.05)
    assert done.resolution['source'] == 'the image itself'
    assert np.allclose(done.resolution['voxel_size_mm'], voxel, rtol=0.05)
    assert done.resolution['file_mm'] == [1, 1, 1]
    assert any('resampled from about' in note.text for note in done.notes)
    said = conform(tmp_path / 'scan.nii.gz', stated=[5.0, 2.0, 1.0])
    assert np.allclose(said.grid.zooms, (2, 1, 5))
    assert said.resolution['source'] == 'the user'
    assert any('looks resampled from about' in note.text for note in said.notes)


def test_a_scan_as_acquired_keeps_its_voxels_and_says_where_they_are_from(tmp_path, phantom):
    nib.save(phantom, tmp_path / 'x.nii.gz')
    done = conform(tmp_path / 'x.nii.gz')
    sizes = [float(v) for v in phantom.header.get_zooms()]
    assert done.resolution['voxel_size_mm'] == done.resolution['estimated_mm'] == sizes
    assert done.resolution['source'] == 'the voxel size of the file'
    assert done.notes == []
