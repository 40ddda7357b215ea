"""Volumes of other software as arrays."""

import nibabel as nib
import numpy as np
import pytest
from derived import affine_of, put_freesurfer, put_prep, save, tissue_labels

from ulfprep.bids.read.derived_read import (
    GROUPS,
    BadDerivativeError,
    read_brain,
    read_shares,
    read_volume,
    tissue_table,
)


def placed(shares, affine):
    """Return the labels that shares stand for, on the phantom's own grid."""
    start = np.rint(np.linalg.inv(affine_of()) @ affine[:, 3])[:3].astype(int)
    whole = np.zeros(tissue_labels().shape, int)
    box = tuple(slice(s, s + n) for s, n in zip(start, shares.shape[1:], strict=True))
    whole[box] = (np.argmax(shares, axis=0) + 1) * (shares.sum(axis=0) > 0.5)
    return whole


def test_shares_and_labels_are_the_same_tissues_in_the_same_place(tmp_path):
    anat = put_prep(tmp_path)
    shares = [anat / f'sub-01_label-{t}_probseg.nii.gz' for t in ('CSF', 'GM', 'WM')]
    for found in (read_shares(shares), read_shares([anat / 'sub-01_dseg.nii.gz'], (3, 1, 2))):
        np.testing.assert_array_equal(placed(*found), tissue_labels())


def test_freesurfer_labels_are_grouped_and_erased_voxels_are_no_brain(tmp_path):
    mri = put_freesurfer(tmp_path)
    found = placed(*read_shares([mri / 'aseg.mgz']))
    labelled = found > 0
    np.testing.assert_array_equal(found[labelled], tissue_labels()[labelled])
    assert (found[tissue_labels() > 1] > 0).all()
    brain, affine, _ = read_brain(mri / 'brainmask.mgz')
    np.testing.assert_array_equal(brain > 0, tissue_labels() > 0)
    np.testing.assert_allclose(affine, affine_of())


def test_volumes_of_freesurfer_lie_where_their_header_says(tmp_path):
    turned = nib.Nifti1Image(tissue_labels().astype(np.int32), affine_of()).as_reoriented(
        nib.orientations.axcodes2ornt('LIA')
    )
    path = save(tmp_path / 'aseg.mgz', np.asarray(turned.dataobj), turned.affine, nib.MGHImage)
    np.testing.assert_allclose(read_volume(path)[1], turned.affine, atol=1e-4)


@pytest.mark.parametrize(
    ('number', 'tissue'),
    [
        (4, 'CSF'), (24, 'CSF'), (31, 'CSF'), (3, 'GM'), (47, 'GM'), (53, 'GM'), (10, 'GM'),
        (1035, 'GM'), (2, 'WM'), (16, 'WM'), (60, 'WM'), (77, 'WM'), (251, 'WM'), (2004, 'WM'),
    ],
)  # fmt: skip
def test_structures_and_their_tissue(number, tissue):
    assert ('', 'CSF', 'GM', 'WM')[tissue_table()[number]] == tissue


def test_no_structure_is_of_two_tissues():
    seen = set()
    for numbers in GROUPS.values():
        for number in numbers:
            first, last = number if isinstance(number, tuple) else (number, number)
            assert not seen & set(range(first, last + 1))
            seen |= set(range(first, last + 1))


def test_a_damaged_volume_is_named(tmp_path):
    path = tmp_path / 'aseg.mgz'
    path.write_bytes(b'no volume')
    with pytest.raises(BadDerivativeError, match=r'aseg.mgz: not a readable .*--derivatives'):
        read_volume(path)
    with pytest.raises(BadDerivativeError, match='the mask is empty'):
        read_brain(
            save(tmp_path / 'brainmask.mgz', np.zeros((5, 5, 5), np.uint8), None, nib.MGHImage)
        )
