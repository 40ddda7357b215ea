"""Simulated scans as files of a raw BIDS dataset: names, sidecars, what is written."""

import os
import re
from pathlib import Path

from ulfprep import __version__
from ulfprep.bids.files import write_bytes, write_json
from ulfprep.bids.names import path_of_name, sidecar_of
from ulfprep.bids.qc_file import read_record
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.task import Task
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
    plan: ContrastPlan,
    facts: SimulationRecord,
    *,
    realisation: int,
    source: str,
) -> dict:
    """Return the BIDS sidecar of one simulated scan.

    Parameters
    ----------
    plan : ContrastPlan
        Of direction ``simulate``.
    facts : SimulationRecord
        How it was simulated.
    realisation : int
        Number of the realisation, from 1.
    source : str
        BIDS URI of the scan it was simulated from.

    Returns
    -------
    dict
        BIDS fields in BIDS units; what BIDS has no field for is under ``Simulation``.
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
        If the scan has entities of which no name can be made.
    """
    label = f'{scan.entities.get("reconstruction", "")}sim{k}'
    return path_of_name({**scan.entities, 'reconstruction': label}, scan.suffix, '.nii.gz')


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
        write_json(sidecar_of(target), sidecar)
        write_bytes(target, Path(file).read_bytes())
    keep = {sidecar_of(target) for target in targets}
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
        whole = all(p.stat().st_size for image in images for p in (image, sidecar_of(image)))
        pairs = zip(images, files, strict=True) if files is not None else ()
        return whole and all(a.read_bytes() == Path(b).read_bytes() for a, b in pairs)
    except OSError:
        return False


def export_simulated(task: Task, settings: Settings) -> list[Path]:
    """Put the simulated scans of a finished scan into ``settings.simulate_as_bids``.

    From the derivatives alone, so that a dataset can be asked for after the fact; files that
    are there already with the same bytes are left as they are.

    Parameters
    ----------
    task : Task
        Finished, direction ``simulate``.
    settings : Settings

    Returns
    -------
    list of Path
        The images written; empty where nothing was to do.
    """
    scan, folder, out = task.scan, settings.simulate_as_bids, settings.output_dir
    files = [out / path_of(task, each) for each in simulated(settings.n_realisations)]
    if is_written(folder, scan, len(files), files):
        return []
    record = read_record(out / path_of(task, QC))
    sidecars = [
        simulated_sidecar(record.contrast, record.simulation, realisation=k, source=scan.source)
        for k in range(1, len(files) + 1)
    ]
    return write_simulated(folder, scan, files, sidecars)
