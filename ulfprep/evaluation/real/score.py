"""What can be measured of an enhanced scan without a truth, and of its plain interpolation."""

import numpy as np

from ulfprep.evaluation.real.outputs import Outputs
from ulfprep.metrics.contrast import (
    coefficient_of_joint_variation,
    entropy_focus_criterion,
    tissue_means,
    tissue_sds,
)
from ulfprep.metrics.lines import line_correlations
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import michelson
from ulfprep.physics.forward import residual
from ulfprep.physics.source_sequence import expected_signals

#: Images that are measured.
IMAGES = ('bicubic', 'ulfprep')
#: Tissues under which both are measured.
UNDER = ('ulfprep', 'mixture')


def score_scan(outputs: Outputs, metadata: dict, field: float, modality: str) -> list[dict]:
    """Measure an enhanced scan and its interpolation under the same tissues.

    Parameters
    ----------
    outputs : Outputs
    metadata : dict
        Sidecar of the scan.
    field : float
        Its field strength, tesla.
    modality : {'T1w', 'T2w', 'FLAIR'}

    Returns
    -------
    list of dict
        One an image of :data:`IMAGES`, keys of :data:`ulfprep.evaluation.real.report.SCORES`;
        what cannot be had is missing.
    """
    qc, mask = outputs.qc, outputs.mask
    noise = qc['contrast']['noise_sigma']
    tissues = {'ulfprep': outputs.probs}
    expected = expected_signals(metadata, field, modality)
    plain = mixture_tissues(outputs.interpolated, mask, outputs.grid, expected)
    if plain is not None:
        tissues['mixture'] = plain
    white = tissue_means(outputs.interpolated, outputs.probs)[2]
    rows = []
    for name, image in zip(IMAGES, (outputs.interpolated, outputs.enhanced), strict=True):
        row = {'image': name} | image_scores(image, mask)
        for under, probs in tissues.items():
            found = tissue_scores(image, probs, noise / white)
            row |= {f'{key}_{under}': value for key, value in found.items()}
        rows.append(row)
    first, last = rows
    first['residual_rms'] = interpolation_residual(outputs)
    last['residual_rms'] = qc['metrics'].get('residual_rms')
    last['claim_mean'] = qc['metrics'].get('claim_mean')
    last['uncertainty_mean'] = relative_uncertainty(outputs)
    for row, name in ((first, 'mixture'), (last, 'ulfprep')):
        if name in tissues:
            row |= tissue_volumes(tissues[name], outputs.grid)
    return [_known(row) for row in rows]


def image_scores(image, mask) -> dict[str, float]:
    """Scores of an image that ask for no tissues.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    mask : numpy.ndarray of bool, shape (x, y, z)
        Brain.

    Returns
    -------
    dict of float
        ``efc``, ``mlc``, ``mslc``.
    """
    mlc, mslc = line_correlations(image, mask)
    return {'efc': entropy_focus_criterion(image[mask]), 'mlc': mlc, 'mslc': mslc}


def tissue_scores(image, probs, noise: float) -> dict[str, float]:
    """Contrasts of an image under given tissues.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    probs : numpy.ndarray, shape (3, x, y, z)
        CSF, GM, WM; a point counts as what exceeds one half.
    noise : float
        S.d. of the noise of the scan over its white matter.

    Returns
    -------
    dict of float
        ``contrast_wm_gm``, ``contrast_gm_csf``; ``cnr_noise``, the difference of WM and GM over
        the noise of the scan, both relative to white matter; ``cnr``, that difference over the
        s.d. of the two in the image; ``cjv``.
    """
    means, sds = tissue_means(image, probs), tissue_sds(image, probs)
    apart = means[2] - means[1]
    with np.errstate(divide='ignore', invalid='ignore'):
        return {
            'contrast_wm_gm': michelson(means[2], means[1]),
            'contrast_gm_csf': michelson(means[1], means[0]),
            'cnr_noise': float(apart / means[2] / noise),
            'cnr': float(apart / np.sqrt((sds[2] ** 2 + sds[1] ** 2) / 2)),
            'cjv': coefficient_of_joint_variation(means, sds),
        }


def mixture_tissues(image, mask, grid, expected) -> np.ndarray | None:
    """Three tissues of an image by a mixture of Gaussians, of which ulfprep knows nothing.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    mask : numpy.ndarray of bool, shape (x, y, z)
        Brain.
    grid : Grid
    expected : sequence of 3 floats
        Signals of CSF, GM, WM that tell which class is which, by their order alone.

    Returns
    -------
    numpy.ndarray, shape (3, x, y, z), float32
        CSF, GM, WM; ``None`` where the package is missing or there are too few voxels.
    """
    from ulfprep.evaluation.failures import NotInstalled
    from ulfprep.evaluation.segmentation.methods import mixture

    try:
        by_brightness = mixture(image, mask, grid).probs
    except (NotInstalled, ValueError):
        return None
    probs = np.empty_like(by_brightness)
    probs[np.argsort(expected)] = by_brightness
    return probs


def interpolation_residual(outputs: Outputs) -> float:
    """Root mean square of the scan less what its own interpolation predicts for it, in sigma.

    The interpolated image is taken for what the scanner saw: no tissue changes its signal.
    """
    plan = outputs.qc['contrast'] | {'contrast_vector': [1.0] * 3}
    probs = np.zeros((3, *outputs.mask.shape), np.float32)
    probs[0] = outputs.mask
    image = np.where(outputs.mask, outputs.interpolated, 0)
    difference = residual(
        outputs.scan, outputs.scan_mask, image, probs, outputs.scan_grid, outputs.grid, plan
    )
    inside = difference[difference != 0]
    return float(np.sqrt(np.mean(inside**2))) if inside.size else float('nan')


def relative_uncertainty(outputs: Outputs) -> float:
    """Mean s.d. that is stated inside the brain, over the mean of white matter."""
    white = tissue_means(outputs.enhanced, outputs.probs)[2]
    inside = outputs.uncertainty[outputs.mask]
    return float(inside.mean() / white) if inside.size else float('nan')


def tissue_volumes(probs, grid) -> dict[str, float]:
    """Volume of each tissue in ml, the sum of its shares."""
    from ulfprep.evaluation.volumes import volumes_of

    found = volumes_of(probs, grid)
    return {f'volume_{tissue.lower()}': found[tissue.lower()] for tissue in TISSUES}


def _known(row):
    """Leave out what is no number."""
    return {
        name: value if isinstance(value, str) else float(value)
        for name, value in row.items()
        if isinstance(value, str) or (value is not None and np.isfinite(value))
    }
