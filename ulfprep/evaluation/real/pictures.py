"""Before and after: a scan, the enhanced image, and how far that can be believed."""

import io
import textwrap
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ulfprep.bids.files import write_bytes
from ulfprep.evaluation.real.outputs import Outputs
from ulfprep.metrics.contrast import tissue_means

#: Dots an inch, and the most that a picture may weigh, bytes.
DPI, HEAVIEST = 150, 600_000
#: Axis that each row cuts across, its name, and how far from the middle of the brain, mm: beside
#: the midline there is more to see than in it.
VIEWS = ((2, 'axial', 6.0), (1, 'coronal', -6.0), (0, 'sagittal', 14.0))
#: Letters at the left edge of a row: the world's axes point right, forwards and up.
SIDES = {2: 'L', 1: 'L', 0: 'P'}
#: Uncertainty is drawn up to this at least, white matter as one: most pictures share a scale.
UNCERTAIN = 0.2


def draw_scan(path: Path, outputs: Outputs, title: str, source: str) -> None:
    """Draw three cuts of interpolated scan, enhanced image, uncertainty and claim.

    Parameters
    ----------
    path : Path
        PNG file to write.
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
    before, after, uncertainty, claim = panels(outputs)
    top = brightest(before, after)
    columns = (
        ('scan, cubic interpolation', before, 'gray', top),
        ('enhanced by ulfprep', after, 'gray', top),
        ('uncertainty (s.d.)', uncertainty, 'magma', brightest(uncertainty, least=UNCERTAIN)),
        ('claim', claim, 'cividis', 1.0),
    )
    cuts = [cut(outputs.mask, outputs.grid.zooms, axis, shift) for axis, _, shift in VIEWS]
    sizes = [take(outputs.mask, *where).shape for where in cuts]
    widest = max(width for width, _ in sizes)
    with _figure([height for _, height in sizes], source, title) as (figure, axes):
        drawn = []
        for column, (head, image, colours, most) in zip(axes.T, columns, strict=True):
            column[0].set_title(head)
            for place, where, (width, _) in zip(column, cuts, sizes, strict=True):
                drawn.append(
                    place.imshow(
                        take(image, *where).T, origin='lower', cmap=colours, vmin=0, vmax=most,
                        interpolation='nearest',
                    )
                )  # fmt: skip
                # One scale in all rows.
                edge = (width - 1 - widest) / 2
                place.set(xticks=[], yticks=[], xlim=(edge, edge + widest))
                place.spines[:].set_visible(False)
        for place, (axis, name, _) in zip(axes[:, 0], VIEWS, strict=True):
            place.set_ylabel(name)
            place.text(0, 0.93, SIDES[axis], transform=place.transAxes, color='0.35')
        for shown, under, label in (
            (drawn[0], axes[-1, :2], 'intensity, white matter as 1'),
            (drawn[-4], axes[-1, 2:3], 'white matter as 1'),
            (drawn[-1], axes[-1, 3:], '0: the prior alone, 1: the scan'),
        ):
            aspect = 16 * len(under)
            bar = figure.colorbar(shown, ax=under, location='bottom', aspect=aspect, pad=0.02)
            bar.set_label(label)
            bar.outline.set_visible(False)
        write_bytes(path, png(figure))


def panels(outputs: Outputs) -> list[np.ndarray]:
    """Interpolated scan, enhanced image, uncertainty and claim; NaN outside the brain.

    The first three relative to the white matter of the image they belong to.
    """
    white = [tissue_means(i, outputs.probs)[2] for i in (outputs.interpolated, outputs.enhanced)]
    scaled = (
        outputs.interpolated / white[0],
        outputs.enhanced / white[1],
        outputs.uncertainty / white[1],
        outputs.claim,
    )
    return [np.where(outputs.mask, image, np.nan) for image in scaled]


def brightest(*images, least: float = 1.2) -> float:
    """Upper end of the scale of several images: about one voxel in fifty is beyond it at most."""
    top = max(float(np.nanpercentile(image, 98)) for image in images)
    return max(round(top, 1), least)


def cut(mask, zooms, axis: int, shift: float):
    """Axis, index and window of a cut through the brain: in its middle, moved by some mm."""
    found = np.nonzero(mask)
    middle = int(round(float(found[axis].mean()) + shift / float(zooms[axis])))
    index = int(np.clip(middle, found[axis].min(), found[axis].max()))
    window = tuple(
        slice(int(where.min()), int(where.max()) + 1)
        for other, where in enumerate(found)
        if other != axis
    )
    return axis, index, window


def take(image, axis, index, window) -> np.ndarray:
    """Return what :func:`cut` tells of an image, two-dimensional."""
    return np.take(image, index, axis=axis)[window]


def png(figure) -> bytes:
    """Return a figure as PNG; of fewer colours where it would weigh too much otherwise."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, metadata={'Software': 'ulfprep'})
    if buffer.tell() <= HEAVIEST:
        return buffer.getvalue()
    from PIL import Image

    smaller = io.BytesIO()
    image = Image.open(buffer).convert('RGB').quantize(256, dither=Image.Dither.NONE)
    image.save(smaller, format='PNG', optimize=True)
    return smaller.getvalue()


@contextmanager
def _figure(heights, source, title):
    """Give an empty figure in the style of all, and its places."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from ulfprep.evaluation.figures.style import RC, WIDTH

    with matplotlib.rc_context(RC):
        size = (WIDTH, 1.2 + sum(heights) * WIDTH / 4 / 190)
        figure = Figure(figsize=size, layout='constrained', facecolor='white')
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=9)
        figure.supxlabel(textwrap.fill(f'Scan: {source}', 130), fontsize=6, color='0.35')
        yield figure, figure.subplots(len(VIEWS), 4, height_ratios=heights, squeeze=False)
