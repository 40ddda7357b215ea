"""What the trained network says of the scans of one head."""

from dataclasses import dataclass

import numpy as np
import torch

from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.segmentation.channels import describe, lay, level, pad, stack
from ulfprep.segmentation.network import CLASSES, STRIDE, TissueNet


@dataclass(frozen=True, eq=False)
class Seen:
    """A scan as the network is given it.

    Attributes
    ----------
    image : numpy.ndarray, shape ``grid.shape``
        Bias-corrected.
    grid : Grid
    voxel_size : tuple of 3 floats
        At acquisition, along the axes of the lattice, mm.
    """

    image: np.ndarray
    grid: Grid
    voxel_size: tuple


def class_shares(
    net: TissueNet, scans: dict[str, Seen], lattice: Grid, mask: np.ndarray, precision=None
) -> np.ndarray:
    """Probability of every class in every voxel of the brain.

    Parameters
    ----------
    net : TissueNet
    scans : dict of str to Seen
        By channel (:data:`ulfprep.segmentation.network.CHANNELS`), any subset.
    lattice : Grid
        Of 1 mm, axes in RAS order.
    mask : numpy.ndarray of bool, shape ``lattice.shape``
        Brain mask.
    precision : torch.dtype, optional
        Of the features; single precision without.

    Returns
    -------
    numpy.ndarray, shape (9, *lattice.shape), float32
        Zero outside the mask.

    Raises
    ------
    ValueError
        If a scan has no signal in the mask.
    """
    laid = {name: lay(s.image, s.grid, lattice) for name, s in scans.items()}
    levels = {name: level(values, mask) for name, values in laid.items()}
    bounds = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
    inside = mask[bounds]
    x = stack({k: v[(slice(None), *bounds)] for k, v in laid.items()}, levels, inside)
    del laid
    hints = describe({name: s.voxel_size for name, s in scans.items()})
    centre = np.array([axis.mean() for axis in np.nonzero(inside)], np.float32)
    x = torch.from_numpy(pad(x, STRIDE))[None].to(precision or torch.float32)
    with torch.inference_mode():
        scores = net(x, torch.from_numpy(hints)[None], torch.from_numpy(centre)[None])
        shares = scores[0, :, *(slice(n) for n in inside.shape)].float().softmax(0).numpy()
    out = np.zeros((len(CLASSES), *mask.shape), np.float32)
    out[(slice(None), *bounds)] = shares * inside
    return out


def tissue_shares(classes: np.ndarray) -> np.ndarray:
    """Sum classes to CSF, GM and WM; what is no brain counts as fluid around it.

    Parameters
    ----------
    classes : numpy.ndarray, shape (9, ...)

    Returns
    -------
    numpy.ndarray, shape (3, ...)
    """
    tissues = np.zeros((len(TISSUES), *classes.shape[1:]), classes.dtype)
    for share, tissue in zip(classes, CLASSES.values(), strict=True):
        tissues[TISSUES.index(tissue or 'CSF')] += share
    return tissues
