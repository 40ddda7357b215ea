"""Voxels far brighter or darker than any tissue: single ones may not decide what a scan is."""

import numpy as np

#: Above so many times the 99th percentile of a brain nothing is tissue, vessel or fat: in four
#: real low-field scans the brightest voxel of the brain reaches 1.2 to 2.4 times.
REACH = 2.5
#: Noise and splines go below zero by no more than this part of it.
BELOW = 0.25


def without_spikes(
    image: np.ndarray, signal: np.ndarray, where: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Replace what is far brighter or darker than anything in a brain by the median around it.

    Detector faults, spikes in k-space that were mended badly, markers burnt into an image: a
    voxel 28 times as bright as white matter outweighs thousands in every sum of squares.

    Parameters
    ----------
    image, signal : numpy.ndarray, shape (X, Y, Z)
        Scan, and its brain or head; up to one voxel in a hundred of it may be a spike.
    where : numpy.ndarray of bool, shape (X, Y, Z), optional
        Where spikes are looked for; where there is signal without.

    Returns
    -------
    image : numpy.ndarray, shape (X, Y, Z)
        The same array where there are no spikes.
    count : int
        Of voxels that were replaced.
    """
    where = signal if where is None else where
    values = image[signal]
    usual = float(np.percentile(values, 99)) if values.size else 0.0
    if usual <= 0:
        return image, 0
    low, high = -BELOW * usual, REACH * usual
    spikes = where & ((image < low) | (image > high))
    at = np.argwhere(spikes)
    if not len(at):
        return image, 0
    steps = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    around = np.clip(at[:, None] + steps, 0, np.array(image.shape) - 1)
    around = tuple(np.moveaxis(around, -1, 0))
    good = (where & ~spikes)[around]
    # Where there are only spikes around, the nearest value that is none.
    nearby = np.where(good, image[around], np.clip(image[spikes], low, high)[:, None])
    nearby = np.ma.array(nearby, mask=~good & good.any(axis=1, keepdims=True))
    mended = image.copy()
    mended[spikes] = np.ma.median(nearby, axis=1)
    return mended, len(at)


def spikes_in_words(count: int) -> list[str]:
    """Return a sentence on how many voxels were replaced; none where none were."""
    if not count:
        return []
    what = f'{count} voxels were' if count > 1 else 'One voxel was'
    text = (
        f'{what} far brighter or darker than anything in a head (more than {REACH:g} times the '
        f'99th percentile, or below zero by more than {BELOW:g} of it) and replaced by the median '
        'of the neighbours.'
    )
    return [text]
