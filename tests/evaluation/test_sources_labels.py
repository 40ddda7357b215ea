"""Labels of other software, and the field of a scan by what its files say."""

import numpy as np
import pytest
from small_brain import small_brain

from ulfprep.evaluation.sources.brain import make_brain
from ulfprep.evaluation.sources.field import field_of, is_low
from ulfprep.evaluation.sources.labels import (
    FREESURFER,
    IN_ORDER,
    OF_BIDS,
    Labels,
    from_aseg,
    meaning,
    tissues,
)
from ulfprep.physics.grid import Grid

IMAGE, KNOWN = small_brain()
GRID = Grid(IMAGE.shape, np.eye(4))


def test_freesurfer_numbers_become_three_tissues():
    aseg = np.array([0, 0, 3, 10, 4, 24, 2, 46, 16, 251, 31, 8, 1035, 2007])
    brain = np.array([False, *[True] * 13])
    wanted = [0, 1, 2, 2, 1, 1, 3, 3, 3, 3, 1, 2, 2, 2]
    np.testing.assert_array_equal(from_aseg(aseg, brain), wanted)


@pytest.mark.parametrize('numbers', [IN_ORDER, OF_BIDS])
def test_brightness_tells_which_number_is_which_tissue(numbers):
    values = np.array([0, *numbers])[KNOWN]
    assert meaning(values, IMAGE) == numbers
    np.testing.assert_array_equal(tissues(values, numbers), KNOWN)


def test_labels_that_are_no_tissues_of_a_t1w_are_refused():
    with pytest.raises(ValueError, match='neither CSF, GM, WM nor GM, WM, CSF'):
        meaning(np.array([0, 2, 1, 3])[KNOWN], IMAGE)
    with pytest.raises(ValueError, match='hold 9'):
        tissues(np.array([0, 1, 9, 3])[KNOWN], IN_ORDER)


def test_values_over_three_are_taken_for_those_of_freesurfer():
    aseg = np.array([0, 24, 42, 41])[KNOWN]
    assert Labels(aseg, GRID).freesurfer
    assert not Labels(KNOWN, GRID).freesurfer
    assert not Labels(aseg, GRID, (24, 42, 41)).freesurfer
    assert Labels(KNOWN, GRID, FREESURFER).freesurfer


def test_labels_of_another_grid_land_where_they_belong():
    turned = Grid(KNOWN.shape, np.diag([-1.0, 1, 1, 1]))
    turned.affine[0, 3] = KNOWN.shape[0] - 1
    found = Labels(KNOWN[::-1], turned, IN_ORDER).on(GRID, IMAGE, None)
    np.testing.assert_array_equal(found, KNOWN)


def test_labels_that_lie_elsewhere_are_refused():
    far = Grid(KNOWN.shape, np.eye(4))
    far.affine[:3, 3] = 40
    with pytest.raises(ValueError, match='outside its field of view'):
        Labels(KNOWN, far, IN_ORDER).on(GRID, IMAGE, None)


def test_a_brain_is_padded_to_what_both_voxel_sizes_fill_and_stays_where_it_was():
    moved = Grid(
        IMAGE.shape, np.array([[1, 0, 0, -20.0], [0, 1, 0, 5], [0, 0, 1, 9], [0, 0, 0, 1]])
    )
    made = make_brain('one', IMAGE, moved, labels=Labels(KNOWN, moved, IN_ORDER), even=True)
    assert [n % m for n, m in zip(made.labels.shape, (8, 8, 10), strict=True)] == [0, 0, 0]
    assert (made.image.dtype, made.labels.dtype) == (np.float32, np.uint8)
    assert (made.image[made.labels == 0] == 0).all()
    where = (np.argwhere(made.labels == 3) + made.lattice.affine[:3, 3]).mean(axis=0)
    np.testing.assert_allclose(
        where, np.argwhere(KNOWN == 3).mean(axis=0) + [-20, 5, 9], atol=1e-6
    )
    assert made.millilitres['WM'] == (KNOWN == 3).sum() / 1000
    assert made.labels_by == 'given'


def test_a_contrast_that_is_no_t1w_is_refused():
    turned = np.where(KNOWN > 0, 200 - IMAGE, 0)
    with pytest.raises(ValueError, match='must rise in brightness'):
        make_brain('one', turned, GRID, labels=Labels(KNOWN, GRID, IN_ORDER), even=True)


@pytest.mark.parametrize(
    ('metadata', 'field'),
    [
        ({'MagneticFieldStrength': 3}, 3.0),
        ({'MagneticFieldStrength': 0.006, 'ImagingFrequency': 2.7109}, 0.064),
        ({'MagneticFieldStrength': 0.064, 'ImagingFrequency': 2.7109}, 0.064),
        ({'MagneticFieldStrength': 3, 'ImagingFrequency': 127758000}, 3.0),  # in hertz
        ({'ImagingFrequency': 127.758}, 3.001),
        ({'MagneticFieldStrength': 'high'}, None),
        ({}, None),
    ],
)
def test_the_frequency_tells_the_field_where_the_sidecar_contradicts_itself(metadata, field):
    assert field_of(metadata) == field


@pytest.mark.parametrize(
    ('metadata', 'labels', 'low'),
    [
        ({'MagneticFieldStrength': 0.064}, ['3T'], True),
        ({'MagneticFieldStrength': 1.5}, ['ulf'], False),
        ({}, ['64mT'], True),
        ({}, ['HyperfineA', 'axi'], True),
        ({}, ['ulf', 'T1'], True),
        ({}, ['HF'], False),
        ({}, ['MPRAGE3T'], False),
        ({}, ['HFC'], None),
        ({}, ['ulf', '3T'], None),
        ({}, [], None),
    ],
)
def test_the_sidecar_goes_before_the_name_and_neither_is_guessed(metadata, labels, low):
    assert is_low(metadata, labels) is low
