"""What is written beside the images of a scan: their sidecars, and parts of its record."""

from collections.abc import Iterable

from ulfprep.bids.task import Task
from ulfprep.bids.write.derivatives import BEFORE_TISSUES, FIELD, FINE, Derivative, on_fine_grid
from ulfprep.bids.write.provenance import fusion_digest
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.record import FusedScan, FusionRecord, LeftOut


def sidecar(
    derivative: Derivative,
    task: Task,
    made_by: dict,
    plan: ContrastPlan,
    stripped: bool,
    registrations: list[dict] = (),
    weights: tuple[str, str] = ('', ''),
) -> dict:
    """Return the sidecar of one derivative image.

    Parameters
    ----------
    made_by : dict
        From :func:`provenance`.
    stripped : bool
        Whether the scan came without skull.
    registrations : list of dict
        Of the scans that it was fitted with (:func:`fusion_record`).
    weights : tuple of 2 str
        Digests of the network's weights behind the scan's own tissues, and behind those of the
        field that it was fitted in; empty where the network had no part in them.
    """
    fine = on_fine_grid(derivative)
    description = derivative.description.format(resolution=task.resolution)
    content: dict = {'Description': description, 'Sources': _sources(task, derivative)}
    content.update(derivative.sidecar)
    if derivative.key == 'brain_mask':
        found = 'what is not zero in the scan' if stripped else 'found by deepbet'
        mask = task.given.mask
        taken = mask and (
            f'taken from {mask.name}' if mask.sources else f"the user's own ({mask.name})"
        )
        origin = taken or found
        content['Description'] = f'{description[:-1]}: {origin}.'
    if derivative.key == 'preproc':
        content['SkullStripped'] = stripped
    if 'resolution' in derivative.entities:
        size = ' x '.join(f'{mm:g}' for mm in made_by['settings']['target_resolution'])
        content['Resolution'] = {
            FINE: f'{task.resolution:g} mm isotropic, axes and field of view of the scan',
            'ulf': f'{size} mm, the acquisition of the simulated scanner',
        }[derivative.entities['resolution']]
    of_field = fine or derivative.key == 'residual'
    if weights[of_field] and derivative.key not in BEFORE_TISSUES:
        content[FIELD] = weights[of_field]
    if task.is_fused and of_field:
        content['Sources'] = [
            source for member in task.fusion.members for source in _sources(member, derivative)
        ]
        content['Fusion'] = _fusion_fields(task, registrations)
    if task.is_fused and fine:
        reference = task.fusion.members[0].name
        content['Description'] = content['Description'].replace('the scan alone', 'these scans')
        content['Resolution'] = content['Resolution'].replace('the scan', reference)
    known = plan.to_json()
    content['Contrast'] = {
        key: known[key]
        for key in (
            'direction',
            'source_field_T',
            'target_field_T',
            'tissues',
            'contrast_vector',
            'target_means',
            'target_contrast',
            'target_sources',
            'target_sequence',
            'defaults_used',
            'noise_sigma',
            'psf',
            'psf_fwhm_mm',
            'psf_source',
            'rank',
            'condition_number',
            'equations',
            'active_bounds',
        )
    }
    # One object: BIDS has other meanings for some of these names (SoftwareVersions).
    content['Provenance'] = {
        'Settings': made_by['settings'],
        'SettingsHash': made_by['settings_hash'],
        'RandomSeed': made_by['seed'],
        'Versions': made_by['versions'],
    }
    return content


def _sources(task: Task, derivative: Derivative) -> list[str]:
    """Return the BIDS URIs of the scan and of all that was given of it for a derivative."""
    return [task.scan.source, *task.given.sources_of(derivative.key)]


def _fusion_fields(task: Task, registrations: list[dict]) -> dict:
    """Return what a sidecar says of the scans that were fitted together."""
    members = [member.scan for member in task.fusion.members]
    sources = {member.name: member.source for member in members}
    transforms = {members[0].source: [[float(i == j) for j in range(4)] for i in range(4)]}
    transforms |= {sources[r['name']]: r['transform'] for r in registrations}
    return {
        'Reference': members[0].source,
        # From the world of each scan to that of the reference, mm.
        'TransformsToReference': transforms,
        'SameContrast': [m.source for m in members if m.suffix == task.scan.suffix],
        'LeftOut': [{'Name': name, 'Reason': why} for name, why in task.fusion.left_out],
    }


def precomputed_record(task: Task) -> dict[str, tuple[str, ...]] | None:
    """Return what was taken of other software: BIDS URIs by what they are; None if nothing."""
    return {piece.what: tuple(piece.sources) for piece in task.given.derived} or None


def fusion_record(task: Task, registrations: Iterable[dict]) -> FusionRecord | None:
    """Return what is recorded of the scans that one was fitted with; None where that is none.

    ``registrations`` are ``name``, ``transform`` (4x4, from its world to the reference's, mm),
    ``rotation_deg``, ``translation_mm``, ``similarity_before`` and ``similarity_after``.
    """
    fusion = task.fusion
    if fusion is None:
        return None
    alone = not task.is_fused
    return FusionRecord(
        role='alone' if alone else task.role,
        output=task.name if alone else fusion.output(task.scan.suffix).name,
        reference=None if alone else fusion.members[0].name,
        scans=tuple(
            FusedScan(scan.name, scan.source, scan.suffix)
            for scan in (one.scan for one in fusion.members)
        ),
        registrations=tuple(registrations),
        left_out=tuple(LeftOut(*one) for one in dict(fusion.left_out).items()),
        digest=fusion_digest(fusion),
    )
