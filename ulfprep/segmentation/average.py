"""Brains brought to a template, and their mean and variance without keeping them all."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid


class Average:
    """Mean and variance of images that come one at a time (Welford's recurrence).

    Two volumes of numbers and one of counts are all that it holds, however many images there are.

    Parameters
    ----------
    shape : tuple of int
        Of the images.
    """

    def __init__(self, shape):
        self.count = np.zeros(shape, np.uint16)
        self.mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)

    def add(self, image: np.ndarray, inside: np.ndarray) -> None:
        """Take in an image where it has values.

        Parameters
        ----------
        image : numpy.ndarray, shape (X, Y, Z)
        inside : numpy.ndarray of bool, shape (X, Y, Z)
        """
        self.count[inside] += 1
        values = np.asarray(image, np.float32)[inside]
        before = values - self.mean[inside]
        self.mean[inside] += before / self.count[inside]
        self._squares[inside] += before * (values - self.mean[inside])

    def variance(self) -> np.ndarray:
        """Return the variance between the images, shape (X, Y, Z); 0 where fewer than two are."""
        return np.where(self.count > 1, self._squares / np.maximum(self.count - 1.0, 1), 0)


def onto_template(
    image: np.ndarray, mask: np.ndarray, grid: Grid, matrix: np.ndarray, target: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Sample a brain on the grid of a template.

    Parameters
    ----------
    image : numpy.ndarray, shape (X, Y, Z)
    mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain; what is outside does not count.
    grid : Grid
        Where both are, world in mm.
    matrix : numpy.ndarray, shape (4, 4)
        World of the image to that of the template, from
        :func:`ulfprep.segmentation.affine.affine_match`.
    target : Grid
        Of the template.

    Returns
    -------
    values : numpy.ndarray, shape (x, y, z), float32
        Between voxels on straight lines, of the brain's voxels alone: its rim is not darkened
        by what is outside.
    inside : numpy.ndarray of bool, shape (x, y, z)
        Where more than half of what a value is made of is brain.
    """
    index = np.linalg.inv(grid.affine) @ np.linalg.inv(matrix) @ target.affine

    def sampled(volume):
        return ndimage.affine_transform(
            np.asarray(volume, np.float32),
            index[:3, :3],
            index[:3, 3],
            tuple(target.shape),
            order=1,
        )

    share = sampled(mask)
    inside = share > 0.5
    values = np.zeros(share.shape, np.float32)
    values[inside] = sampled(np.where(mask, image, 0))[inside] / share[inside]
    return values, inside
