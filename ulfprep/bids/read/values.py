"""What the intensities of an image say of how it was made: magnitudes, or something else?"""

import numpy as np
from scipy import ndimage

#: What lies below zero by more than this part of the brightest signal ...
BELOW_ZERO = 0.1
#: ... in the mean of a cube of so many voxels a side, in which noise is nearly gone, even noise
#: that interpolation made smooth ...
CUBE = 5
#: ... and in at least this share of the voxels, is more than noise.
LEAST_SHARE = 0.005
#: Values that wrapped around fill at least this share of the range of their type.
FILLED = 0.85
#: Mean and standard deviation of z-scores, by how much they may differ from 0 and 1.
OF_Z_SCORES = 0.1
#: Of the borders of an image this share is not finite where what is not finite is its background.
OF_BORDERS = 0.6


def below_zero(data: np.ndarray, levels: int = 0) -> str:
    """Say what an image is that lies far below zero, and the way out; noise about zero is not.

    ``levels`` is how many whole numbers its type can hold (65536 for 16 bits), 0 where not known.
    """
    if data.min() >= 0:
        return ''
    bright = float(np.percentile(np.abs(data), 99))
    ground = float(np.median(_borders(data)))
    if any(_like_z_scores(values) for values in (data, data[data != ground])):
        return (
            'its values are z-scores (mean 0, standard deviation 1), which say no longer how '
            'bright a tissue is; give the image as it was before it was normalised'
        )
    low = ndimage.uniform_filter(data, CUBE, mode='nearest') < -BELOW_ZERO * bright
    share = float(low.mean())
    if share < LEAST_SHARE:
        return ''
    if levels and _wrapped(data, levels):
        return (
            f'its values fill the range of {np.log2(levels):.0f} bits with a sign, so the '
            'brightest have wrapped around to below zero (or it is a phase image); convert the '
            'original images again (dcm2niix), or write the file as uint16 or float32'
        )
    deep = data < ground - BELOW_ZERO * bright
    if ground < -BELOW_ZERO * bright and deep.mean() < LEAST_SHARE:
        return (
            f'its background is {ground:.5g} and not zero, so all its values are shifted; add '
            f'{-ground:.5g} to them, or convert the original images again (dcm2niix)'
        )
    return (
        f'{100 * share:.0f} % of its voxels are far below zero (down to {data.min():.5g}), which '
        'no magnitude is; give the magnitude image (not the real part, nor a phase-sensitive or '
        'normalised one)'
    )


def _like_z_scores(values: np.ndarray) -> bool:
    return (
        values.size > 1
        and abs(float(values.mean(dtype=float))) < OF_Z_SCORES
        and abs(float(values.std(dtype=float)) - 1) < OF_Z_SCORES
    )


def _wrapped(data: np.ndarray, levels: int) -> bool:
    """Tell whether whole numbers fill the range of their type, below zero as well as above."""
    filled = float(data.max()) - float(data.min()) > FILLED * levels
    return filled and not (data != np.rint(data)).any()


def _borders(data: np.ndarray) -> np.ndarray:
    """Return the voxels of the six faces of an image."""
    faces = [np.take(data, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    return np.concatenate(faces)


def background(bad: np.ndarray) -> np.ndarray:
    """Find which voxels without a number (``bad``) are the background of a brain.

    Some software writes NaN where there is no brain. That surrounds the rest: it reaches the
    border of the image, and most of the border is of it. A slice that is missing altogether
    between others is none.
    """
    if bad.all() or _borders(bad).mean() < OF_BORDERS:
        return np.zeros(bad.shape, bool)
    labels, _ = ndimage.label(bad)
    outer = np.unique(_borders(labels))
    around = np.isin(labels, outer[outer > 0])
    for axis in range(3):
        filled = (~bad).any(axis=tuple({0, 1, 2} - {axis}))
        ends = np.flatnonzero(filled)
        if ends.size:
            missing = ~filled
            missing[: ends[0]] = missing[ends[-1] :] = False
            around[(slice(None),) * axis + (missing,)] = False
    return around
