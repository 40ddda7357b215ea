"""Simulated scans as a raw BIDS dataset of their own, for whatever reads raw datasets."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from ulfprep import __version__
from ulfprep.bids.dataset import Scan, find_participants
from ulfprep.bids.derivatives import sidecar_path
from ulfprep.bids.files import read_json, write_bytes, write_json, write_text
from ulfprep.bids.sidecars import dataset_description
from ulfprep.settings import Settings

#: Entities in the order of BIDS; no others can be in the name of a raw anatomical image.
PATTERN = (
    'sub-{subject}[/ses-{session}]/anat/sub-{subject}[_ses-{session}][_acq-{acquisition}]'
    '[_ce-{ceagent}]_rec-{reconstruction}[_run-{run}][_echo-{echo}][_part-{part}]'
    '[_chunk-{chunk}]_{suffix<T1w|T2w|FLAIR>}{extension<.nii.gz>}'
)
#: Kinds of sequence in words from which :mod:`ulfprep.physics.sequences` reads them back.
#: GRE and SPGR are one sequence under two names, and come back as SPGR.
SEQUENCE_TYPES = {
    'MPRAGE': 'MPRAGE',
    'IR-FSE': 'Inversion-recovery fast spin echo',
    'FLAIR': 'FLAIR (inversion-recovery fast spin echo)',
    'FSE': 'Fast spin echo',
    'SE': 'Spin echo',
    'SPGR': 'Spoiled gradient echo (SPGR)',
    'GRE': 'Spoiled gradient echo (GRE)',
}
#: BIDS wants echo times above zero; one this short is none to any tissue. Seconds.
SHORTEST_ECHO = 1e-6
README = """\
# {name}

**These images are simulated. No scanner measured them.** ulfprep {version} computed every one
of them from a scan of the dataset "{source}" ({where}), which was made at a
higher field strength. Participants and sessions are those of that dataset.

How: the intensities of cerebrospinal fluid, grey and white matter were changed to those
expected at the lower field strength, the image was blurred and sampled as a scanner with larger
voxels would, and noise was added. `rec-sim1`, `rec-sim2` ... are the same scan with
different noise. The key `Simulation` of each sidecar holds the numbers: field strengths,
contrast factors, point-spread function, signal-to-noise ratio and random seed.

What a simulation does not know is not in the images: motion, distortion, artefacts,
lesions whose relaxation differs from that of the tissue they were taken for. Do not
present results from these images as results from measured scans.

Research use only: not a medical device.
"""


def simulated_sidecar(
    plan: dict,
    facts: dict,
    *,
    modality: str,
    realisation: int,
    seed: int,
    label: str,
    keep_head: bool,
    source: str,
) -> dict:
    """Return the BIDS sidecar of one simulated scan.

    Parameters
    ----------
    plan : dict
        The contrast plan (:func:`ulfprep.physics.plan.plan_contrast`), direction
        ``simulate``.
    facts : dict
        How it was simulated: ``voxel_size_mm`` along the axes of the image, ``psf``,
        ``snr``, ``noise_sd``, ``bias_strength``, ``noise_fwhm_mm``.
    modality : {'T1w', 'T2w', 'FLAIR'}
    realisation : int
        Number of the realisation, from 1.
    seed : int
    label : str
        Name of the scan's random stream.
    keep_head : bool
        Whether the whole head was simulated, not the brain alone.
    source : str
        BIDS URI of the scan it was simulated from.

    Returns
    -------
    dict
        BIDS fields in BIDS units; what BIDS has no field for is under ``Simulation``.
    """
    voxel_size = [float(mm) for mm in facts['voxel_size_mm']]
    return {
        'MagneticFieldStrength': plan['target_field_T'],
        **_sequence_fields(plan['target_sequence']),
        'AcquisitionVoxelSize': voxel_size,
        'SliceThickness': max(voxel_size),
        'SkullStripped': not keep_head,
        'Simulation': {
            'Source': source,
            'SourceField_T': plan['source_field_T'],
            'Modality': modality,
            'ContrastVector': dict(zip(plan['tissues'], plan['contrast_vector'], strict=True)),
            'SNR': facts['snr'],
            'NoiseSD': facts['noise_sd'],
            'NoiseFWHM_mm': facts['noise_fwhm_mm'],
            'PSF': facts['psf'],
            # The simulated scanner's; the plan's own width is that of the source scan.
            'PSF_FWHM_mm': voxel_size,
            'BiasStrength': facts['bias_strength'],
            'TrainDuration_s': plan['target_sequence']['train_duration'],
            'RandomSeed': seed,
            'RandomStream': label,
            'Realisation': realisation,
            'Software': f'ulfprep {__version__}',
        },
    }


def _sequence_fields(sequence: dict) -> dict:
    """Return a pulse sequence (a ``Sequence`` as a dict) in the words of BIDS."""
    kind = sequence['kind']
    fields = {
        'PulseSequenceType': SEQUENCE_TYPES[kind],
        'RepetitionTime': sequence['repetition_time'],
        'EchoTime': max(sequence['echo_time'], SHORTEST_ECHO),
    }
    if sequence['inversion_time'] > 0:
        fields['InversionTime'] = sequence['inversion_time']
    if kind in ('MPRAGE', 'SPGR', 'GRE'):
        fields['FlipAngle'] = sequence['flip_angle']
    if kind == 'MPRAGE':
        spacing = sequence['echo_spacing']
        fields['RepetitionTimeExcitation'] = spacing
        fields['NumberShots'] = max(round(sequence['train_duration'] / spacing), 1)
    return fields


def raw_path(scan: Scan, k: int) -> Path:
    """Return where a realisation of a scan goes inside the raw dataset.

    Parameters
    ----------
    scan : Scan
    k : int
        Number of the realisation, from 1. The label of ``rec-`` ends in ``sim<k>``, after
        the label that the scan itself may have.

    Raises
    ------
    ValueError
        If the scan's name has entities that no raw image may have.
    """
    from bids.layout.writing import build_path

    entities = {
        **scan.entities,
        'reconstruction': f'{scan.entities.get("reconstruction", "")}sim{k}',
        'suffix': scan.suffix,
        'extension': '.nii.gz',
    }
    path = build_path(entities, [PATTERN], strict=True)
    if path is None:
        raise ValueError(f'{scan.path}: no raw BIDS name can be made of its entities')
    return Path(path)


def start_dataset(folder: Path, settings: Settings) -> None:
    """Write the files that make a folder a raw dataset, before any scan is in it.

    What is written depends on the source dataset alone, so that runs over different
    participants may share the folder, also at the same time.

    Parameters
    ----------
    folder : Path
        Made where it is not there; :func:`refuse_folder` has nothing against it.
    settings : Settings
        Only ``bids_dir`` is used.
    """
    source = settings.bids_dir
    description = _description(folder, source)
    # First: from then on the folder is known for what it is.
    write_json(folder / 'dataset_description.json', description)
    write_text(folder / 'README.md', _readme(description, source))
    _write_participants(folder, source)
    if (source / 'LICENSE').is_file():
        write_bytes(folder / 'LICENSE', (source / 'LICENSE').read_bytes())


def _description(folder: Path, source: Path) -> dict:
    """Return ``dataset_description.json`` of the simulated dataset."""
    # Resolved, for `..` after a symbolic link leads elsewhere than text suggests.
    description = dataset_description(Settings(source.resolve(), folder.resolve()))
    del description['HowToAcknowledge']  # speaks of a file of the derivatives
    raw = read_json(source / 'dataset_description.json')
    description['Name'] = f'Simulated low-field scans of {raw.get("Name") or source.name}'
    description['DatasetType'] = 'raw'
    description['GeneratedBy'][0]['Description'] = 'Simulation of low-field MRI from high field'
    authors = raw.get('Authors')
    if isinstance(authors, list) and authors:
        description['Authors'] = authors
    return description


def _readme(description: dict, source: Path) -> str:
    origin = description['SourceDatasets'][0]
    where = f'`{origin["URL"]}`' + (f', {origin["DOI"]}' if 'DOI' in origin else '')
    name = read_json(source / 'dataset_description.json').get('Name') or source.name
    return README.format(name=description['Name'], version=__version__, source=name, where=where)


def _write_participants(folder: Path, source: Path) -> None:
    """Write a row for every participant folder of the source, with what is known of each.

    Also for those of whom no scan is simulated in this run: another may add them.
    """
    header, rows = _participants_of(source)
    lines = ['\t'.join(header)]
    for participant in (f'sub-{label}' for label in find_participants(source)):
        lines.append('\t'.join(rows.get(participant) or _unknown(participant, header)))
    write_text(folder / 'participants.tsv', '\n'.join(lines) + '\n')
    described = source / 'participants.json'
    if rows and described.is_file():
        write_bytes(folder / 'participants.json', described.read_bytes())


def _unknown(participant: str, header: list[str]) -> list[str]:
    return [participant if name == 'participant_id' else 'n/a' for name in header]


def _participants_of(source: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the header and the rows of the source's ``participants.tsv``.

    Where there is none that can be read, the header is ``participant_id`` and no row is
    known.
    """
    try:
        text = (source / 'participants.tsv').read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError):
        text = ''
    header, *table = [line.split('\t') for line in text.split('\n') if line.strip()] or [[]]
    if 'participant_id' not in header:
        return ['participant_id'], {}
    column = header.index('participant_id')
    return header, {row[column]: row for row in table if len(row) == len(header)}


def refuse_folder(folder: Path, bids_dir: Path, output_dir: Path) -> str | None:
    """Say why a folder cannot take the simulated dataset.

    Parameters
    ----------
    folder, bids_dir, output_dir : Path
        The folder in question (it need not exist), input and output of the run.

    Returns
    -------
    str or None
        One line that names the folder and what to do; None where it can be used: it is
        new, empty, or holds scans that ulfprep simulated from the same input.
    """
    place, source, out = (path.resolve() for path in (folder, bids_dir, output_dir))
    for other, what in ((source, 'the input dataset'), (out, 'the output folder')):
        if place == other or other in place.parents:
            where = 'is' if place == other else 'lies in'
            return f'{folder}: the folder for simulated scans {where} {what}; name another'
        if place in other.parents:
            return f'{folder}: the folder for simulated scans contains {what}; name another'
    if folder.exists() and not folder.is_dir():
        return f'{folder}: is a file, not a folder for simulated scans; name another'
    try:
        # Hidden files do not count: file managers leave them, and runs that start just now.
        if all(path.name.startswith('.') for path in folder.iterdir()):
            return None
    except FileNotFoundError:
        return None
    except OSError as error:
        return f'{folder}: cannot be read ({error.strerror or error}); check permissions'
    return _refuse_content(folder, source)


def _refuse_content(folder: Path, source: Path) -> str | None:
    """Refuse what is in a folder, unless it was simulated by ulfprep from ``source``."""
    try:
        description = read_json(folder / 'dataset_description.json')
        made_by = [tool['Name'] for tool in description['GeneratedBy']]
        ours = description['DatasetType'] == 'raw' and 'ulfprep' in made_by
        url = description['SourceDatasets'][0]['URL']
        origin = (folder.resolve() / unquote(url)).resolve()
    except (OSError, ValueError, LookupError, TypeError):
        ours = False
    if not ours:
        return (
            f'{folder}: is not empty, and what is in it was not simulated by ulfprep; '
            'name a new or empty folder'
        )
    if origin != source:
        return (
            f'{folder}: holds scans that were simulated from another dataset ({url}); '
            'name another folder'
        )
    return None


def write_simulated(
    folder: Path, scan: Scan, files: list[Path], sidecars: list[dict]
) -> list[Path]:
    """Put all realisations of a scan into the raw dataset.

    Realisations of the same scan that an earlier run made are replaced, and those beyond
    the number of ``files`` removed: what is there of a scan has one origin.

    Parameters
    ----------
    folder : Path
        The dataset, made by :func:`start_dataset`.
    scan : Scan
        The scan they were simulated from.
    files : list of Path
        Images (``.nii.gz``) in the order of their realisations; copied byte by byte.
    sidecars : list of dict
        Of each, from :func:`simulated_sidecar`.

    Returns
    -------
    list of Path
        The images written.
    """
    # All of them first: a run that is killed half-way leaves no set that looks whole.
    for path in _written(folder, scan):
        path.unlink(missing_ok=True)
    targets = [folder / raw_path(scan, k) for k in range(1, len(files) + 1)]
    for target, file, sidecar in zip(targets, files, sidecars, strict=True):
        write_json(sidecar_path(target), sidecar)
        write_bytes(target, Path(file).read_bytes())
    keep = {sidecar_path(target) for target in targets}
    for path in _written(folder, scan, '.json'):
        if path not in keep:
            path.unlink(missing_ok=True)
    return targets


def _written(folder: Path, scan: Scan, extension: str = '.nii.gz') -> list[Path]:
    """Return the files of all realisations of a scan that are there, whatever their number."""
    example = folder / raw_path(scan, 0)
    mark = f'_rec-{scan.entities.get("reconstruction", "")}sim'
    before, after = example.name.removesuffix('.nii.gz').split(f'{mark}0', 1)
    name = re.compile(
        re.escape(before + mark) + r'[1-9][0-9]*' + re.escape(after + extension), re.ASCII
    )
    try:
        found = os.listdir(example.parent)
    except FileNotFoundError:
        return []
    return sorted(example.parent / entry for entry in found if name.fullmatch(entry))


def is_written(folder: Path, scan: Scan, count: int, files: list[Path] | None = None) -> bool:
    """Tell whether the raw dataset holds a scan's realisations, and none beyond them.

    Parameters
    ----------
    folder : Path
    scan : Scan
    count : int
        Number of realisations there should be.
    files : list of Path, optional
        Images that they should equal byte by byte, such as the derivatives: without, files
        of a run with other settings pass as well.
    """
    images = [folder / raw_path(scan, k) for k in range(1, count + 1)]
    if sorted(images) != _written(folder, scan):
        return False
    try:
        whole = all(p.stat().st_size for image in images for p in (image, sidecar_path(image)))
        pairs = zip(images, files, strict=True) if files is not None else ()
        return whole and all(a.read_bytes() == Path(b).read_bytes() for a, b in pairs)
    except OSError:
        return False
