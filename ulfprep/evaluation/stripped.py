"""A skull-stripped 64 mT scan that came without a sidecar, laid out as a BIDS dataset."""

import json
import shutil
from pathlib import Path

#: Folder and files of the scan, by the way its makers named them.
STRIPPED, STRIPPED_SCAN = 'ulf64mt_stripped', 'MRI_mT_sub*.nii.gz'
#: All that is known of it. The voxels are those that its spectrum shows along S, and the usual
#: ones of that scanner in the plane.
SIDECAR = {
    'Modality': 'MR',
    'MagneticFieldStrength': 0.064,
    'SkullStripped': True,
    'AcquisitionVoxelSize': [1.6, 1.6, 5.0],
}
DESCRIPTION = {
    'Name': 'Skull-stripped 64 mT T1w (khtohidulislam/ULF-MRI-Enhance, arranged as BIDS)',
    'BIDSVersion': '1.10.0',
    'DatasetType': 'raw',
    'License': 'MIT',
    'Authors': ['The authors of khtohidulislam/ULF-MRI-Enhance'],
}
README = """\
Byte copies of files of khtohidulislam/ULF-MRI-Enhance (MIT), with names of BIDS. They came without
sidecars. What these say here is from the names of the files (64 mT), the image (zero outside the
brain), its spectrum (empty beyond 0.2 cycles per mm along S: slices of 5 mm, resampled to 1 mm)
and the usual protocol of portable 64 mT scanners (1.6 x 1.6 mm in the plane).
"""


def lay_stripped(folder: Path, target: Path) -> Path:
    """Lay ``MRI_mT_sub*.nii.gz`` of a folder out as the BIDS dataset ``target``; returns that.

    Scans that are there already are left alone, so that runs on it need not be repeated.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.glob(STRIPPED_SCAN)):
        label = file.name.partition('_sub')[2].removesuffix('.nii.gz')
        image = target / f'sub-{label}' / 'anat' / f'sub-{label}_T1w.nii.gz'
        image.parent.mkdir(parents=True, exist_ok=True)
        if not image.is_file():
            shutil.copyfile(file, image)
            sidecar = image.with_name(f'sub-{label}_T1w.json')
            sidecar.write_text(json.dumps(SIDECAR, indent=2) + '\n', encoding='utf-8')
    (target / 'README').write_text(README, encoding='utf-8')
    if (folder / 'LICENSE').is_file():
        shutil.copyfile(folder / 'LICENSE', target / 'LICENSE')
    text = json.dumps(DESCRIPTION, indent=2) + '\n'
    (target / 'dataset_description.json').write_text(text, encoding='utf-8')
    return target
