"""Before and after: a real scan, the enhanced image, and how far that can be believed."""

import textwrap
from pathlib import Path

import numpy as np

from ulfprep.evaluation.drawing import WIDTH, canvas, show
from ulfprep.evaluation.outputs import Outputs
from ulfprep.metrics.contrast import tissue_means

#: Name of each row, the axis it cuts across, how far from the middle of the brain, mm (beside the
#: midline there is more to see than in it), and the letter at its left edge.
VIEWS = (('axial', 2, 6.0, 'L'), ('coronal', 1, -6.0, 'L'), ('sagittal', 0, 14.0, 'P'))
#: Uncertainty is drawn up to this at least, white matter as one: most pictures share a scale.
UNCERTAIN = 0.2


def draw_scan(path: Path, outputs: Outputs, title: str, source: str) -> None:
    """Draw three cuts of interpolated scan, enhanced image, uncertainty and claim.

    Parameters
    ----------
    path : Path
        Without an ending.
    outputs : Outputs
    title : str
        What is shown.
    source : str
        Whose scan it is; stands below.

    Raises
    ------
    ValueError
        If the enhanced image has no brain.
    """
    if not outputs.mask.any():
        raise ValueError(f'{title}: the enhanced image has no brain to draw')
    images = outputs.interpolated, outputs.enhanced
    before, after = (tissue_means(image, outputs.probs)[2] for image in images)
    scaled = images[0] / before, images[1] / after, outputs.uncertainty / after, outputs.claim
    scan, enhanced, uncertainty, claim = (np.where(outputs.mask, one, np.nan) for one in scaled)
    top = max(_brightest(scan), _brightest(enhanced), 1.2)
    columns = (
        ('scan, cubic interpolation', scan, 'gray', top, 'white matter as 1'),
        ('enhanced by ulfprep', enhanced, 'gray', top, 'white matter as 1'),
        ('uncertainty (s.d.)', uncertainty, 'magma', max(_brightest(uncertainty), UNCERTAIN),
         'white matter as 1'),
        ('claim', claim, 'cividis', 1.0, '0: the prior alone, 1: the scan'),
    )  # fmt: skip
    where = np.nonzero(outputs.mask)
    with canvas(path, 0.92 * WIDTH) as figure:
        figure.suptitle(title, fontsize=9)
        figure.supxlabel(textwrap.fill(f'Scan: {source}', 130), fontsize=6, color='0.35')
        axes = figure.subplots(len(VIEWS), len(columns))
        for column, (head, image, colours, most, label) in zip(axes.T, columns, strict=True):
            column[0].set_title(head)
            for place, (_, axis, shift, _) in zip(column, VIEWS, strict=True):
                middle = where[axis].mean() + shift / float(outputs.grid.zooms[axis])
                index = int(np.clip(round(middle), where[axis].min(), where[axis].max()))
                part = np.take(image, index, axis=axis)
                shown = show(place, part, cmap=colours, vmin=0, vmax=most)
            bar = figure.colorbar(shown, ax=column[-1], location='bottom', pad=0.02)
            bar.set_label(label)
        for place, (name, _, _, side) in zip(axes[:, 0], VIEWS, strict=True):
            place.set_ylabel(name)
            place.text(0, 0.93, side, transform=place.transAxes, color='0.35')


def _brightest(image) -> float:
    """Upper end of the scale: about one voxel in fifty is beyond it at most."""
    return round(float(np.nanpercentile(image, 98)), 1)
