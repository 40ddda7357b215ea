"""Scans with known tissues: where the segmentation benchmark gets them from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ulfprep.evaluation.phantoms import (
    RATIOS,
    lattice,
    low_field_signal,
    scan_brain,
    tissue_medians,
)
from ulfprep.physics.grid import Grid, resized_grid
from ulfprep.physics.interpolation import carry_mask

#: Image, labels and kind of labels of each brain in the folder of real scans.
BRAINS = {
    'aomic': ('hf3t_aomic/norm.mgz', 'hf3t_aomic/aseg.mgz', 'aseg'),
    'colin': ('hf_colin27/ch2bet.nii.gz', 'hf_colin27/fast_seg.nii.gz', 'fast'),
}
SNRS = (8.0, 14.0, 20.0)
VOXELS = ((1.6, 1.6, 5.0), (2.0, 2.0, 2.0))
#: FreeSurfer's numbers (FreeSurferColorLUT.txt). Brain stem, ventral diencephalon, optic chiasm
#: and lesions of white matter count as WM; what the brain holds without a number, and vessels and
#: choroid plexus, as CSF.
ASEG_GM = (3, 8, 10, 11, 12, 13, 17, 18, 26, 42, 47, 49, 50, 51, 52, 53, 54, 58)
ASEG_WM = (2, 7, 16, 28, 41, 46, 60, 77, 78, 79, 85, 192, *range(250, 256))


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


def from_aseg(aseg: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Map FreeSurfer's subcortical segmentation to 1 CSF, 2 GM, 3 WM inside the brain.

    Parameters
    ----------
    aseg : numpy.ndarray of int, shape (x, y, z)
    brain : numpy.ndarray of bool, shape (x, y, z)

    Returns
    -------
    numpy.ndarray of uint8, shape (x, y, z)
    """
    out = np.where(brain, 1, 0).astype(np.uint8)
    out[np.isin(aseg, ASEG_GM)] = 2
    out[np.isin(aseg, ASEG_WM)] = 3
    return out


def load_brain(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Read a high-field brain and its labels, cropped to it and padded.

    Parameters
    ----------
    folder : Path
        Laid out as :data:`BRAINS` names it.
    name : str
        Of :data:`BRAINS`.

    Returns
    -------
    image, labels : numpy.ndarray, shape (x, y, z)
    grid : Grid

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message names it.
    ValueError
        If image and labels are not on one grid of 1 mm.
    """
    *files, kind = BRAINS[name]
    paths = [Path(folder) / file for file in files]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: {name} is left out')
    (image, grid), (labels, its) = map(load_canonical, paths)
    labels = np.rint(labels).astype(int)
    if not np.allclose(grid.zooms, 1, atol=1e-3) or not _same(grid, its):
        raise ValueError(f'{paths[1]} must lie on the grid of {paths[0]}, 1 mm')
    labels = from_aseg(labels, image > 0) if kind == 'aseg' else labels
    box = ndimage.find_objects((labels > 0).astype(int))[0]
    box = tuple(slice(max(s.start - 4, 0), s.stop + 4) for s in box)
    image, labels = image[box], labels[box].astype(np.uint8)
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [s.start for s in box]
    whole = lattice(image.shape, affine)
    before = [(p - n) // 2 for n, p in zip(image.shape, whole.shape, strict=True)]
    pad = [(b, p - n - b) for b, n, p in zip(before, image.shape, whole.shape, strict=True)]
    return np.pad(image, pad), np.pad(labels, pad), whole


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
    found = dict(brains(folder, say))
    for seed in range(1, seeds + 1):
        for snr in snrs:
            for voxel in voxels:
                for name, (image, labels, grid) in found.items():
                    signal = low_field_signal(image, labels)
                    scan, mask = scan_brain(signal, labels > 0, voxel, snr=snr, seed=seed)
                    coarse, ratios = resized_grid(grid, voxel), RATIOS[:2]
                    yield Case(
                        'simulated', name, snr, seed, scan, mask, coarse, labels, grid, ratios
                    )


def high_field_cases(folder: Path, say=print) -> Iterator[Case]:
    """Yield the brains as they were scanned at high field; see :func:`simulated_cases`."""
    for name, (image, labels, grid) in brains(folder, say):
        ratios = _ratios(image, labels)
        yield Case('high field', name, None, None, image, labels > 0, grid, labels, grid, ratios)


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


def brains(folder: Path, say=print) -> Iterator[tuple[str, tuple]]:
    """Yield name and :func:`load_brain` of each brain that a folder holds.

    Parameters
    ----------
    folder : Path
    say : callable
        Told what is missing.
    """
    for name in BRAINS:
        try:
            yield name, load_brain(folder, name)
        except (FileNotFoundError, ValueError) as error:
            say(str(error))


def _ratios(image, labels):
    csf, gm, wm = tissue_medians(image, labels)
    return float(csf / wm), float(gm / wm)


def load_canonical(path: Path) -> tuple[np.ndarray, Grid]:
    """Read an image with its axes in RAS order, float32."""
    import nibabel as nib

    image = nib.as_closest_canonical(nib.load(path))
    data = np.asarray(image.dataobj, dtype=np.float32)
    return data, Grid(data.shape, image.affine)


def _same(one, other):
    return one.shape == other.shape and np.allclose(one.affine, other.affine, atol=1e-3)
