"""Checks that must pass before any work starts."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

from ulfprep.bids.files import not_here
from ulfprep.bids.names import parse_name, sidecar_of
from ulfprep.cli.device import resolve_device
from ulfprep.cli.exit_codes import Exit, Stop, usage
from ulfprep.cli.paths import check_paths, make_folder
from ulfprep.settings import MODALITIES, Settings

#: Segmentations by other software: its name, its command and how to get that.
COMMANDS = {
    'fast': ('FSL FAST', 'fast', 'install FSL and source its set-up'),
    'synthseg': (
        'SynthSeg',
        'mri_synthseg',
        'install FreeSurfer (7.2 or newer) and source its SetUpFreeSurfer.sh',
    ),
}


def resolve_segmentation(name: str, prior: str = 'none') -> str:
    """Return the segmentation that was asked for, or what ``auto`` turns into.

    Raises
    ------
    Stop
        Where other software was asked for by name and is not installed, or with a prior that
        only the embedded segmentation takes; where the template of the prior is not installed.
    """
    if prior != 'none':
        if name not in ('auto', 'embedded'):
            raise usage(
                f'--tissue-prior {prior} is for the embedded segmentation only; leave it out, or '
                'use --segmentation embedded'
            )
        from ulfprep.segmentation.template import template_files

        try:
            template_files()
        except FileNotFoundError as error:
            raise usage(str(error)) from error
        return 'embedded'
    if name in COMMANDS:
        program, command, how = COMMANDS[name]
        if not shutil.which(command):
            raise usage(
                f'{program} was asked for but there is no command `{command}` on the PATH; {how}, '
                'or leave --segmentation out'
            )
    return 'network' if name == 'auto' else name


def check_combinations(settings: Settings) -> None:
    """Refuse flags that need another flag, or contradict it."""
    if not settings.write_sbatch and (settings.sbatch_args or settings.container_image):
        flag = '--sbatch-arg' if settings.sbatch_args else '--container-image'
        raise usage(f'{flag} is used together with --write-sbatch DIR only; leave it out')
    if settings.group_by:
        raise usage('--group-by is for the group level only; leave it out')
    several = len(settings.modalities) > 1
    if settings.source_sequence and several:
        raise usage('--source-sequence is for one modality; name it with --modalities')
    if settings.fuse == 'contrasts' and not several:
        raise usage(
            '--fuse contrasts needs several; name them, such as --modalities T1w T2w FLAIR'
        )


def reference_digest(settings: Settings) -> str:
    """Return a short hash of the scan of ``--target-like`` and its sidecar.

    Raises
    ------
    Stop
        Where it is missing, no NIfTI file by its name, meant for several modalities, or another
        than in stored settings, or where its sidecar holds no JSON object.
    """
    path = settings.target_like
    if path is None:
        return ''
    _expect_nifti(path, '--target-like takes')
    if len(settings.modalities) > 1:
        raise usage('--target-like is one scan of one modality; name it with --modalities')
    content = _read(path, '--target-like')
    sidecar = sidecar_of(path)
    if os.path.lexists(sidecar):
        try:
            text = sidecar.read_bytes()
            fields = json.loads(text)
        except (OSError, ValueError) as error:
            said = not_here(sidecar) or f'{sidecar}: not readable as JSON ({error})'
            raise usage(said) from error
        if not isinstance(fields, dict):
            raise usage(f'{sidecar}: must hold a JSON object, the sidecar of a scan')
        content += text
    found = hashlib.sha256(content).hexdigest()[:16]
    if settings.target_like_digest not in ('', found):
        raise usage(
            f'{path}: not the scan that the settings of --config-file were written for; put that '
            'one back, or name this one with --target-like'
        )
    return found


def _expect_nifti(path: Path, who_takes: str, what: str = 'a NIfTI file (.nii or .nii.gz)'):
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise usage(f'{path}: {who_takes} {what}')


def _read(path: Path, flag: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        said = not_here(path) or f'{path}: cannot be read ({error.strerror or error})'
        raise Stop(Exit.NO_INPUT, f'{said}; {flag}') from error


def check_brain_mask(path: Path | None) -> None:
    """Refuse a ``--brain-mask`` that is neither a folder nor a NIfTI file.

    Whether it fits the scans is checked once these are known.
    """
    if path is None or path.is_dir():
        return
    if not path.exists():
        said = not_here(path) or f'{path}: there is no such file or folder'
        raise Stop(Exit.NO_INPUT, f'{said}; mend --brain-mask')
    what = 'a NIfTI file (.nii or .nii.gz) or a folder of BIDS derivatives'
    _expect_nifti(path, '--brain-mask takes', what)


def check_derivatives(settings: Settings) -> None:
    """Refuse ``--derivatives`` that are no folders, or are what this run will write.

    Which scans they have something for is checked once these are known.
    """
    for folder in settings.derivatives:
        if not folder.is_dir():
            what = 'is not a folder' if folder.exists() else 'there is no such folder'
            raise Stop(Exit.NO_INPUT, f'{folder}: {what}; mend --derivatives')
        if folder in (settings.bids_dir, settings.output_dir):
            whose = 'the input dataset' if folder == settings.bids_dir else 'the output folder'
            raise usage(f'{folder}: is {whose}; name other folders with --derivatives')


def check_highfield(settings: Settings) -> None:
    """Refuse a ``--reference`` that is no NIfTI file, or whose modality is not known."""
    path = settings.reference
    if not isinstance(path, Path):
        return
    _expect_nifti(path, '--reference takes auto or')
    _read(path, '--reference')
    ending = parse_name(path).suffix
    if ending not in MODALITIES and len(settings.modalities) > 1:
        raise usage(
            f'{path}: its name does not say which modality it is; name one with --modalities'
        )


def check_plugin(path: Path | None) -> None:
    """Refuse a ``--use-plugin`` file that names no plugin of Nipype."""
    if path is None:
        return
    from ulfprep.workflows.engine.plugin_file import read_plugin_file

    _read(path, '--use-plugin')
    try:
        name, _ = read_plugin_file(path)
    except ValueError as error:
        raise usage(str(error)) from error
    if name == 'SLURM' and not shutil.which('sbatch'):
        raise usage(
            f'{path}: asks for SLURM, but there is no command `sbatch` on the PATH; run ulfprep '
            'where jobs can be submitted (most containers have none of its commands), or leave '
            '--use-plugin out'
        )


def check_request(settings: Settings) -> None:
    """Refuse what would stop a run, as far as it can be known without heavy libraries."""
    check_paths(settings)
    check_combinations(settings)
    check_brain_mask(settings.brain_mask)
    check_derivatives(settings)
    check_highfield(settings)


def make_outputs(settings: Settings) -> None:
    """Make the folders that results are written to."""
    make_folder(settings.output_dir, 'output folder')
    if settings.simulate_as_bids:
        make_folder(settings.simulate_as_bids, '--simulate-as-bids')


def preflight(settings: Settings) -> Settings:
    """Check a participant-level run and return its settings with no choice left open.

    What ``auto`` turns into is part of the settings from here on, so that results do not
    depend on whether a choice was made by name or left to ulfprep.
    """
    check_request(settings)
    check_plugin(settings.use_plugin)
    settings = dataclasses.replace(
        settings,
        target_like_digest=reference_digest(settings),
        segmentation=resolve_segmentation(settings.segmentation, settings.tissue_prior),
        device=resolve_device(settings.device),
    )
    make_outputs(settings)
    inside = settings.output_dir / 'work'
    example = f', such as {inside}' if settings.work_dir != inside else ''
    make_folder(settings.work_dir, f'--work-dir{example}')
    return settings
