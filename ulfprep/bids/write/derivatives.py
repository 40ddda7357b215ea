"""Which files a finished scan consists of, images and figures, and what they are called."""

import dataclasses
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.bids.names import parse_name, path_of_name, resolution_label, sidecar_of
from ulfprep.bids.task import Given, Scan, Task
from ulfprep.settings import Settings

#: Field of a sidecar: SHA-256 of the file of the network's weights.
FIELD = 'TissuePriorWeightsSHA256'
#: Derivatives that are made before the tissues are known.
BEFORE_TISSUES = ('preproc', 'brain_mask')
TISSUE_NAMES = {'CSF': 'cerebrospinal fluid', 'GM': 'grey matter', 'WM': 'white matter'}
#: Stands for the suffix of the scan.
IMAGE = 'image'
#: Stands for the label of the scan's own output resolution.
FINE = 'fine'
#: Figures of a scan, per direction; each is one file and one place in the report.
FIGURES = {
    'enhance': (
        'bias', 'tissues', 'disagreement', 'tissuechange', 'enhancement', 'segmentation',
        'residual', 'uncertainty', 'entropy', 'claim', 'loss', 'contrast', 'histogram',
        'prediction', 'thumbnail',
    ),
    'simulate': (
        'bias', 'tissues', 'disagreement', 'contrast', 'simulated', 'simcheck', 'histogram',
        'thumbnail',
    ),
}  # fmt: skip
#: Figures of a scan that shares its image with others; that image has the others, and the last.
FIGURES_OF_MEMBER = (
    'bias', 'tissues', 'disagreement', 'tissuechange', 'residual', 'prediction', 'contrast',
)  # fmt: skip
#: Figures that there are only where the trained network was the prior of the tissues.
OF_NETWORK = ('disagreement',)


@dataclass(frozen=True)
class Derivative:
    """One output file of a scan; ``key`` is its name between workflow nodes.

    ``suffix`` is :data:`IMAGE` for that of the scan itself; ``{resolution}`` in the description is
    that of the enhanced image, mm; ``entities`` are those beside the scan's own (``resolution``,
    ``label``, ``desc``), ``sidecar`` the fields beside those that every derivative has.
    """

    key: str
    suffix: str
    description: str
    entities: dict[str, str] = field(default_factory=dict)
    sidecar: dict = field(default_factory=dict)
    extension: str = '.nii.gz'


def _segmentation(prefix: str, where: str, **entities) -> list[Derivative]:
    """Return the four tissue files (labels and three probability maps) of one grid."""
    labels = (
        f'Most probable tissue of each voxel {where}: 1 grey matter, 2 white matter, '
        '3 cerebrospinal fluid (dseg.tsv).'
    )
    return [
        Derivative(f'{prefix}dseg', 'dseg', labels, entities),
        *(
            Derivative(
                f'{prefix}probseg_{label.lower()}',
                'probseg',
                f'Probability of {tissue} in each voxel {where}.',
                {**entities, 'label': label},
            )
            for label, tissue in TISSUE_NAMES.items()
        ),
    ]


def _of_brain(key: str, description: str, units: str = '', **entities) -> Derivative:
    """Return an image of the brain alone, called by its key."""
    sidecar = {'SkullStripped': True, **({'Units': units} if units else {})}
    return Derivative(key, IMAGE, description, {**entities, 'desc': key}, sidecar)


SCAN_GRID = "on the scan's own grid"
COMMON = [
    Derivative(
        'preproc',
        IMAGE,
        'The scan in RAS+ axis order, corrected for bias field.',
        {'desc': 'preproc'},
        {'SkullStripped': False},
    ),
    Derivative(
        'brain_mask', 'mask', f'Brain mask {SCAN_GRID}.', {'desc': 'brain'}, {'Type': 'Brain'}
    ),
    *_segmentation('', SCAN_GRID),
]
ENHANCED = [
    _of_brain(
        'enhanced',
        'The brain as it would look at the target field strength and {resolution:g} mm, '
        'estimated from the scan alone.',
        resolution=FINE,
    ),
    *_segmentation('fine_', 'of the enhanced image', resolution=FINE),
    _of_brain(
        'uncertainty',
        'Standard deviation of the enhanced image, in its own intensity units: on simulated '
        'scans about two thirds of the truth lay within one and nine in ten within 1.96 of it. '
        'Errors of mask, noise level and contrast are not in it.',
        'arbitrary',
        resolution=FINE,
    ),
    _of_brain(
        'entropy',
        'Entropy of the tissue probabilities of the enhanced image: 0 where one tissue is '
        'certain, 1 between two, 1.58 where all three are alike; zero outside the brain.',
        'bit',
        resolution=FINE,
    ),
    _of_brain(
        'claim',
        'Share of the local detail of the enhanced image (structure finer than 10 mm, energy '
        'over 5 mm) that passes the scanner and the linear inverse and exceeds what noise makes: '
        '1 where the scan shows it, 0 where it is the prior alone, where there is no more detail '
        'than noise makes, and outside the brain.',
        '1',
        resolution=FINE,
    ),
    _of_brain(
        'residual',
        'The scan less the enhanced image pushed back through the forward model, in units '
        'of the noise standard deviation; zero outside the brain.',
        'noise standard deviations',
    ),
]
QC = Derivative(
    'qc', IMAGE, 'Metrics and provenance of the scan.', {'desc': 'qc'}, extension='.json'
)


def derivatives_of(
    direction: str, n_realisations: int = 1, role: str = 'scan'
) -> list[Derivative]:
    """Return the files of a finished scan in its role, the QC file (written last) last."""
    own = ENHANCED if direction == 'enhance' else simulated(n_realisations)
    if role == 'fused':
        return [*filter(on_fine_grid, own), QC]
    if role == 'member':
        return [*COMMON, *(d for d in own if not on_fine_grid(d)), QC]
    return [*COMMON, *own, QC]


def on_fine_grid(derivative: Derivative) -> bool:
    """Tell whether a file lies on the grid of the enhanced image, not on that of the scan."""
    return derivative.entities.get('resolution') == FINE


def simulated(n_realisations: int) -> list[Derivative]:
    """Return the simulated scans: one, or several that differ in their noise alone."""
    numbers = [''] if n_realisations == 1 else range(1, n_realisations + 1)
    return [
        Derivative(
            f'simulated{number}',
            IMAGE,
            'The scan as an ultra-low-field scanner would see it, simulated.',
            {'resolution': 'ulf', 'desc': f'simulated{number}'},
        )
        for number in numbers
    ]


def path_of(task: Task, derivative: Derivative) -> Path:
    """Return the path of a derivative inside the output folder; see :func:`path_of_name`."""
    own, scan = derivative.suffix == IMAGE, task.scan
    more = dict(derivative.entities)
    if on_fine_grid(derivative):
        more['resolution'] = resolution_label(task.resolution)
    if not own and scan.suffix != 'T1w':
        # Masks and tissues of a T2w would otherwise take the names of the T1w's.
        more['desc'] = f'{derivative.entities.get("desc", "")}{scan.suffix}'
    suffix = scan.suffix if own else derivative.suffix
    return path_of_name(scan.entities, suffix, derivative.extension, more)


def remove_earlier(task: Task, output_dir: Path) -> None:
    """Remove what earlier runs made of a scan and this one does not, whatever their settings.

    Simulated scans beyond their number, images of another resolution, and of a scan that shares
    its image with others now, its own.
    """
    _remove_alike(simulated(1), 'desc-simulated[0-9]*', task, output_dir)
    if task.direction != 'enhance':
        return
    wanted = set(golden_list(task, 'enhance'))
    rendered = filter(on_fine_grid, ENHANCED)
    _remove_alike(rendered, 'res-[0-9]+(p[0-9]+)?mm', task, output_dir, wanted)
    if task.role == 'member':
        alone = golden_list(dataclasses.replace(task, role='scan'), 'enhance')
        for path in set(alone) - wanted:
            (output_dir / path).unlink(missing_ok=True)


def _remove_alike(
    derivatives: Iterable[Derivative],
    entity: str,
    task: Task,
    output_dir: Path,
    wanted: Collection[Path] = (),
) -> None:
    """Remove the files that differ from derivatives of a scan in one entity alone."""

    def rest(path: Path) -> str:
        return re.sub(rf'_{entity}(?=_)', '_*', path.name.partition('.')[0])

    alike = {rest(path_of(task, derivative)) for derivative in derivatives}
    folder = path_of(task, QC).parent
    for path in sorted((output_dir / folder).glob('*')):
        made = path.name.endswith(('.nii.gz', '.json')) and rest(path) in alike
        if made and folder / path.name not in wanted:
            path.unlink(missing_ok=True)


def golden_list(
    task: Task, direction: str, n_realisations: int = 1, network: bool = False
) -> list[Path]:
    """Return all files of a finished scan, sorted: images, sidecars, QC file and figures."""
    paths = []
    for derivative in derivatives_of(direction, n_realisations, task.role):
        path = path_of(task, derivative)
        paths.append(path)
        if path.name.endswith('.nii.gz'):
            paths.append(sidecar_of(path))
    wanted = figures_of(direction, task.role, network)
    paths += [figure_path(task.scan, name) for name in wanted]
    return sorted(paths)


def volume_paths(output_dir: Path, name: str, resolution: float = 1.0) -> dict[str, Path]:
    """Return the files of a scan by what they are, there or not; of several simulations the first.

    ``fine_tissues`` are those on the grid of the enhanced image (``resolution``, mm).
    """
    parsed = parse_name(name)
    scan = Scan(Path(), parsed.entities, stem=parsed.stem, suffix=parsed.suffix)
    task = Task(scan, resolution=resolution)
    made = {one.key: output_dir / path_of(task, one) for one in (*COMMON, *ENHANCED)}
    paths = {key: made[key] for key in ('enhanced', 'claim', 'uncertainty', 'preproc', 'residual')}
    simulations = [output_dir / path_of(task, simulated(count)[0]) for count in (1, 2)]
    return paths | {
        'tissues': made['dseg'],
        'fine_tissues': made['fine_dseg'],
        'simulated': next((path for path in simulations if path.is_file()), simulations[-1]),
    }


def asks_network(given: Given, settings: Settings) -> bool:
    """Tell whether the network will be the prior of a scan's tissues."""
    return settings.segmentation == 'network' and not given.tissues


def figures_of(direction: str, role: str = 'scan', network: bool = False) -> tuple[str, ...]:
    """Return the names of a scan's figures; ``network``: whether that was the tissues' prior."""
    names = FIGURES_OF_MEMBER if role == 'member' else FIGURES[direction]
    left = FIGURES_OF_MEMBER[:-1] if role == 'fused' else ()
    left += () if network else OF_NETWORK
    return tuple(name for name in names if name not in left)


def figure_path(scan: Scan, name: str) -> Path:
    """Return a figure's path inside the output folder."""
    return Path(f'sub-{scan.subject}', 'figures', f'{scan.stem}_desc-{name}_{scan.suffix}.svg')
