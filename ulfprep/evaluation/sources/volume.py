"""Images, labels and masks as files hold them, their axes in RAS order."""

import re
from pathlib import Path

import numpy as np

from ulfprep.bids.read.derived import BadDerivativeError
from ulfprep.bids.read.derived_read import read_brain, read_shares, read_volume
from ulfprep.physics.grid import Grid

#: Ends of the names of images, longest first.
EXTENSIONS = ('.nii.gz', '.nii', '.mgz', '.mgh')


def load_canonical(path: Path) -> tuple[np.ndarray, Grid]:
    """Read an image with its axes in RAS order.

    Parameters
    ----------
    path : Path
        NIfTI or FreeSurfer's format.

    Returns
    -------
    data : numpy.ndarray, shape (X, Y, Z), float32
        Voxels that are not finite are 0.
    grid : Grid

    Raises
    ------
    ValueError
        If it is no volume that can be read; the message names it.
    """
    return _canonical(read_volume, path)


def load_mask(path: Path) -> tuple[np.ndarray, Grid]:
    """Read a brain mask with its axes in RAS order, as shares from 0 to 1.

    Raises
    ------
    ValueError
        If it is none; the message names it.
    """
    return _canonical(read_brain, path)


def load_shares(paths) -> tuple[np.ndarray, Grid]:
    """Read shares of CSF, GM and WM as labels 1, 2 and 3 of the largest, axes in RAS order.

    Raises
    ------
    ValueError
        If they are none; the message names one.
    """

    def read(_):
        shares, affine = read_shares(paths)
        labels = np.where(shares.sum(axis=0) > 0.5, shares.argmax(axis=0) + 1, 0)
        return labels.astype(np.float32), affine

    return _canonical(read, paths[0])


def _canonical(read, path):
    import nibabel as nib

    try:
        data, affine = read(Path(path))
    except BadDerivativeError as error:
        # That option is none of these commands'.
        raise ValueError(str(error).replace(' (--derivatives)', '')) from error
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    return np.asarray(image.dataobj, np.float32), Grid(image.shape, image.affine)


def stem_of(path: Path) -> str | None:
    """Name of an image without its extension; ``None`` where it has none of an image."""
    ending = next((e for e in EXTENSIONS if path.name.endswith(e)), None)
    hidden = path.name.startswith('.')
    return None if ending is None or hidden else path.name.removesuffix(ending)


def images_in(folder: Path) -> list[Path]:
    """All images of a folder, not of those in it, in the order of people; none without it."""
    from ulfprep.bids.names import natural

    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if stem_of(path) and path.is_file())
    return sorted(found, key=lambda path: natural(f'{stem_of(path)}_'))


def label_of(*parts: str) -> str:
    """Letters and digits alone, as tables name a brain."""
    return re.sub('[^0-9A-Za-z]', '', ''.join(parts))
