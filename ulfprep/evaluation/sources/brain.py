"""A high-field brain with known tissues on a lattice of 1 mm, from any image of a head."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ulfprep.evaluation.phantoms import lattice, tissue_medians
from ulfprep.evaluation.sources.labels import Labels
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import bring, carry_mask
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.brain import brain_mask, looks_stripped
from ulfprep.segmentation.tissue import segment

#: Voxels that are kept around a brain.
MARGIN = 4


@dataclass(frozen=True, eq=False)
class Brain:
    """A high-field image and the tissues in it.

    Attributes
    ----------
    name : str
        Letters and digits, for tables; unique in its folder.
    image : numpy.ndarray, shape (x, y, z), float32
        T1w, zero outside the brain.
    labels : numpy.ndarray, shape (x, y, z), uint8
        0 outside, 1 CSF, 2 GM, 3 WM.
    lattice : Grid
        1 mm, axes in RAS order; voxels of 1.6 x 1.6 x 5 and of 2 x 2 x 2 mm fill it.
    labels_by : {'given', 'own'}
        Made by other software, or by ulfprep's own segmentation: then they are no independent
        truth.
    layout : str
        How its folder was laid out.
    subject : str
        The person: brains of one are not independent.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    lattice: Grid
    labels_by: str
    layout: str
    subject: str

    @property
    def millilitres(self) -> dict[str, float]:
        """Volume of each tissue."""
        counts = np.bincount(self.labels.ravel(), minlength=4)[1:]
        return {t: float(n) / 1000 for t, n in zip(('CSF', 'GM', 'WM'), counts, strict=True)}


def make_brain(
    name: str,
    image: np.ndarray,
    grid: Grid,
    *,
    labels: Labels | None = None,
    mask: tuple[np.ndarray, Grid] | None = None,
    stripped: bool | None = None,
    even: bool = False,
    subject: str = '',
    layout: str = '',
    say=None,
) -> Brain:
    """Make a brain of an image: stripped, on 1 mm, cropped, with tissues.

    What is given is taken; what is missing is found as the workflow finds it: the brain, the
    bias field, and the tissues as what is most probable in the segmentation at 1 mm.

    Parameters
    ----------
    name : str
    image : numpy.ndarray, shape (X, Y, Z)
        T1w, a head or a brain.
    grid : Grid
        Axes in RAS order.
    labels : Labels, optional
    mask : tuple of numpy.ndarray and Grid, optional
        Shares of the voxels that belong to the brain.
    stripped : bool, optional
        Whether what is not brain is zero; told from the image without.
    even : bool
        Whether it is free of a bias field; otherwise one is measured and divided out.
    subject, layout : str
    say : callable, optional
        Told what had to be assumed.

    Returns
    -------
    Brain

    Raises
    ------
    ValueError
        If there is no brain, or its tissues do not rise from CSF to WM as in T1w.
    """
    inside = None
    if mask is not None:
        inside = carry_mask(*mask, grid)
    elif labels is None or labels.freesurfer:
        inside = find_brain(image, grid.zooms, stripped)
    fine = grid if np.allclose(grid.zooms, 1, atol=1e-3) else isotropic_grid(grid)
    image = np.maximum(bring(image, grid, fine), 0)
    if inside is not None:
        inside = carry_mask(inside, grid, fine)
    found = None
    if labels is not None:
        found = labels.on(fine, image, inside, say)
        inside = found > 0
    if not inside.any():
        raise ValueError('its brain is empty')
    box = tuple(
        slice(max(s.start - MARGIN, 0), min(s.stop + MARGIN, n))
        for s, n in zip(ndimage.find_objects(inside.astype(int))[0], fine.shape, strict=True)
    )
    image, inside, near = image[box], inside[box], fine.crop(box)
    if not even:
        image, _ = correct_bias(image, inside, near.zooms)
    found = own_tissues(image, inside, near.zooms) if found is None else found[box]
    check_order(image, found)
    whole = lattice(near.shape, near.affine)
    before = [(p - n) // 2 for n, p in zip(near.shape, whole.shape, strict=True)]
    pad = [(b, p - n - b) for b, n, p in zip(before, near.shape, whole.shape, strict=True)]
    image = np.pad(np.where(inside, image, 0).astype(np.float32), pad)
    found = np.pad(found.astype(np.uint8), pad)
    by = 'own' if labels is None else 'given'
    return Brain(name, image, found, whole, by, layout, subject or name)


def find_brain(image: np.ndarray, zooms, stripped: bool | None = None) -> np.ndarray:
    """Find the brain in an image: what is not zero of a stripped one, else by the network.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
    zooms : sequence of 3 floats
        Voxel size, mm.
    stripped : bool, optional
        Told from the image without (:func:`ulfprep.segmentation.brain.looks_stripped`).

    Returns
    -------
    numpy.ndarray of bool, shape (X, Y, Z)
    """
    if stripped is None:
        stripped, _ = looks_stripped(image, zooms)
    if stripped:
        return ndimage.binary_fill_holes(image > 0)
    return brain_mask(image, zooms, stripped=False)


def own_tissues(image: np.ndarray, brain: np.ndarray, zooms) -> np.ndarray:
    """Most probable tissue of each voxel by ulfprep's own segmentation: 1 CSF, 2 GM, 3 WM."""
    probs = segment(image, brain, zooms).probs
    return np.where(brain, probs.argmax(axis=0) + 1, 0).astype(np.uint8)


def check_order(image: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what is no T1w, or has labels of something else.

    Raises
    ------
    ValueError
        If a tissue is missing, or they do not rise in brightness from CSF to WM.
    """
    medians = tissue_medians(image, labels)
    if not (np.diff(medians) > 0).all():
        told = ', '.join(f'{m:.3g}' for m in medians)
        raise ValueError(
            f'CSF, GM and WM are {told}: they must rise in brightness, as they do in T1w'
        )
