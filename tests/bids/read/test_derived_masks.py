"""Which mask belongs to which scan, and what is no mask."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ulfprep.bids.read.derived import find_mask
from ulfprep.bids.read.derived_read import (
    BadDerivativeError,
    MissingDerivativeError,
    UnclearDerivativeError,
    read_brain,
)
from ulfprep.bids.read.derived_take import check_piece, with_masks
from ulfprep.bids.task import Piece, Scan, Task
from ulfprep.bids.write.sidecars import input_digest

AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])


def check(path, scan):
    return check_piece(Piece('mask', (path,)), scan)


@pytest.fixture
def put(tmp_path):
    """Return a function that writes a mask (a block, unless told) among the derivatives."""

    def put(name, data=None, affine=AFFINE):
        if data is None:
            data = np.zeros((12, 12, 10), np.uint8)
            data[3:9, 3:9, 2:8] = 1
        parts = [p for p in name.split('_') if p.startswith(('sub-', 'ses-'))]
        folder = tmp_path.joinpath('masks', *parts, 'anat')
        folder.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(data, affine), folder / f'{name}.nii.gz')
        return folder / f'{name}.nii.gz'

    return put


def scan_of(tmp_path, suffix='T1w', **entities):
    names = {'session': 'ses', 'task': 'task', 'acquisition': 'acq', 'run': 'run'}
    stem = '_'.join(['sub-01', *(f'{names[k]}-{v}' for k, v in entities.items())])
    path = tmp_path / f'{stem}_{suffix}.nii.gz'
    nib.save(nib.Nifti1Image(np.ones((12, 12, 10), np.float32), AFFINE), path)
    return Scan(path, {'subject': '01', **entities}, {}, stem, 'bids:raw:x', suffix)


@pytest.mark.parametrize('name', ['desc-brain_mask', 'mask', 'desc-brainT1w_mask'])
def test_a_scan_gets_the_mask_of_its_own_entities(tmp_path, put, name):
    mask = put(f'sub-01_ses-A_acq-x_{name}')
    for other in ('sub-01_ses-A', 'sub-01_ses-A_acq-y', 'sub-01_ses-B_acq-x', 'sub-02_acq-x'):
        put(f'{other}_desc-brain_mask')
    scan = scan_of(tmp_path, session='A', acquisition='x')
    path, how = find_mask(scan, tmp_path / 'masks')
    assert path == mask
    assert "scan's own" in how


def test_masks_of_other_things_and_spaces_are_not_taken(tmp_path, put):
    for name in (
        'space-MNI152NLin2009cAsym_desc-brain_mask', 'label-lesion_mask', 'desc-lesion_mask',
        'task-rest_desc-brain_mask',
    ):  # fmt: skip
        put(f'sub-01_{name}')
    with pytest.raises(
        MissingDerivativeError, match=r'no brain mask for sub-01_T1w .*desc-brain_mask'
    ):
        find_mask(scan_of(tmp_path), tmp_path / 'masks')
    of_task = scan_of(tmp_path, 'T2w', task='rest')
    assert (
        find_mask(of_task, tmp_path / 'masks')[0].name == 'sub-01_task-rest_desc-brain_mask.nii.gz'
    )


def test_a_t2w_prefers_its_own_mask_to_that_of_the_t1w_and_says_which(tmp_path, put):
    t1w = put('sub-01_desc-brain_mask')
    scan = scan_of(tmp_path, 'T2w')
    path, how = find_mask(scan, tmp_path / 'masks')
    assert path == t1w
    assert 'T1w of the same session' in how
    assert 'nothing was registered' in how
    own = put('sub-01_desc-brainT2w_mask')
    assert find_mask(scan, tmp_path / 'masks')[0] == own
    assert find_mask(scan_of(tmp_path), tmp_path / 'masks')[0] == t1w


def test_a_choice_between_masks_is_the_users(tmp_path, put):
    put('sub-01_run-1_desc-brain_mask')
    put('sub-01_run-2_desc-brain_mask')
    assert find_mask(scan_of(tmp_path, run='2'), tmp_path / 'masks')[0].name.startswith(
        'sub-01_run-2'
    )
    with pytest.raises(
        UnclearDerivativeError, match='2 files could be the mask of sub-01_run-3_T1w'
    ):
        find_mask(scan_of(tmp_path, run='3'), tmp_path / 'masks')


def test_one_file_is_for_one_scan(tmp_path, put):
    mask = put('sub-01_mask')
    scan = scan_of(tmp_path)
    (given,) = with_masks([Task(scan)], mask)
    found = given.given.mask
    assert found.paths == (mask,)
    assert 'sub-01_mask.nii.gz, stated with --brain-mask' in found.note
    assert str(tmp_path) not in found.note
    with pytest.raises(UnclearDerivativeError, match='one mask for 2 scans'):
        with_masks([Task(scan)] * 2, mask)


def test_another_mask_makes_another_input(tmp_path, put):
    scan = Task(scan_of(tmp_path))
    first = input_digest(with_masks([scan], put('sub-01_mask'))[0])
    data = np.zeros((12, 12, 10), np.uint8)
    data[4:9, 3:9, 2:8] = 1
    second = input_digest(with_masks([scan], put('sub-01_mask', data))[0])
    assert len({first, second, input_digest(scan)}) == 3


def test_shares_and_any_two_values_are_masks(put):
    block = np.zeros((12, 12, 10), np.float32)
    block[3:9, 3:9, 2:8] = 1
    soft = block.copy()
    soft[3] = soft[3] * 0.25
    soft[0, 0, 0] = np.nan
    share, affine, _ = read_brain(put('sub-01_mask', soft))
    assert (share > 0.5).sum() == 5 * 6 * 6
    np.testing.assert_array_equal(affine, AFFINE)
    np.testing.assert_array_equal(read_brain(put('sub-01_mask', 255 * block))[0], block)
    four = put('sub-01_mask', block[..., None])
    np.testing.assert_array_equal(read_brain(four)[0], block)


@pytest.mark.parametrize(('low', 'high'), [(0, 100), (1, 2), (-1, 0), (0, 0.5)])
def test_of_two_values_the_larger_is_the_brains(put, low, high):
    block = np.full((12, 12, 10), low, np.float32)
    block[3:9, 3:9, 2:8] = high
    share, *_ = read_brain(put('sub-01_mask', block))
    np.testing.assert_array_equal(share, block == high)


@pytest.mark.parametrize('level', [1.0, 100.0])
def test_a_mask_that_was_resampled_by_splines_is_one(tmp_path, put, level):
    ball = ((np.indices((40, 40, 40)) - 19.5) ** 2).sum(axis=0) < 15**2
    coarse = ndimage.zoom(ball.astype(float), 0.5, order=1)
    data = level * ndimage.zoom(coarse, 2, order=3).astype(np.float32)
    assert data.min() < -0.05 * level
    assert data.max() > 1.05 * level
    path = put('sub-01_mask', data, np.diag([0.3, 0.3, 0.3, 1]) @ AFFINE)
    share, *_ = read_brain(path)
    assert (share.min(), share.max()) == (0, 1)
    assert 2 * (ball & (share > 0.5)).sum() / (ball.sum() + (share > 0.5).sum()) > 0.9
    assert 'were taken for 0 to 1' in check(path, scan_of(tmp_path))


def test_tiny_negative_values_are_background(put):
    block = np.zeros((12, 12, 10), np.float32)
    block[3:9, 3:9, 2:8] = 1
    noisy = block + np.random.default_rng(0).normal(0, 1e-4, block.shape).astype(np.float32)
    share, *_ = read_brain(put('sub-01_mask', noisy))
    np.testing.assert_array_equal(share > 0.5, block > 0.5)


@pytest.mark.parametrize(
    ('data', 'kind', 'words'),
    [
        (np.indices((6, 6, 6)).sum(axis=0) // 5, BadDerivativeError, '4 values from 0 to 3'),
        (np.zeros((5, 5, 5)), BadDerivativeError, 'the mask is empty'),
        (np.ones((5, 5, 5)), BadDerivativeError, '1 in every voxel'),
        (np.arange(125.0).reshape(5, 5, 5), BadDerivativeError, '125 values from 0 to 124'),
        (np.eye(5)[:, :, None], MissingDerivativeError, '2-D or a single slice'),
        (np.ones((5, 5, 5, 2)), MissingDerivativeError, 'holds 2 volumes'),
    ],
)
def test_what_is_no_mask_is_named(put, data, kind, words):
    path = put('sub-01_mask', data.astype(np.float32))
    with pytest.raises(kind, match=words) as caught:
        read_brain(path, '--brain-mask')
    assert str(path) in str(caught.value)
    assert '--brain-mask' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_mask_elsewhere_in_the_world_is_refused(tmp_path, put):
    scan = scan_of(tmp_path)
    moved = AFFINE.copy()
    moved[2, 3] = 300
    check(put('sub-01_mask'), scan)
    with pytest.raises(BadDerivativeError, match='0 % of the mask lies .* of sub-01_T1w'):
        check(put('sub-01_mask', affine=moved), scan)


def test_a_missing_or_odd_mask_costs_its_scan_alone(tmp_path, put):
    good = put('sub-01_run-1_desc-brain_mask')
    put('sub-01_run-3_desc-brain_mask', np.arange(1440.0).reshape(12, 12, 10))
    scans = [scan_of(tmp_path, 'T1w', run=run) for run in ('1', '3')]
    other = dataclasses.replace(scans[0], entities={'subject': '02'}, stem='sub-02')
    tasks = [Task(scan) for scan in (*scans, other)]
    one, odd, missing = with_masks(tasks, tmp_path / 'masks')
    assert (one.given.mask.paths, one.problem) == ((good,), '')
    assert (odd.given.mask, missing.given.mask) == (None, None)
    assert '1440 values from 0 to 1439' in odd.problem
    assert 'no brain mask for sub-02_T1w' in missing.problem


def test_where_no_scan_has_a_mask_all_are_named_at_once(tmp_path, put):
    (tmp_path / 'masks').mkdir()
    scans = [scan_of(tmp_path, 'T1w', run=str(run)) for run in range(1, 4)]
    with pytest.raises(MissingDerivativeError) as caught:
        with_masks([Task(scan) for scan in scans], tmp_path / 'masks')
    for scan in scans:
        assert scan.name in str(caught.value)
