"""How much noise is there in a magnitude image?

Air around the head shows the noise alone, where nobody has processed, zeroed or stripped it.
Otherwise it is read inside the brain, from detail so fine that, where the brain is flat,
only noise has it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.acquisition import rician_mean
from ulfprep.physics.grid import finest_axes
from ulfprep.physics.types import Numbers

#: Voxels that a median needs to be known within a few percent.
ENOUGH = 2000
#: Share of the brain, the flattest, in which noise is measured, and in how many
#: groups of different flatness at most.
FLATTEST = 0.1
GROUPS = 8
#: Mean of the absolute value of a standard normal variate between its quartiles.
HALF_NORMAL_MIDMEAN = 0.6932435
#: Residuals of flat tissue beyond this many times the s.d. that second differences tell are those
#: of noise that somebody smoothed; below it they may be texture and small errors of the tissues.
SMOOTHED = 1.25
#: Distances of second differences, voxels, and widths (s.d., voxels) of the Gaussian that smoothed
#: noise is taken to have passed.
LAGS = (1, 2)
WIDTHS = np.linspace(0.05, 2.0, 200)


@dataclass(frozen=True)
class NoiseEstimate:
    """How much noise there is."""

    sigma: float  #: s.d. of the real and of the imaginary noise, image units
    method: str  #: how it was found, in words
    #: Square root of the number of voxels that share their noise: by so much more than white
    #: noise of the same ``sigma`` it counts in a sum over neighbours.
    shared: float = 1.0


def estimate_noise(
    image: np.ndarray, mask: np.ndarray, zooms: Numbers, acquired: Numbers | None = None
) -> NoiseEstimate:
    """Estimate the noise standard deviation of a magnitude image.

    Air far from the head is used if it is distributed as noise must be (Rayleigh) and if
    it has no less fine detail than the brain. Many scanners process or zero the background;
    then the noise is read off the absolute second differences (along both of the two finest
    axes) in the flattest part of the brain, corrected for the smaller spread that magnitudes
    have at low SNR (Koay and Basser 2006).

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        Magnitudes; brain.
    zooms, acquired : sequence of 3 floats
        Voxel size, mm, and that at acquisition, where the image was resampled since: neighbours
        closer than that share their noise, so differences are taken over as much.

    Raises
    ------
    ValueError
        If the brain holds too few voxels to tell.
    """
    mask = np.asarray(mask, bool)
    if mask.sum() < 500:
        raise ValueError(f'the brain mask holds only {int(mask.sum())} voxels')
    image = np.asarray(image, np.float32)
    acquired = zooms if acquired is None else acquired
    axes = finest_axes(acquired)
    # How many voxels of the file an acquired one is.
    lags = [max(int(np.ceil(acquired[axis] / zooms[axis] - 0.25)), 1) for axis in axes]
    detail = fine_detail(image, axes, lags)
    inside = _brain_sigma(image, mask, detail, axes, lags)
    air = air_around(image, mask)
    if air.sum() > ENOUGH:
        sigma = rayleigh_sigma(image[air])
        spread = _midmean(np.abs(detail[air])) / HALF_NORMAL_MIDMEAN / np.sqrt(2 - np.pi / 2)
        # The same filter over both: air that was damped has less detail than the brain. More
        # it may have: smoothed noise is smoother than its magnitude.
        if np.isfinite(sigma) and spread > 0.7 * inside:
            return NoiseEstimate(sigma, 'Rayleigh fit to the air around the head')
    return NoiseEstimate(inside, 'second differences in flat parts of the brain')


def noise_in_tissue(
    residual: np.ndarray, flat: np.ndarray, white: NoiseEstimate, zooms: Numbers
) -> NoiseEstimate:
    """Estimate noise that may have been smoothed, from what tissues leave of a scan.

    Scanners denoise, and what is left of the noise is low-pass: differences of neighbours miss
    it, those of voxels further apart do not. Second differences of the residual over one voxel
    and two, along either of the two finest axes, in flat tissue, are explained by white noise that
    passed a Gaussian filter: how they grow with distance tells its width, and both tell the
    level. Unevenness of the tissue, smoother than they reach, counts little. One axis at a time,
    for k-space that was filtered in the round holds nothing that is fine along both.

    Parameters
    ----------
    residual, flat : numpy.ndarray, shape (X, Y, Z)
        Scan less tissues and their signals, seen through the PSF and the bias field; voxels of
        nearly one tissue.
    white : NoiseEstimate
        By :func:`estimate_noise`.
    zooms : sequence of 3 floats
        Voxel size, mm.

    Returns
    -------
    NoiseEstimate
        ``white`` where it explains the residual, or where too little is flat.
    """
    if np.count_nonzero(flat) < ENOUGH:
        return white
    axes = finest_axes(zooms)
    variances = np.mean([[_variance_of(residual, flat, a, lag) for lag in LAGS] for a in axes], 0)
    # Least squares of variances: the larger distance decides, whatever the filter's exact shape.
    kept = _kept(np.array(LAGS), WIDTHS)
    power = (kept * variances).sum(-1) / (kept**2).sum(-1)
    best = int(((power[:, None] * kept - variances) ** 2).sum(-1).argmin())
    level = math.sqrt(power[best])
    if not level > SMOOTHED * white.sigma:
        return white
    lags = np.arange(-12, 13)
    shared = float(np.exp(-(lags**2) / (4 * WIDTHS[best] ** 2)).sum())
    return NoiseEstimate(level, 'residuals of flat tissue: the noise was smoothed', shared)


def _variance_of(residual, flat, axis, lag):
    """Variance of the second difference along an axis, by its median; NaN where little is flat."""
    detail = fine_detail(residual, [axis], [lag])
    whole = ndimage.minimum_filter1d(flat.astype(np.uint8), 2 * lag + 1, axis=axis) > 0
    if np.count_nonzero(whole) < ENOUGH // 4:  # within a tenth will do
        return math.nan
    return (1.4826 * float(np.median(np.abs(detail[whole])))) ** 2


def _kept(lags: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Variance of second differences, of unit gain, of unit noise that was smoothed.

    Neighbours at a distance d share exp(-d^2 / 4 w^2) of their noise.
    """
    near, far = (np.exp(-((n * lags) ** 2) / (4 * widths[:, None] ** 2)) for n in (1, 2))
    return 1 - (4 * near - far) / 3


def rayleigh_sigma(background: np.ndarray) -> float:
    """Noise s.d. of magnitudes without signal, from the mean of their Rayleigh law.

    NaN where the values are no Rayleigh variate: filtered, rectified or zero-filled
    backgrounds, and ghosts.
    """
    shares = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    sigmas = np.quantile(background, shares) / np.sqrt(-2 * np.log(1 - shares))
    if sigmas.min() <= 0 or sigmas.max() > 1.2 * sigmas.min():
        return float('nan')
    return float(background.mean(dtype=float) / np.sqrt(np.pi / 2))


def fine_detail(image: np.ndarray, axes: Any, lags: Any) -> np.ndarray:
    """Second difference along some axes, one after the other; of unit gain for white noise.

    ``lags`` are the distances of the samples along each of ``axes``, voxels.
    """
    detail = np.asarray(image, np.float32)
    for axis, lag in zip(axes, lags, strict=True):
        kernel = np.zeros(2 * lag + 1)
        kernel[[0, lag, -1]] = np.array([1, -2, 1]) / np.sqrt(6)
        detail = ndimage.correlate1d(detail, kernel, axis=axis)
    return detail


def air_around(image: np.ndarray, mask: np.ndarray, most_zeros: float = 0.05) -> np.ndarray:
    """Find voxels well outside the head: as dark as the darkest surroundings of the brain.

    None where more than ``most_zeros`` of the outside is zero. More than a few zeros are a sign
    of processing, which leaves no noise to be measured; corners beyond the field of view are zero
    as well.
    """
    outside = ~ndimage.binary_dilation(mask, iterations=5)
    values = image[outside]
    if values.size == 0 or (values == 0).mean() > most_zeros:
        return np.zeros(mask.shape, bool)
    local = ndimage.uniform_filter(image, 5)
    # Twice as much leaves room for noise that changes over the image; no head is so dark.
    known = outside if most_zeros <= 0.05 else outside & (image > 0)
    dark = outside & (local < 2 * np.quantile(local[known], 0.25))
    return ndimage.minimum_filter(dark, 5) & (image > 0)


def _brain_sigma(image, mask, detail, axes, lags):
    """Noise s.d. from the detail in flat parts of the brain."""
    level, slope, core = _surroundings(image, mask, axes, lags)
    # No CSF: where it is dark, magnitudes are mostly noise floor; where bright, it pulsates.
    usual = np.median(level[core])
    tissue = core & (level > 0.5 * usual) & (level < 1.5 * usual)
    detail, slope, level = np.abs(detail[tissue]), slope[tissue], level[tissue].astype(float)
    order = np.argsort(slope)
    order = order[: max(int(FLATTEST * order.size), ENOUGH)]
    # Where there is structure, detail has its share of it, the more the less flat it is.
    groups = np.array_split(order, max(min(GROUPS, order.size // 500), 1))
    variances = np.array([_magnitude_sigma(detail[g], level[g]) for g in groups]) ** 2
    slopes = np.array([slope[g].mean() for g in groups])
    return _at_slope_of_noise(slopes, variances, _slope_of_noise(axes, lags))


def _at_slope_of_noise(slopes, variances, noise):
    """Variance of the detail where the slope is what noise alone makes it.

    Weighted line through the groups that does not fall, read where the slope is ``noise``
    times the variance.
    """
    if not variances.all():
        return float(np.sqrt(np.median(variances)))
    weights = 1 / variances**2
    middle, mean = (np.average(x, weights=weights) for x in (slopes, variances))
    if middle <= noise * mean:
        return float(np.sqrt(mean))  # as flat as noise lets it be seen
    spread = np.average((slopes - middle) ** 2, weights=weights)
    rise = np.average((slopes - middle) * (variances - mean), weights=weights)
    rise = max(rise / spread, 0.0)
    # v = mean + rise (noise v - middle), solved for v.
    variance = (mean - rise * middle) / (1 - rise * noise) if rise * noise < 0.9 else 0.0
    return float(np.sqrt(np.clip(variance, 0.5 * variances.min(), mean)))


def _magnitude_sigma(detail, level):
    """S.d. of the real channel from absolute details of magnitudes and their local mean."""
    sigma = _midmean(detail) / HALF_NORMAL_MIDMEAN
    for _ in range(6):
        if sigma == 0:
            break
        # Mean square of a magnitude: amplitude^2 + 2 sigma^2, hence about this amplitude.
        snr = np.sqrt(np.maximum((level / sigma) ** 2 - 1, 0))
        shrunk = np.sqrt(2 + snr**2 - rician_mean(snr, 1.0) ** 2)
        sigma = _midmean(detail / shrunk) / HALF_NORMAL_MIDMEAN
    return sigma


def _midmean(values):
    """Mean between the quartiles: as robust as a median, and continuous for whole numbers."""
    values = np.sort(values)
    return float(values[values.size // 4 : values.size - values.size // 4].mean(dtype=float))


def _surroundings(image, mask, axes, lags):
    """Local brightness, local variance of the smoothed image, voxels whose detail is brain.

    Both are low-pass: which voxels they choose does not depend on the noise that is
    measured there.
    """
    inside = mask.astype(np.float32)
    brain = image * inside
    width, box = _scales(axes, lags)
    smooth, level = (
        ndimage.gaussian_filter(brain, k * width)
        / np.maximum(ndimage.gaussian_filter(inside, k * width), 1e-3)
        for k in (1, 2)
    )
    core = mask
    for shrink in (box, np.minimum(box, 3)):
        inner = ndimage.minimum_filter(mask, tuple(int(n) for n in shrink))
        if inner.sum() >= 200:
            core = inner
            break
    band = smooth - level
    mean = ndimage.uniform_filter(band, box)
    return level, ndimage.uniform_filter(band**2, box) - mean**2, core


def _scales(axes, lags):
    """Width of the smoothing and box of the variance, in voxels along each axis."""
    width, box = np.zeros(3), np.ones(3, int)
    for axis, lag in zip(axes, lags, strict=True):
        width[axis], box[axis] = lag, 4 * lag + 1
    return width, box


def _slope_of_noise(axes, lags):
    """Local variance that unit white noise leaves in the smoothed image."""
    width, box = _scales(axes, lags)
    point = np.zeros(6 * box - 5)
    point[tuple(n // 2 for n in point.shape)] = 1
    band = ndimage.gaussian_filter(point, width) - ndimage.gaussian_filter(point, 2 * width)
    return float((band**2).sum() - (ndimage.uniform_filter(band, box) ** 2).sum())
