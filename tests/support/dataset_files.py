"""BIDS datasets of images that tests make."""

import json
from pathlib import Path

import nibabel as nib


def begin_dataset(root: Path) -> None:
    """Write what a dataset begins with."""
    root.mkdir(parents=True, exist_ok=True)
    description = {'Name': 'Phantoms', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'}
    (root / 'dataset_description.json').write_text(json.dumps(description))
    (root / 'README').write_text('Made by a test, of no person.\n')


def write_scan(root: Path, name: str, image: nib.Nifti1Image, sidecar: dict) -> None:
    """Write an image, such as ``sub-01_ses-A_run-1_T1w``, and its sidecar."""
    folders = [part for part in name.split('_') if part.startswith(('sub-', 'ses-'))]
    folder = root.joinpath(*folders, 'anat')
    folder.mkdir(parents=True, exist_ok=True)
    nib.save(image, folder / f'{name}.nii.gz')
    (folder / f'{name}.json').write_text(json.dumps(sidecar))
