"""Whole heads of two real people at high field, and as a 64 mT scanner would see them."""

from functools import lru_cache

import brains
import numpy as np
from scipy import ndimage

#: Head, brain mask (what is above zero) and tissue labels; the labels' numbers of CSF, GM, WM.
HEADS = {
    'aomic': ('hf3t_aomic/orig.mgz', 'hf3t_aomic/brainmask.mgz', brains.BRAINS['aomic'][1]),
    'colin': ('hf_colin27/ch2.nii.gz', 'hf_colin27/ch2bet.nii.gz', brains.BRAINS['colin'][1]),
}
LABELS = {'aomic': (3, 1, 2), 'colin': (1, 2, 3)}


@lru_cache(maxsize=4)
def high_field_head(name: str):
    """Return a 1 mm head, its brain mask and its affine, axes in RAS order."""
    head, _, affine = brains.load(HEADS[name][0])
    brain, _, its = brains.load(HEADS[name][1])
    return head, _onto(brain > 0, its, head.shape, affine), affine


def low_field_head(name: str):
    """Return a T1w head with the contrast of 64 mT (WM is one) and its brain mask, at 1 mm.

    What is no brain keeps its own brightness relative to white matter.
    """
    head, brain, affine = high_field_head(name)
    labels, _, its = brains.load(HEADS[name][2])
    masks = [_onto(labels == k, its, head.shape, affine) & brain for k in LABELS[name]]
    masks[0] |= brain & ~masks[1] & ~masks[2]
    shares = np.stack([ndimage.gaussian_filter(m.astype(np.float32), 0.5) for m in masks])
    high = [np.median(head[m]) for m in masks]
    factors = (np.array(brains.SIGNALS['T1w']) / high).astype(np.float32)
    outside = (1 - shares.sum(axis=0)) / np.float32(high[2])
    return head * (np.tensordot(factors, shares, 1) + outside), brain


@lru_cache(maxsize=4)
def scanned_head(name: str):
    """Scan a head at 64 mT, with noise (SNR 14) and a strong receive field; return its mask too.

    The field is 14 times as strong at one end of the brain as at the other (s.d. of its
    logarithm 0.5).
    """
    fine, mask = low_field_head(name)
    seen, points = brains.acquire(fine, (1.6, 1.6, 5.0))
    brain = ndimage.map_coordinates(mask.astype(np.float32), points, order=1) > 0.5
    index = np.argwhere(brain)
    middle, half = index.mean(axis=0), np.ptp(index, axis=0) / 2
    x, y, z = ((k - m) / h for k, m, h in zip(np.indices(brain.shape), middle, half, strict=True))
    seen = seen * np.exp(0.6 * x - 0.6 * y + z).astype(np.float32)
    return brains.noisy(seen, 1 / 14, 5), brain


def dice(one, other) -> float:
    """Return the overlap of two masks."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def _onto(mask, its, shape, affine):
    """Carry a mask to another 1 mm grid."""
    to = np.linalg.inv(its) @ affine
    soft = ndimage.affine_transform(mask.astype(np.float32), to[:3, :3], to[:3, 3], shape, order=1)
    return soft > 0.5
