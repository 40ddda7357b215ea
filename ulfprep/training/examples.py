"""One training example: a patch of somebody's head, its scans as the network sees them."""

from dataclasses import dataclass, replace

import numpy as np

from ulfprep.physics.grid import Grid
from ulfprep.physics.seeds import stream
from ulfprep.segmentation.network import describe, lay, stack
from ulfprep.training.acquisitions import Acquisition, draw_sequence, draw_session
from ulfprep.training.deform import draw_patch, draw_ribbon, smooth_field
from ulfprep.training.lesions import add_spots
from ulfprep.training.maps import CLASS_OF, NAMES, Head
from ulfprep.training.scans import make_scan, paint
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

    Attributes
    ----------
    x : numpy.ndarray, shape (7, n, n, n), float32
    hints : numpy.ndarray, shape (12,), float32
    centre : numpy.ndarray, shape (3,), float32
        See :meth:`ulfprep.segmentation.network.TissueNet.forward`.
    classes : numpy.ndarray, shape (n, n, n), uint8
        Index into :data:`ulfprep.segmentation.network.CLASSES`.
    """

    x: np.ndarray
    hints: np.ndarray
    centre: np.ndarray
    classes: np.ndarray


def draw_example(heads: list[Head], seed: int, number: int, size: int = 64) -> Example:
    """Draw the example of a number: the same for the same heads, seed, number and size.

    Parameters
    ----------
    heads : list of Head
    seed, number : int
    size : int
        Side of the patch, mm.
    """
    rng = stream(seed, 'example', number)
    head = heads[rng.integers(len(heads))]
    patch = draw_patch(rng, head, size)
    return make_example(rng, patch, draw_session(rng))


def make_example(rng: np.random.Generator, patch, session: list[Acquisition]) -> Example:
    """Scan a patch with the acquisitions of a session."""
    lattice = Grid(patch.positions.shape[1:], np.eye(4))
    ribbon = draw_ribbon(rng, lattice.shape[0])
    labels = ribbon.apply(patch.labels())
    reach = rng.choice(MASK_REACH) + rng.normal(0, 0.3)
    wobble = rng.uniform(0.3, 1.2)
    mask = patch.depth() <= reach + np.float32(wobble) * smooth_field(rng, lattice.shape, 20)
    nature, session, signals = with_contrast(rng, session)
    images = [
        paint(labels if a.motion is None else ribbon.apply(patch.labels(a.motion)), s, a, rng)
        for a, s in zip(session, signals, strict=True)
    ]

    def lesion(share):
        return [lesion_signal(nature, a.sequence, a.field, share) for a in session]

    add_spots(images, labels, lesion, rng)
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


def with_contrast(rng: np.random.Generator, session: list[Acquisition]):
    """Draw a head's nature, and timings anew where a scan would not be one of its modality.

    Returns
    -------
    nature : Nature
    session : list of Acquisition
    signals : list of numpy.ndarray
        Of every structure, a scan.
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
