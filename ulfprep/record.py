"""The record of a scan: all that is known and decided of it; its JSON is the scan's QC file.

Nothing here reads or writes files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ulfprep.note import Note
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.typed import read_as

#: From good to bad. ``look``: usable perhaps, but look at what the reasons name first.
LEVELS = USABLE, LOOK, FAILED = ('usable', 'look', 'failed')
#: What can be made of a scan.
DIRECTIONS = ('enhance', 'simulate')
#: What the record of a scan's tissues calls the digest of the network's weights.
WEIGHTS = 'network_weights_sha256'


@dataclass(frozen=True)
class Verdict:
    """Whether the results of a scan may be used."""

    level: str  #: one of :data:`LEVELS`
    reasons: tuple[str, ...] = ()  #: why it is not better; empty for what is usable

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f'unknown verdict {self.level!r}')


@dataclass(frozen=True, kw_only=True)
class SimulationRecord:
    """How scans were simulated."""

    voxel_size_mm: tuple[float, ...]  #: along the axes of the image
    psf: str  #: kind of point-spread function (:mod:`ulfprep.physics.psf`)
    snr: float  #: of white matter
    noise_sd: float  #: of the real and of the imaginary part, in the units of the scan
    bias_strength: float  #: s.d. of the logarithm of the receive field
    noise_fwhm_mm: float  #: correlation of the noise; zero for white noise
    keep_head: bool  #: whether the whole head was simulated, not the brain alone
    seed: int
    stream: str  #: name of the random stream
    n_realisations: int


@dataclass(frozen=True)
class FusedScan:
    """One of several scans; ``source`` is its BIDS URI."""

    name: str
    source: str
    modality: str


@dataclass(frozen=True)
class LeftOut:
    """A scan that could not be fitted with the others."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class FusionRecord:
    """The scans that one was to be fitted with."""

    #: ``scan``, with an image of its own; ``member`` of several that share an image; ``fused``,
    #: what these share; ``alone``, a scan that none could be fitted with.
    role: str
    output: str  #: name of the scan whose files hold the common image
    reference: str | None  #: name of the anchor scan, in whose world the field lies
    scans: tuple[FusedScan, ...]
    #: ``name``, ``transform`` (4x4, from its world to that of the anchor, mm), ``rotation_deg``,
    #: ``translation_mm``, ``similarity_before``, ``similarity_after``.
    registrations: tuple[dict[str, Any], ...]
    left_out: tuple[LeftOut, ...]
    digest: str  #: of all scans that were meant to be fused


@dataclass(frozen=True, kw_only=True)
class ScanRecord:
    """All that is known and decided of a scan whose results are finished."""

    entities: dict[str, str | None]  #: BIDS entity -> label; ``session`` is None without
    modality: str  #: T1w, T2w or FLAIR
    source: str  #: BIDS URI of the scan
    direction: str  #: one of :data:`DIRECTIONS`
    verdict: Verdict
    metrics: dict[str, float | None]  #: None where it could not be measured
    null_reasons: dict[str, str]  #: why those are None
    notes: tuple[Note, ...]  #: what was found and decided
    contrast: ContrastPlan
    #: ``method``, and ``means`` and ``sds`` of CSF, GM, WM; what else the method tells.
    segmentation: dict[str, Any]
    #: What was taken of other software -> its BIDS URIs.
    precomputed: dict[str, tuple[str, ...]] | None
    #: ``history``, ``options``, ``stopped``, ``notes`` and ``device``; None of a simulation.
    fit: dict[str, Any] | None
    simulation: SimulationRecord | None  #: None of an enhanced scan
    #: The high-field image that it was measured against: ``source``, ``field_T``, ``transform``
    #: (4x4, from its world to that of the scan, mm), how far it was moved and how alike the two
    #: were.
    reference: dict[str, Any] | None
    fusion: FusionRecord | None
    methods: str  #: methods text of this scan's workflow
    settings: dict[str, Any]  #: those that can change a result
    settings_hash: str  #: of them
    seed: int
    versions: dict[str, str]
    input_digest: str  #: of all bytes that it was made from

    @property
    def used_network(self) -> bool:
        """Whether the trained network had a part in the scan's own tissues."""
        return bool(self.segmentation.get(WEIGHTS))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> 'ScanRecord':
        """Return the record that :meth:`to_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is not one.
        """
        made = read_as(cls, content)
        if made.direction not in DIRECTIONS or not made.entities['subject']:
            raise ValueError('its direction or participant is not known')
        return made
