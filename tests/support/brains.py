"""Low-field scans simulated from two real brains, and the folder where those are."""

import os
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

ROOT = Path(__file__).parents[2]
#: Image and labels of each brain.
BRAINS = {
    'aomic': ('hf3t_aomic/norm.mgz', 'hf3t_aomic/fmriprep_dseg.nii.gz'),
    'colin': ('hf_colin27/ch2bet.nii.gz', 'hf_colin27/fast_seg.nii.gz'),
}
#: CSF and GM relative to WM, as seen at 64 mT.
SIGNALS = {'T1w': (0.25, 0.82, 1.0), 'T2w': (2.5, 1.3, 1.0), 'FLAIR': (0.1, 1.2, 1.0)}


def data_folder() -> Path:
    """Return the folder of real scans; skip without, fail on CI."""
    folder = Path(os.environ.get('ULFPREP_TEST_DATA', ROOT.parent / 'shared' / 'data'))
    if not folder.is_dir():
        message = f'no real scans at {folder}: set ULFPREP_TEST_DATA to their folder'
        if os.environ.get('CI'):
            pytest.fail(message)
        pytest.skip(message)
    return folder


def load(name: str):
    """Return image of the data folder in RAS order, its voxel size and affine."""
    image = nib.as_closest_canonical(nib.load(data_folder() / name))
    data = np.asanyarray(image.dataobj).astype(np.float32).squeeze()
    return data, np.array(image.header.get_zooms()[:3], float), image.affine


@lru_cache(maxsize=4)
def low_field_brain(name: str, modality: str = 'T1w'):
    """Return a 1 mm brain with the contrast of 64 mT (WM is one) and its tissue labels."""
    data, _, affine = load(BRAINS[name][0])
    labels, _, label_affine = load(BRAINS[name][1])
    if labels.shape != data.shape or not np.allclose(affine, label_affine):
        to_labels = np.linalg.inv(label_affine) @ affine
        labels = ndimage.affine_transform(
            labels, to_labels[:3, :3], to_labels[:3, 3], data.shape, order=0
        )
    labels = np.rint(labels)
    if name == 'aomic':  # fMRIPrep counts 1 GM, 2 WM, 3 CSF
        labels = np.choose(labels.astype(int), (0, 2, 3, 1))
    brain = data > 0
    labels[brain & (labels == 0)] = 1
    labels[~brain] = 0
    box = ndimage.find_objects(brain.astype(int))[0]
    box = tuple(slice(max(s.start - 6, 0), s.stop + 6) for s in box)
    data, labels = data[box], labels[box]
    shares = np.stack([ndimage.gaussian_filter((labels == k) * 1.0, 0.5) for k in (1, 2, 3)])
    shares /= np.maximum(shares.sum(axis=0), 1e-6)
    high = [np.median(data[labels == k]) for k in (1, 2, 3)]
    factors = np.array(SIGNALS[modality]) / high
    image = np.where(labels > 0, data * np.tensordot(factors, shares, 1), 0)
    return image.astype(np.float32), labels


def acquire(fine, voxel):
    """Scan a 1 mm image: slice profile, truncated k-space in plane; no noise.

    Return the image and ``points``, 3 arrays: index in ``fine`` of each voxel's centre.
    """
    slices = int(np.argmax(voxel))
    image = ndimage.gaussian_filter1d(fine, voxel[slices] / 2.3548, axis=slices)
    for axis in set(range(3)) - {slices}:
        n = fine.shape[axis]
        frequency = np.abs(np.fft.fftfreq(n)) * voxel[axis]
        window = 0.5 * (1 - np.tanh((frequency - 0.5) / 0.06))
        turned = np.moveaxis(image, axis, -1)
        image = np.moveaxis(np.fft.ifft(np.fft.fft(turned) * window).real, -1, axis)
    shape = np.floor(np.array(fine.shape) / voxel).astype(int)
    points = np.meshgrid(
        *[(np.arange(n) + 0.5) * v - 0.5 for n, v in zip(shape, voxel, strict=True)], indexing='ij'
    )
    seen = np.maximum(ndimage.map_coordinates(image, points, order=3, mode='nearest'), 0)
    return seen.astype(np.float32), points


@lru_cache(maxsize=8)
def scanned(name: str, voxel=(1.6, 1.6, 5.0), modality: str = 'T1w'):
    """Scan a brain without noise; return it, its mask and its mean of white matter."""
    fine, labels = low_field_brain(name, modality)
    seen, points = acquire(fine, voxel)
    brain = ndimage.map_coordinates((labels > 0) * 1.0, points, order=1) > 0.5
    white = ndimage.map_coordinates((labels == 3) * 1.0, points, order=1) > 0.9
    return seen, brain, float(seen[white].mean())


def noisy(image, sigma: float, seed: int, brain=None) -> np.ndarray:
    """Add complex noise and take the magnitude; zero outside ``brain`` if that is given."""
    rng = np.random.default_rng(seed)
    real = image + sigma * rng.standard_normal(image.shape)
    magnitude = np.hypot(real, sigma * rng.standard_normal(image.shape))
    return (magnitude if brain is None else np.where(brain, magnitude, 0)).astype(np.float32)
