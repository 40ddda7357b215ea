"""Which files a finished scan consists of, and what they are called."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path

from ulfprep.bids.names import parse_name, path_of_name, resolution_label, sidecar_of
from ulfprep.bids.task import Given, Scan, Task
from ulfprep.settings import Settings

#: Field of a sidecar: SHA-256 of the file of the network's weights.
FIELD = 'TissuePriorWeightsSHA256'
#: Derivatives that are made before the tissues are known.
BEFORE_TISSUES = ('preproc', 'brain_mask')


def asks_network(given: Given, settings: Settings) -> bool:
    """Tell whether the network will be the prior of a scan's tissues."""
    return settings.segmentation == 'network' and not given.tissues


TISSUE_NAMES = {'CSF': 'cerebrospinal fluid', 'GM': 'grey matter', 'WM': 'white matter'}
#: Stands for the suffix of the scan.
IMAGE = 'image'
#: Stands for the label of the scan's own output resolution.
FINE = 'fine'


@dataclass(frozen=True)
class Derivative:
    """One output file of a scan.

    Attributes
    ----------
    key : str
        Name of the file between workflow nodes.
    suffix : str
        BIDS suffix; :data:`IMAGE` for that of the scan itself.
    description : str
        What the file holds, for its sidecar; ``{resolution}`` is that of the enhanced image, mm.
    entities : dict
        Entities beside the scan's own: ``resolution``, ``label``, ``desc``.
    sidecar : dict
        Sidecar fields beside those every derivative has.
    extension : str
        ``.nii.gz``, or ``.json`` for a file that is its own description.
    """

    key: str
    suffix: str
    description: str
    entities: dict[str, str] = field(default_factory=dict)
    sidecar: dict = field(default_factory=dict)
    extension: str = '.nii.gz'


def _segmentation(prefix: str, where: str, **entities) -> list[Derivative]:
    """Return the four tissue files (labels and three probability maps) of one grid."""
    files = [
        Derivative(
            f'{prefix}dseg',
            'dseg',
            f'Most probable tissue of each voxel {where}: 1 grey matter, 2 white matter, '
            '3 cerebrospinal fluid (dseg.tsv).',
            entities,
        )
    ]
    for label in ('CSF', 'GM', 'WM'):
        files.append(
            Derivative(
                f'{prefix}probseg_{label.lower()}',
                'probseg',
                f'Probability of {TISSUE_NAMES[label]} in each voxel {where}.',
                {**entities, 'label': label},
            )
        )
    return files


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
    Derivative(
        'enhanced',
        IMAGE,
        'The brain as it would look at the target field strength and {resolution:g} mm, '
        'estimated from the scan alone.',
        {'resolution': FINE, 'desc': 'enhanced'},
        {'SkullStripped': True},
    ),
    *_segmentation('fine_', 'of the enhanced image', resolution=FINE),
    Derivative(
        'uncertainty',
        IMAGE,
        'Standard deviation of the enhanced image, in its own intensity units: on simulated '
        'scans about two thirds of the truth lay within one and nine in ten within 1.96 of it. '
        'Errors of mask, noise level and contrast are not in it.',
        {'resolution': FINE, 'desc': 'uncertainty'},
        {'SkullStripped': True, 'Units': 'arbitrary'},
    ),
    Derivative(
        'entropy',
        IMAGE,
        'Entropy of the tissue probabilities of the enhanced image: 0 where one tissue is '
        'certain, 1 between two, 1.58 where all three are alike; zero outside the brain.',
        {'resolution': FINE, 'desc': 'entropy'},
        {'SkullStripped': True, 'Units': 'bit'},
    ),
    Derivative(
        'claim',
        IMAGE,
        'Share of the local detail of the enhanced image (structure finer than 10 mm, energy '
        'over 5 mm) that passes the scanner and the linear inverse and exceeds what noise makes: '
        '1 where the scan shows it, 0 where it is the prior alone, where there is no more detail '
        'than noise makes, and outside the brain.',
        {'resolution': FINE, 'desc': 'claim'},
        {'SkullStripped': True, 'Units': '1'},
    ),
    Derivative(
        'residual',
        IMAGE,
        'The scan less the enhanced image pushed back through the forward model, in units '
        'of the noise standard deviation; zero outside the brain.',
        {'desc': 'residual'},
        {'SkullStripped': True, 'Units': 'noise standard deviations'},
    ),
]
QC = Derivative(
    'qc', IMAGE, 'Metrics and provenance of the scan.', {'desc': 'qc'}, extension='.json'
)


def derivatives_of(
    direction: str, n_realisations: int = 1, role: str = 'scan'
) -> list[Derivative]:
    """Return the files of a finished scan, the QC file (written last) last.

    Of a ``role`` of ``member`` there is what lies on its own grid, of what is ``fused`` all else.
    """
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


def remove_simulated(task: Task, output_dir: Path) -> None:
    """Remove all simulated scans of a scan, so that none of an earlier number is left."""
    _remove_alike(simulated(1), 'desc-simulated[0-9]*', task, output_dir)


def remove_rendered(task: Task, output_dir: Path) -> None:
    """Remove what earlier runs rendered of a scan and this one does not, at any resolution."""
    rendered = list(filter(on_fine_grid, ENHANCED))
    _remove_alike(
        rendered, 'res-[0-9]+(p[0-9]+)?mm', task, output_dir, golden_list(task, 'enhance')
    )


def _remove_alike(
    derivatives: list[Derivative], entity: str, task: Task, output_dir: Path, wanted=()
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


def remove_unshared(task: Task, output_dir: Path) -> None:
    """Remove what an earlier run made of a scan that shares its image with others now."""
    if task.role != 'member':
        return
    alone = dataclasses.replace(task, role='scan')
    for path in set(golden_list(alone, 'enhance')) - set(golden_list(task, 'enhance')):
        (output_dir / path).unlink(missing_ok=True)


def golden_list(
    task: Task, direction: str, n_realisations: int = 1, network: bool = False
) -> list[Path]:
    """Return all files of a finished scan, inside the output folder, sorted.

    Images, their sidecars, the QC file and the figures; the report is a file of the participant,
    not of the scan. ``network`` is for :func:`figures_of`.
    """
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
    """Return the files of the scan called ``name`` by what they are; they need not be there.

    ``enhanced``, ``claim``, ``uncertainty``, ``fine_tissues`` on the grid of the enhanced image
    (``resolution``, mm), ``preproc``, ``residual``, ``tissues`` on that of the scan, ``simulated``
    (the first, where there are several).
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
    """Return the names of a scan's figures; ``network``: whether that was the tissues' prior."""
    names = FIGURES_OF_MEMBER if role == 'member' else FIGURES[direction]
    left = FIGURES_OF_MEMBER[:-1] if role == 'fused' else ()
    left += () if network else OF_NETWORK
    return tuple(name for name in names if name not in left)


def figure_path(scan: Scan, name: str) -> Path:
    """Return a figure's path inside the output folder."""
    return Path(f'sub-{scan.subject}', 'figures', f'{scan.stem}_desc-{name}_{scan.suffix}.svg')
