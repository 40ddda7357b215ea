"""What a NIfTI header may say, and which of it is believed."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from ulfprep.bids.read.checks import check_image, read_image
from ulfprep.bids.read.nifti import UnusableScanError
from ulfprep.note import warnings_in

SHAPE = (16, 18, 8)
SIZES = (10.0, 11.0, 20.0)
AFFINE = np.diag([*SIZES, 1.0])


@pytest.fixture
def data():
    return np.random.default_rng(0).uniform(1, 100, SHAPE).astype(np.float32)


@pytest.fixture
def put(tmp_path, data):
    """Return a function that writes an image whose header is as it is told."""

    def put(affine=AFFINE, sform=1, qform=1, kind=nib.Nifti1Image, **fields):
        image = kind(data, affine)
        image.set_sform(affine, sform)
        image.set_qform(affine, qform)
        content = bytearray(image.to_bytes())
        header = type(image.header)(bytes(content[: image.header.sizeof_hdr]), check=False)
        for name, value in fields.items():
            header[name] = value
        content[: len(header.binaryblock)] = header.binaryblock
        path = tmp_path / 'sub-01_T1w.nii'
        path.write_bytes(bytes(content))
        return path

    return put


def refused(path, check=check_image):
    with pytest.raises(UnusableScanError) as error:
        check(path)
    message = str(error.value)
    assert message.startswith(f'{path}: ')
    assert '\n' not in message
    return message


@pytest.mark.parametrize('kind', [nib.Nifti1Image, nib.Nifti2Image])
def test_both_versions_of_the_format_are_read(put, data, kind):
    checked = check_image(put(kind=kind))
    np.testing.assert_array_equal(checked.data, data)
    np.testing.assert_allclose(checked.affine, AFFINE)
    assert checked.notes == ()


COS, SIN = np.cos(0.3), np.sin(0.3)


@pytest.mark.parametrize(
    'turn',
    [
        np.diag([-1, 1, 1, 1]),
        np.diag([-1, -1, 1, 1]),
        np.diag([1, 1, -1, 1]),
        [[COS, -SIN, 0, 3], [SIN, COS, 0, -7], [0, 0, 1, 9], [0, 0, 0, 1]],
    ],
)
def test_mirrored_and_oblique_axes_are_as_good_as_any(put, turn):
    checked = check_image(put(turn @ AFFINE))
    np.testing.assert_allclose(checked.affine, turn @ AFFINE, atol=1e-5)
    assert checked.notes == ()


@pytest.mark.parametrize('codes', [{'sform': 0}, {'qform': 0}])
def test_one_form_is_enough(put, codes):
    checked = check_image(put(**codes))
    np.testing.assert_allclose(checked.affine, AFFINE, atol=1e-4)
    assert checked.notes == ()


def test_without_forms_the_voxel_size_is_all_there_is(put):
    checked = check_image(put(sform=0, qform=0))
    np.testing.assert_allclose(np.abs(np.diag(checked.affine)[:3]), SIZES)
    assert 'left and right cannot be known' in checked.notes[0].text


@pytest.mark.parametrize('sizes', [(1, 1, 1), (0, 0, 0), (np.nan, 11, 20), (10, 11, 25)])
def test_voxel_size_that_contradicts_the_affine(put, sizes):
    checked = check_image(put(qform=0, pixdim=[1, *sizes, 0, 0, 0, 0]))
    np.testing.assert_allclose(checked.affine, AFFINE)
    (note,) = checked.notes
    assert 'contradicts its affine (10 x 11 x 20 mm)' in note.text


def test_what_only_rounding_made_different_does_not_contradict(put):
    assert check_image(put(qform=0, pixdim=[1, 10.05, 11, 20, 0, 0, 0, 0])).notes == ()
    turned = np.diag([-1, -1, 1, 1]) @ AFFINE
    assert check_image(put(turned, quatern_d=1.0000002)).notes == ()


@pytest.mark.parametrize(('b', 'c', 'd'), [(0, 0, 1.0000002), (0.71, 0.71, 0), (0, 0.98, 0.22)])
def test_a_quaternion_that_rounding_made_longer_than_one_is_a_half_turn(put, b, c, d):
    # Only the qform: half a turn about the axis that the three numbers are.
    checked = check_image(put(sform=0, quatern_b=b, quatern_c=c, quatern_d=d))
    axis = np.array([b, c, d]) / np.linalg.norm([b, c, d])
    turn = 2 * np.outer(axis, axis) - np.eye(3)
    np.testing.assert_allclose(checked.affine[:3, :3], turn * SIZES, atol=1e-3)
    assert checked.notes == ()


def test_a_quaternion_that_is_none_is_still_refused(put):
    assert 'affine holds NaN' in refused(put(sform=0, quatern_b=0.9, quatern_c=0.9))


@pytest.mark.parametrize('code', [0, 1, 2, 4])
@pytest.mark.parametrize('value', [0, np.nan])
def test_an_empty_sform_beside_a_good_qform_is_passed_over(put, code, value):
    rows = {f'srow_{axis}': [value] * 4 for axis in 'xyz'}
    checked = check_image(put(sform=code, **rows))
    np.testing.assert_allclose(checked.affine, AFFINE, atol=1e-4)
    assert warnings_in(checked.notes) == []
    assert any('its qform was used' in note.text for note in checked.notes) == (code > 0)


def test_a_qform_without_qfac_has_one(put):
    checked = check_image(put(sform=0, pixdim=[0, *SIZES, 0, 0, 0, 0]))
    np.testing.assert_allclose(checked.affine, AFFINE, atol=1e-4)


def test_a_bad_qform_does_not_cost_a_good_sform(put):
    checked = check_image(put(quatern_b=5.0))
    np.testing.assert_allclose(checked.affine, AFFINE)
    assert 'the qform cannot be read' in checked.notes[0].text
    assert 'NaN' in refused(put(sform=0, quatern_b=5.0))


@pytest.mark.parametrize(
    ('scale', 'code', 'words'),
    [
        (0.001, 1, ('look like metres (its header says metres)', 'by 1000')),
        (0.001, 2, ('look like metres:', 'by 1000')),
        (1000, 3, ('look like micrometres (its header', 'by 0.001')),
        (0.1, 0, ('look like centimetres', 'by 10')),
        (1e-9, 2, ('convert the original images again',)),
        (1e9, 2, ('convert the original images again',)),
    ],
)
def test_lengths_that_are_no_millimetres(put, scale, code, words):
    path = put(np.diag([*np.multiply(SIZES, scale), 1.0]), xyzt_units=code)
    message = refused(path)
    for word in words:
        assert word in message
    # A mask is held against its scan, not against a head.
    assert read_image(path).data.shape == SHAPE


def test_an_absurd_sform_beside_a_good_qform_names_the_way_out(put):
    tiny = {f'srow_{axis}': row for axis, row in zip('xyz', 1e-3 * AFFINE, strict=False)}
    assert 'its qform gives 10 x 11 x 20 mm' in refused(put(**tiny))


@pytest.mark.parametrize('code', [1, 3])
def test_a_wrong_unit_of_good_lengths_is_a_warning(put, code):
    checked = check_image(put(xyzt_units=code))
    np.testing.assert_allclose(checked.affine, AFFINE)
    assert 'fit a head only in millimetres' in checked.notes[0].text


@pytest.mark.parametrize(
    ('sizes', 'word'),
    [((3, 3, 3), 'too small'), ((24, 24, 140), 'voxels of'), ((10, 60, 20), 'voxels of')],
)
def test_no_head_fits(put, sizes, word):
    assert word in refused(put(np.diag([*sizes, 1.0])))


def test_too_large_for_a_head(tmp_path):
    image = nib.Nifti1Image(np.indices((60, 60, 60))[0].astype(np.uint8), np.diag([20, 20, 20, 1]))
    nib.save(image, tmp_path / 'x.nii')
    assert 'too large for a head' in refused(tmp_path / 'x.nii')


def test_a_slab_is_a_warning(put):
    assert 'a slab' in check_image(put(np.diag([10.0, 11.0, 6.0, 1.0]))).notes[0].text


def test_small_heads_pass(tmp_path):
    """A stripped baby's brain, cropped tightly."""
    image = nib.Nifti1Image(np.indices((80, 95, 70))[0].astype(np.uint8), np.eye(4))
    nib.save(image, tmp_path / 'x.nii')
    assert check_image(tmp_path / 'x.nii').notes == ()


def test_axes_far_from_right_angles(put):
    sheared = AFFINE.copy()
    sheared[0, 1] = 1.5
    assert 'not at right angles' in str(check_image(put(sheared, qform=0)).notes)
    sheared[0, 1] = 12
    assert 'right angles' in refused(put(sheared, qform=0))


@pytest.mark.parametrize('where', [1e9, np.nan, np.inf])
def test_an_image_that_is_nowhere(put, where):
    refused(put(srow_x=[SIZES[0], 0, 0, where]))


def test_voxels_without_size(put):
    assert 'singular' in refused(put(qform=0, srow_x=[0, 0, 0, 0]))


@pytest.mark.parametrize(
    'fields',
    [
        {'dim': [0, *SHAPE, 1, 1, 1, 1]},
        {'dim': [9, *SHAPE, 1, 1, 1, 1]},
        {'dim': [3, -16, 18, 8, 1, 1, 1, 1]},
        {'dim': [3, 0, 18, 8, 1, 1, 1, 1]},
        {'datatype': 0},
        {'datatype': 77},
        {'datatype': 4},
        {'bitpix': 8},
        {'vox_offset': 0},
        {'vox_offset': -352},
        {'vox_offset': np.nan},
        {'vox_offset': 1e30},
        {'vox_offset': 352.5},
        {'scl_slope': np.inf},
        {'scl_slope': 2, 'scl_inter': np.nan},
        {'scl_slope': 1e38},
        {'scl_slope': 1e-30},
    ],
    ids=str,
)
def test_damaged_headers(put, fields):
    refused(put(**fields))


@pytest.mark.parametrize('slope', [0.0, np.nan])
def test_no_slope_is_no_scaling(put, data, slope):
    checked = check_image(put(scl_slope=slope, scl_inter=7))
    np.testing.assert_array_equal(checked.data, data)


@pytest.mark.parametrize('dim', [(30000, 30000, 30000), (2000, 2000, 500), (640, 640, 640)])
@pytest.mark.parametrize('packed', [False, True])
def test_a_claim_of_gigabytes_takes_no_memory(put, tmp_path, dim, packed):
    import tracemalloc

    sizes = [300 / n for n in dim]
    path = put(
        dim=[3, *dim, 1, 1, 1, 1], sform_code=0, qform_code=1, pixdim=[1, *sizes, 0, 0, 0, 0],
        datatype=16,
    )  # fmt: skip
    if packed:
        (tmp_path / 'x.nii.gz').write_bytes(gzip.compress(path.read_bytes()))
        path = tmp_path / 'x.nii.gz'
    tracemalloc.start()
    refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_what_unpacks_without_end_is_not_unpacked(put, tmp_path):
    import tracemalloc

    path = tmp_path / 'x.nii.gz'
    path.write_bytes(gzip.compress(put().read_bytes() + bytes(300_000_000), compresslevel=1))
    tracemalloc.start()
    checked = check_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 'the file goes on after its image' in checked.notes[0].text
    assert peak < 30e6


def test_trailing_garbage_and_padding(put, tmp_path, data):
    path, packed = tmp_path / 'x.nii.gz', gzip.compress(put().read_bytes())
    path.write_bytes(packed + b'garbage')
    checked = check_image(path)
    np.testing.assert_array_equal(checked.data, data)
    assert 'what follows was ignored' in checked.notes[0].text
    path.write_bytes(packed + bytes(1000))  # tapes and some copies pad with zeros
    assert check_image(path).notes == ()
    half = len(put().read_bytes()) // 2
    members = [put().read_bytes()[:half], put().read_bytes()[half:]]
    path.write_bytes(b''.join(map(gzip.compress, members)))  # as parallel compressors write
    np.testing.assert_array_equal(check_image(path).data, data)


def test_a_wrong_check_sum_is_found(put, tmp_path):
    packed = bytearray(gzip.compress(put().read_bytes()))
    packed[-6] ^= 1
    (tmp_path / 'x.nii.gz').write_bytes(packed)
    assert 'damaged' in refused(tmp_path / 'x.nii.gz')


def test_a_name_that_lies_about_compression(put, tmp_path, data):
    plain = put().read_bytes()
    (tmp_path / 'plain.nii.gz').write_bytes(plain)
    (tmp_path / 'packed.nii').write_bytes(gzip.compress(plain))
    for name in ('plain.nii.gz', 'packed.nii'):
        checked = check_image(tmp_path / name)
        np.testing.assert_array_equal(checked.data, data)
        assert 'unlike its name' in checked.notes[0].text


def test_pairs_and_their_ancestors(tmp_path, data):
    nib.save(nib.Nifti1Pair(data, AFFINE), tmp_path / 'pair.img')
    (tmp_path / 'pair.hdr').rename(tmp_path / 'pair.nii')
    assert 'half of a pair' in refused(tmp_path / 'pair.nii')
    nib.save(nib.AnalyzeImage(data, AFFINE), tmp_path / 'old.img')
    (tmp_path / 'old.hdr').rename(tmp_path / 'old.nii')
    assert 'ANALYZE' in refused(tmp_path / 'old.nii')


@pytest.mark.parametrize('dtype', ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f4', 'f8'])
@pytest.mark.parametrize('order', '<>')
def test_all_kinds_of_numbers(tmp_path, dtype, order):
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 100
    header = nib.Nifti1Header(endianness=order)
    image = nib.Nifti1Image(data.astype(dtype), AFFINE, header, dtype=dtype)
    nib.save(image, tmp_path / 'x.nii.gz')
    np.testing.assert_array_equal(check_image(tmp_path / 'x.nii.gz').data, data)


def test_numbers_of_128_bits(put):
    assert '64 bits' in refused(put(datatype=1536, bitpix=128))


def test_integers_that_overflow_when_scaled(put):
    assert 'NaN or infinite' in refused(put(datatype=8, scl_slope=3e38, scl_inter=0))


def test_what_is_no_file(tmp_path):
    (tmp_path / 'folder.nii.gz').mkdir()
    refused(tmp_path / 'folder.nii.gz')
    os.mkfifo(tmp_path / 'pipe.nii.gz')  # opened, it would wait for ever
    refused(tmp_path / 'pipe.nii.gz')
    (tmp_path / 'loop.nii.gz').symlink_to(tmp_path / 'loop.nii.gz')
    assert 'cannot be found' in refused(tmp_path / 'loop.nii.gz')
    assert 'cannot be found' in refused(tmp_path / ('x' * 300 + '.nii.gz'))


def test_a_file_of_somebody_else(put, monkeypatch):
    path = put()

    def forbidden(*args):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('builtins.open', forbidden)
    assert 'chmod' in refused(path)


def test_too_little_memory_is_said_plainly(put, monkeypatch):
    path = put()

    def none(*args):
        raise MemoryError

    monkeypatch.setattr('ulfprep.bids.read.nifti.np.empty', none)
    assert 'too large for the memory' in refused(path)
