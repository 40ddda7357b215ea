"""An enhanced image and plain interpolation, side by side against a known truth."""

import numpy as np

from ulfprep.metrics.edges import canny_edges, edge_f1
from ulfprep.metrics.similarity import dice, match_intensity, psnr, ssim
from ulfprep.physics.contrast import michelson
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry

#: White matter is one in the truth; a little more than that is the range of a T1w brain.
DATA_RANGE = 1.2


def compare(image, grid: Grid, truth, labels=None) -> dict[str, float]:
    """Score an image against the high-field truth, on the truth's grid.

    Parameters
    ----------
    image : numpy.ndarray, shape ``grid.shape``
    grid : Grid
    truth : ulfprep.evaluation.examples.Truth
    labels : numpy.ndarray, shape ``grid.shape``, optional
        BIDS labels (1 GM, 2 WM, 3 CSF) of the image.

    Returns
    -------
    dict of float
        ``contrast``, ``contrast_truth`` (class means under the true tissues), ``psnr``,
        ``ssim`` (after one linear fit of intensities), ``edge_f1`` and
        ``edge_f1_1voxel``; with labels ``dice_gm``, ``dice_wm``, ``dice_csf``.
    """
    mask = truth.mask
    moved = carry(np.asarray(image, np.float32), grid, truth.grid)
    tissue = np.where(mask, truth.probs.argmax(axis=0) + 1, 0)  # 1 CSF, 2 GM, 3 WM
    grey, white = tissue == 2, tissue == 3
    matched = match_intensity(moved, truth.image, mask)
    edges, reference = canny_edges(matched, mask), canny_edges(truth.image, mask)
    out = {
        'contrast': michelson(moved[white].mean(), moved[grey].mean()),
        'contrast_truth': michelson(truth.image[white].mean(), truth.image[grey].mean()),
        'psnr': psnr(matched, truth.image, mask, DATA_RANGE),
        'ssim': ssim(matched, truth.image, mask, DATA_RANGE),
        'edge_f1': edge_f1(edges, reference),
        'edge_f1_1voxel': edge_f1(edges, reference, tolerance=1),
    }
    if labels is not None:
        found = carry(np.asarray(labels, np.uint8), grid, truth.grid, order=0)
        bids = np.array([0, 3, 1, 2], np.uint8)[tissue]
        for name, label in (('gm', 1), ('wm', 2), ('csf', 3)):
            out[f'dice_{name}'] = dice(np.where(mask, found, 0), bids, label)
    return out
