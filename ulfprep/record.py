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
    """Whether the results of a scan may be used.

    Attributes
    ----------
    level : str
        One of :data:`LEVELS`.
    reasons : tuple of str
        Why it is not better; empty for what is usable.
    """

    level: str
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f'unknown verdict {self.level!r}')


@dataclass(frozen=True, kw_only=True)
class SimulationRecord:
    """How scans were simulated.

    Attributes
    ----------
    voxel_size_mm : tuple of 3 floats
        Along the axes of the image.
    psf : str
        Kind of point-spread function (:mod:`ulfprep.physics.psf`).
    snr : float
        Of white matter.
    noise_sd : float
        Of the real and of the imaginary part, in the units of the scan.
    bias_strength : float
        S.d. of the logarithm of the receive field.
    noise_fwhm_mm : float
        Correlation of the noise; zero for white noise.
    keep_head : bool
        Whether the whole head was simulated, not the brain alone.
    seed : int
    stream : str
        Name of the random stream.
    n_realisations : int
    """

    voxel_size_mm: tuple[float, ...]
    psf: str
    snr: float
    noise_sd: float
    bias_strength: float
    noise_fwhm_mm: float
    keep_head: bool
    seed: int
    stream: str
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
    """The scans that one was to be fitted with.

    Attributes
    ----------
    role : {'scan', 'member', 'fused', 'alone'}
        A scan with an image of its own, one of several that share an image, what these share, or
        a scan that none could be fitted with.
    output : str
        Name of the scan whose files hold the common image.
    reference : str or None
        Name of the anchor scan, in whose world the field lies.
    scans : tuple of FusedScan
    registrations : tuple of dict
        ``name``, ``transform`` (4x4, from its world to that of the anchor, mm), ``rotation_deg``,
        ``translation_mm``, ``similarity_before``, ``similarity_after``.
    left_out : tuple of LeftOut
    digest : str
        Of all scans that were meant to be fused.
    """

    role: str
    output: str
    reference: str | None
    scans: tuple[FusedScan, ...]
    registrations: tuple[dict[str, Any], ...]
    left_out: tuple[LeftOut, ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class ScanRecord:
    """All that is known and decided of a scan whose results are finished.

    Attributes
    ----------
    entities : dict
        BIDS entity -> label; ``session`` is None without.
    modality : {'T1w', 'T2w', 'FLAIR'}
    source : str
        BIDS URI of the scan.
    direction : {'enhance', 'simulate'}
    verdict : Verdict
    metrics : dict
        Name -> number, or None where it could not be measured.
    null_reasons : dict of str to str
        Why those are None.
    notes : tuple of Note
        What was found and decided.
    contrast : ContrastPlan
    segmentation : dict
        ``method``, and ``means`` and ``sds`` of CSF, GM, WM; what else the method tells.
    precomputed : dict or None
        What was taken of other software -> its BIDS URIs.
    fit : dict or None
        ``history``, ``options``, ``stopped``, ``notes`` and ``device``; None of a simulation.
    simulation : SimulationRecord or None
        None of an enhanced scan.
    reference : dict or None
        The high-field image that it was measured against: ``source``, ``field_T``, ``transform``
        (4x4, from its world to that of the scan, mm), how far it was moved and how alike the two
        were.
    fusion : FusionRecord or None
    methods : str
        Methods text of this scan's workflow.
    settings : dict
        Those that can change a result, and ``settings_hash`` of them.
    seed : int
    versions : dict of str to str
    input_digest : str
        Of all bytes that it was made from.
    """

    entities: dict[str, str | None]
    modality: str
    source: str
    direction: str
    verdict: Verdict
    metrics: dict[str, float | None]
    null_reasons: dict[str, str]
    notes: tuple[Note, ...]
    contrast: ContrastPlan
    segmentation: dict[str, Any]
    precomputed: dict[str, tuple[str, ...]] | None
    fit: dict[str, Any] | None
    simulation: SimulationRecord | None
    reference: dict[str, Any] | None
    fusion: FusionRecord | None
    methods: str
    settings: dict[str, Any]
    settings_hash: str
    seed: int
    versions: dict[str, str]
    input_digest: str

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
