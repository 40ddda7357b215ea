"""One style for all figures: colours that the colour-blind can tell apart, one size, one font."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Okabe and Ito (2008): told apart with every common kind of colour vision, and in print.
ULFPREP, TOLD, PLAIN, VOXEL, OTHER = '#D55E00', '#E69F00', '#7F7F7F', '#0072B2', '#009E73'
#: Marks of brains, in the order in which they come: shape says it too, not colour alone.
MARKS = ('o', 's', '^', 'D', 'v', 'P')
#: Width of a page's column of text, inches, and dots an inch of the PNGs.
WIDTH, DPI = 7.2, 150
RC = {
    'font.size': 8,
    'font.family': 'DejaVu Sans',
    'axes.titlesize': 8,
    'axes.labelsize': 8,
    'xtick.labelsize': 7,
    'ytick.labelsize': 7,
    'legend.fontsize': 7,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.linewidth': 0.6,
    'svg.hashsalt': 'ulfprep',
    'pdf.fonttype': 42,
}


@contextmanager
def canvas(path: Path, height: float, width: float = WIDTH) -> Iterator:
    """Give an empty figure, and write it as PNG and PDF at the end.

    Parameters
    ----------
    path : Path
        Without an ending.
    height, width : float
        Inches.

    Yields
    ------
    matplotlib.figure.Figure
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), layout='constrained', facecolor='white')
        FigureCanvasAgg(figure)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        # No date: the same figures are the same bytes.
        figure.savefig(path.with_suffix('.png'), dpi=DPI, metadata={'Software': 'ulfprep'})
        figure.savefig(path.with_suffix('.pdf'), metadata={'CreationDate': None})


def brain_handles(axis, brains, *, size: float = 4) -> list:
    """Return what a legend needs to say which mark is which brain."""
    return [
        axis.plot([], [], mark, color='0.3', markersize=size, label=brain)[0]
        for brain, mark in zip(brains, MARKS, strict=False)
    ]


def colour(method: str) -> str:
    """Return the colour of a method: what kind of method it is."""
    if method == 'ulfprep':
        return ULFPREP
    if method.startswith(('ulfprep', 'lattice')):
        return TOLD
    if method.startswith('voxel'):
        return VOXEL
    plain = ('nearest', 'trilinear', 'bicubic', 'sinc', 'histogram')
    return PLAIN if method.startswith(plain) else OTHER
