"""Sessions of several low-field scans of the template brain, made small, as a BIDS dataset."""

from functools import cache

import nibabel as nib
import numpy as np
from dataset_files import begin_dataset, write_scan
from scipy import ndimage

from ulfprep.segmentation.template import load_template

#: CSF, GM and WM as seen at 64 mT.
SIGNALS = {'T1w': (60.0, 210.0, 260.0), 'T2w': (500.0, 270.0, 200.0)}
NOISE = 9.0
#: The brain is made so much smaller, along each axis: a run takes a third of the time.
SMALLER = 0.7
#: Middle of the brain, mm.
MIDDLE = SMALLER * np.array([0.0, -18.0, 10.0])


def motion(degrees=6.0, shift=(3.0, -4.0, 2.0)):
    """A turn about the left-right axis through the middle of the brain, and a shift, mm."""
    angle = np.deg2rad(degrees)
    matrix, middle = np.eye(4), np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle[:3, 3] = MIDDLE
    matrix = middle @ matrix @ np.linalg.inv(middle)
    matrix[:3, 3] += shift
    return matrix


@cache
def _brain():
    template, grey, white, where = load_template()
    mask = ndimage.binary_fill_holes(template > 0).astype(np.float32)
    return grey, white, mask, np.diag([SMALLER] * 3 + [1.0]) @ where.affine


def scan_of(modality='T1w', voxel=(2.4, 2.4, 6.0), moved=None, seed=0, noise=NOISE):
    """Return a scan with voxels of any size, zero outside the brain.

    Its header says where the scanner believes it is; the head has moved by ``moved`` since
    (world of the scan to that of the template).
    """
    grey, white, mask, affine = _brain()
    moved = np.eye(4) if moved is None else moved
    blur = np.array(voxel) / 2.3548 / np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    extent = SMALLER * np.array([176.0, 212.0, 180.0])
    shape = tuple(int(n) for n in np.ceil(extent / voxel))
    own = np.diag([*voxel, 1.0])
    own[:3, 3] = MIDDLE - np.array(voxel) * (np.array(shape) - 1) / 2
    index = np.linalg.inv(affine) @ moved @ own
    gm, wm, brain = (
        ndimage.affine_transform(
            ndimage.gaussian_filter(v.astype(np.float32), blur), index[:3, :3], index[:3, 3],
            shape, order=1,
        )
        for v in (grey, white, mask)
    )  # fmt: skip
    csf, gray, wht = SIGNALS[modality]
    clean = csf * np.clip(brain - gm - wm, 0, 1) + gray * gm + wht * wm
    rng = np.random.default_rng(seed)
    noisy = np.hypot(clean + rng.normal(0, noise, shape), rng.normal(0, noise, shape))
    image = nib.Nifti1Image(np.where(brain > 0.5, noisy, 0).astype(np.float32), own)
    image.set_sform(own, 1)
    image.set_qform(own, 1)
    return image


def write_session(root, scans):
    """Write scans, name -> image, as a BIDS dataset and return its folder."""
    begin_dataset(root)
    for name, image in scans.items():
        write_scan(root, name, image, {'MagneticFieldStrength': 0.064, 'SkullStripped': True})
    return root
