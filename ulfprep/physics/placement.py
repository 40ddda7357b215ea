"""Where a scan lies over a lattice that several scans share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, are_aligned, brain_bounds, covered, isotropic_grid
from ulfprep.physics.interpolation import carry_mask
from ulfprep.physics.stacked import linear_resampling
from ulfprep.physics.types import Numbers


@dataclass(frozen=True, eq=False)
class Placement:
    """What of a scan the common lattice covers, and how it is seen from there.

    Attributes
    ----------
    bounds : tuple of 3 slices
        Of the whole scan.
    scan, fine : Grid
        Voxels within the bounds; a lattice along their axes, the common one where parallel.
    model : ForwardModel
        From ``fine`` to ``scan``.
    inside : numpy.ndarray of bool, shape (x, y, z)
        The common brain on ``fine``.
    voxels, seen : numpy.ndarray of bool, shape (X, Y, Z)
        Voxels of the scan's brain; voxels that the common lattice covers.
    resampling : scipy.sparse.csr_array or None
        From the common lattice to ``fine``, where they differ.
    """

    bounds: tuple
    scan: Grid
    fine: Grid
    model: ForwardModel
    inside: np.ndarray
    voxels: np.ndarray
    seen: np.ndarray
    resampling: object = None


def place(
    mask: np.ndarray,
    grid: Grid,
    common: Grid,
    inside: np.ndarray,
    psf_fwhm: Numbers,
    contrast: Any,
    psf: str,
) -> Placement:
    """Crop a scan to what a lattice covers; give it a lattice of its own where it is turned.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain of the scan.
    grid : Grid
        Of the scan, in the world of the lattice.
    common : Grid
        The lattice.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Brain on it.
    psf_fwhm, contrast, psf
        See :meth:`ulfprep.physics.forward.ForwardModel.between`.

    Returns
    -------
    Placement

    Raises
    ------
    ValueError
        If the lattice covers none of the scan's brain.
    """
    mask = np.asarray(mask, bool)
    spacing = float(common.zooms[0])
    bounds, own_bounds = brain_bounds(mask, grid, spacing)
    seen = covered(common, grid)
    if not (mask & seen).any():
        raise ValueError('the scan lies elsewhere')
    box = ndimage.find_objects(seen.astype(np.int8))[0]
    bounds = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(bounds, box, strict=True)
    )
    scan = grid.crop(bounds)
    parallel = are_aligned(common, scan)
    fine = common if parallel else isotropic_grid(grid, spacing).crop(own_bounds)
    return Placement(
        bounds=bounds,
        scan=scan,
        fine=fine,
        model=ForwardModel.between(scan, fine, psf_fwhm, contrast, psf),
        inside=inside if parallel else carry_mask(inside, common, fine),
        voxels=mask[bounds],
        seen=seen[bounds],
        resampling=None if parallel else linear_resampling(common, fine),
    )
