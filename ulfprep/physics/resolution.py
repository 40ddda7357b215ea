"""How large were the voxels of a scan when it was acquired? What the image shows."""

import sys
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from scipy import ndimage

from ulfprep.physics.resampling import COARSER, interpolation_period
from ulfprep.physics.types import Numbers


@dataclass(frozen=True)
class ResolutionEstimate:
    """Acquired voxel size along each axis.

    Attributes
    ----------
    voxel_size_mm : tuple of 3 floats
        The file's own where it is not resampled.
    resampled : tuple of 3 bool
        Whether the file's voxels are finer than the acquired ones by a quarter or more.
    method : str
        How each axis was judged, in words.
    """

    voxel_size_mm: tuple[float, ...]
    resampled: tuple[bool, ...]
    method: str


def estimate_resolution(
    image: np.ndarray, zooms: Numbers, mask: np.ndarray | None = None
) -> ResolutionEstimate:
    """Estimate the acquired voxel size of a scan from the image alone.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Magnitude image.
    zooms : sequence of 3 floats
        Voxel size of the file, mm.
    mask : numpy.ndarray of bool, shape (X, Y, Z), optional
        Where there is signal; found by a threshold without.

    Returns
    -------
    ResolutionEstimate

    Raises
    ------
    ValueError
        If the image holds no signal.
    """
    image = np.asarray(image, np.float32)
    mask = with_signal(image) if mask is None else np.asarray(mask, bool)
    if not mask.any():
        raise ValueError('the image holds no signal')
    sizes, resampled, ways = [], [], []
    for axis in range(3):
        period, way = interpolation_period(image, mask, axis)
        coarser = period >= COARSER
        sizes.append(float(zooms[axis]) * (period if coarser else 1.0))
        resampled.append(bool(coarser))
        ways.append(f'axis {axis + 1}: {way}')
    return ResolutionEstimate(tuple(sizes), tuple(resampled), '; '.join(ways))


def is_length(value: Any) -> TypeGuard[float]:
    """Tell whether this is a positive length."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 < value <= sys.float_info.max  # no NaN, and no integer that no float can hold
    )


def are_lengths(values: Any) -> TypeGuard[list[float]]:
    """Tell whether these are three positive lengths."""
    return isinstance(values, list | tuple) and len(values) == 3 and all(map(is_length, values))


def in_words(sizes: Any) -> str:
    """Three lengths as people write them."""
    return ' x '.join(f'{v:.2f}'.rstrip('0').rstrip('.') for v in sizes)


def with_signal(image: np.ndarray) -> np.ndarray:
    """Find the voxels of the head, shape (X, Y, Z): above a third of what is bright in it."""
    smooth = ndimage.gaussian_filter(image, 2)
    return smooth > 0.3 * np.percentile(smooth, 98)
