"""Arrays and contrast plans from files, and files from arrays, for all interfaces."""

import os
from pathlib import Path

import numpy as np
from nipype.interfaces.base import isdefined

from ulfprep.bids.files import read_json, write_nifti


def if_given(value, default=None):
    """Return an input, or a default where it was left undefined."""
    return value if isdefined(value) else default


def read_volume(path: str | Path):
    """Return an image's float32 array and its grid."""
    import nibabel as nib

    from ulfprep.physics.grid import Grid

    image = nib.load(path)
    data = np.ascontiguousarray(np.asanyarray(image.dataobj), dtype=np.float32)
    return data, Grid(tuple(int(n) for n in image.shape[:3]), np.asarray(image.affine))


def read_mask(path: str | Path) -> np.ndarray:
    """Return a mask as booleans."""
    return read_volume(path)[0] > 0


def read_probabilities(paths) -> np.ndarray:
    """Return the tissue maps of three files as one array, shape (3, X, Y, Z)."""
    return np.stack([read_volume(path)[0] for path in paths])


def read_plan(path: str | Path):
    """Return the contrast plan of a file."""
    from ulfprep.physics.contrast_plan import ContrastPlan

    return ContrastPlan.from_json(read_json(path))


def write_volume(folder: str | Path, name: str, data: np.ndarray, affine: np.ndarray) -> str:
    """Write ``<folder>/<name>.nii.gz`` and return its absolute path."""
    return str(write_nifti(Path(os.path.abspath(folder), f'{name}.nii.gz'), data, affine))


def write_probabilities(folder, name: str, probabilities: np.ndarray, affine) -> list[str]:
    """Write three tissue maps, in the order CSF, GM, WM, and return their paths."""
    from ulfprep.physics import TISSUES

    return [
        write_volume(folder, f'{name}_{tissue.lower()}', probabilities[index], affine)
        for index, tissue in enumerate(TISSUES)
    ]


def write_tissues(folder, probs, mask, grid, fine=None, spacing: float = 1.0) -> dict:
    """Write tissues and their labels; return the outputs of a node that segments.

    ``probs`` (3, X, Y, Z) are CSF, GM, WM on the grid, ``fine`` the same on the isotropic lattice
    of that ``spacing`` (mm) over it.
    """
    from ulfprep.physics import to_dseg
    from ulfprep.physics.grid import isotropic_grid

    made = {
        'probsegs': write_probabilities(folder, 'probseg', probs, grid.affine),
        'dseg': write_volume(folder, 'dseg', to_dseg(probs, mask), grid.affine),
    }
    if fine is not None:
        affine = isotropic_grid(grid, spacing).affine
        made['lattice_probsegs'] = write_probabilities(folder, 'lattice', fine, affine)
    return made


def moved_grid(grid, registration_file):
    """Return a grid in the world of the anchor scan, and the way back to its own, (4, 4).

    The file is of :class:`ulfprep.interfaces.together.RegisterScan`; the anchor has none.
    """
    from ulfprep.physics.grid import Grid

    if not isdefined(registration_file):
        return grid, np.eye(4)
    transform = np.array(read_json(registration_file)['transform'])
    return Grid(grid.shape, transform @ grid.affine), np.linalg.inv(transform)
