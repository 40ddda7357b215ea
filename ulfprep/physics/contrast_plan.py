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

    Attributes
    ----------
    direction : {'enhance', 'simulate'}
    modality : {'T1w', 'T2w', 'FLAIR'}
    source_field_T, target_field_T : float
        Tesla.
    source_sequence, target_sequence : Sequence
    target_sequence_name : str
    defaults_used : tuple of str
        What was assumed of the scan's sequence, a sentence each.
    notes : tuple of Note
    tissues : tuple of str
        CSF, GM, WM.
    means, standard_errors : tuple of 3 floats
        Signal of the pure tissue in the scan.
    snr, snr_standard_errors : tuple of 3 floats
        The same over ``noise_sigma``.
    noise_sigma : float
        Standard deviation of the noise.
    noise_method : str
    noise_shared : float
        Voxels that share one value of the noise; 1 for white noise.
    target_means, target_spread : tuple of 3 floats
        Signal wanted of each tissue, and its standard deviation.
    target_sources : tuple of str
        Where each target is from.
    relaxation : dict
        ``source`` and ``target`` -> tissue -> T1 and T2 (ms) and proton density (relative to
        CSF) with standard deviations, and their sources.
    contrast_vector, contrast_vector_normalised : tuple of 3 floats
        Factors from the higher field to the lower one, and the same over the largest of them.
    source_contrast, target_contrast : dict of str to float
        Pair such as ``WM-GM`` -> Michelson contrast.
    rank : int
        Of the contrast equations.
    condition_number : float
    equations : tuple of dict
        Name, target, achieved value, residual and weight of each.
    active_bounds : tuple of str
        Tissues whose factor was held at a bound.
    voxel_size_mm, psf_fwhm_mm : tuple of 3 floats
        Voxels of the file, and width of the point-spread function, along the image axes.
    psf : str
        Kind of point-spread function (:mod:`ulfprep.physics.psf`).
    psf_source : str
        Where its width is from.
    """

    direction: str
    modality: str
    source_field_T: float
    target_field_T: float
    source_sequence: Sequence
    target_sequence: Sequence
    target_sequence_name: str
    defaults_used: tuple[str, ...]
    notes: tuple[Note, ...]
    tissues: tuple[str, ...]
    means: Triple
    standard_errors: Triple
    snr: Triple
    snr_standard_errors: Triple
    noise_sigma: float
    noise_method: str
    noise_shared: float
    target_means: Triple
    target_spread: Triple
    target_sources: tuple[str, ...]
    relaxation: dict[str, dict[str, dict[str, Any]]]
    contrast_vector: Triple
    contrast_vector_normalised: Triple
    source_contrast: dict[str, float]
    target_contrast: dict[str, float]
    rank: int
    condition_number: float
    equations: tuple[dict[str, Any], ...]
    active_bounds: tuple[str, ...]
    voxel_size_mm: Triple
    psf: str
    psf_fwhm_mm: Triple
    psf_source: str

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> 'ContrastPlan':
        """Return the plan that :meth:`to_json` gave; see :func:`ulfprep.typed.read_as`."""
        return read_as(cls, content)
