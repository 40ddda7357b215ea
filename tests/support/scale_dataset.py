"""A dataset of many small low-field scans, no two of them alike."""

import json
from pathlib import Path

import nibabel as nib
from faults import tiny_brain

#: Voxel sizes that take turns, mm.
VOXELS = ((4.0, 4.0, 5.0), (3.2, 3.2, 5.0), (4.0, 4.0, 6.0))
#: One participant in so many has a second session.
TWICE = 8


def scan_names(count: int) -> list[str]:
    """Return the names of all scans of ``count`` participants, without suffix."""
    names = []
    for number in range(1, count + 1):
        label = f'sub-{number:03d}'
        if number % TWICE == 0:
            names += [f'{label}_ses-A', f'{label}_ses-B']
        else:
            names.append(label)
    return names


def write_many(root: Path, count: int) -> list[str]:
    """Write simulated, stripped brains of 330 ml, each with noise of its own.

    Returns
    -------
    list of str
        Names of the scans, without suffix.
    """
    root.mkdir(parents=True)
    description = {'Name': 'Many balls', 'BIDSVersion': '1.10.0', 'DatasetType': 'raw'}
    (root / 'dataset_description.json').write_text(json.dumps(description))
    (root / 'README').write_text('Made by a measurement: folded balls, no person.\n')
    names = scan_names(count)
    for seed, name in enumerate(names):
        anat = root.joinpath(*name.split('_'), 'anat')
        anat.mkdir(parents=True)
        nib.save(tiny_brain(VOXELS[seed % len(VOXELS)], seed), anat / f'{name}_T1w.nii.gz')
        sidecar = {'MagneticFieldStrength': 0.064, 'SkullStripped': True}
        (anat / f'{name}_T1w.json').write_text(json.dumps(sidecar))
    return names
