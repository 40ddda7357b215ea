"""Derivatives as fMRIPrep, sMRIPrep and FreeSurfer would leave them, of a small phantom."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE, ZOOMS = (60, 64, 48), (2.0, 2.0, 2.5)
#: FreeSurfer's numbers of CSF, GM, WM on the left.
ASEG = (4, 3, 2)


def affine_of(shape=SHAPE, zooms=ZOOMS, shift=0.0):
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -np.array(zooms) * (np.array(shape) - 1) / 2 + shift
    return affine


def tissue_labels(shape=SHAPE):
    """Return 0 outside, 1 CSF, 2 GM, 3 WM: shells that differ from those of the scan's phantom."""
    axes = [np.linspace(-1, 1, n) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing='ij')
    radius = np.sqrt(x**2 + y**2 + z**2)
    labels = np.zeros(shape, int)
    for limit, value in ((0.8, 1), (0.7, 2), (0.5, 3), (0.25, 1)):
        labels[radius < limit] = value
    return labels


def save(path: Path, data, affine=None, kind=nib.Nifti1Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(kind(data, affine_of(data.shape) if affine is None else affine), path)
    return path


def describe(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = {'Name': name, 'BIDSVersion': '1.6.0', 'DatasetType': 'derivative'}
    made['GeneratedBy'] = [{'Name': name, 'Version': '1'}]
    (folder / 'dataset_description.json').write_text(json.dumps(made))


def put_prep(folder, stem='sub-01', name='fMRIPrep', shares=True, dseg=True, **more):
    """Write what fMRIPrep and sMRIPrep leave of a T1w in its own space and in a template's."""
    describe(folder, name)
    parts = [p for p in stem.split('_') if p.startswith(('sub-', 'ses-'))]
    anat = folder.joinpath(*parts, 'anat')
    labels, corrected = more.get('labels', tissue_labels()), more.get('corrected')
    for space in ('', '_space-MNI152NLin2009cAsym'):
        shown = labels if not space else np.flip(labels, 2).copy()
        full = f'{stem}{space}'
        save(anat / f'{full}_desc-brain_mask.nii.gz', (shown > 0).astype(np.uint8))
        if dseg:
            bids = np.choose(shown, (0, 3, 1, 2)).astype(np.uint8)
            save(anat / f'{full}_dseg.nii.gz', bids)
        if shares:
            for number, tissue in enumerate(('CSF', 'GM', 'WM'), 1):
                share = (shown == number).astype(np.float32)
                save(anat / f'{full}_label-{tissue}_probseg.nii.gz', share)
    if corrected:
        data = np.asarray(corrected.dataobj)
        save(anat / f'{stem}_desc-preproc_T1w.nii.gz', data, corrected.affine)
    return anat


def put_freesurfer(subjects: Path, name='sub-01'):
    """Write brainmask.mgz (with what was erased by hand) and labels of a FreeSurfer subject."""
    labels = tissue_labels()
    mri = subjects / name / 'mri'
    numbers = np.choose(labels, (0, *ASEG)).astype(np.int32)
    # The outer shell is not labelled, as the CSF of sulci is not.
    outer = labels == 1
    outer[tuple(slice(n // 4, -n // 4) for n in labels.shape)] = False
    numbers[outer] = 0
    save(mri / 'aseg.mgz', numbers, kind=nib.MGHImage)
    brain = np.where(labels > 0, 80, 0).astype(np.uint8)
    brain[:3, :3, :3] = 1
    save(mri / 'brainmask.mgz', brain, kind=nib.MGHImage)
    return mri
