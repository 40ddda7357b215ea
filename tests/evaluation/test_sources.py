"""Brains are found in every layout, and what cannot be used costs no other."""

import json

import nibabel as nib
import numpy as np
import pytest
from brains import data_folder
from look_alikes import VOXEL, lopsided_brain, save, with_scalp
from small_brain import small_brain

from ulfprep.evaluation.sources import brain as making
from ulfprep.evaluation.sources import find_brains
from ulfprep.metrics.similarity import dice

IXI_VOXEL = (0.9375, 0.9375, 1.2)


@pytest.fixture
def unbiased(monkeypatch):
    """Leave the bias field alone, which takes seconds and which there is none of."""
    monkeypatch.setattr(making, 'correct_bias', lambda image, *_: (image, np.ones_like(image)))


def found(folder, **options):
    """Return the brains of a folder by name, and what was said."""
    said = []
    brains = {brain.name: brain for brain in find_brains(folder, say=said.append, **options)}
    return brains, said


def overlap(brain, labels):
    """Return the Dice of each tissue, where nothing but padding lies around the labels."""
    box = np.argwhere(brain.labels > 0)
    (x, y, z), (i, j, k) = box.min(axis=0), box.max(axis=0) + 1
    inside = np.argwhere(labels > 0)
    (a, b, c), (d, e, f) = inside.min(axis=0), inside.max(axis=0) + 1
    cut, known = brain.labels[x:i, y:j, z:k], labels[a:d, b:e, c:f]
    assert np.abs(np.subtract(cut.shape, known.shape)).max() == 0
    return [dice(cut, known, label) for label in (1, 2, 3)]


def test_the_folder_of_known_brains_says_which_are_missing(real_scans):
    brains, said = found(real_scans)
    assert list(brains) == ['aomic']
    one = brains['aomic']
    assert (one.layout, one.labels_by, one.subject) == ('known', 'given', 'aomic')
    # The file is stored from right to left.
    assert overlap(one, small_brain()[1][::-1]) == [1, 1, 1]
    assert any('ch2bet.nii.gz is missing: colin is left out' in line for line in said)
    assert any('patient07_T1.nii.gz is missing: ms07 is left out' in line for line in said)


def test_a_brain_without_labels_gets_ulfpreps_own_and_they_say_so(tmp_path):
    image, labels = small_brain()
    save(tmp_path / 'hf_ms_patient07' / 'patient07_T1.nii.gz', image, np.eye(4))
    brains, _ = found(tmp_path)
    assert brains['ms07'].labels_by == 'own'
    assert min(overlap(brains['ms07'], labels)) > 0.95


def test_heads_of_ixi_are_stripped_and_brought_to_one_millimetre(tmp_path, monkeypatch, unbiased):
    image, labels, affine = lopsided_brain(IXI_VOXEL)
    name = 'IXI002-Guys-0828-T1.nii.gz'
    axes = nib.orientations.axcodes2ornt('PSR')
    head = nib.Nifti1Image(with_scalp(image), affine).as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(affine), axes)
    )
    save(tmp_path / 'IXI-T1' / name, np.asarray(head.dataobj), head.affine)
    (tmp_path / 'IXI-T1' / 'IXI012-HH-1211-T1.nii.gz').write_bytes(b'not an image')
    seen = []

    def mask(image, zooms, stripped):
        seen.append((tuple(np.round(zooms, 4)), stripped))
        return labels > 0

    monkeypatch.setattr(making, 'brain_mask', mask)
    brains, said = found(tmp_path)
    assert seen == [(IXI_VOXEL, False)]
    (one,) = brains.values()
    assert (one.name, one.subject, one.layout) == ('IXI002', 'IXI002', 'ixi')
    np.testing.assert_allclose(one.lattice.zooms, 1)
    volume = sum(one.millilitres.values())
    assert volume == pytest.approx((labels > 0).sum() * np.prod(IXI_VOXEL) / 1000, rel=0.02)
    assert one.image.max() < 140  # no scalp
    where = one.lattice.affine @ np.append(np.argwhere(one.labels > 0).mean(axis=0), 1)
    there = affine @ np.append(np.argwhere(labels > 0).mean(axis=0), 1)
    np.testing.assert_allclose(where, there, atol=0.2)
    assert [line for line in said if 'IXI012' in line]


def bids(root, stem, sidecar=None, labels=None, mask=None, desc='', image=None):
    """Write a T1w and what belongs to it; returns its folder."""
    brain, _, affine = lopsided_brain()
    anat = root.joinpath(*(p for p in stem.split('_') if p[:4] in ('sub-', 'ses-')), 'anat')
    save(anat / f'{stem}{desc}_T1w.nii.gz', brain if image is None else image, affine)
    if sidecar is not None:
        (anat / f'{stem}{desc}_T1w.json').write_text(json.dumps(sidecar))
    if labels is not None:
        save(anat / f'{stem}_dseg.nii.gz', labels.astype(np.uint8), affine)
    if mask is not None:
        save(anat / f'{stem}_desc-brain_mask.nii.gz', mask.astype(np.uint8), affine)
    return anat


def test_a_bids_dataset_gives_its_high_field_images(tmp_path, unbiased):
    _, labels, _ = lopsided_brain()
    as_bids = np.array([0, 3, 1, 2])[labels]
    bids(tmp_path, 'sub-01_ses-A', labels=as_bids)
    bids(tmp_path, 'sub-01_ses-ulf', {'MagneticFieldStrength': 0.064}, labels=as_bids)
    bids(tmp_path, 'sub-02', {'MagneticFieldStrength': 1.5}, labels=as_bids)
    bids(tmp_path, 'sub-03', labels=as_bids)
    (tmp_path / 'sub-03' / 'anat' / 'sub-03_T1w.json').write_text('{')
    (tmp_path / 'sub-01' / 'ses-A' / 'T1w.json').write_text('{"MagneticFieldStrength": 3}')
    brains, said = found(tmp_path)
    assert list(brains) == ['01A', '02']
    assert {b.layout for b in brains.values()} == {'bids'}
    assert [b.subject for b in brains.values()] == ['sub-01', 'sub-02']
    assert [b.labels_by for b in brains.values()] == ['given', 'given']
    ml = brains['02'].millilitres
    for tissue, label in (('CSF', 1), ('GM', 2), ('WM', 3)):
        known = (labels == label).sum() * np.prod(VOXEL) / 1000
        assert ml[tissue] == pytest.approx(known, rel=0.02)
    assert any('ses-ulf_T1w.nii.gz is left out: it is of low field (0.064 T)' in s for s in said)
    assert any('sub-03_T1w.json' in line for line in said)


def test_an_image_whose_field_nobody_tells_is_taken_as_high_field_and_said(tmp_path, unbiased):
    _, labels, _ = lopsided_brain()
    anat = bids(tmp_path, 'sub-01', labels=np.array([0, 7, 8, 9])[labels], desc='_desc-preproc')
    (anat / 'sub-01_dseg.tsv').write_text('index\tname\n7\tCSF\n8\tGray matter\n9\tWM\n')
    template = anat / 'sub-01_space-MNI152NLin6Asym_desc-preproc_T1w.nii.gz'
    template.write_bytes((anat / 'sub-01_desc-preproc_T1w.nii.gz').read_bytes())
    brains, said = found(tmp_path)
    assert list(brains) == ['01']
    assert brains['01'].labels_by == 'given'
    assert any('no sidecar tells MagneticFieldStrength; taken as high field' in s for s in said)


def test_labels_and_masks_are_looked_for_among_derivatives(tmp_path, unbiased):
    image, labels, affine = lopsided_brain()
    half = (labels > 0) & (np.indices(labels.shape)[2] > 25)
    bids(tmp_path, 'sub-01', {'MagneticFieldStrength': 3})
    place = tmp_path / 'derivatives' / 'other' / 'sub-01' / 'anat'
    for tissue, label in (('CSF', 1), ('GM', 2), ('WM', 3)):
        share = (labels == label).astype(np.float32)
        save(place / f'sub-01_label-{tissue}_probseg.nii.gz', share, affine)
    save(place / 'sub-01_desc-brain_mask.nii.gz', half.astype(np.uint8), affine)
    bids(tmp_path, 'sub-02', {'MagneticFieldStrength': 3})
    aseg = np.array([0, 24, 42, 41])[labels].astype(np.int32)
    save(tmp_path / 'derivatives' / 'freesurfer' / 'sub-02' / 'mri' / 'aseg.mgz', aseg, affine)
    brains, _ = found(tmp_path)
    assert [b.labels_by for b in brains.values()] == ['given', 'given']
    litres = [sum(b.millilitres.values()) for b in brains.values()]
    assert litres[0] == pytest.approx(half.sum() * np.prod(VOXEL) / 1000, rel=0.03)
    assert litres[1] == pytest.approx((labels > 0).sum() * np.prod(VOXEL) / 1000, rel=0.03)


def test_any_folder_of_images_will_do(tmp_path, unbiased):
    image, labels = small_brain()
    save(tmp_path / 'first_T1w.nii.gz', image, np.eye(4))
    save(tmp_path / 'first_T1w_dseg.nii.gz', np.array([0, 3, 1, 2], np.uint8)[labels], np.eye(4))
    save(tmp_path / 'second.mgz', image, np.eye(4))
    save(tmp_path / 'second_aseg.mgz', np.array([0, 24, 42, 41], np.int32)[labels], np.eye(4))
    save(tmp_path / 'third.nii', image, np.eye(4))
    save(tmp_path / 'third_seg.nii', labels, np.eye(4))
    lower = (labels > 0) & (np.indices(labels.shape)[2] < 30)
    save(tmp_path / 'third_mask.nii', lower.astype(np.uint8), np.eye(4))
    save(tmp_path / 'third_T2.nii', image, np.eye(4))
    save(tmp_path / 'broken.nii.gz', image, np.eye(4)).write_bytes(b'')
    brains, said = found(tmp_path)
    assert list(brains) == ['first', 'second', 'third']
    assert {b.layout for b in brains.values()} == {'folder'}
    assert overlap(brains['first'], labels) == [1, 1, 1]
    assert overlap(brains['second'], labels) == [1, 1, 1]
    assert sum(brains['third'].millilitres.values()) == lower.sum() / 1000
    assert any('first_T1w.nii.gz' in s and '3 CSF, 1 GM, 2 WM' in s for s in said)
    assert any('third.nii' in s and '1 CSF, 2 GM, 3 WM' in s for s in said)
    assert any('broken.nii.gz' in s and 'empty' in s for s in said)


def test_brains_are_read_when_they_are_asked_for_and_only_those_that_are_wanted(
    real_scans, monkeypatch
):
    monkeypatch.setattr('ulfprep.evaluation.sources.find.read_item', lambda item, *_: item.name)
    assert next(find_brains(real_scans, say=list)) == 'aomic'
    said = []
    assert list(find_brains(real_scans, say=said.append, names=['zoe'])) == []
    assert 'no brain of these names; it holds aomic' in said[-1]


def test_the_word_template_stands_for_the_brain_of_nilearn():
    brains, _ = found('template')
    (one,) = brains.values()
    assert (one.name, one.layout, one.labels_by) == ('template', 'template', 'given')
    assert 1500 < sum(one.millilitres.values()) < 2200
    assert min(one.millilitres.values()) > 100
    assert list(find_brains('template', names=['other'])) == []


def test_a_folder_that_holds_nothing_says_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        next(find_brains(tmp_path))
    for layout in ('known', 'ixi', 'bids', 'folder'):
        assert layout in str(error.value)
    with pytest.raises(FileNotFoundError, match='no such folder'):
        next(find_brains(tmp_path / 'none'))
    with pytest.raises(ValueError, match='unheard is no layout'):
        next(find_brains(tmp_path, 'unheard'))


def test_a_layout_that_is_asked_for_is_the_only_one(tmp_path):
    image, _ = small_brain()
    save(tmp_path / 'IXI002-Guys-0828-T1.nii.gz', image, np.eye(4))
    with pytest.raises(FileNotFoundError, match='bids'):
        next(find_brains(tmp_path, 'bids'))


@pytest.mark.realdata
def test_real_brains_have_the_volumes_of_brains():
    brains, _ = found(data_folder(), names=['aomic', 'colin'])
    assert list(brains) == ['aomic', 'colin']
    for one in brains.values():
        ml = one.millilitres
        assert 1200 < sum(ml.values()) < 1900
        assert 600 < ml['GM'] < 900
        assert 400 < ml['WM'] < 700
