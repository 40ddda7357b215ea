"""How large were the voxels of a scan when it was acquired? What the image shows.

Interpolated samples are smoother half-way between acquired ones than next to them: the size
of an interpolated image's second differences is periodic, and its period is the acquired
voxel (Gallagher 2005, doi:10.1109/CRV.2005.33). Sampled every voxel of the file, a period
of d voxels looks like one of d / (d - 1). It is the coarser one if splines with knots that
far apart fit in one place only, or if the spectrum has the null that interpolation leaves
at one over the acquired voxel. Nearest neighbours repeat whole planes; Fourier interpolation
is smooth everywhere, but its spectrum ends at the acquired one's end.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

from ulfprep.physics.types import Numbers

#: An axis counts as resampled where acquired voxels are coarser than the file's by this much.
COARSER = 1.25
#: Power of a spectral line, over the median around it, that chance and anatomy do not reach:
#: up to 2.2 on eight scans that were not resampled, 8 and more on those that were.
LINE = 4.0
#: Decades by which a spectrum falls at once where zeros were filled in behind it.
CLIFF = 1.5
#: Side in voxels of the columns that are looked at apart, so that a rotated grid blurs little.
COLUMN = 6
#: Coarsest acquired voxel that is looked for, in voxels of the file.
COARSEST = 8.0


@dataclass(frozen=True)
class ResolutionEstimate:
    """Acquired voxel size along each axis."""

    voxel_size_mm: tuple[float, ...]  #: the file's own where it is not resampled
    #: Whether the file's voxels are finer than the acquired ones by a quarter or more.
    resampled: tuple[bool, ...]
    method: str  #: how each axis was judged, in words


def estimate_resolution(image: np.ndarray, zooms: Numbers) -> ResolutionEstimate:
    """Estimate the acquired voxel size of a scan from the image alone.

    ``image`` holds magnitudes, ``zooms`` is the voxel size of the file, mm.

    Raises
    ------
    ValueError
        If the image holds no signal.
    """
    image = np.asarray(image, np.float32)
    mask = with_signal(image)
    if not mask.any():
        raise ValueError('the image holds no signal')
    sizes, resampled, ways = [], [], []
    for axis in range(3):
        period, way = _interpolation_period(image, mask, axis)
        coarser = period >= COARSER
        sizes.append(float(zooms[axis]) * (period if coarser else 1.0))
        resampled.append(bool(coarser))
        ways.append(f'axis {axis + 1}: {way}')
    return ResolutionEstimate(tuple(sizes), tuple(resampled), '; '.join(ways))


def in_words(sizes: Numbers) -> str:
    """Three lengths as people write them."""
    return ' x '.join(f'{v:.2f}'.rstrip('0').rstrip('.') for v in sizes)


def with_signal(image: np.ndarray) -> np.ndarray:
    """Find the voxels of the head, shape (X, Y, Z): above a third of what is bright in it."""
    smooth = ndimage.gaussian_filter(image, 2)
    return smooth > 0.3 * np.percentile(smooth, 98)


def _interpolation_period(image: np.ndarray, mask: np.ndarray, axis: int) -> tuple[float, str]:
    """Spacing of the samples from which an axis was interpolated, and what it was seen by.

    In voxels of the image; one where no interpolation shows.
    """
    repeated = _repeated_planes(image, mask, axis)
    if repeated >= COARSER:
        return repeated, 'planes that repeat'
    lines = _lines_through(image, mask, axis)
    frequency = _line(_roughness(image, mask, axis))
    if frequency is None:
        edge = _cliff(lines)
        if edge is None:
            return 1.0, 'no interpolation shows'
        return 1 / (2 * edge), 'spectrum that ends'
    # The line may also be a harmonic: the coarsest period that fits explains all the others.
    for period in (3 / frequency, 2 / frequency, 1 / frequency):
        if period <= COARSEST and _fits_knots(lines, period):
            return float(period), 'periodic smoothness, splines fit'
    if _has_null(lines, frequency):
        return float(1 / frequency), 'periodic smoothness, null of the spectrum'
    return float(1 / (1 - frequency)), 'periodic smoothness'


def _repeated_planes(image, mask, axis):
    """Distance of the planes that differ from the one before, if it is regular."""
    planes = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
    stack = np.take(image, np.arange(planes[0], planes[-1] + 1), axis)
    change = np.abs(np.diff(stack, axis=axis)).mean(axis=tuple({0, 1, 2} - {axis}))
    differs = np.flatnonzero(change > 1e-6 * change.mean())
    runs = np.diff(differs)
    # Repeated at regular distances: a phantom is constant too, but not like that.
    if runs.size < 5 or runs.max() - runs.min() > 1:
        return 1.0
    return float(runs.mean())


def _roughness(image, mask, axis):
    """Absolute second differences along an axis, column by column: shape (n, columns).

    Means over the column's cross-section relative to its surroundings, less one; zero outside
    the mask.
    """
    difference = np.abs(np.diff(np.moveaxis(image, axis, 0), 2, axis=0))
    inside = np.moveaxis(mask, axis, 0)
    inside = inside[:-2] & inside[1:-1] & inside[2:]

    def columns(values):
        n, (rows, cols) = values.shape[0], (m // COLUMN for m in values.shape[1:])
        cut = values[:, : rows * COLUMN, : cols * COLUMN]
        return cut.reshape(n, rows, COLUMN, cols, COLUMN).sum(axis=(2, 4)).reshape(n, -1)

    count = columns(inside.astype(np.float32))
    full = count >= 0.9 * COLUMN**2
    long = full.sum(axis=0) >= max(min(48, 0.5 * full.sum(axis=0).max(initial=0)), 16)
    total, full = columns(difference * inside)[:, long], full[:, long]
    mean = np.where(full, total / np.maximum(count[:, long], 1), 0)
    weight = np.maximum(ndimage.gaussian_filter1d(full.astype(float), 3, axis=0), 1e-6)
    around = ndimage.gaussian_filter1d(mean, 3, axis=0) / weight
    relative = np.where(full & (around > 0), mean / np.maximum(around, 1e-12) - 1, 0)
    relative -= np.where(full, relative.sum(axis=0) / np.maximum(full.sum(axis=0), 1), 0)
    return relative * ndimage.gaussian_filter1d(full.astype(float), 4, axis=0)


def _line(series):
    """Frequency of the strongest line in the mean spectrum of columns, if it stands out."""
    if series.shape[1] < 8 or not series.any():
        return None
    length = 4096
    power = (np.abs(np.fft.rfft(series, length, axis=0)) ** 2).mean(axis=1)
    around = ndimage.median_filter(power, int(0.15 * length) | 1, mode='reflect')
    height = power / np.maximum(around, 1e-12 * power.max())
    # Slower changes are anatomy's, or a vanishing share of what the columns' own width lets by.
    height[: int(length / COARSEST)] = 0
    best = int(height.argmax())
    return best / length if height[best] > LINE else None


def _lines_through(image, mask, axis, most=1000):
    """Stretches of image along an axis that lie within the mask, shape (n, length)."""
    inside, values = np.moveaxis(mask, axis, -1), np.moveaxis(image, axis, -1)
    weight = np.flatnonzero(inside.any(axis=(0, 1)))
    middle, extent = (weight[0] + weight[-1] + 1) // 2, weight[-1] + 1 - weight[0]
    for share in (0.6, 0.4, 0.25):
        half = max(int(share * extent / 2), 8)
        part = slice(max(middle - half, 0), middle + half)
        whole = inside[..., part].all(axis=-1)
        if whole.sum() >= 200:
            break
    else:
        whole = inside.any(axis=-1)
    lines = values[..., part][whole]
    return lines[:: max(len(lines) // most, 1)].astype(float)


def _fits_knots(lines, period):
    """Whether splines with knots a period apart leave far less in one place than elsewhere.

    Tried for interpolation by nearest neighbour, linear and cubic.
    """
    n = lines.shape[1]
    x = np.arange(n, dtype=float)
    for degree in (0, 1, 3):
        rests = []
        for phase in np.arange(0, 1, 0.1):
            knots = (np.arange(-degree - 1, n / period + degree + 2) + phase) * period
            basis = BSpline.design_matrix(x, knots, degree, extrapolate=True).toarray()
            left, singular, _ = np.linalg.svd(basis, full_matrices=False)
            left = left[:, singular > 1e-8 * singular[0]]
            rest = lines - (lines @ left) @ left.T
            rests.append((rest**2).sum() / max(n - left.shape[1], 1))
        if min(rests) < 0.15 * np.median(rests):
            return True
    return False


def _has_null(lines, frequency):
    """Whether the spectrum along the lines falls at a frequency and rises again beyond."""
    # Closer to the file's own end the images of finer interpolation make such dips as well.
    if frequency > 0.3:
        return False
    power, at = _spectrum(lines), np.fft.rfftfreq(512) / frequency
    return power[(at > 0.9) & (at < 1.1)].min() < 0.4 * power[(at > 1.1) & (at < 1.6)].max()


def _cliff(lines):
    """Frequency at which the spectrum along the lines ends, if it does before their own.

    Fourier interpolation (zero-filling) is as smooth everywhere, so that nothing is periodic.
    """
    power = np.log10(np.maximum(_spectrum(lines), 1e-30))
    frequency = np.fft.rfftfreq(512)
    if lines.shape[1] < 48:
        return None
    step = int(np.ceil(3 / lines.shape[1] * 512))  # what the window blurs
    fall = np.zeros(power.size)
    fall[step:-step] = power[: -2 * step] - power[2 * step :]
    # Between steps; nearer to either end there is no spectrum to fall from, or to.
    fall[(frequency < 0.5 / COARSEST) | (frequency > 0.5 / COARSER)] = 0
    best = int(fall.argmax())
    # The fall is largest where it ends; it begins about a step before.
    return float(frequency[best - step // 2]) if fall[best] > CLIFF else None


def _spectrum(lines):
    """Mean power spectrum of lines of which a straight line was taken off."""
    n = lines.shape[1]
    straight = np.stack([np.ones(n), np.arange(n)])
    lines = lines - lines @ np.linalg.pinv(straight) @ straight
    tapered = lines * np.hanning(n + 2)[1:-1]
    return (np.abs(np.fft.rfft(tapered, 512, axis=1)) ** 2).mean(axis=0)
