"""An enhanced image and plain interpolation, held against a high-field image of the same head."""

import numpy as np

from ulfprep.metrics.contrast import tissue_means
from ulfprep.metrics.edges import canny_edges, edge_f1
from ulfprep.metrics.lines import line_correlations
from ulfprep.metrics.perceptual import lpips
from ulfprep.metrics.similarity import dice, match_intensity, psnr, ssim
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import michelson
from ulfprep.physics.labels import LABELS, to_dseg

#: The brightest tissue of the reference is one; a little more is the range of a brain.
DATA_RANGE = 1.2
#: Voxels that both brains must share.
LEAST_SHARED = 10000


def compare_with_reference(
    enhanced, mask, probs, bicubic, plain_probs, reference, reference_mask, reference_probs, voxel
):
    """Measure an enhanced image against a reference on the same grid.

    Where both masks say brain; volumes are those of the whole grid. Intensities are fitted to
    the reference linearly (:func:`ulfprep.metrics.similarity.match_intensity`), and the reference
    is scaled so that its brightest tissue is one, so that no image is paid for its scale.

    Parameters
    ----------
    enhanced, bicubic, reference : numpy.ndarray, shape (X, Y, Z)
    mask, reference_mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain, by the enhanced image and by the reference.
    probs, reference_probs : numpy.ndarray, shape (3, X, Y, Z)
        Tissues of the two.
    plain_probs : numpy.ndarray, shape (3, X, Y, Z)
        Tissues of the scan, interpolated.
    voxel : float
        Volume of a voxel, ml.

    Returns
    -------
    values : dict of float
        NaN where nothing could be measured.
    reasons : dict of str
        Why, of those.
    """
    from ulfprep.metrics.dictionary_compared import NAMES

    shared = np.asarray(mask, bool) & np.asarray(reference_mask, bool)
    values = dict.fromkeys(NAMES, np.nan)
    values['dice_brain'] = dice(np.asarray(mask, bool), np.asarray(reference_mask, bool), True)
    means = tissue_means(np.where(shared, reference, 0), reference_probs * shared)
    reason = ''
    if shared.sum() < LEAST_SHARED:
        reason = f'the brains of scan and reference share {int(shared.sum())} voxels only'
    elif not np.isfinite(means).all() or means.max() <= 0:
        reason = 'the tissues of the reference could not all be measured'
    if reason:
        return values, {name: reason for name, value in values.items() if np.isnan(value)}
    truth = np.where(shared, reference / means.max(), 0).astype(np.float32)
    values['reference_contrast'] = michelson(means[2], means[1])
    values['reference_mlc'], values['reference_mslc'] = line_correlations(truth, shared)
    there = canny_edges(truth, shared)
    labels = to_dseg(reference_probs, shared)
    reasons = {}
    for name, image, tissues in (('', enhanced, probs), ('_bicubic', bicubic, plain_probs)):
        matched = match_intensity(image, truth, shared).astype(np.float32)
        found = tissue_means(np.where(shared, image, 0), reference_probs * shared)
        edges = canny_edges(matched, shared)
        perceived, why = lpips(matched, truth, shared, DATA_RANGE)
        own = to_dseg(tissues, shared)
        values |= {
            f'reference_psnr{name}': psnr(matched, truth, shared, DATA_RANGE),
            f'reference_ssim{name}': ssim(matched, truth, shared, DATA_RANGE),
            f'reference_edge_f1{name}': edge_f1(edges, there),
            f'reference_edge_f1_1voxel{name}': edge_f1(edges, there, tolerance=1),
            f'reference_lpips{name}': perceived,
            f'contrast_wm_gm_by_reference{name}': michelson(found[2], found[1]),
        }
        reasons |= {f'reference_lpips{name}': why} if why else {}
        for k, tissue in enumerate(TISSUES):
            lower = tissue.lower()
            values[f'dice_{lower}{name}'] = dice(own, labels, LABELS[tissue])
            volumes = [
                float(p[k].sum(dtype=np.float64)) * voxel for p in (tissues, reference_probs)
            ]
            error = volumes[0] / volumes[1] - 1 if volumes[1] else np.nan
            values[f'volume_error_{lower}{name}'] = error
    for name, value in values.items():
        if not np.isfinite(value):
            reasons.setdefault(name, 'it cannot be computed: the images have nothing to compare')
    return values, reasons
