"""One training example: a patch of somebody's head, its scans as the network sees them."""

from dataclasses import dataclass, replace

import numpy as np

from ulfprep.physics.grid import Grid
from ulfprep.physics.simulation import stream
from ulfprep.segmentation.network import describe, lay, stack
from ulfprep.training.acquisitions import draw_sequence, draw_session, make_scan, paint
from ulfprep.training.deform import draw_patch, draw_ribbon, smooth_field
from ulfprep.training.maps import CLASS_OF, INSIDE, NAMES, Head
from ulfprep.training.tissues import draw_nature, lesion_signal, structure_signals

#: What makes a scan one of its modality: lowest and highest GM/WM, highest (or, if T2w,
#: lowest) CSF/WM. Timings and relaxation that give anything else are drawn again.
PLAUSIBLE = {'T1w': (0.45, 0.97, 0.9), 'T2w': (0.85, 2.3, 1.3), 'FLAIR': (0.85, 2.0, 1.0)}
#: Least contrast between GM and WM, relative to WM, that a scan is worth learning from.
LEAST_CONTRAST = 0.03
#: How far masks reach beyond the hull of the brain, mm; less than zero cuts brain off.
MASK_REACH = (-1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 4.0)


@dataclass(frozen=True, eq=False)
class Example:
    """What the network is given, and what it should say.

    ``x`` (7, n, n, n), ``hints`` (12,) and ``centre`` (3,), all float32, are those of
    :meth:`ulfprep.segmentation.network.TissueNet.forward`; ``classes`` (n, n, n), uint8, are
    indices into :data:`ulfprep.segmentation.network.CLASSES`.
    """

    x: np.ndarray
    hints: np.ndarray
    centre: np.ndarray
    classes: np.ndarray


def draw_example(heads: list[Head], seed: int, number: int, size: int = 64) -> Example:
    """Draw the example of a number: the same for the same heads, seed, number and side (mm)."""
    rng = stream(seed, 'example', number)
    head = heads[rng.integers(len(heads))]
    patch = draw_patch(rng, head, size)
    session = draw_session(rng)
    lattice = Grid(patch.positions.shape[1:], np.eye(4))
    ribbon = draw_ribbon(rng, lattice.shape[0])
    labels = ribbon.apply(patch.labels())
    reach = rng.choice(MASK_REACH) + rng.normal(0, 0.3)
    wobble = rng.uniform(0.3, 1.2)
    mask = patch.depth() <= reach + np.float32(wobble) * smooth_field(rng, lattice.shape, 20)
    nature, session, signals = _with_contrast(rng, session)
    images = [
        paint(labels if a.motion is None else ribbon.apply(patch.labels(a.motion)), s, a, rng)
        for a, s in zip(session, signals, strict=True)
    ]

    def lesion(share):
        return [lesion_signal(nature, a.sequence, a.field, share) for a in session]

    _add_spots(images, labels, lesion, rng)
    laid, levels = {}, {}
    volumes = patch.head.volumes(reach)
    for image, a, s in zip(images, session, signals, strict=True):
        scan, grid = make_scan(image, mask, lattice, a, rng)
        laid[a.modality] = lay(scan, grid, lattice)
        # The mean over the whole brain, of which the patch is a part.
        levels[a.modality] = a.gain * float(volumes @ s**a.exponent / volumes.sum())
    x = stack(laid, levels, mask)
    hints = describe({a.modality: a.voxel_size for a in session})
    centre = patch.centre + rng.normal(0, 4, 3)
    return Example(x, hints, centre.astype(np.float32), CLASS_OF[labels])


def _with_contrast(rng, session):
    """Draw a head's nature, and timings anew where a scan would not be one of its modality.

    Returns the nature, the session, and the signals of every structure in each scan.
    """
    for _ in range(20):
        nature = draw_nature(rng)
        found = [_plausible(rng, nature, acquisition) for acquisition in session]
        if all(good for *_, good in found):
            break
    return nature, [a for a, *_ in found], [s for _, s, _ in found]


def _plausible(rng, nature, acquisition):
    """Acquisition with timings that suit its modality, its signals, and whether it has any."""
    for _ in range(10):
        signals = structure_signals(nature, acquisition.sequence, acquisition.field, rng)
        grey, fluid = signals[NAMES.index('cortex')], signals[NAMES.index('ventricles')]
        low, high, csf = PLAUSIBLE[acquisition.modality]
        suits = fluid >= csf if acquisition.modality == 'T2w' else fluid <= csf
        if suits and low <= grey <= high and abs(grey - 1) >= LEAST_CONTRAST:
            return acquisition, signals, True
        sequence = draw_sequence(rng, acquisition.modality, acquisition.field)
        acquisition = replace(acquisition, sequence=sequence)
    return acquisition, signals, False


def _add_spots(images, labels, lesion, rng):
    """Paint spots of 1 to 10 mm radius into the noise-free images of one head, in place.

    The tissue behind a spot stays what it is: the network is to look through it. Half of the
    heads have none. Most spots are lesions, white matter that turned to fluid by a share;
    some are as bright or as dark as vessels and bleeds can be. ``lesion`` takes the share of
    fluid (0 to 1) to the signals of a lesion in all images.
    """
    if rng.random() < 0.5:
        return
    places = np.flatnonzero(INSIDE[labels].ravel())
    if not len(places):
        return
    for _ in range(1 + rng.poisson(4)):
        middle = np.unravel_index(places[rng.integers(len(places))], labels.shape)
        radii = np.exp(rng.uniform(0, np.log(10))) * np.exp(rng.normal(0, 0.3, 3))
        cube = tuple(
            slice(max(int(m - r - 2), 0), int(m + r + 3))
            for m, r in zip(middle, radii, strict=True)
        )
        x, y, z = (
            (np.arange(s.start, min(s.stop, n)) - m) / r
            for s, n, m, r in zip(cube, labels.shape, middle, radii, strict=True)
        )
        distance = np.sqrt((x**2)[:, None, None] + (y**2)[:, None] + z**2)
        weight = np.clip((1 - distance) * radii.min() + 0.5, 0, 1).astype(np.float32)
        weight *= INSIDE[labels[cube]]
        odd = rng.random() < 0.2
        aims = rng.uniform(0, 2.5, len(images)) if odd else lesion(rng.uniform(0.1, 0.6))
        for image, aim in zip(images, aims, strict=True):
            image[cube] += weight * (np.float32(aim) - image[cube])
