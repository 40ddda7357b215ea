"""From a scan and its tissues to the numbers both directions work with: the plan."""

import numpy as np

from ulfprep.physics import TISSUES
from ulfprep.physics.acquisition import estimate_noise
from ulfprep.physics.contrast import contrasts, solve_contrast, tissue_statistics
from ulfprep.physics.sequences import default_sequence, sequence_from_metadata, tissue_signals


def plan_contrast(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    zooms,
    metadata: dict,
    source_field: float,
    target_field: float,
) -> dict:
    """Measure a scan's tissues, derive those of the target, solve for the contrast vector.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Posteriors of CSF, GM, WM.
    zooms : sequence of 3 floats
        Voxel size, mm.
    metadata : dict
        BIDS sidecar of the scan.
    source_field, target_field : float
        Tesla. A target above the source asks for enhancement, one below for simulation.

    Returns
    -------
    dict
        JSON-ready. ``contrast_vector`` always takes the higher field to the lower one.
        White matter keeps its intensity in either direction, so that the output's
        voxel values stay in the scan's own units.

    Raises
    ------
    ValueError
        If a tissue could not be measured, or the targets are inconsistent.
    """
    fwhm, fwhm_source = acquired_resolution(metadata, zooms)
    noise = estimate_noise(image, mask, zooms, fwhm)
    statistics = tissue_statistics(image, probs, noise.sigma)
    missing = [TISSUES[i] for i in range(3) if not np.isfinite(statistics.means[i])]
    if missing:
        raise ValueError(f'no voxels of {", ".join(missing)} were found in the scan')
    source_sequence, assumed = sequence_from_metadata(metadata, source_field)
    target_sequence = default_sequence(target_field)
    expected = np.array(tissue_signals(target_sequence, target_field))
    target = statistics.means[2] * expected
    enhance = target_field > source_field
    warnings = []
    if enhance:
        target, warnings = _keep_stronger_contrast(target, statistics.means)
        high, low, errors = target, statistics.means, statistics.standard_errors
    else:
        high, low, errors = statistics.means, target, None
    solution = solve_contrast(high / noise.sigma, low / noise.sigma, _scaled(errors, noise.sigma))
    return {
        'direction': 'enhance' if enhance else 'simulate',
        'source_field_T': float(source_field),
        'target_field_T': float(target_field),
        'source_sequence': source_sequence.to_dict(),
        'target_sequence': target_sequence.to_dict(),
        'defaults_used': assumed,
        'warnings': warnings,
        'tissues': list(TISSUES),
        'means': _floats(statistics.means),
        'standard_errors': _floats(statistics.standard_errors),
        'snr': _floats(statistics.means / noise.sigma),
        'noise_sigma': float(noise.sigma),
        'noise_method': noise.method,
        'target_means': _floats(target),
        'contrast_vector': _floats(solution.factors),
        'source_contrast': contrasts(statistics.means),
        'target_contrast': contrasts(target),
        'rank': solution.rank,
        'condition_number': solution.condition_number,
        'equations': solution.equations,
        'active_bounds': solution.active_bounds,
        'voxel_size_mm': _floats(zooms),
        'psf_fwhm_mm': fwhm,
        'psf_source': fwhm_source,
    }


def _keep_stronger_contrast(target, means):
    """Never ask for less contrast to white matter than the scan itself shows.

    Relaxation times have intervals, the scan's own tissue means are measured: where they
    are further apart than the target's, the scan wins, and the user is told.
    """
    kept = np.minimum(target, means)
    warnings = [
        f'{TISSUES[k]} is {means[k] / means[2]:.2f} of WM in the scan, darker than the '
        f'{target[k] / target[2]:.2f} that physics expects at the target field; the scan was '
        'followed. Look for a bias field or partial volume that is left in the scan.'
        for k in range(2)
        if kept[k] < 0.97 * target[k]
    ]
    return kept, warnings


def acquired_resolution(metadata: dict, zooms) -> tuple[list[float], str]:
    """FWHM of the PSF along the image axes in mm, and where it was read.

    Parameters
    ----------
    metadata : dict
        ``AcquisitionVoxelSize`` (three lengths in mm along the image axes) wins over
        the voxel size of the file, which a resampled scan does not keep.
    zooms : sequence of 3 floats
        Voxel size of the file, mm.
    """
    stated = metadata.get('AcquisitionVoxelSize')
    three = isinstance(stated, list) and len(stated) == 3
    if three and all(isinstance(v, int | float) and v > 0 for v in stated):
        # The same lengths in another order: the axes of the file were reordered.
        same = np.allclose(sorted(stated), sorted(map(float, zooms)), rtol=0.05)
        return _floats(zooms if same else stated), 'AcquisitionVoxelSize in the sidecar'
    return _floats(zooms), 'voxel size of the file'


def _floats(values) -> list[float]:
    return [float(v) for v in values]


def _scaled(errors, sigma):
    return None if errors is None else errors / sigma
