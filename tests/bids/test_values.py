"""Images that are no magnitudes are named as what they are; noise about zero is no fault."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ulfprep.bids.checks import UnusableScanError, check_image

SHAPE = (40, 48, 24)
#: Of SHAPE, a field of view of a head.
AFFINE = np.diag([5.0, 5.0, 8.0, 1.0])


def head(noise=0.0, seed=0):
    """Return a stripped brain, WM 1000 > GM 780 > CSF 250, and the noise of a real part on it."""
    at = np.stack(np.meshgrid(*[np.linspace(-1.3, 1.3, n) for n in SHAPE], indexing='ij'))
    r = np.sqrt((at**2).sum(axis=0))
    data = np.select([r < 0.2, r < 0.75, r < 0.92, r < 1], [250.0, 1000.0, 780.0, 250.0], 0.0)
    return data + noise * np.random.default_rng(seed).standard_normal(SHAPE)


def save(folder, data, dtype=np.float32):
    path = folder / 'sub-01_T1w.nii.gz'
    nib.save(nib.Nifti1Image(np.asarray(data).astype(dtype), AFFINE), path)
    return path


def refused(path):
    with pytest.raises(UnusableScanError) as caught:
        check_image(path)
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)
    return str(caught.value)


def z_scored(data, where):
    return (data - data[where].mean()) / data[where].std()


def test_z_scores_are_named(tmp_path):
    data = head(noise=20)
    inside = head() > 0
    for values in (
        z_scored(data, inside),  # of the brain, and the background far below
        z_scored(data, data > -1e9),  # of everything
        np.where(inside, z_scored(data, inside), 0),  # of the brain, and the background zero
    ):
        assert 'z-scores' in refused(save(tmp_path, values))


@pytest.mark.parametrize('dtype', [np.int16, np.float32, np.int32])
@pytest.mark.parametrize('scale', [40, 60])
def test_values_that_wrapped_around_are_named(tmp_path, scale, dtype):
    wrapped = ((head() * scale).astype(np.int64) + 32768) % 65536 - 32768
    message = refused(save(tmp_path, wrapped, dtype))
    assert 'wrapped around' in message
    assert '16 bits' in message


@pytest.mark.parametrize('noise', [0, 30])
def test_an_offset_is_named_with_what_undoes_it(tmp_path, noise):
    data = np.abs(head(noise)) - 1024
    ground = np.median(data[0])
    message = refused(save(tmp_path, data))
    assert 'shifted' in message
    assert f'add {-ground:.5g} to' in message
    assert check_image(save(tmp_path, data - ground)).notes == ()


def test_other_values_far_below_zero_are_named(tmp_path):
    data = head(noise=10)
    message = refused(save(tmp_path, np.where(data < 500, -data, data)))
    assert 'far below zero' in message
    assert 'magnitude image' in message


@pytest.mark.parametrize(('noise', 'blur'), [(20, 0), (60, 0), (125, 0), (125, (1.3, 1.3, 0.8))])
def test_noise_about_zero_is_no_fault(tmp_path, noise, blur):
    # Real parts, splines and Fourier interpolation leave noise below zero in the air; SNR to 8.
    rng = np.random.default_rng(1)
    smooth = ndimage.gaussian_filter(rng.standard_normal(SHAPE), blur)
    data = head() + noise * smooth / smooth.std()
    assert data.min() < -100 * (noise / 60)
    checked = check_image(save(tmp_path, data))
    assert checked.notes == ()
    np.testing.assert_array_equal(checked.data, data.astype(np.float32))


def test_splines_that_overshoot_at_the_rim_are_no_fault(tmp_path):
    data = ndimage.zoom(ndimage.zoom(head(), 0.5, order=1), 2, order=3)
    assert data.min() < -50
    check_image(save(tmp_path, data))


def test_nan_around_the_brain_is_background(tmp_path):
    data = head(noise=20)
    data[head() == 0] = np.nan
    checked = check_image(save(tmp_path, data))
    assert (checked.data[head() == 0] == 0).all()
    np.testing.assert_array_equal(checked.data[head() > 0], data[head() > 0].astype(np.float32))
    assert [note for note in checked.notes if 'background is NaN' in note and 'zero' in note]


def test_nan_inside_the_brain_stays_an_error(tmp_path):
    data, brain = head(noise=20), head() > 0
    data[~brain] = np.nan
    hole = np.zeros(SHAPE, bool)
    hole[14:26, 16:32, 8:16] = True
    message = refused(save(tmp_path, np.where(hole, np.nan, data)))
    share = (hole & brain).sum() / brain.sum()
    assert f'{share:.1%} of its voxels are NaN' in message
    # So do slices that are missing between others.
    data[:, :, 12] = np.nan
    data[:, :, 14] = np.nan
    assert 'NaN or infinite' in refused(save(tmp_path, data))
