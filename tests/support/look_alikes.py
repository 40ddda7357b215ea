"""Folders laid out as public datasets are, with a brain of 400 ml in the place of people."""

import json

import nibabel as nib
import numpy as np
from scipy import ndimage

#: Voxels of the brain as it is stored unless it is said, mm.
VOXEL = (1.6, 1.6, 1.6)
#: Extent of its field of view, mm.
EXTENT = (100.0, 124.0, 86.0)

#: Middle, half axes (the field of view reaches from -1 to 1) and label of what lies in its WM.
PARTS = (
    ((0.15, 0.2, 0.1), (0.18, 0.3, 0.15), 1),
    ((-0.3, -0.1, 0.0), (0.12, 0.25, 0.2), 2),
    ((0.2, -0.35, -0.2), (0.15, 0.12, 0.2), 2),
    ((-0.1, 0.3, -0.3), (0.2, 0.1, 0.1), 1),
)


def lopsided_brain(voxel=VOXEL):
    """Return image, labels (1 CSF, 2 GM, 3 WM) and affine of a folded ellipsoid.

    No rotation maps it onto itself: its ventricle lies off the middle and its front is narrow.
    """
    shape = [round(e / v) for e, v in zip(EXTENT, voxel, strict=True)]
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = -np.array(voxel) * (np.array(shape) - 1) / 2
    axes = [v * (np.arange(n) - (n - 1) / 2) for n, v in zip(shape, voxel, strict=True)]
    x, y, z = (a / e * 2 for a, e in zip(np.meshgrid(*axes, indexing='ij'), EXTENT, strict=True))
    narrow = x * (1 + 0.25 * y)
    radius = np.sqrt(narrow**2 + y**2 + z**2) + 0.04 * np.sin(9 * x + 1) * np.cos(8 * y + 4 * z)
    labels = np.zeros(shape, np.uint8)
    for label, limit in ((1, 0.9), (2, 0.8), (3, 0.6)):
        labels[radius < limit] = label
    for (i, j, k), (a, b, c), label in PARTS:
        part = ((x - i) / a) ** 2 + ((y - j) / b) ** 2 + ((z - k) / c) ** 2 < 1
        labels[part & (labels == 3)] = label
    image = np.array([0.0, 30, 70, 110])[labels]
    image += np.random.default_rng(0).normal(0, 2, shape)
    return np.where(labels > 0, np.maximum(image, 1), 0).astype(np.float32), labels, affine


def save(path, data, affine, **sidecar):
    """Write an image, and what is said of it beside it; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = nib.MGHImage if path.suffix == '.mgz' else nib.Nifti1Image
    nib.save(kind(data, affine), path)
    if sidecar:
        path.with_name(f'{path.name.partition(".")[0]}.json').write_text(json.dumps(sidecar))
    return path


def with_scalp(image):
    """Put a bright rim around a brain, where there is room."""
    brain = image > 0
    gap = ndimage.binary_dilation(brain, iterations=2)
    rim = ndimage.binary_dilation(gap, iterations=3) & ~gap
    return np.where(rim, 150, image).astype(np.float32) + np.float32(0.5)


def motion(degrees, shift):
    """Rigid motion about the middle: turned about the first and the third axis, then moved."""
    a, b = np.deg2rad(degrees)
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_z = [[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]]
    out = np.eye(4)
    out[:3, :3] = np.array(about_z) @ np.array(about_x)
    out[:3, 3] = shift
    return out


def scanned_at_low_field(moved, fine=False):
    """Return the brain as slices of 1.6 x 1.6 x 5 mm see it after a motion, and their affine.

    With ``fine`` the slices are interpolated to 1 mm, as some datasets come.
    """
    image, _, affine = lopsided_brain()
    shape, size = np.array((72, 80, 22)), np.array((1.6, 1.6, 5.0))
    coarse = np.diag([*size, 1.0])
    coarse[:3, 3] = -size * (shape - 1) / 2
    thin = coarse @ np.diag([1, 1, 0.2, 1.0])
    thin[2, 3] -= 2.0
    to_image = np.linalg.inv(affine) @ np.linalg.inv(moved) @ thin
    seen = ndimage.affine_transform(
        image, to_image[:3, :3], to_image[:3, 3], (72, 80, 110), order=1
    )
    scan = seen.reshape(72, 80, 22, 5).mean(axis=3)
    brain = scan > 8
    scan = np.hypot(scan + np.random.default_rng(1).normal(0, 3, scan.shape), 2.0)
    scan = np.where(brain, scan, 0).astype(np.float32)
    if not fine:
        return scan, coarse
    step = np.diag([1 / 1.6, 1 / 1.6, 0.2, 1.0])
    step[:3, 3] = (np.diag(step)[:3] - 1) / 2
    resampled = ndimage.affine_transform(
        scan, step[:3, :3], step[:3, 3], (115, 128, 110), order=3, mode='nearest'
    )
    near = ndimage.affine_transform(
        brain.astype(np.float32), step[:3, :3], step[:3, 3], (115, 128, 110), order=1
    )
    return np.where(near > 0.5, resampled, 0).astype(np.float32), coarse @ step
