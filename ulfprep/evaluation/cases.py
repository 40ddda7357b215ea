"""Scans with known tissues: where the segmentation benchmark gets them from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ulfprep.evaluation.phantoms import (
    RATIOS,
    low_field_signal,
    scan_brain,
    tissue_medians,
)
from ulfprep.evaluation.sources.brain import Brain
from ulfprep.evaluation.sources.known import LABELLED, load_brain
from ulfprep.evaluation.sources.volume import load_canonical
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import carry_mask

SNRS = (8.0, 14.0, 20.0)
VOXELS = ((1.6, 1.6, 5.0), (2.0, 2.0, 2.0))


@dataclass(frozen=True, eq=False)
class Case:
    """A scan, and the tissues behind it.

    Attributes
    ----------
    source : {'simulated', 'outside', 'high field'}
        Made by :mod:`ulfprep.evaluation.phantoms`, read from ``--cases``, or a scan as it is.
    brain : str
    snr : float or None
    seed : int or None
    scan : numpy.ndarray, shape (X, Y, Z), float32
    mask : numpy.ndarray of bool, shape (X, Y, Z)
    grid : Grid
        Of the scan.
    labels : numpy.ndarray of int, shape (x, y, z)
        0 outside the brain, 1 CSF, 2 GM, 3 WM.
    lattice : Grid
        Of the labels, 1 mm.
    ratios : tuple of 2 floats, optional
        True signals of CSF and GM relative to WM; ``None`` where they are not known.
    """

    source: str
    brain: str
    snr: float | None
    seed: int | None
    scan: np.ndarray
    mask: np.ndarray
    grid: Grid
    labels: np.ndarray
    lattice: Grid
    ratios: tuple[float, float] | None

    @property
    def voxel(self) -> str:
        """Voxel size in mm, as ``1.6x1.6x5``."""
        return 'x'.join(f'{round(float(z), 2):g}' for z in self.grid.zooms)


def simulated_cases(folder: Path, *, quick: bool, seeds: int = 2, say=print) -> Iterator[Case]:
    """Yield simulated scans of the brains that the folder holds, all first seeds first.

    Parameters
    ----------
    folder : Path
    quick : bool
        One SNR (14), one voxel size (1.6 x 1.6 x 5 mm), one seed.
    seeds : int
        Scans of each kind that differ by noise and receive field only.
    say : callable
        Told what is missing.

    Yields
    ------
    Case
    """
    snrs, voxels, seeds = (SNRS[1:2], VOXELS[:1], 1) if quick else (SNRS, VOXELS, seeds)
    found = list(brains(folder, say))
    for seed in range(1, seeds + 1):
        for snr in snrs:
            for voxel in voxels:
                for brain in found:
                    labels, grid = brain.labels, brain.lattice
                    signal = low_field_signal(brain.image, labels)
                    scan, mask = scan_brain(signal, labels > 0, voxel, snr=snr, seed=seed)
                    coarse, ratios = resized_grid(grid, voxel), RATIOS[:2]
                    yield Case(
                        'simulated', brain.name, snr, seed, scan, mask, coarse, labels, grid,
                        ratios,
                    )  # fmt: skip


def high_field_cases(folder: Path, say=print) -> Iterator[Case]:
    """Yield the brains as they were scanned at high field; see :func:`simulated_cases`."""
    for brain in brains(folder, say):
        image, labels, grid = brain.image, brain.labels, brain.lattice
        ratios = _ratios(image, labels)
        yield Case(
            'high field', brain.name, None, None, image, labels > 0, grid, labels, grid, ratios
        )


def outside_cases(folder: Path) -> Iterator[Case]:
    """Yield the scans that another simulator wrote.

    Parameters
    ----------
    folder : Path
        Holds ``bids/sub-NAME/anat/sub-NAME_T1w.nii.gz`` and ``truth/NAME_dseg.nii.gz``
        (1 CSF, 2 GM, 3 WM, on a lattice of 1 mm along the scan's axes). A
        ``truth/NAME_T1w.nii.gz`` beside it is the high-field image, whose signals are
        not those of the scan: it is not read.

    Yields
    ------
    Case
        Where the truth's brain is and the scan is not zero is the mask.

    Raises
    ------
    FileNotFoundError
        If the folder holds no scan, or a scan has no truth.
    """
    folder = Path(folder)
    scans = sorted(folder.glob('bids/sub-*/anat/sub-*_T1w.nii.gz'))
    if not scans:
        raise FileNotFoundError(f'{folder}: no bids/sub-*/anat/sub-*_T1w.nii.gz in it')
    for path in scans:
        name = path.name.removeprefix('sub-').removesuffix('_T1w.nii.gz')
        truth = folder / 'truth' / f'{name}_dseg.nii.gz'
        if not truth.is_file():
            raise FileNotFoundError(f'{truth} is missing: {path.name} has no truth')
        (scan, grid), (labels, fine) = map(load_canonical, (path, truth))
        labels = np.rint(labels).astype(np.uint8)
        mask = carry_mask(labels > 0, fine, grid) & (scan > 0)
        yield Case('outside', name, None, None, scan, mask, grid, labels, fine, None)


def brains(folder: Path, say=print) -> Iterator[Brain]:
    """Yield each brain of :data:`LABELLED` that a folder holds.

    Parameters
    ----------
    folder : Path
    say : callable
        Told what is missing.
    """
    for name in LABELLED:
        try:
            yield load_brain(folder, name)
        except (FileNotFoundError, ValueError) as error:
            say(str(error))


def _ratios(image, labels):
    csf, gm, wm = tissue_medians(image, labels)
    return float(csf / wm), float(gm / wm)
