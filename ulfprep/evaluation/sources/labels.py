"""Segmentations of other software as 1 CSF, 2 GM, 3 WM."""

from dataclasses import dataclass

import numpy as np

from ulfprep.bids.read.derived import tissue_table
from ulfprep.evaluation.phantoms import tissue_medians
from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import carry
from ulfprep.physics.labels import LABELS

#: Numbers of CSF, GM and WM: in order of brightness, as of FSL's FAST, and those of BIDS.
IN_ORDER = (1, 2, 3)
OF_BIDS = tuple(LABELS[tissue] for tissue in TISSUES)
#: In their place: the numbers of FreeSurfer's structures.
FREESURFER = ()
#: More of the labelled voxels than this share may not have numbers without a meaning.
MOST_UNKNOWN = 0.01
#: So much of what is labelled has to lie in the field of view of the image.
LEAST_IN_VIEW = 0.9


@dataclass(frozen=True, eq=False)
class Labels:
    """A segmentation as its file holds it.

    Attributes
    ----------
    values : numpy.ndarray, shape (X, Y, Z)
        Whole numbers.
    grid : Grid
        In the world of the image.
    numbers : tuple of 3 ints, or of none, optional
        Those of CSF, GM, WM; empty for FreeSurfer's. Without, the values tell (:func:`meaning`).
    """

    values: np.ndarray
    grid: Grid
    numbers: tuple[int, ...] | None = None

    @property
    def freesurfer(self) -> bool:
        """Whether the numbers are those of FreeSurfer, which leave much of the CSF out."""
        if self.numbers is None:
            return bool(self.values.max() > 3)
        return self.numbers == FREESURFER

    def on(self, grid: Grid, image: np.ndarray, brain: np.ndarray | None, say=None) -> np.ndarray:
        """Return the tissues on the grid of an image, by nearest neighbours.

        Parameters
        ----------
        grid : Grid
        image : numpy.ndarray, shape ``grid.shape``
            T1w; tells what the numbers mean where nothing else does.
        brain : numpy.ndarray of bool, shape ``grid.shape``, optional
            What is outside has no tissue; needed for FreeSurfer's numbers.
        say : callable, optional
            Told what had to be assumed.

        Returns
        -------
        numpy.ndarray of uint8, shape ``grid.shape``
            0 outside, 1 CSF, 2 GM, 3 WM.

        Raises
        ------
        ValueError
            If the labels lie elsewhere than the image, or are no tissues.
        """
        whole = np.rint(self.values).astype(np.int32)
        values = carry(whole, self.grid, grid, order=0)
        given = (whole > 0).sum() * np.prod(self.grid.zooms)
        kept = (values > 0).sum() * np.prod(grid.zooms)
        if not kept or kept < LEAST_IN_VIEW * given:
            raise ValueError('its labels are empty or lie outside its field of view')
        if self.freesurfer:
            return from_aseg(values, brain)
        numbers = self.numbers or meaning(values, image)
        if self.numbers is None and say is not None:
            told = ', '.join(f'{n} {t}' for n, t in zip(numbers, TISSUES, strict=True))
            say(f'its labels are read as {told}, as their brightness in a T1w says')
        return tissues(values, numbers, brain)


def from_aseg(aseg: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Map FreeSurfer's subcortical segmentation to 1 CSF, 2 GM, 3 WM inside the brain.

    What the brain holds without a number, and vessels and choroid plexus, is CSF; brain stem,
    ventral diencephalon, optic chiasm and lesions of white matter count as WM
    (:data:`ulfprep.bids.read.derived.GROUPS`).

    Parameters
    ----------
    aseg : numpy.ndarray of int, shape (x, y, z)
    brain : numpy.ndarray of bool, shape (x, y, z)

    Returns
    -------
    numpy.ndarray of uint8, shape (x, y, z)
    """
    table = tissue_table()
    known = table[np.clip(aseg, 0, len(table) - 1)]
    out = np.where(brain, 1, 0).astype(np.uint8)
    for label, tissue in enumerate(('GM', 'WM'), 2):
        out[known == 1 + TISSUES.index(tissue)] = label
    return out


def tissues(values: np.ndarray, numbers, brain: np.ndarray | None = None) -> np.ndarray:
    """Map numbers of CSF, GM and WM to 1, 2 and 3.

    Parameters
    ----------
    values : numpy.ndarray of int, shape (x, y, z)
    numbers : sequence of 3 ints
        Of CSF, GM, WM.
    brain : numpy.ndarray of bool, shape (x, y, z), optional
        What is outside is 0.

    Returns
    -------
    numpy.ndarray of uint8, shape (x, y, z)

    Raises
    ------
    ValueError
        If more than 1 % of the labelled voxels have other numbers.
    """
    out = np.zeros(values.shape, np.uint8)
    for label, number in enumerate(numbers, 1):
        out[values == number] = label
    unknown = (values != 0) & (out == 0)
    if unknown.sum() > MOST_UNKNOWN * (values != 0).sum():
        some = ', '.join(str(n) for n in np.unique(values[unknown])[:4])
        raise ValueError(
            f'its labels hold {some}, where CSF, GM and WM are {", ".join(map(str, numbers))}'
        )
    return out if brain is None else np.where(brain, out, 0).astype(np.uint8)


def meaning(values: np.ndarray, image: np.ndarray) -> tuple[int, int, int]:
    """Tell which of the numbers 1 to 3 is which tissue: in T1w, they rise from CSF to WM.

    Parameters
    ----------
    values : numpy.ndarray of int, shape (x, y, z)
    image : numpy.ndarray, shape (x, y, z)
        T1w.

    Returns
    -------
    tuple of 3 ints
        :data:`IN_ORDER` or :data:`OF_BIDS`.

    Raises
    ------
    ValueError
        If neither fits.
    """
    for numbers in (IN_ORDER, OF_BIDS):
        if (np.diff(tissue_medians(image, tissues(values, numbers))) > 0).all():
            return numbers
    raise ValueError(
        'its labels 1 to 3 are neither CSF, GM, WM nor GM, WM, CSF, whose brightness would rise '
        'from CSF to WM, as it does in T1w'
    )
