"""Where close-ups of a brain are taken: its cortex, and the nuclei in its middle."""

import numpy as np

from ulfprep.reports.drawing.sheet import Panel
from ulfprep.reports.drawing.style import TISSUE_LABELS
from ulfprep.reports.drawing.volumes import PLANES, Box, bounding_box, cut

#: Width and height of close-ups, mm.
CORTEX = (64.0, 48.0)
DEEP = (80.0, 60.0)
#: Of the way from the rim to the innermost voxel: deeper lie ventricles and thalamus.
_CORE = 0.7
#: From the innermost grey matter to the middle of thalamus, caudate, putamen and pallidum, mm.
_TO_NUCLEI = np.array([0.0, 14.0, -12.0])
#: A sagittal slice this far off the midline meets thalamus and caudate, mm.
_OFF_MIDLINE = 13.0
_STRIDE = 2


def rows(mask, dseg):
    """Return three rows of panels: three planes through the deep grey matter, and close-ups.

    Parameters
    ----------
    mask : Volume
    dseg : Volume or None
        Tissues (BIDS labels) on the same grid.

    Returns
    -------
    list of list of Panel
        Whole slices; close-ups of the cortex; close-ups of the deep grey matter. The slices are
        the same in all three.
    """
    box = bounding_box(mask)
    centre = deep_centre(mask, dseg)
    position = _on_grid(mask, centre - [_OFF_MIDLINE, 0.0, 0.0])
    whole = [Panel(plane, position[axis], box) for plane, (axis, _, _) in PLANES.items()]
    deep = [_close_up(panel, centre, DEEP, 'deep grey matter') for panel in whole]
    cortex = [
        _close_up(panel, _busiest(panel, mask, dseg, hidden, CORTEX), CORTEX, 'cortex')
        for panel, hidden in zip(whole, deep, strict=True)
    ]
    return [whole, cortex, deep]


def deep_centre(mask, dseg):
    """Return the middle of the deep grey nuclei, by the shape of the brain alone, mm.

    They lie before and below the grey matter that is farthest from the rim; left and right are
    alike, so that their middle is near the midline.
    """
    from scipy.ndimage import distance_transform_edt

    thin = (slice(None, None, _STRIDE),) * 3
    inside = mask.data[thin] > 0
    if not inside.any():
        return mask.low + np.array(mask.data.shape) * mask.zooms / 2
    depth = distance_transform_edt(np.pad(inside, 1), sampling=mask.zooms * _STRIDE)[
        1:-1, 1:-1, 1:-1
    ]
    core = depth > _CORE * depth.max()
    if dseg is not None:
        grey = core & (dseg.data[thin] == TISSUE_LABELS['GM'])
        core = grey if grey.any() else core
    middle = np.argwhere(core).mean(axis=0) * _STRIDE
    return mask.low + (middle + 0.5) * mask.zooms + _TO_NUCLEI


def _on_grid(mask, point):
    """Return a point moved to the nearest centre of a voxel, within the volume."""
    index = np.floor((point - mask.low) / mask.zooms).astype(int)
    index = np.clip(index, 0, np.array(mask.data.shape) - 1)
    return [float(p) for p in mask.low + (index + 0.5) * mask.zooms]


def _close_up(panel, middle, size, name):
    """Return a panel of ``size`` around ``middle``."""
    half = np.zeros(3)
    half[list(PLANES[panel.plane][1:])] = np.array(size) / 2
    return panel._replace(box=Box(middle - half, middle + half), name=name)


def _busiest(panel, mask, dseg, hidden, size):
    """Return the middle of the part of a slice with most border of grey and white matter.

    What the panel ``hidden`` shows does not count. Without tissues it is the middle of a side.
    """
    from scipy.ndimage import uniform_filter

    _, right, up = PLANES[panel.plane]
    middle = (panel.box.low + panel.box.high) / 2
    if dseg is None:
        middle[up] += panel.box.size(up) / 4
        return middle
    labels, (left, _, bottom, _) = cut(dseg, panel.plane, panel.position, panel.box)
    inside, _ = cut(mask, panel.plane, panel.position, panel.box)
    white = labels == TISSUE_LABELS['WM']
    border = np.zeros(labels.shape)
    border[:, 1:] += white[:, 1:] != white[:, :-1]
    border[1:] += white[1:] != white[:-1]
    zooms = (dseg.zooms[up], dseg.zooms[right])
    rows, columns = (
        slice(
            *np.clip(
                (np.array([hidden.box.low[a], hidden.box.high[a]]) - start) / zoom, 0, None
            ).astype(int)
        )
        for a, start, zoom in ((up, bottom, zooms[0]), (right, left, zooms[1]))
    )
    border[rows, columns] = 0
    window = [max(int(side / zoom), 1) for side, zoom in zip(size[::-1], zooms, strict=True)]
    # What reaches beyond the brain shows less brain, hence the second factor.
    score = uniform_filter(border, window, mode='constant')
    score *= uniform_filter((inside > 0).astype(float), window, mode='constant') ** 4
    row, column = np.unravel_index(np.argmax(score), score.shape)
    middle[up] = bottom + (row + 0.5) * zooms[0]
    middle[right] = left + (column + 0.5) * zooms[1]
    return middle
