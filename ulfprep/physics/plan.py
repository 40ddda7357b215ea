"""From a scan and its tissues to the numbers both directions work with: the plan."""

from dataclasses import dataclass, field, replace

import numpy as np

from ulfprep.note import Note
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import contrasts, solve_contrast, tissue_statistics
from ulfprep.physics.contrast_plan import ContrastPlan, Triple
from ulfprep.physics.noise import NoiseEstimate, estimate_noise
from ulfprep.physics.relaxation import Measurement, read_table, relaxation
from ulfprep.physics.sequences import Sequence, default_name, default_sequence
from ulfprep.physics.source_sequence import source_sequence
from ulfprep.physics.targets import target_from_physics, target_from_reference, with_contrasts
from ulfprep.physics.types import Numbers


@dataclass(frozen=True)
class Wishes:
    """What a user wants of the target, where not the usual.

    ``contrasts`` are from :func:`ulfprep.physics.targets.parse_contrasts`, ``relaxation`` from
    :func:`ulfprep.physics.relaxation.parse_override`.
    """

    sequence: Sequence | None = None
    sequence_name: str = ''
    contrasts: dict[tuple[str, str], float] = field(default_factory=dict)
    #: ``means``, ``standard_errors`` (CSF, GM, WM) and ``name`` of a scan to look like.
    reference: dict | None = None
    relaxation: tuple[Measurement, ...] = ()


def plan_contrast(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    zooms: Numbers,
    metadata: dict,
    source_field: float,
    target_field: float,
    *,
    modality: str = 'T1w',
    wishes: Wishes | None = None,
    stated_sequence: Sequence | None = None,
    resolution: dict | None = None,
    psf: str = 'gaussian',
    means: Numbers | None = None,
    noise: dict | None = None,
) -> ContrastPlan:
    """Measure a scan's tissues, derive those of the target, solve for the contrast vector.

    Parameters
    ----------
    image, mask, probs : numpy.ndarray, shapes (X, Y, Z), (X, Y, Z) and (3, X, Y, Z)
        Bias-corrected scan, brain, and posteriors of CSF, GM, WM.
    zooms : sequence of 3 floats
        Voxel size of the file, mm.
    metadata : dict
        BIDS sidecar of the scan.
    source_field, target_field : float
        Tesla. A target above the source asks for enhancement, one below for simulation.
    stated_sequence : Sequence, optional
        That of the scan, where the user states it.
    resolution : dict, optional
        ``voxel_size_mm`` at acquisition along the axes of ``image`` and its ``source``; that of
        the file without.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    means : sequence of 3 floats, optional
        Signals of pure CSF, GM, WM where the segmentation measured them through the PSF;
        without, they are measured in voxels that are nearly pure.
    noise : dict, optional
        A :class:`ulfprep.physics.noise.NoiseEstimate`, where the segmentation made one.

    Returns
    -------
    ContrastPlan
        Its ``contrast_vector`` always takes the higher field to the lower one. White matter
        keeps its intensity in either direction, so that the output stays in the scan's units.

    Raises
    ------
    ValueError
        If a tissue could not be measured, or the targets are inconsistent.
    """
    wishes = wishes or Wishes()
    table = read_table(wishes.relaxation)
    if resolution is None:
        resolution = {'voxel_size_mm': zooms, 'source': 'voxel size of the file'}
    if noise:
        found = NoiseEstimate(**noise)
    else:
        found = estimate_noise(image, mask, zooms, resolution['voxel_size_mm'])
    statistics = tissue_statistics(image, probs, found.sigma, zooms)
    if means is not None:
        statistics = replace(statistics, means=np.asarray(means, float))
    pairs = zip(TISSUES, statistics.means, strict=True)
    if missing := [tissue for tissue, mean in pairs if not np.isfinite(mean)]:
        raise ValueError(f'no voxels of {", ".join(missing)} were found in the scan')
    source = source_sequence(metadata, source_field, modality, table, stated_sequence)
    wanted, target_sequence, name = _target(wishes, target_field, modality, table)
    target = statistics.means[2] * wanted.ratios
    enhance = target_field > source_field
    notes, sources, spread = [], list(wanted.sources), statistics.means[2] * wanted.spread
    if enhance:
        derived = [not s.startswith('stated') for s in wanted.sources]
        if wishes.reference is None:
            asked = target
            target, notes = _keep_stronger_contrast(asked, statistics.means, derived)
            for k in np.flatnonzero(target != asked):
                sources[k] = f"the scan's own contrast, stronger than by {sources[k]}"
                spread[k] = statistics.standard_errors[k]
        high, low, errors = target, statistics.means, statistics.standard_errors
    else:
        high, low, errors = statistics.means, target, None
    errors = None if errors is None else errors / found.sigma
    solution = solve_contrast(high / found.sigma, low / found.sigma, errors)
    return ContrastPlan(
        direction='enhance' if enhance else 'simulate',
        modality=modality,
        source_field_T=float(source_field),
        target_field_T=float(target_field),
        source_sequence=source.sequence,
        target_sequence=target_sequence,
        target_sequence_name=name,
        defaults_used=tuple(source.assumed),
        notes=tuple(map(Note, notes)),
        tissues=TISSUES,
        means=_floats(statistics.means),
        standard_errors=_floats(statistics.standard_errors),
        snr=_floats(statistics.means / found.sigma),
        snr_standard_errors=_floats(statistics.standard_errors / found.sigma),
        noise_sigma=float(found.sigma),
        noise_method=found.method,
        noise_shared=float(found.shared),
        target_means=_floats(target),
        target_spread=_floats(spread),
        target_sources=tuple(sources),
        relaxation={
            'source': _relaxation_used(source_field, table),
            'target': _relaxation_used(target_field, table),
        },
        contrast_vector=_floats(solution.factors),
        # The same with its largest factor as one: what each tissue loses against the others.
        contrast_vector_normalised=_floats(solution.factors / solution.factors.max()),
        source_contrast=contrasts(statistics.means),
        target_contrast=contrasts(target),
        rank=solution.rank,
        condition_number=solution.condition_number,
        equations=tuple(solution.equations),
        active_bounds=tuple(solution.active_bounds),
        voxel_size_mm=_floats(zooms),
        psf=psf,
        psf_fwhm_mm=_floats(resolution['voxel_size_mm']),
        psf_source=resolution['source'],
    )


def _target(wishes: Wishes, field: float, modality: str, table):
    """Target, its sequence, and what the sequence is called."""
    sequence, name = wishes.sequence, wishes.sequence_name
    if sequence is None:
        sequence, name = default_sequence(field, modality), default_name(field, modality)
    if wishes.reference is not None:
        target = target_from_reference(**wishes.reference)
    else:
        target = target_from_physics(sequence, field, name, table)
    return with_contrasts(target, wishes.contrasts), sequence, name


def _relaxation_used(field: float, table) -> dict:
    """T1, T2 and proton density of each tissue at a field, in ms, with s.d. and sources."""
    found = {tissue: relaxation(tissue, field, table) for tissue in TISSUES}
    return {
        tissue: {
            'T1_ms': 1e3 * values.t1,
            'T1_sd_ms': 1e3 * values.t1_sd,
            'T2_ms': 1e3 * values.t2,
            'T2_sd_ms': 1e3 * values.t2_sd,
            'PD': values.density,
            'PD_sd': values.density_sd,
            'sources': list(values.sources),
        }
        for tissue, values in found.items()
    }


def _keep_stronger_contrast(target, means, derived):
    """Never ask for less contrast to white matter than the scan itself shows.

    Relaxation times have intervals, the scan's own tissue means are measured: where they
    are further from white matter than the target's, on the same side of it, the scan wins,
    and the user is told. What the user stated (not ``derived``) is left alone.
    """
    kept, notes = target.copy(), []
    for k in range(2):
        scan, wanted = means[k] / means[2], target[k] / target[2]
        if not derived[k]:
            continue
        if (scan - 1) * (wanted - 1) < 0:
            notes.append(
                f'{TISSUES[k]} is {scan:.2f} of WM in the scan but {wanted:.2f} at the target, on '
                'the other side of white matter. Check modality, sequence and tissues.'
            )
        elif abs(scan - 1) > abs(wanted - 1):
            kept[k] = means[k]
            if abs(scan - wanted) > 0.03 * wanted:
                word = 'darker' if scan < wanted else 'brighter'
                notes.append(
                    f'{TISSUES[k]} is {scan:.2f} of WM in the scan, {word} than the '
                    f'{wanted:.2f} that physics expects at the target field; the scan was '
                    'followed. Look for a bias field or partial volume that is left in the scan.'
                )
    return kept, notes


def _floats(values) -> Triple:
    return tuple(float(v) for v in values)
