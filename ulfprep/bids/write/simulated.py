"""Simulated scans as files of a raw BIDS dataset: names, sidecars, what is written."""

import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from ulfprep import __version__
from ulfprep.bids.files import (
    DESCRIPTION,
    read_json,
    read_text,
    write_bytes,
    write_json,
    write_text,
)
from ulfprep.bids.names import path_of_name, sidecar_of
from ulfprep.bids.read.index import find_participants
from ulfprep.bids.store.records import read_record
from ulfprep.bids.tables import read_table
from ulfprep.bids.task import Scan, Task
from ulfprep.bids.write.dataset import dataset_description, made_here
from ulfprep.bids.write.derivatives import QC, path_of, simulated
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.sequences import INVERTED, Sequence
from ulfprep.record import SimulationRecord
from ulfprep.settings import Settings

#: Kinds of sequence in words from which :mod:`ulfprep.physics.source_sequence` reads them back.
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


def simulated_sidecar(
    plan: ContrastPlan, facts: SimulationRecord, *, realisation: int, source: str
) -> dict:
    """Return the BIDS sidecar of one simulated scan (number ``realisation``, from 1).

    ``source`` is the BIDS URI of the scan it was simulated from. Fields are in BIDS units; what
    BIDS has no field for is under ``Simulation``.
    """
    voxel_size = [float(mm) for mm in facts.voxel_size_mm]
    return {
        'MagneticFieldStrength': plan.target_field_T,
        **_sequence_fields(plan.target_sequence),
        'AcquisitionVoxelSize': voxel_size,
        'SliceThickness': max(voxel_size),
        'SkullStripped': not facts.keep_head,
        'Simulation': {
            'Source': source,
            'SourceField_T': plan.source_field_T,
            'Modality': plan.modality,
            'ContrastVector': dict(zip(plan.tissues, plan.contrast_vector, strict=True)),
            'SNR': facts.snr,
            'NoiseSD': facts.noise_sd,
            'NoiseFWHM_mm': facts.noise_fwhm_mm,
            'PSF': facts.psf,
            # The simulated scanner's; the plan's own width is that of the source scan.
            'PSF_FWHM_mm': voxel_size,
            'BiasStrength': facts.bias_strength,
            'TrainDuration_s': plan.target_sequence.train_duration,
            'RandomSeed': facts.seed,
            'RandomStream': facts.stream,
            'Realisation': realisation,
            'Software': f'ulfprep {__version__}',
        },
    }


def _sequence_fields(sequence: Sequence) -> dict:
    """Return a pulse sequence in the words of BIDS."""
    kind = sequence.kind
    fields = {
        'PulseSequenceType': SEQUENCE_TYPES[kind],
        'RepetitionTime': sequence.repetition_time,
        'EchoTime': max(sequence.echo_time, SHORTEST_ECHO),
    }
    if kind in INVERTED:
        fields['InversionTime'] = sequence.inversion_time
    if kind in ('MPRAGE', 'SPGR', 'GRE'):
        fields['FlipAngle'] = sequence.flip_angle
    if kind == 'MPRAGE':
        spacing = sequence.echo_spacing
        fields['RepetitionTimeExcitation'] = spacing
        fields['NumberShots'] = max(round(sequence.train_duration / spacing), 1)
    return fields


def raw_path(scan: Scan, k: int) -> Path:
    """Return where realisation ``k`` (from 1) of a scan goes: its ``rec-`` label ends in
    ``sim<k>``.
    """
    label = f'{scan.entities.get("reconstruction", "")}sim{k}'
    return path_of_name({**scan.entities, 'reconstruction': label}, scan.suffix, '.nii.gz')


def write_simulated(
    folder: Path, scan: Scan, files: list[Path], sidecars: list[dict]
) -> list[Path]:
    """Write a scan's realisations into a raw dataset; what an earlier number left is removed."""
    # All of them first: a run that is killed half-way leaves no set that looks whole.
    for path in _written(folder, scan):
        path.unlink(missing_ok=True)
    targets = [folder / raw_path(scan, k) for k in range(1, len(files) + 1)]
    for target, file, sidecar in zip(targets, files, sidecars, strict=True):
        write_json(sidecar_of(target), sidecar)
        write_bytes(target, Path(file).read_bytes())
    for path in set(_written(folder, scan, '.json')) - {sidecar_of(target) for target in targets}:
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


def is_written(folder: Path, scan: Scan, files: list[Path]) -> bool:
    """Tell whether the raw dataset holds a scan's realisations, byte by byte, and no others."""
    images = [folder / raw_path(scan, k) for k in range(1, len(files) + 1)]
    if sorted(images) != _written(folder, scan):
        return False
    try:
        whole = all(sidecar_of(image).stat().st_size for image in images)
        pairs = zip(images, files, strict=True)
        return whole and all(a.read_bytes() == b.read_bytes() for a, b in pairs)
    except OSError:
        return False


def export_simulated(task: Task, settings: Settings) -> list[Path]:
    """Write the images of a finished, simulated scan into ``settings.simulate_as_bids``.

    From the derivatives alone, so that a dataset can be asked for after the fact; nothing is
    written where the same bytes are there already.
    """
    scan, folder, out = task.scan, settings.simulate_as_bids, settings.output_dir
    files = [out / path_of(task, each) for each in simulated(settings.n_realisations)]
    if is_written(folder, scan, files):
        return []
    record = read_record(out / path_of(task, QC))
    sidecars = [
        simulated_sidecar(record.contrast, record.simulation, realisation=k, source=scan.source)
        for k in range(1, len(files) + 1)
    ]
    return write_simulated(folder, scan, files, sidecars)


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


def start_dataset(folder: Path, settings: Settings) -> None:
    """Write the files that make a folder a raw dataset, before any scan is in it.

    What is written depends on the source dataset alone, so that runs over different participants
    may share the folder, also at the same time.
    """
    source = settings.bids_dir
    raw = read_json(source / DESCRIPTION)
    called = raw.get('Name') or source.name
    # Resolved, for `..` after a symbolic link leads elsewhere than text suggests.
    description = dataset_description(Settings(source.resolve(), folder.resolve()))
    del description['HowToAcknowledge']  # speaks of a file of the derivatives
    description['Name'] = f'Simulated low-field scans of {called}'
    description['DatasetType'] = 'raw'
    description['GeneratedBy'][0]['Description'] = 'Simulation of low-field MRI from high field'
    authors = raw.get('Authors')
    if isinstance(authors, list) and authors:
        description['Authors'] = authors
    # First: from then on the folder is known for what it is.
    write_json(folder / DESCRIPTION, description)
    origin = description['SourceDatasets'][0]
    where = f'`{origin["URL"]}`' + (f', {origin["DOI"]}' if 'DOI' in origin else '')
    told = {'name': description['Name'], 'version': __version__, 'source': called, 'where': where}
    write_text(folder / 'README.md', README.format(**told))
    _write_participants(folder, source)
    if (source / 'LICENSE').is_file():
        write_bytes(folder / 'LICENSE', (source / 'LICENSE').read_bytes())


def _write_participants(folder: Path, source: Path) -> None:
    """Write a row for each participant of the source, simulated in this run or not."""
    try:
        rows = read_table(source / 'participants.tsv')
    except (OSError, ValueError):
        rows = []
    known = {row['participant_id']: row for row in rows if row.get('participant_id')}
    header = list(rows[0]) if known else ['participant_id']
    lines = ['\t'.join(header)]
    for label in find_participants(source):
        row = {**known.get(f'sub-{label}', {}), 'participant_id': f'sub-{label}'}
        lines.append('\t'.join(row.get(name) or 'n/a' for name in header))
    write_text(folder / 'participants.tsv', '\n'.join(lines) + '\n')
    described = source / 'participants.json'
    if known and described.is_file():
        with suppress(ValueError):  # no text: nothing that describes the columns
            write_text(folder / 'participants.json', read_text(described))


def refuse_folder(folder: Path, bids_dir: Path, output_dir: Path) -> str | None:
    """Say why a folder cannot take the simulated dataset, one line; None where it can."""
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
    try:
        url = read_json(folder / DESCRIPTION)['SourceDatasets'][0]['URL']
        origin = (folder.resolve() / unquote(url)).resolve()
        ours = made_here(folder, 'raw')
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
