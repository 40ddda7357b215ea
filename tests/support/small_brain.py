"""A brain of a few ten thousand voxels, as files for the benchmarks."""

import json

import nibabel as nib
import numpy as np

from ulfprep.physics.grid import Grid, resized_grid


def small_brain():
    """Return image and labels (1 CSF, 2 GM, 3 WM) of a folded ball with a ventricle."""
    shape = (64, 64, 60)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing='ij')
    radius = np.sqrt(x**2 + y**2 + z**2) + 0.04 * np.sin(8 * x) * np.cos(8 * y)
    labels = np.zeros(shape, np.uint8)
    for label, limit in ((1, 0.9), (2, 0.8), (3, 0.62), (1, 0.22)):
        labels[radius < limit] = label
    image = np.array([0, 30, 70, 110])[labels]
    noise = np.random.default_rng(0).normal(0, 3, shape)
    return np.where(labels > 0, np.maximum(image + noise, 1), 0).astype(np.float32), labels


def write_real(root):
    """Lay a folder out like that of the real scans; Colin27 is missing."""
    image, labels = small_brain()
    folder = root / 'hf3t_aomic'
    folder.mkdir()
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])  # stored from right to left
    aseg = np.array([0, 0, 42, 41])[labels].astype(np.int32)
    aseg[(labels == 1) & (np.indices(labels.shape)[0] > 20)] = 24
    nib.save(nib.MGHImage(image, affine), folder / 'norm.mgz')
    nib.save(nib.MGHImage(aseg, affine), folder / 'aseg.mgz')


def write_outside(root, complete=False):
    """Write a scan and its truth as another simulator would; return the labels.

    The high-field image and the sidecar are there with ``complete`` only.
    """
    name = 'one'
    image, labels = small_brain()
    fine = Grid(labels.shape, np.diag([1.0, 1.0, 1.0, 1.0]))
    scan = resized_grid(fine, (2.0, 2.0, 4.0))
    blocks = (image / 110).reshape(32, 2, 32, 2, 15, 4).mean(axis=(1, 3, 5))
    noise = np.random.default_rng(1).normal(0, 0.05, blocks.shape)
    data = np.where(blocks > 0.1, np.maximum(blocks + noise, 0.01), 0).astype(np.float32)
    for folder, file, volume, grid in (
        (f'bids/sub-{name}/anat', f'sub-{name}_T1w', data, scan),
        ('truth', f'{name}_dseg', labels, fine),
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(volume, grid.affine), root / folder / f'{file}.nii.gz')
    if complete:
        nib.save(nib.Nifti1Image(image, fine.affine), root / 'truth' / f'{name}_T1w.nii.gz')
        sidecar = {'MagneticFieldStrength': 0.064, 'RepetitionTime': 1.5, 'InversionTime': 0.3}
        path = root / f'bids/sub-{name}/anat/sub-{name}_T1w.json'
        path.write_text(json.dumps(sidecar))
    return labels
