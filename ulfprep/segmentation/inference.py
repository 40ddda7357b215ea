"""What the trained network says of the scans of one head."""

from contextlib import contextmanager

import numpy as np
import torch

from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.segmentation.network import CLASSES, STRIDE, TissueNet, describe, lay, stack
from ulfprep.segmentation.tissue import Run

#: Most voxels that the network is given at once, which bounds its memory, and how far slabs
#: reach into their neighbours, voxels.
MOST_VOXELS, OVERLAP = 900_000, 16
#: Logarithms of the network's probabilities are divided by this: on heads that it never saw it
#: is surer than it is right.
TEMPERATURE = 1.15
#: Parts of the brain that share one signal, and the classes of each. Deep grey matter and brain
#: stem differ from cortex and white matter by iron, myelin and the fluid between folds.
PARTS = {
    'CSF': ('other', 'CSF', 'ventricles'),
    'cortex': ('cortex', 'cerebellar cortex'),
    'white matter': ('white matter', 'cerebellar white matter'),
    'deep grey': ('deep grey',),
    'brain stem': ('brain stem',),
}
#: Tissue of each part, index into :data:`ulfprep.physics.TISSUES`.
TISSUE_OF = tuple(TISSUES.index(CLASSES[names[-1]]) for names in PARTS.values())


def class_shares(
    net: TissueNet, scans: dict[str, Run], lattice: Grid, mask: np.ndarray
) -> np.ndarray:
    """Probability of every class in every voxel of the brain.

    Computed on one thread: sums over a volume are not the same bits on several.

    Parameters
    ----------
    scans : dict of str to Run
        By channel (:data:`ulfprep.segmentation.network.CHANNELS`), any subset.
    lattice : Grid
        Of 1 mm, axes in RAS order.

    Returns
    -------
    numpy.ndarray, shape (9, n), float32
        In the n points of the mask, which is on the lattice, in the order of its array.

    Raises
    ------
    ValueError
        If a scan has no signal in the mask.
    """
    laid = {name: lay(s.image, s.grid, lattice) for name, s in scans.items()}
    levels = {name: _level(values[0][mask]) for name, values in laid.items()}
    bounds = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
    inside = mask[bounds]
    laid = {name: values[(slice(None), *bounds)] for name, values in laid.items()}
    hints = torch.from_numpy(describe({name: s.acquired for name, s in scans.items()}))[None]
    centre = np.array([axis.mean() for axis in np.nonzero(inside)], np.float32)
    number = np.cumsum(inside, dtype=np.int32).reshape(inside.shape) - 1
    found = np.zeros((len(CLASSES), int(inside.sum())), np.float32)
    with torch.inference_mode(), _one_thread():
        for start, stop, weight in _slabs(inside.shape):
            part = inside[:, start:stop]
            x = stack({name: v[:, :, start:stop] for name, v in laid.items()}, levels, part)
            at = torch.from_numpy(centre - np.array([0, start, 0], np.float32))[None]
            x = np.pad(x, [(0, 0), *((0, -n % STRIDE) for n in part.shape)])
            scores = net(torch.from_numpy(x)[None], hints, at)[0]
            del x
            scores = scores[:, *(slice(n) for n in part.shape)].softmax(0).numpy()
            scores *= weight[:, None]
            found[:, number[:, start:stop][part]] += scores[:, part]
            del scores
    return found


def _level(values):
    """Intensity that a scan is divided by: its mean in the brain."""
    mean = float(values.mean(dtype=np.float64)) if values.size else 0.0
    if not mean > 0:
        raise ValueError('the scan has no signal within the brain mask')
    return mean


def _slabs(shape):
    """Cut a volume along its second axis; yield start, stop and the weight of every plane."""
    n = shape[1]
    most = max(MOST_VOXELS // (shape[0] * shape[2]), 3 * OVERLAP)
    count = 1 if n <= most else int(np.ceil((n - OVERLAP) / (most - OVERLAP)))
    edges = np.linspace(0, n - OVERLAP, count + 1).round().astype(int)
    ramp = (np.arange(OVERLAP, dtype=np.float32) + 0.5) / OVERLAP
    for k in range(count):
        start, stop = int(edges[k]), int(edges[k + 1]) + OVERLAP
        if count == 1:
            stop = n
        weight = np.ones(stop - start, np.float32)
        if k:
            weight[:OVERLAP] = ramp
        if k < count - 1:
            weight[-OVERLAP:] = 1 - ramp
        yield start, stop, weight


@contextmanager
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def part_shares(classes: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Sum classes (9, ...) to parts of one signal (5, ...), one in sum where there is any.

    What is no brain counts as the fluid around it.
    """
    found = dict(zip(CLASSES, classes, strict=True))
    parts = np.stack([sum(found[name] for name in names) for names in PARTS.values()])
    parts **= np.float32(1 / temperature)
    total = parts.sum(axis=0)
    return np.where(total > 0, parts / np.maximum(total, 1e-9), 0)


def tissue_sums(parts: np.ndarray) -> np.ndarray:
    """Sum parts (5, ...) to CSF, GM and WM (3, ...)."""
    tissues = np.zeros((len(TISSUES), *parts.shape[1:]), parts.dtype)
    for part, tissue in zip(parts, TISSUE_OF, strict=True):
        tissues[tissue] += part
    return tissues
