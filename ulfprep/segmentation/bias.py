"""Receive bias field: a local white reference, then N4, gentle enough for a low-field scan."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.types import Numbers

#: Spread (s.d. of the logarithm) that the local white reference shows in a brain without
#: any bias, because no neighbourhood holds the same share of white matter. Two high-field
#: brains without bias show 0.027 and 0.042 over neighbourhoods of 60 mm.
ANATOMICAL_SPREAD = 0.035
#: The same where CSF is bright and the reference is the middle of the rest of the brain.
TISSUE_SPREAD = 0.02
#: A neighbourhood blurs the field it measures; what it missed is measured again.
PASSES = 4
#: Of N4, at its coarsest level.
ITERATIONS = 50


def correct_bias(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    expected: Numbers | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide a smooth multiplicative field out of a magnitude image.

    First the brightness of the brightest tenth of every neighbourhood (white matter in
    T1w), as far as it varies more than anatomy makes it; then N4 (Tustison et al. 2010)
    at its coarsest level. N4's usual four levels take the weak contrast between white
    and grey matter of a 64 mT scan for bias and flatten it, and N4 alone stalls on the
    strong fields of portable scanners, whose histograms show no separate peaks. Where CSF is
    the brightest (T2w) the reference is the middle of what is not CSF.

    Returns
    -------
    corrected : numpy.ndarray, shape (X, Y, Z), float32
        Image divided by the field, everywhere.
    field : numpy.ndarray, shape (X, Y, Z), float32
        Its geometric mean inside the mask is one.
    """
    mask = np.asarray(mask, bool)
    image = np.asarray(image, np.float32)
    log_field = reference_field(image, mask, zooms, expected)
    log_field = log_field + _n4(image * np.exp(-log_field), mask, zooms)
    log_field -= log_field[mask].mean()
    # Far from the brain nothing was measured; extrapolation must not blow up the scalp.
    near = ndimage.binary_dilation(mask, iterations=2)
    log_field = np.clip(log_field, log_field[near].min(), log_field[near].max())
    field = np.exp(log_field)
    return (image / field).astype(np.float32), field.astype(np.float32)


def reference_field(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    expected: Numbers | None = None,
    fwhm: float = 60.0,
    spread: float | None = None,
) -> np.ndarray:
    """Logarithm of the field that the local reference shows, measured again on what is left.

    Neighbourhoods have a size of ``fwhm`` mm; ``spread`` is the s.d. of the logarithm that anatomy
    alone makes in them.
    """
    log_field = np.zeros(image.shape, np.float32)
    for _ in range(PASSES):
        current = image * np.exp(-log_field)
        if expected is not None and expected[0] > max(expected[1:]):
            region, quantile, usual = _not_csf(current, mask, expected), 0.4, TISSUE_SPREAD
        else:
            region, quantile, usual = mask, 0.9, ANATOMICAL_SPREAD
        anatomy = usual if spread is None else spread
        step = white_reference(current, region, zooms, quantile, fwhm, anatomy)
        log_field += step
        if step[mask].std() < 0.002:
            break
    return log_field


def _not_csf(image, mask, expected):
    """Mask without the bright CSF of a T2w scan."""
    tissue = (expected[1] + expected[2]) / 2
    level = np.percentile(image[mask], 40)  # well within tissue, which is most of a brain
    return mask & (image < level * np.sqrt(expected[0] / tissue))


def white_reference(
    image: np.ndarray,
    mask: np.ndarray,
    zooms: Numbers,
    quantile: float = 0.9,
    fwhm: float = 60.0,
    spread: float = ANATOMICAL_SPREAD,
) -> np.ndarray:
    """Logarithm of the local brightness of white matter, relative to its mean.

    A Gaussian-weighted local quantile of the logarithm of the intensities, shrunk by
    the share of its variance that anatomy alone explains.
    """
    # The field is smooth: a lattice of about 4 mm shows all of it.
    step = tuple(slice(None, None, max(int(4 // z), 1)) for z in zooms)
    sigma = [fwhm / 2.3548 / (z * s.step) for z, s in zip(zooms, step, strict=True)]
    inside = mask[step].astype(np.float32)
    values = np.log(np.maximum(image[step], 1e-3 * np.median(image[mask])))
    levels = np.percentile(values[inside > 0], np.linspace(20, 99.5, 24))
    share = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-4)
    below = np.stack(
        [ndimage.gaussian_filter(inside * (values < level), sigma) / share for level in levels]
    )
    upper = np.clip((below < quantile).sum(axis=0), 1, len(levels) - 1)
    under, over = (np.take_along_axis(below, (upper - d)[None], 0)[0] for d in (1, 0))
    part = np.clip((quantile - under) / np.maximum(over - under, 1e-4), 0, 1)
    log_field = levels[upper - 1] + part * (levels[upper] - levels[upper - 1])
    log_field -= log_field[inside > 0].mean()
    variance = float(log_field[inside > 0].var())
    log_field *= max(variance - spread**2, 0) / max(variance, 1e-12)
    factors = [a / b for a, b in zip(mask.shape, log_field.shape, strict=True)]
    zoomed = ndimage.zoom(log_field, factors, order=1, mode='nearest', grid_mode=True)
    return zoomed.astype(np.float32)


def _n4(image, mask, zooms):
    """Logarithm of the field that N4 finds."""
    import SimpleITK as sitk

    # Vessels and left-over fat are a few voxels, but they stretch N4's histogram.
    low, high = np.percentile(image[mask], [0.5, 99.5])
    clipped = np.clip(image, max(low, 1e-3 * high), high)
    # SimpleITK reads arrays (z, y, x); ours are (x, y, z), so the axes come out reversed.
    whole = sitk.GetImageFromArray(np.ascontiguousarray(clipped, np.float32))
    region = sitk.GetImageFromArray(mask.astype(np.uint8))
    for volume in (whole, region):
        volume.SetSpacing([float(z) for z in zooms[::-1]])
    factors = [max(int(round(3.2 / z)), 1) for z in zooms[::-1]]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([ITERATIONS])
    n4.SetConvergenceThreshold(1e-5)
    # One thread: the order in which threads add up would change the last digits.
    n4.SetNumberOfThreads(1)
    n4.Execute(sitk.Shrink(whole, factors), sitk.Shrink(region, factors))
    return sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole)).astype(np.float32)
