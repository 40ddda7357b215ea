"""Which figures there are of a scan, and what their files are called."""

from pathlib import Path

from ulfprep.bids.read.scan import Scan

#: Figures of a scan, per direction; each is one file and one place in the report.
FIGURES = {
    'enhance': (
        'bias',
        'tissues',
        'disagreement',
        'tissuechange',
        'enhancement',
        'segmentation',
        'residual',
        'uncertainty',
        'entropy',
        'claim',
        'loss',
        'contrast',
        'histogram',
        'prediction',
        'thumbnail',
    ),
    'simulate': (
        'bias',
        'tissues',
        'disagreement',
        'contrast',
        'simulated',
        'simcheck',
        'histogram',
        'thumbnail',
    ),
}
#: Figures of a scan that shares its image with others; that image has the others, and the last.
FIGURES_OF_MEMBER = (
    'bias',
    'tissues',
    'disagreement',
    'tissuechange',
    'residual',
    'prediction',
    'contrast',
)
#: Figures that there are only where the trained network was the prior of the tissues.
OF_NETWORK = ('disagreement',)


def figures_of(direction: str, role: str = 'scan', network: bool = False) -> tuple[str, ...]:
    """Return the names of the figures of a scan; ``network``: whether it was the tissues' prior."""
    names = FIGURES_OF_MEMBER if role == 'member' else FIGURES[direction]
    left = FIGURES_OF_MEMBER[:-1] if role == 'fused' else ()
    left += () if network else OF_NETWORK
    return tuple(name for name in names if name not in left)


def figure_path(scan: Scan, name: str) -> Path:
    """Return a figure's path inside the output folder."""
    return Path(f'sub-{scan.subject}', 'figures', f'{scan.stem}_desc-{name}_{scan.suffix}.svg')
