"""A dataset of many small low-field scans, no two of them alike."""

from pathlib import Path

from dataset_files import begin_dataset, write_scan
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
    """Write stripped brains of 330 ml, each with noise of its own; return their names."""
    begin_dataset(root)
    names = scan_names(count)
    for seed, name in enumerate(names):
        image = tiny_brain(VOXELS[seed % len(VOXELS)], seed)
        sidecar = {'MagneticFieldStrength': 0.064, 'SkullStripped': True}
        write_scan(root, f'{name}_T1w', image, sidecar)
    return names
