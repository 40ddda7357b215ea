"""What is written beside the images of a scan: sidecars, what it was made from, its record."""

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from ulfprep import __version__
from ulfprep.bids.task import Fusion, HighField, Task
from ulfprep.bids.write.derivatives import BEFORE_TISSUES, FIELD, FINE, Derivative, on_fine_grid
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.record import FusedScan, FusionRecord, LeftOut
from ulfprep.settings import NOT_IN_HASH, Settings

#: What a sidecar tells of the contrast plan.
OF_PLAN = (
    'direction', 'source_field_T', 'target_field_T', 'tissues', 'contrast_vector', 'target_means',
    'target_contrast', 'target_sources', 'target_sequence', 'defaults_used', 'noise_sigma', 'psf',
    'psf_fwhm_mm', 'psf_source', 'rank', 'condition_number', 'equations', 'active_bounds',
)  # fmt: skip
#: Packages whose version may change a result.
PACKAGES = ('numpy', 'scipy', 'nibabel', 'SimpleITK', 'torch', 'deepbet', 'nipype', 'nilearn')


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

    ``made_by`` is from :func:`provenance`; ``stripped`` says that the scan came without skull;
    ``registrations`` are those of :func:`fusion_record`. ``weights`` are digests of the network's
    weights behind the scan's own tissues, and behind those of the field that it was fitted in;
    empty where the network had no part in them.
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
    content['Contrast'] = {key: known[key] for key in OF_PLAN}
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
        scans=tuple(FusedScan(t.name, t.scan.source, t.scan.suffix) for t in fusion.members),
        registrations=tuple(registrations),
        left_out=tuple(LeftOut(*one) for one in dict(fusion.left_out).items()),
        digest=fusion_digest(fusion),
    )


def input_digest(task: Task) -> str:
    """Return a short hash of a scan's bytes and metadata, and of everything that is given of it.

    The image that it is measured against is in it, too. Of a scan that is fitted with others it is
    a hash of them all.
    """
    if task.fusion and task.is_fused:
        return fusion_digest(task.fusion)
    scan, given = task.scan, task.given
    digest = hashlib.sha256(json.dumps(scan.metadata, sort_keys=True).encode())
    if given.derived:
        digest.update(given.key.encode())
    if task.highfield:
        digest.update(_highfield_digest(task.highfield).encode())
    files = (scan.path, *(path for piece in given.pieces for path in piece.paths))
    for path in dict.fromkeys(files):
        _add_bytes(digest, path)
    return digest.hexdigest()[:16]


def _highfield_digest(highfield: HighField) -> str:
    """Return a short hash of an image's bytes and sidecar, whether or not they can be used."""
    scan = highfield.scan
    metadata = json.dumps(scan.metadata if scan else {}, sort_keys=True)
    digest = hashlib.sha256(f'{highfield.source} {metadata}'.encode())
    if scan:
        try:
            _add_bytes(digest, scan.path)
        except OSError:
            digest.update(b'cannot be read')
    return digest.hexdigest()[:16]


def _add_bytes(digest, path) -> None:
    """Add a file to a hash, a piece at a time."""
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)


def fusion_digest(fusion: Fusion) -> str:
    """Return a short hash of all scans that were meant to be fused; none need be readable."""
    parts = []
    for task in fusion.planned:
        try:
            parts.append(f'{task.name} {input_digest(task)}')
        except OSError:
            parts.append(f'{task.name} cannot be read')
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def provenance(task: Task, settings: Settings) -> dict:
    """Return what made a scan's derivatives: settings, seed, versions, input.

    No dates, times or paths of this machine: the same run gives the same bytes.
    """
    versions = {'ulfprep': __version__, 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        # No paths, no resources.
        'settings': {k: v for k, v in settings.to_dict().items() if k not in NOT_IN_HASH},
        'settings_hash': settings.digest(),
        'seed': settings.random_seed,
        'versions': versions,
        'input_digest': input_digest(task),
    }
