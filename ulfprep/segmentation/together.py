"""Tissues of one brain from several scans of one contrast, seen through the PSF of each."""

from dataclasses import dataclass

import numpy as np

from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import resample_mask
from ulfprep.physics.stacked import Part, StackedModel, place
from ulfprep.physics.types import Numbers
from ulfprep.segmentation.coarse import T1W
from ulfprep.segmentation.tissue import lattice_tissues


@dataclass(frozen=True, eq=False)
class Run:
    """One scan of several.

    Attributes
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected intensities.
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    grid : Grid
        Where it lies in the world of the first.
    white : float
        Its white-matter mean: scans are compared in units of it.
    sigma : float
        Its noise s.d., image units.
    acquired : sequence of 3 floats
        FWHM of its PSF along its axes, mm.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    modality : str
        T1w, T2w or FLAIR.
    expected : tuple of 3 floats
        Signals of CSF, GM and WM that it should show, relative to WM.
    """

    image: np.ndarray
    mask: np.ndarray
    grid: Grid
    white: float
    sigma: float
    acquired: tuple
    psf: str = 'gaussian'
    modality: str = 'T1w'
    expected: tuple = T1W


def segment_together(
    runs: list[Run],
    *,
    spacing: float = 1.0,
    expected: Numbers | None = None,
    prior: np.ndarray | None = None,
) -> np.ndarray:
    """Segment the image that explains all scans at once.

    What thick slices of one direction blur, those of another resolve: the tissues of the image
    deconvolved from all are better than any pool of those of each.

    Parameters
    ----------
    runs : list of Run
        The first one's brain and world are those of the result.
    spacing : float
        Of the lattice, mm.
    expected : sequence of 3 floats, optional
        Signals of CSF, GM, WM that the scans should show; those of T1w without.
    prior : numpy.ndarray, shape (3, x, y, z), optional
        Prior probabilities on the isotropic lattice over the first scan.

    Returns
    -------
    numpy.ndarray, shape (3, x, y, z), float32
        Shares on the isotropic lattice over the first scan, zero outside its brain.

    Raises
    ------
    ValueError
        If the brain of a scan does not lie where that of the first does.
    """
    first = runs[0]
    mask = np.asarray(first.mask, bool)
    bounds, fine_bounds = brain_bounds(mask, first.grid, spacing)
    whole = isotropic_grid(first.grid, spacing)
    fine = whole.crop(fine_bounds)
    brain = resample_mask(mask[bounds], first.grid.crop(bounds), fine)
    placed = [place(r.mask, r.grid, fine, brain, r.acquired, np.ones(3), r.psf) for r in runs]
    # Every voxel counts alike: scans of one session are about as noisy as each other.
    model = StackedModel(
        tuple(fine.shape), tuple(Part(p.model, p.seen, p.resampling) for p in placed)
    )
    measured = model.stack(
        [r.image[p.bounds] / r.white for r, p in zip(runs, placed, strict=True)]
    )
    voxels = np.concatenate([(p.voxels & p.seen).ravel() for p in placed])
    sigma = float(np.sqrt(np.mean([(r.sigma / r.white) ** 2 for r in runs])))
    if prior is not None:
        prior = prior[(slice(None), *fine_bounds)]
    found, _ = lattice_tissues(model, measured, voxels, brain, fine.zooms, sigma, expected, prior)
    out = np.zeros((3, *whole.shape), np.float32)
    out[(slice(None), *fine_bounds)] = found.probs
    return out
