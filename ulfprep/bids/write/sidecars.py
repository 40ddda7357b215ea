"""What is written beside the images of a scan: their sidecars, and parts of its record."""

from collections.abc import Iterable

from ulfprep.bids.read.scan import Scan
from ulfprep.bids.write.derivatives import BEFORE_TISSUES, FIELD, FINE, Derivative, on_fine_grid
from ulfprep.bids.write.provenance import fusion_digest
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.record import FusedScan, FusionRecord, LeftOut


def sidecar(
    derivative: Derivative,
    scan: Scan,
    made_by: dict,
    plan: ContrastPlan,
    stripped: bool,
    registrations: list[dict] = (),
    weights: tuple[str, str] = ('', ''),
) -> dict:
    """Return the sidecar of one derivative image.

    Parameters
    ----------
    derivative : Derivative
    scan : Scan
    made_by : dict
        From :func:`ulfprep.bids.write.provenance.provenance`.
    plan : ContrastPlan
    stripped : bool
        Whether the scan came without skull.
    registrations : list of dict
        Of the scans that it was fitted with (:func:`ulfprep.bids.write.sidecars.fusion_record`).
    weights : tuple of 2 str
        Digests of the network's weights behind the scan's own tissues, and behind those of the
        field that it was fitted in; empty where the network had no part in them.
    """
    fine = on_fine_grid(derivative)
    description = derivative.description.format(resolution=scan.resolution)
    content: dict = {'Description': description, 'Sources': _sources(scan, derivative)}
    content.update(derivative.sidecar)
    if derivative.key == 'brain_mask':
        found = 'what is not zero in the scan' if stripped else 'found by deepbet'
        origin = f"the user's own ({scan.mask.name})" if scan.mask else found
        if scan.precomputed and scan.precomputed.mask:
            origin = f'taken from {scan.precomputed.mask.name}'
        content['Description'] = f'{description[:-1]}: {origin}.'
    if derivative.key == 'preproc':
        content['SkullStripped'] = stripped
    if 'resolution' in derivative.entities:
        size = ' x '.join(f'{mm:g}' for mm in made_by['settings']['target_resolution'])
        content['Resolution'] = {
            FINE: f'{scan.resolution:g} mm isotropic, axes and field of view of the scan',
            'ulf': f'{size} mm, the acquisition of the simulated scanner',
        }[derivative.entities['resolution']]
    of_field = fine or derivative.key == 'residual'
    if weights[of_field] and derivative.key not in BEFORE_TISSUES:
        content[FIELD] = weights[of_field]
    if scan.is_fused and of_field:
        content['Sources'] = [
            source for member in scan.fusion.members for source in _sources(member, derivative)
        ]
        content['Fusion'] = _fusion_fields(scan, registrations)
    if scan.is_fused and fine:
        reference = scan.fusion.members[0].name
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


def _sources(scan: Scan, derivative: Derivative) -> list[str]:
    """Return the BIDS URIs of the scan and of all that was given of it for a derivative."""
    given = scan.precomputed
    return [scan.source, *(given.sources_of(derivative.key) if given else ())]


def _fusion_fields(scan: Scan, registrations: list[dict]) -> dict:
    """Return what a sidecar says of the scans that were fitted together."""
    members = scan.fusion.members
    sources = {member.name: member.source for member in members}
    transforms = {members[0].source: [[float(i == j) for j in range(4)] for i in range(4)]}
    transforms |= {sources[r['name']]: r['transform'] for r in registrations}
    return {
        'Reference': members[0].source,
        # From the world of each scan to that of the reference, mm.
        'TransformsToReference': transforms,
        'SameContrast': [m.source for m in members if m.suffix == scan.suffix],
        'LeftOut': [{'Name': name, 'Reason': why} for name, why in scan.fusion.left_out],
    }


def precomputed_record(scan: Scan) -> dict[str, tuple[str, ...]] | None:
    """Return what was taken of other software: BIDS URIs by what they are; None if nothing."""
    if not scan.precomputed or not scan.precomputed.pieces:
        return None
    return {piece.what: tuple(piece.sources) for piece in scan.precomputed.pieces}


def fusion_record(scan: Scan, registrations: Iterable[dict]) -> FusionRecord | None:
    """Return what is recorded of the scans that one was fitted with; None where that is none.

    Parameters
    ----------
    scan : Scan
    registrations : list of dict
        ``name``, ``transform`` (4x4, from its world to the reference's, mm), ``rotation_deg``,
        ``translation_mm``, ``similarity_before``, ``similarity_after``.
    """
    fusion = scan.fusion
    if fusion is None:
        return None
    alone = not scan.is_fused
    return FusionRecord(
        role='alone' if alone else scan.role,
        output=scan.name if alone else fusion.output(scan.suffix).name,
        reference=None if alone else fusion.members[0].name,
        scans=tuple(
            FusedScan(member.name, member.source, member.suffix) for member in fusion.members
        ),
        registrations=tuple(registrations),
        left_out=tuple(LeftOut(*one) for one in dict(fusion.left_out).items()),
        digest=fusion_digest(fusion),
    )
