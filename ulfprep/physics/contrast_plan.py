"""The contrast plan of a scan: what both directions work with, as one record."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ulfprep.note import Note
from ulfprep.physics.sequences import Sequence
from ulfprep.typed import read_as

Triple = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ContrastPlan:
    """A scan's tissues, those it shall have, and the contrast vector between the two.

    What has one number a tissue is in the order of ``tissues``; signals are in the scan's own
    units.
    """

    direction: str  #: 'enhance' or 'simulate'
    modality: str
    source_field_T: float
    target_field_T: float
    source_sequence: Sequence
    target_sequence: Sequence
    target_sequence_name: str
    defaults_used: tuple[str, ...]  #: what was assumed of the scan's sequence, a sentence each
    notes: tuple[Note, ...]
    tissues: tuple[str, ...]
    means: Triple  #: signal of the pure tissue in the scan
    standard_errors: Triple
    snr: Triple  #: ``means`` over ``noise_sigma``
    snr_standard_errors: Triple
    noise_sigma: float
    noise_method: str
    noise_shared: float  #: see :class:`ulfprep.physics.noise.NoiseEstimate`
    target_means: Triple  #: signal wanted
    target_spread: Triple  #: its standard deviation
    target_sources: tuple[str, ...]
    #: ``source`` and ``target`` -> tissue -> T1 and T2 (ms) and proton density (relative to CSF)
    #: with standard deviations, and their sources.
    relaxation: dict[str, dict[str, dict[str, Any]]]
    contrast_vector: Triple  #: factors from the higher field to the lower one
    contrast_vector_normalised: Triple  #: the same over the largest of them
    source_contrast: dict[str, float]  #: pair such as ``WM-GM`` -> Michelson contrast
    target_contrast: dict[str, float]
    rank: int  #: of the contrast equations
    condition_number: float
    equations: tuple[dict[str, Any], ...]  #: name, target, achieved, residual, weight of each
    active_bounds: tuple[str, ...]  #: tissues whose factor was held at a bound
    voxel_size_mm: Triple  #: of the file, along the image axes
    psf: str  #: one of :data:`ulfprep.physics.psf.KINDS`
    psf_fwhm_mm: Triple  #: along the image axes
    psf_source: str  #: where that is from

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> 'ContrastPlan':
        """Return the plan that :meth:`to_json` gave; see :func:`ulfprep.typed.read_as`."""
        return read_as(cls, content)
