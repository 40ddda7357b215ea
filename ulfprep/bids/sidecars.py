"""What is written beside the images: sidecars, provenance, dataset files."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import quote

from ulfprep import __version__
from ulfprep.bids.dataset import Scan
from ulfprep.bids.derivatives import FINE, Derivative, on_fine_grid
from ulfprep.bids.files import read_json, write_json, write_text
from ulfprep.bids.finished import input_digest, relevant_settings
from ulfprep.bids.labels import lookup_table
from ulfprep.bids.precomputed import dataset_names
from ulfprep.bids.prior import BEFORE_TISSUES, FIELD
from ulfprep.bids.text import read_text
from ulfprep.settings import MODALITIES, Settings

#: Version of BIDS that the derivatives follow.
BIDS_VERSION = '1.10.0'
#: Packages whose version may change a result.
PACKAGES = ('numpy', 'scipy', 'nibabel', 'SimpleITK', 'torch', 'deepbet', 'nipype', 'nilearn')
#: What BIDS has no name for (yet): reports, tables, and JSON files that describe no image.
BIDSIGNORE = (
    '*.html',
    'logs/',
    'inputs',  # as sourcedata, which the validator passes over by itself
    'work',  # of a run that is started here without --work-dir
    'figures',  # with a slash the validator overlooks those inside sub-*
    'group_*',
    # One wildcard a line: the validator overlooks names with two.
    *(f'*_desc-qc_{modality}.json' for modality in MODALITIES),
)
README = """\
# Derivatives made by ulfprep

`sub-*.html` are the reports: start there. `anat/` holds, for every scan, the image at the
target field strength (`desc-enhanced` or `desc-simulated`), its tissues, and where not to
believe it (`desc-uncertainty`, `desc-entropy`, `desc-claim`, `desc-residual`: their sidecars
say how to read them); `desc-qc_*.json` its metrics and how it was made. Methods and what to
cite are in `logs/CITATION.md`.

Research use only: not a medical device.
"""


def software_versions() -> dict[str, str]:
    """Return the versions of everything that may change a result."""
    versions = {'ulfprep': __version__, 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def provenance(scan: Scan, settings: Settings) -> dict:
    """Return what made a scan's derivatives: settings, seed, versions, input.

    No dates, times or paths of this machine: the same run gives the same bytes.
    """
    return {
        'settings': relevant_settings(settings),
        'settings_hash': settings.digest(),
        'seed': settings.random_seed,
        'versions': software_versions(),
        'input_digest': input_digest(scan),
    }


def sidecar(
    derivative: Derivative,
    scan: Scan,
    made_by: dict,
    plan: dict,
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
        From :func:`provenance`.
    plan : dict
        The contrast plan.
    stripped : bool
        Whether the scan came without skull.
    registrations : list of dict
        Of the scans that it was fitted with (:func:`ulfprep.bids.qc.fusion_record`).
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
    content['Contrast'] = {
        key: plan.get(key)
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


def dataset_description(settings: Settings) -> dict:
    """Return ``dataset_description.json`` of the output folder."""
    raw = read_json(settings.bids_dir / 'dataset_description.json')
    # Relative, so that the two folders may be moved together.
    link = quote(Path(os.path.relpath(settings.bids_dir, settings.output_dir)).as_posix())
    links = _links_before(settings.output_dir) | {'raw': link}
    for name, folder in dataset_names(settings.derivatives).items():
        links[name] = quote(Path(os.path.relpath(folder, settings.output_dir)).as_posix())
    source = {'URL': link}
    if raw.get('DatasetDOI'):
        source['DOI'] = raw['DatasetDOI']
    description = {
        'Name': f'ulfprep derivatives of {raw.get("Name") or settings.bids_dir.name}',
        'BIDSVersion': BIDS_VERSION,
        'DatasetType': 'derivative',
        'GeneratedBy': [
            {
                'Name': 'ulfprep',
                'Version': __version__,
                'Description': 'Physics-based enhancement of ultra-low-field MRI',
            }
        ],
        'SourceDatasets': [
            source,
            *({'URL': url} for name, url in sorted(links.items()) if name != 'raw'),
        ],
        'DatasetLinks': links,
        'HowToAcknowledge': 'See logs/CITATION.md for the methods and what to cite.',
    }
    if raw.get('License'):
        description['License'] = raw['License']
    return description


def _links_before(output_dir: Path) -> dict[str, str]:
    """Return the links of earlier runs, which sidecars of theirs may refer to."""
    try:
        links = read_json(output_dir / 'dataset_description.json')['DatasetLinks']
        return {str(name): str(url) for name, url in links.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_dataset_files(settings: Settings) -> None:
    """Write the files that make the output folder a BIDS dataset, before any work."""
    out = settings.output_dir
    write_json(out / 'dataset_description.json', dataset_description(settings))
    if not any(out.glob('README*')):  # somebody's own says more
        write_text(out / 'README.md', README)
    _write_ignored(out)
    write_text(out / 'dseg.tsv', lookup_table())


def complete_dataset(output_dir: Path) -> None:
    """Write what makes a folder a BIDS dataset where that is missing.

    Results of several runs that were put together may lack it. What is there is left alone.
    """
    description = {
        'Name': 'ulfprep derivatives',
        'BIDSVersion': BIDS_VERSION,
        'DatasetType': 'derivative',
        'GeneratedBy': [{'Name': 'ulfprep', 'Version': __version__}],
    }
    if not (output_dir / 'dataset_description.json').exists():
        write_json(output_dir / 'dataset_description.json', description)
    _write_ignored(output_dir)


def _write_ignored(folder: Path) -> None:
    """Have the validator ignore what BIDS has no name for, beside what it ignores already."""
    path = folder / '.bidsignore'
    try:
        there = read_text(path).splitlines()
    except FileNotFoundError:
        there = []
    missing = [line for line in BIDSIGNORE if line not in there]
    if missing:
        write_text(path, '\n'.join([*there, *missing]) + '\n')
