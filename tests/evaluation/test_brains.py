"""High-field brains: what is read of the known ones, and what cannot be used."""

import nibabel as nib
import numpy as np
import pytest
from brains import data_folder
from small_brain import small_brain

from ulfprep.evaluation.brains import KNOWN, find_brains, from_aseg, make_brain
from ulfprep.metrics.similarity import dice
from ulfprep.physics.grid import Grid

IMAGE, LABELS = small_brain()


def found(folder, names=None):
    """Return the brains of a folder by name, and what was said."""
    said = []
    return {brain.name: brain for brain in find_brains(folder, names, said.append)}, said


def overlap(brain, labels):
    """Return the Dice of each tissue, where nothing but padding lies around the labels."""
    boxes = []
    for volume in (brain.labels, labels):
        where = np.argwhere(volume > 0)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        boxes.append(volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])
    return [dice(*boxes, label) for label in (1, 2, 3)]


def test_known_brains_are_read_and_what_is_missing_is_said(real_scans):
    brains, said = found(real_scans)
    assert list(brains) == ['aomic']
    assert brains['aomic'].labels_by == 'given'
    # The file is stored from right to left.
    assert overlap(brains['aomic'], LABELS[::-1]) == [1, 1, 1]
    assert any('colin is left out' in s and 'ch2bet.nii.gz is missing' in s for s in said)
    assert any('ms07 is left out' in line for line in said)


def test_a_broken_file_costs_no_other_brain(real_scans, tmp_path):
    for name in ('norm.mgz', 'aseg.mgz'):
        (tmp_path / 'hf3t_aomic').mkdir(exist_ok=True)
        (tmp_path / 'hf3t_aomic' / name).write_bytes(
            (real_scans / 'hf3t_aomic' / name).read_bytes()
        )
    for file in KNOWN['colin']:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b'no image')
    brains, said = found(tmp_path, ['aomic', 'colin'])
    assert list(brains) == ['aomic']
    (line,) = said
    assert line.startswith('colin is left out')


def test_a_brain_without_labels_gets_ulfpreps_own_and_they_say_so(tmp_path):
    (tmp_path / 'hf_ms_patient07').mkdir()
    nib.save(nib.Nifti1Image(IMAGE, np.eye(4)), tmp_path / KNOWN['ms07'][0])
    brains, _ = found(tmp_path, ['ms07'])
    assert brains['ms07'].labels_by == 'own'
    assert min(overlap(brains['ms07'], LABELS)) > 0.95


def test_a_folder_that_holds_nothing_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none of hf3t_aomic/norm\.mgz'):
        next(find_brains(tmp_path))


def test_the_word_template_stands_for_the_brain_of_nilearn():
    brains, _ = found('template')
    counts = np.bincount(brains['template'].labels.ravel())[1:] / 1000
    assert 1500 < counts.sum() < 2200
    assert counts.min() > 100
    assert found('template', ['aomic'])[0] == {}


def test_freesurfer_numbers_become_three_tissues():
    aseg = np.array([0, 0, 3, 10, 4, 24, 2, 46, 16, 251, 31, 8, 1035, 2007])
    brain = np.array([False, *[True] * 13])
    wanted = [0, 1, 2, 2, 1, 1, 3, 3, 3, 3, 1, 2, 2, 2]
    np.testing.assert_array_equal(from_aseg(aseg, brain), wanted)


def test_a_brain_is_padded_to_what_both_voxel_sizes_fill_and_stays_where_it_was():
    affine = np.eye(4)
    affine[:3, 3] = (-20, 5, 9)
    made = make_brain('one', IMAGE, Grid(IMAGE.shape, affine), labels=LABELS)
    assert [n % m for n, m in zip(made.labels.shape, (8, 8, 10), strict=True)] == [0, 0, 0]
    assert (made.image[made.labels == 0] == 0).all()
    assert (made.labels > 0).sum() == (LABELS > 0).sum()
    where = (np.argwhere(made.labels == 3) + made.lattice.affine[:3, 3]).mean(axis=0)
    wanted = np.argwhere(LABELS == 3).mean(axis=0) + affine[:3, 3]
    np.testing.assert_allclose(where, wanted, atol=1e-6)


def test_a_contrast_that_is_no_t1w_is_refused():
    turned = np.where(LABELS > 0, 200 - IMAGE, 0)
    with pytest.raises(ValueError, match='must rise'):
        make_brain('one', turned, Grid(IMAGE.shape, np.eye(4)), labels=LABELS)


@pytest.mark.realdata
def test_real_brains_have_the_volumes_of_brains():
    brains, _ = found(data_folder(), ['aomic', 'colin'])
    assert list(brains) == ['aomic', 'colin']
    for brain in brains.values():
        csf, gm, wm = np.bincount(brain.labels.ravel())[1:] / 1000
        assert 1200 < csf + gm + wm < 1900
        assert 600 < gm < 900
        assert 400 < wm < 700
