"""Checks that must pass before any work starts."""

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

from ulfprep.bids.files import not_here
from ulfprep.bids.names import parse_name, sidecar_of
from ulfprep.cli.exit_codes import Exit, Stop, ending_at, usage
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


def preflight(settings: Settings) -> Settings:
    """Check a run, make its folders, and return its settings with no choice left open."""
    check_request(settings)
    check_plugin(settings.use_plugin)
    settings = resolved(settings)
    settings = dataclasses.replace(settings, device=resolve_device(settings.device))
    make_outputs(settings)
    inside = settings.output_dir / 'work'
    example = f', such as {inside}' if settings.work_dir != inside else ''
    make_folder(settings.work_dir, f'--work-dir{example}')
    return settings


def check_request(settings: Settings) -> None:
    """Refuse what would stop a run, as far as it can be known without heavy libraries."""
    check_paths(settings)
    check_combinations(settings)
    check_given(settings)


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
        raise usage('--fuse contrasts needs several; name them, such as --modalities T1w T2w')


def check_given(settings: Settings) -> None:
    """Refuse masks, derivatives and a high-field image that are not there.

    What they hold is checked once the scans are known.
    """
    if (mask := settings.brain_mask) and not mask.exists():
        said = not_here(mask) or f'{mask}: there is no such file or folder'
        raise Stop(Exit.NO_INPUT, f'{said}; mend --brain-mask')
    if mask and not mask.is_dir() and not mask.name.endswith(('.nii', '.nii.gz', '.mgz', '.mgh')):
        raise usage(
            f'{mask}: --brain-mask takes a file (.nii, .nii.gz, .mgz) or a folder of BIDS '
            'derivatives'
        )
    for folder in settings.derivatives:
        if not folder.is_dir():
            what = 'is not a folder' if folder.exists() else 'there is no such folder'
            raise Stop(Exit.NO_INPUT, f'{folder}: {what}; mend --derivatives')
        if folder in (settings.bids_dir, settings.output_dir):
            whose = 'the input dataset' if folder == settings.bids_dir else 'the output folder'
            raise usage(f'{folder}: is {whose}; name other folders with --derivatives')
    path = settings.reference
    if isinstance(path, Path):
        _expect_nifti(path, '--reference takes auto or a NIfTI file (.nii or .nii.gz)')
        _read(path, '--reference')
        if parse_name(path).suffix not in MODALITIES and len(settings.modalities) > 1:
            raise usage(
                f'{path}: its name does not say which modality it is; name one with --modalities'
            )


def check_plugin(path: Path | None) -> None:
    """Refuse a ``--use-plugin`` file that names no plugin of Nipype."""
    if path is None:
        return
    from ulfprep.workflows.engine.plugin_file import read_plugin_file

    _read(path, '--use-plugin')
    with ending_at({ValueError: Exit.USAGE}):
        name, _ = read_plugin_file(path)
    if name == 'SLURM' and not shutil.which('sbatch'):
        raise usage(
            f'{path}: asks for SLURM, but there is no command `sbatch` on the PATH; run ulfprep '
            'where jobs can be submitted (most containers have none of its commands), or leave '
            '--use-plugin out'
        )


def _expect_nifti(path: Path, expected: str) -> None:
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise usage(f'{path}: {expected}')


def _read(path: Path, flag: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        said = not_here(path) or f'{path}: cannot be read ({error.strerror or error})'
        raise Stop(Exit.NO_INPUT, f'{said}; {flag}') from error


def resolved(settings: Settings, *, here: bool = True) -> Settings:
    """Return settings with the target image known, and no choice of segmentation left open.

    Results do not depend on whether a choice was made by name or left to ulfprep.

    Parameters
    ----------
    settings : Settings
    here : bool
        Whether the scans are processed where this process runs.
    """
    segmentation, prior = settings.segmentation, settings.tissue_prior
    return dataclasses.replace(
        settings,
        target_like_digest=reference_digest(settings),
        segmentation=resolve_segmentation(segmentation, prior, here=here),
    )


def resolve_segmentation(name: str, prior: str = 'none', *, here: bool = True) -> str:
    """Return the segmentation that was asked for, or what ``auto`` turns into.

    Raises
    ------
    Stop
        With a prior that this segmentation does not take, and, if it is to work ``here``, where
        its software or template is missing.
    """
    if prior != 'none':
        if name not in ('auto', 'embedded'):
            raise usage(
                f'--tissue-prior {prior} is for the embedded segmentation only; leave it out, or '
                'use --segmentation embedded'
            )
        if here:
            from ulfprep.segmentation.template import template_files

            with ending_at({FileNotFoundError: Exit.USAGE}):
                template_files()
        return 'embedded'
    if name in COMMANDS and here:
        program, command, how = COMMANDS[name]
        if not shutil.which(command):
            raise usage(
                f'{program} was asked for but there is no command `{command}` on the PATH; {how}, '
                'or leave --segmentation out'
            )
    return 'network' if name == 'auto' else name


def reference_digest(settings: Settings) -> str:
    """Return a short hash of the scan of ``--target-like`` and its sidecar.

    Raises
    ------
    Stop
        Where it is missing, no NIfTI file by its name, meant for several modalities, or another
        than in stored settings, or where its sidecar is broken.
    """
    path = settings.target_like
    if path is None:
        return ''
    from ulfprep.bids.read.sidecars import BrokenSidecarError, read_sidecar

    _expect_nifti(path, '--target-like takes a NIfTI file (.nii or .nii.gz)')
    if len(settings.modalities) > 1:
        raise usage('--target-like is one scan of one modality; name it with --modalities')
    content = _read(path, '--target-like')
    sidecar = sidecar_of(path)
    if os.path.lexists(sidecar):
        with ending_at({BrokenSidecarError: Exit.USAGE}):
            read_sidecar(sidecar)
        content += sidecar.read_bytes()
    found = hashlib.sha256(content).hexdigest()[:16]
    if settings.target_like_digest not in ('', found):
        raise usage(
            f'{path}: not the scan that the settings of --config-file were written for; put that '
            'one back, or name this one with --target-like'
        )
    return found


def resolve_device(name: str) -> str:
    """Return the device the fit will use: ``cpu``, ``cuda`` or ``cuda:N``.

    ``auto`` takes a GPU where there is one; one that was asked for by name is never quietly
    replaced by the CPU.
    """
    if name == 'cpu':
        return name
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == 'auto':
        return 'cuda' if count else 'cpu'
    if int(name.partition(':')[2] or 0) >= count:
        raise usage(
            f'--device {name} was asked for but torch {torch.__version__} sees {count} GPU(s); '
            'install a CUDA build of torch or a driver that fits, or use --device cpu'
        )
    return name


def describe_device(asked: str, device: str) -> str:
    """Return a line for the log: what :func:`resolve_device` made of what was asked for."""
    reason = f'--device {asked}'
    if (asked, device) == ('cpu', 'cpu'):
        return f'device: cpu ({reason})'
    import torch

    if device == 'cpu':
        return f'device: cpu ({reason}; torch {torch.__version__} sees no GPU)'
    number = int(device.partition(':')[2] or 0)
    return f'device: cuda:{number}, {torch.cuda.get_device_name(number)} ({reason})'


def make_outputs(settings: Settings) -> None:
    """Make the folders that results are written to."""
    make_folder(settings.output_dir, 'output folder')
    if settings.simulate_as_bids:
        make_folder(settings.simulate_as_bids, '--simulate-as-bids')
