"""What a simulated scan shows, measured in it as in any scan, against what was put in."""

import numpy as np

from ulfprep.physics.acquisition import acquisition_matrices, apply_matrices
from ulfprep.physics.contrast import michelson
from ulfprep.physics.grid import Grid, are_aligned
from ulfprep.physics.noise import estimate_noise

#: Of the scan's axes, as their names end in those of metrics.
AXES = ('i', 'j', 'k')
#: Share of brain that a voxel has to gather for its tissues to be looked at.
INSIDE = 0.95
#: Voxels and steps that the fit of a PSF takes at least and at most.
LEAST_VOXELS, MOST_STEPS = 500, 15


def simulation_checks(source, mask, probs, grid, simulated, simulated_grid, plan, facts):
    """Measure noise, point-spread function and contrast of a simulated scan.

    Parameters
    ----------
    source : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan it was simulated from.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Tissues, in the order of :data:`ulfprep.physics.TISSUES`.
    grid, simulated_grid : Grid
        Of the source and of the simulated scan.
    simulated : numpy.ndarray, shape (x, y, z)
    plan : dict
        With ``contrast_vector`` and ``target_means``.
    facts : dict
        How it was simulated: ``voxel_size_mm`` (also the FWHM wanted, mm), ``psf``,
        ``noise_sd`` and ``keep_head``.

    Returns
    -------
    values : dict of float
        NaN where nothing could be measured.
    reasons : dict of str
        Why, of those.
    """
    wanted = np.asarray(facts['voxel_size_mm'], float)
    values = dict.fromkeys([f'psf_fwhm_{axis}_simulated' for axis in AXES], np.nan)
    more = 'psf_ratio', 'noise_sigma', 'noise_ratio', 'snr_wm', 'contrast_wm_gm'
    more += 'ratio_csf_wm', 'ratio_gm_wm'
    values |= dict.fromkeys([f'{name}_simulated' for name in more], np.nan)
    mask = np.asarray(mask, bool)
    reason = ''
    if not are_aligned(grid, simulated_grid):
        reason = 'the axes of the simulated scan are not those of its source'
    elif not mask.any():
        reason = 'the source has no brain'
    if reason:
        return values, dict.fromkeys(values, reason)
    matrices = acquisition_matrices(simulated_grid, grid, wanted, facts['psf'])
    gathered = apply_matrices(matrices, mask.astype(np.float32))
    reasons = {}
    try:
        sigma = estimate_noise(simulated, gathered > 0.5, simulated_grid.zooms).sigma
    except ValueError as error:
        reasons |= {f'{n}_simulated': str(error) for n in ('noise_sigma', 'noise_ratio', 'snr_wm')}
        sigma = np.nan
    shares = apply_matrices(matrices, np.where(mask, probs, 0).astype(np.float32))
    means = seen_means(simulated, shares, gathered > INSIDE)
    factor = np.tensordot(np.asarray(plan['contrast_vector'], np.float32), probs, 1)
    sharp = np.where(mask, source * factor, 0).astype(np.float32)
    expected = apply_matrices(matrices, sharp)
    # Where the head was kept, what lies beside the brain is seen at its rim too.
    looked_at = (gathered > INSIDE) if facts['keep_head'] else expected > 3 * facts['noise_sd']
    fwhm = fitted_fwhm(simulated, simulated_grid, sharp, grid, looked_at, wanted, facts['psf'])
    ratios = fwhm / wanted
    values |= {f'psf_fwhm_{axis}_simulated': fwhm[n] for n, axis in enumerate(AXES)}
    values |= {
        'psf_ratio_simulated': ratios[np.argmax(np.abs(np.log(ratios)))],
        'noise_sigma_simulated': sigma,
        'noise_ratio_simulated': sigma / facts['noise_sd'] if facts['noise_sd'] else np.nan,
        'snr_wm_simulated': means[2] / sigma,
        'contrast_wm_gm_simulated': michelson(means[2], means[1]),
        'ratio_csf_wm_simulated': means[0] / means[2],
        'ratio_gm_wm_simulated': means[1] / means[2],
    }
    for name, value in values.items():
        if not np.isfinite(value):
            few = 'too few voxels of the simulated scan lie inside the brain'
            reasons.setdefault(name, few)
    return values, reasons


def seen_means(image, shares, inside) -> np.ndarray:
    """Measure tissue means of a scan whose voxels hold several tissues, by least squares.

    Parameters
    ----------
    image : numpy.ndarray, shape (x, y, z)
    shares : numpy.ndarray, shape (3, x, y, z)
        Of each tissue in each voxel.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Voxels to look at.

    Returns
    -------
    numpy.ndarray, shape (3,)
        NaN of tissues that are not there.
    """
    design = shares[:, inside].T.astype(np.float64)
    there = design.sum(axis=0) > 1
    means = np.full(3, np.nan)
    if there.any():
        seen = np.asarray(image)[inside].astype(np.float64)
        means[there] = np.linalg.lstsq(design[:, there], seen, rcond=None)[0]
    return means


def fitted_fwhm(image, image_grid: Grid, sharp, grid: Grid, inside, start, psf) -> np.ndarray:
    """Find the PSF through which a sharp image explains a scan best, by least squares.

    Parameters
    ----------
    image : numpy.ndarray, shape ``image_grid.shape``
    sharp : numpy.ndarray, shape ``grid.shape``
        The same object without blur or noise, in any unit.
    image_grid, grid : Grid
        Aligned.
    inside : numpy.ndarray of bool, shape ``image_grid.shape``
        Voxels to compare.
    start : sequence of 3 floats
        FWHM along the axes of the scan to begin with, mm.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.

    Returns
    -------
    numpy.ndarray, shape (3,)
        FWHM, mm; NaN where there are too few voxels.
    """
    from scipy.optimize import least_squares

    if inside.sum() < LEAST_VOXELS:
        return np.full(3, np.nan)
    seen = np.asarray(image)[inside].astype(np.float64)
    seen /= np.sqrt((seen**2).mean())

    def difference(logs):
        matrices = acquisition_matrices(image_grid, grid, np.exp(logs), psf)
        blurred = apply_matrices(matrices, sharp)[inside].astype(np.float64)
        return seen - blurred * ((blurred @ seen) / (blurred @ blurred))

    # Single precision inside: steps must stand out of its rounding.
    found = least_squares(
        difference, np.log(start), method='lm', diff_step=1e-2, max_nfev=4 * MOST_STEPS
    )
    return np.exp(found.x)
