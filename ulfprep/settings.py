"""The settings of one run: typed, plain data that every room may read and none may change."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

if TYPE_CHECKING:  # the types of values that the command line made; nothing is imported for them
    from ulfprep.physics.relaxation import Measurement
    from ulfprep.physics.sequences import Sequence

Value = TypeVar('Value')
Modality = Literal['T1w', 'T2w', 'FLAIR']
Backbone = Literal['direct', 'lattice', 'wire']
#: Kinds of image that can be processed, by their BIDS suffix.
MODALITIES: tuple[Modality, ...] = get_args(Modality)
#: What they are called in sentences.
WEIGHTINGS = {'T1w': 'T1-weighted', 'T2w': 'T2-weighted', 'FLAIR': 'FLAIR'}
#: What the enhanced image is made of: the estimate in closed form, or a fitted network.
BACKBONES: tuple[Backbone, ...] = get_args(Backbone)

#: Settings that change how a run is carried out but never a voxel of its results. What files
#: hold (masks, derivatives, the scan of ``--target-like``) is in the input digest of each scan.
NOT_IN_HASH = frozenset({
    'bids_dir', 'output_dir', 'analysis_level', 'participant_label', 'session_label',
    'modalities', 'bids_filters', 'bids_database_dir', 'skip_bids_validation', 'derivatives',
    'brain_mask', 'target_like', 'reference', 'simulate_as_bids', 'nprocs', 'omp_nthreads',
    'mem_gb', 'work_dir', 'use_plugin', 'stop_on_first_crash', 'force', 'clean_workdir',
    'write_graph', 'dry_run', 'reports_only', 'boilerplate_only', 'interactive_report',
    'group_by', 'write_sbatch', 'sbatch_args', 'container_image',
    'node_local_work', 'verbose',
})  # fmt: skip


@dataclass(frozen=True)
class Stated(Generic[Value]):
    """A value that the user stated, and the text that states it again in a settings file."""

    text: str  #: name of a preset, or JSON
    value: Value = field(compare=False)  #: what it means

    @property
    def name(self) -> str:
        """What the value is called in reports: its preset, or ``stated``."""
        return 'stated' if self.text.lstrip().startswith(('{', '[')) else self.text


@dataclass(frozen=True)
class Settings:
    """Everything a run was asked to do. Fields have the names of the flags, whose help explains
    them (:mod:`ulfprep.cli.flags`); here are types, units and defaults.
    """

    bids_dir: Path
    output_dir: Path
    analysis_level: Literal['participant', 'group'] = 'participant'

    # Which scans.
    participant_label: tuple[str, ...] = ()  #: without ``sub-``; empty for all
    session_label: tuple[str, ...] = ()  #: without ``ses-``; empty for all
    modalities: tuple[Modality, ...] = ('T1w',)
    #: Modality -> entity -> values, any of which will do (:mod:`ulfprep.bids.read.filters`).
    bids_filters: dict[str, dict[str, list[str | None]]] = field(default_factory=dict)
    fuse: Literal['none', 'runs', 'contrasts', 'all'] = 'none'

    # What else is read.
    derivatives: tuple[Path, ...] = ()
    reference: Path | Literal['none', 'auto'] = 'none'
    bids_database_dir: Path | None = None
    skip_bids_validation: bool = False

    # The target.
    target_field: float | None = None  #: tesla; None: 3 for scans under 0.3 T, 0.064 for others
    source_sequence: Stated['Sequence'] | None = None
    target_sequence: Stated['Sequence'] | None = None
    target_like: Path | None = None
    target_like_digest: str = ''  #: hash of that scan and its sidecar
    #: Pair of tissues -> contrast 2 (a - b) / (a + b).
    target_contrast: dict[tuple[str, str], float] = field(default_factory=dict)
    output_resolution: float = 1.0  #: mm
    relaxation: Stated[tuple['Measurement', ...]] | None = None

    # What is known of the scans.
    source_field: float | None = None  #: tesla
    acquired_resolution: tuple[float, ...] = ()  #: mm along the axes of the file
    skull_strip: Literal['auto', 'force', 'skip'] = 'auto'
    brain_mask: Path | None = None
    psf: Literal['gaussian', 'slice-profile', 'kspace'] = 'gaussian'

    # Simulated scans.
    target_resolution: tuple[float, ...] = (1.6, 1.6, 5.0)  #: mm
    target_snr: float | None = None  #: of white matter; None for that of physics
    n_realisations: int = 1
    bias_strength: float = 0.0  #: s.d. of the logarithm of the receive field
    noise_fwhm: float = 0.0  #: mm
    keep_head: bool = False
    simulate_as_bids: Path | None = None

    # How to compute.
    segmentation: Literal['auto', 'network', 'embedded', 'fast', 'synthseg'] = 'auto'
    tissue_prior: Literal['none', 'template'] = 'none'
    likelihood: Literal['mae', 'rician'] = 'rician'
    backbone: Backbone = 'direct'
    random_seed: int = 20250101
    sloppy: bool = False

    # The machine.
    device: str = 'auto'  #: or ``cpu``, ``cuda``, ``cuda:N``
    nprocs: int = 1
    omp_nthreads: int = 1
    mem_gb: float | None = None  #: GB of 2**30 bytes; None for what there is
    work_dir: Path = Path('work')
    use_plugin: Path | None = None

    # The run.
    force: bool = False
    stop_on_first_crash: bool = False
    clean_workdir: bool = False
    write_graph: bool = False
    interactive_report: bool = False
    dry_run: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    verbose: int = 0

    # A cluster.
    write_sbatch: Path | None = None
    sbatch_args: tuple[str, ...] = ()
    container_image: Path | None = None
    node_local_work: bool = False  #: each task works in its node's own temporary folder

    # The group level.
    group_by: str = ''

    @property
    def uses_gpu(self) -> bool:
        """Whether the device is a GPU; ``auto`` has to be resolved first."""
        return self.device.startswith('cuda')

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON- and TOML-ready values (``None`` left out)."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        contrasts = [f'{a}-{b}={value}' for (a, b), value in self.target_contrast.items()]
        filters = json.dumps(self.bids_filters, sort_keys=True) if self.bids_filters else ''
        values |= {'target_contrast': contrasts, 'bids_filters': filters}
        return {name: _plain(value) for name, value in values.items() if value is not None}

    def to_toml(self, without: frozenset[str] = frozenset()) -> str:
        """Return the settings as a TOML document, which ``--config-file`` reads back."""
        # Every value is a string, number, bool or list of those, and for those the
        # JSON spelling is TOML's too.
        lines = [
            f'{key} = {json.dumps(value, ensure_ascii=False)}'
            for key, value in self.to_dict().items()
            if key not in without
        ]
        return '\n'.join(lines) + '\n'

    def of_another_scanner(self) -> 'Settings':
        """Return the settings for an image that the scans are held against.

        What was said of how the scans were acquired is not said of that one.
        """
        return dataclasses.replace(
            self,
            skull_strip='auto',
            acquired_resolution=(),
            source_field=None,
            source_sequence=None,
        )

    def digest(self) -> str:
        """Return a short hash of the settings that can change a result."""
        relevant = {k: v for k, v in self.to_dict().items() if k not in NOT_IN_HASH}
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    """Return a value as JSON and TOML hold it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Stated):
        return value.text
    return str(value) if isinstance(value, Path) else value
