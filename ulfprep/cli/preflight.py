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
from ulfprep.cli.exit_codes import Exit, Stop
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
            raise Stop(
                Exit.USAGE,
                f'--tissue-prior {prior} is of the embedded segmentation; leave it out, or use '
                '--segmentation embedded',
            )
        check_template()
        return 'embedded'
    if name == 'auto':
        return 'network'
    if name in COMMANDS:
        program, command, how = COMMANDS[name]
        if not shutil.which(command):
            raise Stop(
                Exit.USAGE,
                f'{program} was asked for but there is no command `{command}` on the PATH; {how}, '
                'or leave --segmentation out',
            )
    return name


def check_template() -> None:
    """Refuse a prior whose template is not installed."""
    from ulfprep.segmentation.template import template_files

    try:
        template_files()
    except FileNotFoundError as error:
        raise Stop(Exit.USAGE, str(error)) from error


def check_wishes(settings: Settings) -> None:
    """Refuse sequences and targets that cannot be read or contradict each other.

    Raises
    ------
    Stop
        With one line that says what to change.
    """
    from ulfprep.physics.plan import Wishes
    from ulfprep.physics.sequences import parse_sequence

    if settings.source_sequence and len(settings.modalities) > 1:
        raise Stop(
            Exit.USAGE,
            '--source-sequence is that of one modality; name that one with --modalities',
        )
    wishes = Wishes(
        settings.target_sequence, settings.target_contrast, relaxation=settings.relaxation
    )
    try:
        wishes.check()
        if settings.source_sequence:
            parse_sequence(settings.source_sequence)
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error


def check_fusion(settings: Settings) -> None:
    """Refuse a fusion of contrasts where only one was asked for."""
    if settings.fuse == 'contrasts' and len(settings.modalities) < 2:
        raise Stop(
            Exit.USAGE,
            '--fuse contrasts needs several; name them, such as --modalities T1w T2w FLAIR',
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
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise Stop(Exit.USAGE, f'{path}: --target-like takes a NIfTI file (.nii or .nii.gz)')
    if len(settings.modalities) > 1:
        raise Stop(
            Exit.USAGE,
            '--target-like is one scan of one modality; name that one with --modalities',
        )
    try:
        digest = hashlib.sha256(path.read_bytes())
    except OSError as error:
        said = not_here(path) or f'{path}: cannot be read ({error.strerror or error})'
        raise Stop(Exit.NO_INPUT, f'{said}; --target-like') from error
    sidecar = sidecar_of(path)
    if os.path.lexists(sidecar):
        try:
            content = sidecar.read_bytes()
            digest.update(content)
            fields = json.loads(content)
        except (OSError, ValueError) as error:
            said = not_here(sidecar) or f'{sidecar}: not readable as JSON ({error})'
            raise Stop(Exit.USAGE, said) from error
        if not isinstance(fields, dict):
            raise Stop(Exit.USAGE, f'{sidecar}: must hold a JSON object, the sidecar of a scan')
    found = digest.hexdigest()[:16]
    if settings.target_like_digest not in ('', found):
        raise Stop(
            Exit.USAGE,
            f'{path}: not the scan that the settings of --config-file were written for; bring '
            'that back, or name this one with --target-like',
        )
    return found


def check_brain_mask(path: Path | None) -> None:
    """Refuse a ``--brain-mask`` that is neither a folder nor a NIfTI file.

    Whether it fits the scans is checked once these are known.
    """
    if path is None or path.is_dir():
        return
    if not path.exists():
        said = not_here(path) or f'{path}: there is no such file or folder'
        raise Stop(Exit.NO_INPUT, f'{said}; mend --brain-mask')
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise Stop(
            Exit.USAGE,
            f'{path}: --brain-mask takes a NIfTI file (.nii or .nii.gz) or a folder of BIDS '
            'derivatives',
        )


def check_derivatives(settings: Settings) -> None:
    """Refuse ``--derivatives`` that are no folders, or are what this run will write.

    What they hold of the scans is looked at once these are known.
    """
    for folder in settings.derivatives:
        if not folder.is_dir():
            what = 'is no folder' if folder.exists() else 'there is no such folder'
            raise Stop(Exit.NO_INPUT, f'{folder}: {what}; mend --derivatives')
        if folder in (settings.bids_dir, settings.output_dir):
            whose = 'the input dataset' if folder == settings.bids_dir else 'the output folder'
            raise Stop(
                Exit.USAGE,
                f'{folder}: is {whose}; name other folders with --derivatives',
            )


def check_highfield(settings: Settings) -> None:
    """Refuse a ``--reference`` that is no NIfTI file, or whose modality is not known."""
    if settings.reference in ('none', 'auto'):
        return
    path = Path(settings.reference)
    if not path.name.endswith(('.nii', '.nii.gz')):
        raise Stop(Exit.USAGE, f'{path}: --reference takes auto or a NIfTI file (.nii or .nii.gz)')
    try:
        with open(path, 'rb'):
            pass
    except OSError as error:
        said = not_here(path) or f'{path}: cannot be read ({error.strerror or error})'
        raise Stop(Exit.NO_INPUT, f'{said}; --reference') from error
    ending = parse_name(path).suffix
    if ending not in MODALITIES and len(settings.modalities) > 1:
        raise Stop(
            Exit.USAGE,
            f'{path}: its name does not say which modality it is; name one with --modalities',
        )


def check_plugin(path: Path | None) -> None:
    """Refuse a ``--use-plugin`` file that names no plugin of Nipype."""
    if path is None:
        return
    from ulfprep.workflows.engine.plugin_file import read_plugin_file

    try:
        name, _ = read_plugin_file(path)
    except OSError as error:
        raise Stop(
            Exit.NO_INPUT, f'{path}: cannot be read ({error.strerror or error}); --use-plugin'
        ) from error
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    if name == 'SLURM' and not shutil.which('sbatch'):
        raise Stop(
            Exit.USAGE,
            f'{path}: asks for SLURM, but there is no command `sbatch` on the PATH; run ulfprep '
            'where jobs are handed in (containers, as a rule, have none of its commands), or '
            'leave --use-plugin out',
        )


def check_request(settings: Settings) -> None:
    """Refuse what would stop a run, as far as it can be known without heavy libraries."""
    check_paths(settings)
    if not settings.write_sbatch and (settings.sbatch_args or settings.container_image):
        flag = '--sbatch-arg' if settings.sbatch_args else '--container-image'
        raise Stop(Exit.USAGE, f'{flag} goes with --write-sbatch DIR; leave it out')
    for name in ('output_spaces', 'group_by'):
        if getattr(settings, name):
            flag = f'--{name.replace("_", "-")}'
            raise Stop(Exit.USAGE, f'{flag} is of the group level; leave it out')
    check_wishes(settings)
    check_fusion(settings)
    check_brain_mask(settings.brain_mask)
    check_derivatives(settings)
    check_highfield(settings)


def preflight(settings: Settings) -> Settings:
    """Check a participant-level run and return its settings with no choice left open.

    What ``auto`` turns into is part of the settings from here on, so that results do not
    depend on whether a choice was made by name or left to ulfprep.
    """
    check_request(settings)
    check_plugin(settings.use_plugin)
    digest = reference_digest(settings)
    segmentation = resolve_segmentation(settings.segmentation, settings.tissue_prior)
    device = resolve_device(settings.device)
    make_folder(settings.output_dir, 'output folder')
    inside = settings.output_dir / 'work'
    example = f', such as {inside}' if settings.work_dir != inside else ''
    make_folder(settings.work_dir, f'--work-dir{example}')
    if settings.simulate_as_bids:
        make_folder(settings.simulate_as_bids, '--simulate-as-bids')
    return dataclasses.replace(
        settings, segmentation=segmentation, device=device, target_like_digest=digest
    )
