"""What a method of enhancement gives."""

from dataclasses import dataclass

import numpy as np

from ulfprep.evaluation.fresh import Cost
from ulfprep.physics.grid import Grid


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What a method made.

    Attributes
    ----------
    image : numpy.ndarray, shape (x, y, z)
    grid : Grid
    probs : numpy.ndarray, shape (3, x, y, z), optional
        Its own tissues (CSF, GM, WM), where it has any: they also say what contrast the scan
        sees.
    uncertainty : numpy.ndarray, shape (x, y, z), optional
        Standard deviation of the image, where the method states one.
    epochs : int, optional
        Passes (steps, of the reference set-up) that a fit made; it may end before the last.
    cost : Cost, optional
    """

    image: np.ndarray
    grid: Grid
    probs: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    epochs: int | None = None
    cost: Cost | None = None
