"""Which slices a figure shows: planes through the brain, and close-ups of cortex and nuclei."""

from typing import NamedTuple

import numpy as np

from ulfprep.reports.drawing.style import TISSUE_LABELS
from ulfprep.reports.drawing.volumes import PLANES, Box, bounding_box, cut, positions

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


class Panel(NamedTuple):
    """One slice to show: where it lies (mm), its limits, and its name where it is a close-up."""

    plane: str
    position: float
    box: Box
    name: str = ''

    @property
    def size(self):
        """Width and height, mm."""
        _, right, up = PLANES[self.plane]
        return self.box.size(right), self.box.size(up)

    @property
    def edges(self):
        """Left, right, lower and upper edge, mm."""
        _, right, up = PLANES[self.plane]
        low, high = self.box
        return low[right], high[right], low[up], high[up]


def overview(mask):
    """Return two rows of panels: axial slices, then two coronal ones and a sagittal one."""
    box = bounding_box(mask)
    axial = [Panel('axial', p, box) for p in positions(mask, 2, 3)]
    coronal = [Panel('coronal', p, box) for p in positions(mask, 1, 2)]
    # Off the midline, where a sagittal slice would show little but the gap.
    sagittal = [Panel('sagittal', positions(mask, 0, 3)[0], box)]
    return [axial, coronal + sagittal]


def centre_row(mask):
    """Return one row: a slice of each plane through the middle of the brain's halves."""
    box = bounding_box(mask)
    # A quarter of the way in, the sagittal slice meets cortex, ventricle and deep nuclei.
    counts = {'axial': 1, 'coronal': 1, 'sagittal': 4}
    return [Panel(p, positions(mask, PLANES[p][0], n)[0], box) for p, n in counts.items()]


def whole_and_close(mask, dseg):
    """Return three rows of panels of the same slices, one a plane through the deep grey matter.

    They show the whole slices, then close-ups of the cortex, then of the deep grey matter;
    ``dseg`` (BIDS labels on the grid of the mask) may be None.
    """
    box = bounding_box(mask)
    centre = deep_centre(mask, dseg)
    # Slices lie on centres of voxels, within the volume.
    index = np.floor((centre - [_OFF_MIDLINE, 0.0, 0.0] - mask.low) / mask.zooms)
    index = np.clip(index, 0, np.array(mask.data.shape) - 1)
    position = mask.low + (index + 0.5) * mask.zooms
    whole = [Panel(plane, float(position[axis]), box) for plane, (axis, _, _) in PLANES.items()]
    deep = [_close_up(panel, centre, DEEP, 'deep grey matter') for panel in whole]
    cortex = [
        _close_up(panel, _busiest(panel, mask, dseg, hidden), CORTEX, 'cortex')
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
    padded = distance_transform_edt(np.pad(inside, 1), sampling=mask.zooms * _STRIDE)
    depth = padded[1:-1, 1:-1, 1:-1]
    core = depth > _CORE * depth.max()
    if dseg is not None:
        grey = core & (dseg.data[thin] == TISSUE_LABELS['GM'])
        core = grey if grey.any() else core
    middle = np.argwhere(core).mean(axis=0) * _STRIDE
    return mask.low + (middle + 0.5) * mask.zooms + _TO_NUCLEI


def _close_up(panel, middle, size, name):
    half = np.zeros(3)
    half[list(PLANES[panel.plane][1:])] = np.array(size) / 2
    return panel._replace(box=Box(middle - half, middle + half), name=name)


def _busiest(panel, mask, dseg, hidden):
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
    # Of rows and columns.
    starts, zooms = np.array([bottom, left]), dseg.zooms[[up, right]]
    first, last = (
        np.clip((edge[[up, right]] - starts) / zooms, 0, None).astype(int) for edge in hidden.box
    )
    border[first[0] : last[0], first[1] : last[1]] = 0
    window = np.maximum(np.array(CORTEX[::-1]) / zooms, 1).astype(int)
    # What reaches beyond the brain shows less brain, hence the second factor.
    score = uniform_filter(border, window, mode='constant')
    score *= uniform_filter((inside > 0).astype(float), window, mode='constant') ** 4
    best = np.unravel_index(np.argmax(score), score.shape)
    middle[[up, right]] = starts + (np.array(best) + 0.5) * zooms
    return middle
