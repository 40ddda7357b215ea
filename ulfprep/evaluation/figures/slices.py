"""What methods make of a scan, side by side, with what is wrong with each."""

from pathlib import Path

import numpy as np

from ulfprep.evaluation.figures.style import WIDTH, canvas
from ulfprep.evaluation.slices import read_slices

#: Methods that are shown where they were run.
SHOWN = ('nearest', 'bicubic', 'voxel-tv', 'voxel-fit', 'ulfprep', 'truth')
NAMES = {'nearest': 'scan (voxels as they are)', 'truth': 'high field (truth)'}


def fitted(part: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Bring a slice to the truth's scale by one linear fit inside the brain."""
    inside = truth > 0
    design = np.stack([part[inside], np.ones(inside.sum())], axis=1)
    slope, offset = np.linalg.lstsq(design, truth[inside], rcond=None)[0]
    return np.where(inside, slope * part + offset, 0)


def draw_slices(path: Path, stored: Path, title: str) -> None:
    """Draw the slices of a trial: images above, what differs from the truth below.

    Parameters
    ----------
    path : Path
        Without an ending.
    stored : Path
        Of ``slices/``.
    title : str
    """
    found = read_slices(stored)
    shown = [name for name in SHOWN if name in found]
    truth = found['truth']
    with canvas(path, 1.2 * WIDTH * 3 / len(shown), WIDTH) as figure:
        figure.suptitle(title)
        axes = figure.subplots(3, len(shown), squeeze=False)
        for column, name in zip(axes.T, shown, strict=True):
            column[0].set_title(NAMES.get(name, name), fontsize=7)
            parts = [fitted(found[name][k], truth[k]) for k in (0, 1)]
            for axis, part in zip(column[:2], parts, strict=True):
                _show(axis, part, cmap='gray', vmin=0, vmax=1.25)
            last = _show(
                column[2], np.where(truth[0] > 0, parts[0] - truth[0], np.nan),
                cmap='RdBu_r', vmin=-0.4, vmax=0.4,
            )  # fmt: skip
        for axis, label in zip(axes[:, 0], ('axial', 'coronal', 'less truth'), strict=True):
            axis.set_ylabel(label)
        bar = figure.colorbar(last, ax=axes[2], orientation='horizontal', shrink=0.4, aspect=40)
        bar.set_label('image less truth, white matter as one')


def _show(axis, part, **style):
    rows, columns = (np.flatnonzero(np.nan_to_num(part).any(axis=a)) for a in (1, 0))
    if rows.size and columns.size:
        part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    drawn = axis.imshow(part.T, origin='lower', interpolation='nearest', **style)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return drawn
