"""Plain interpolation of a scan: what an enhanced image has to be better than."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid


def bicubic(image: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """Interpolate an image onto another grid with cubic splines.

    Parameters
    ----------
    image : numpy.ndarray, shape ``source.shape``
    source, target : Grid

    Returns
    -------
    numpy.ndarray, shape ``target.shape``, float32
        Zero beyond the field of view of ``source``; never below its minimum.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    # The border is extended by half a voxel, so that the outermost voxels' own extent
    # is covered too; further out there is nothing.
    out = ndimage.affine_transform(
        np.asarray(image, np.float32),
        to_source[:3, :3],
        to_source[:3, 3],
        target.shape,
        order=3,
        mode='nearest',
    )
    return np.maximum(out, image.min()).astype(np.float32)
