"""Whether the tissues lie where tissues lie: a check that no brightness enters."""

import numpy as np
from scipy import ndimage

from ulfprep.physics import TISSUES
from ulfprep.physics.types import Numbers

#: Below this share of the brain CSF may be that of the ventricles alone, which lie deep: masks
#: that end at the cortex leave no other.
CSF_AROUND = 0.15


def tissue_depths(probs: np.ndarray, mask: np.ndarray, zooms: Numbers) -> np.ndarray:
    """Mean distance of each tissue from the rim of the brain, mm.

    Parameters
    ----------
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Shares of CSF, GM, WM.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    zooms : sequence of 3 floats
        Voxel size, mm.

    Returns
    -------
    numpy.ndarray, shape (3,)
        NaN for a tissue that is not there.
    """
    # A mask that reaches the edge of the field of view has a rim there too.
    padded = np.pad(np.asarray(mask, bool), 1)
    depth = ndimage.distance_transform_edt(padded, sampling=zooms)[1:-1, 1:-1, 1:-1]
    shares = np.asarray(probs, float) * mask
    totals = shares.sum(axis=(1, 2, 3))
    return np.where(
        totals > 0, (shares * depth).sum(axis=(1, 2, 3)) / np.maximum(totals, 1e-9), np.nan
    )


def misplaced(probs: np.ndarray, mask: np.ndarray, zooms: Numbers) -> str:
    """Say what is wrong with where the tissues lie; nothing where nothing is.

    Tissues are told by their brightness, in the order that the sequence makes. Where that order
    is wrong they change places, and cortex is called white matter. Wherever their rim is drawn,
    in 17 heads the white matter lies deeper in the brain than the grey, and deeper than
    CSF that surrounds the brain as well.

    Parameters
    ----------
    probs, mask, zooms
        See :func:`tissue_depths`.
    """
    csf, gm, wm = depths = tissue_depths(probs, mask, zooms)
    share = float((np.asarray(probs[0], float) * mask).sum() / max(mask.sum(), 1))
    if not (gm > wm or (csf > wm and share > CSF_AROUND)):
        return ''
    told = ', '.join(f'{t} {d:.1f} mm' for t, d in zip(TISSUES, depths, strict=True))
    return (
        'the tissues do not lie where those of a brain do (mean depth under its rim: '
        f'{told}; WM is the deepest): their order of brightness is not the one of the image. '
        'Check its suffix and sidecar, or state its sequence with --source-sequence.'
    )
