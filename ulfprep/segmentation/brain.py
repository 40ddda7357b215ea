"""The brain: is it stripped already, and if not, where is it?"""

import numpy as np
from scipy import ndimage

from ulfprep.physics.types import Numbers

#: No stripped brain, generous mask and all, is larger; ml.
LARGEST_BRAIN = 2300.0
#: Part of the brightest percentile above which there is signal.
SIGNAL = 0.15
#: Width (s.d., mm) of the surroundings that fat at the rim is compared with.
SURROUNDINGS = 20.0


def looks_stripped(
    image: np.ndarray, zooms: Numbers, expected: Numbers | None = None
) -> tuple[bool, str]:
    """Tell whether an image shows a brain without its skull, and why, in a sentence.

    Stripping leaves exact zeros around the brain. So does padding or defacing, but a head
    keeps a rim of bright scalp fat and is larger than any brain, and a brain is rimmed by
    dark CSF; where CSF is bright, size alone tells.
    """
    image = np.asarray(image)
    zero = float((image == 0).mean())
    filled = ndimage.binary_fill_holes(image > 0)
    volume = float(filled.sum() * np.prod(zooms)) / 1000
    stripped, reason = False, f'{100 * zero:.0f} % of the voxels are exactly zero'
    if zero > 0.3:
        rim = filled & ~ndimage.binary_erosion(filled, iterations=2)
        bright = np.median(image[rim]) / np.median(image[filled & ~rim])
        dark_rim = bright < 1.1 or _csf_is_bright(expected)
        stripped = bool(volume < LARGEST_BRAIN and dark_rim)
        reason += f', the rest is {volume:.0f} ml and its rim {bright:.2f} times as bright as its '
        reason += 'inside'
    return stripped, f'{reason}: the skull is {"already removed" if stripped else "still there"}.'


def shows_a_head(image: np.ndarray, zooms: Numbers) -> bool:
    """Tell whether there is more signal in an image than a brain alone could give.

    Unlike :func:`looks_stripped` it asks nothing of the background, which may be noise around a
    stripped brain too: five real heads of 0.064 to 3 T have 2900 to 3700 ml of signal, eight
    stripped brains 1080 to 1900.
    """
    image = np.asarray(image)
    bright = np.percentile(image[image > 0], 99) if (image > 0).any() else np.inf
    labels, count = ndimage.label(ndimage.binary_fill_holes(image > SIGNAL * bright))
    largest = np.bincount(labels.ravel())[1:].max() if count else 0
    return bool(largest * np.prod(zooms) / 1000 > LARGEST_BRAIN)


def brain_mask(
    image: np.ndarray, zooms: Numbers, stripped: bool, expected: Numbers | None = None
) -> np.ndarray:
    """Find the brain, shape (X, Y, Z), in an image whose axes are in RAS order.

    Stripped images: what is not zero. Heads: the convolutional network of deepbet
    (Fisch et al. 2024), whose weights come with its package, then an opening that cuts
    the threads to eye fat and dura. The network knows T1w; images with bright CSF are turned
    round for it first (:func:`darkened`).

    Raises
    ------
    ValueError
        If no brain is found, or one smaller than 300 ml or larger than 3 l.
    """
    image = np.asarray(image, np.float32)
    if stripped:
        mask = ndimage.binary_fill_holes(image > 0)
    else:
        bright = _csf_is_bright(expected)
        mask = _deepbet(darkened(image) if bright else image)
        # Where CSF is bright, what is bright at the rim is CSF.
        mask = _drop_fat(image, mask, zooms) if mask.any() and not bright else mask
        radius = [max(1, int(round(3.0 / z))) for z in zooms]
        mask = ndimage.binary_opening(mask, _ball(radius))
    mask = _largest(mask)
    wrong = 'force' if stripped else 'skip'
    check_volume(
        mask, zooms, f'state SkullStripped in the sidecar, try --skull-strip {wrong}, or give '
        'your own with --brain-mask',
    )  # fmt: skip
    return mask


def check_volume(mask: np.ndarray, zooms: Numbers, way_out: str) -> None:
    """Raise ``ValueError``, with a way out, for a mask of less than 300 ml or more than 3 l."""
    volume = float(mask.sum() * np.prod(zooms) / 1000)
    if not 300 <= volume <= 3000:
        raise ValueError(f'the brain mask holds {volume:.0f} ml, which is no brain; {way_out}')


def _csf_is_bright(expected) -> bool:
    return expected is not None and expected[0] > max(expected[1:])


def darkened(image: np.ndarray) -> np.ndarray:
    """Turn a T2w image round: bright CSF dark, tissue bright, air dark still.

    ``x^3 / (x^4 + c^4)``, the inverse of the intensity above ``c``, a small part of that
    of tissue, and falling to zero below it.
    """
    c = 0.15 * np.median(image[image > image.mean()])
    return (image**3 / (image**4 + c**4 + 1e-12)).astype(np.float32)


def _deepbet(image):
    import warnings

    import torch
    from deepbet.bet import BrainExtraction

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        network = BrainExtraction(no_gpu=True)
    try:
        mask = network.run_model(image.copy()) > 0.5
        return network.postprocess(mask) > 0
    except (AssertionError, ValueError, torch.OutOfMemoryError) as error:
        raise ValueError(f'no brain was found in the image ({error})') from error


def _ball(radius):
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in radius)]
    return sum((a / (r + 0.5)) ** 2 for a, r in zip(axes, radius, strict=True)) <= 1


def _drop_fat(image, mask, zooms):
    """Take orbital and scalp fat off the rim: brighter than any white matter.

    Judged against the brightness around, as far as it comes from inside the rim: a strong
    receive field makes brain near a coil brighter than fat far from it.
    """
    inside = ndimage.binary_erosion(mask, iterations=2).astype(np.float32)
    sigma = [SURROUNDINGS / z for z in zooms]
    weight = ndimage.gaussian_filter(inside, sigma)
    around = ndimage.gaussian_filter(image * inside, sigma) / np.maximum(weight, 1e-3)
    relative = image / np.maximum(around, 1e-6 * max(float(image.max()), 1e-30))
    bright = mask & (relative > 1.6 * np.percentile(relative[mask], 75))
    rim = mask & ~ndimage.binary_erosion(mask, iterations=3)
    labels, _ = ndimage.label(bright)
    touching = np.unique(labels[bright & rim])
    return mask & ~np.isin(labels, touching[touching > 0])


def _largest(mask):
    labels, count = ndimage.label(mask)
    if count == 0:
        raise ValueError('no brain was found in the image')
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return ndimage.binary_fill_holes(labels == sizes.argmax())
