"""Folders of a run: which may lie where, and whether they can be read and written."""

import os
from pathlib import Path
from uuid import uuid4

from ulfprep.bids.files import not_here, read_json
from ulfprep.bids.write.dataset import refuse_output
from ulfprep.cli.environment import WRITABLE, in_container
from ulfprep.cli.exit_codes import Exit, Stop, usage
from ulfprep.settings import Settings

#: Folders of a derivatives dataset for what it was made from: nothing is written there.
OF_SOURCES = ('sourcedata', 'inputs')


def check_paths(settings: Settings) -> None:
    """Refuse missing inputs, folders that would overwrite one another, and others' results.

    The output may lie in ``derivatives/`` of the input and nowhere else in it, the input in
    ``sourcedata/`` or ``inputs/`` of the output and nowhere else in it. The work folder
    may lie in the output, but neither in the input nor around one of the two. Folders are
    compared as the file system knows them: links and mounts do not mislead.
    """
    bids, out, work = settings.bids_dir, settings.output_dir, settings.work_dir
    good = bids / 'derivatives' / 'ulfprep'
    if same(out, bids):
        raise usage(f'{out}: the output folder is the input dataset; name another, such as {good}')
    if reason := refuse_output(out):
        raise usage(reason)
    if settings.analysis_level == 'group':
        return  # the group level reads the output folder only
    if within(bids, out) and not any(at_or_in(bids, out / name) for name in OF_SOURCES):
        raise usage(
            f'{out}: the output folder contains the input dataset {bids}; name another, or have '
            f'the dataset in {out / OF_SOURCES[0]}'
        )
    if within(out, bids) and not within(out, good.parent):
        raise usage(
            f'{out}: the output folder lies in the input dataset; name one outside it, or {good}'
        )
    _check_work(work, bids, out)
    check_dataset(bids)
    if folder := settings.simulate_as_bids:
        from ulfprep.bids.write.simulated import refuse_folder

        if reason := refuse_folder(folder, bids, out):
            raise usage(reason)
        if at_or_in(folder, work):
            raise usage(f'{folder}: the folder for simulated scans lies in the work folder')
        if within(work, folder):
            raise usage(
                f'{work}: the work folder lies in the folder for simulated scans; name another '
                'with --work-dir'
            )


def _check_work(work: Path, bids: Path, out: Path) -> None:
    """Refuse a work folder in the input, and one that holds input or output: it may be wiped."""
    problem = ''
    if at_or_in(work, bids):
        problem = 'the work folder lies in the input dataset'
    elif at_or_in(out, work):
        problem = f'the work folder holds the output folder {out}, and it may be emptied'
    elif at_or_in(bids, work):
        problem = f'the work folder holds the input dataset {bids}, and it may be emptied'
    elif '_unfinished' in str(work):
        # Nipype marks running nodes by this word and strikes it out of whole paths.
        problem = 'the work folder must not have "_unfinished" in its path'
    if problem:
        raise usage(f'{work}: {problem}; name another with --work-dir')


def same(one: Path, other: Path) -> bool:
    """Tell whether two paths are the same folder, whatever links lead to it."""
    if one == other:
        return True
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there
        return False


def within(path: Path, folder: Path) -> bool:
    """Tell whether a path, there or not, lies somewhere below a folder."""
    return any(same(parent, folder.resolve()) for parent in path.resolve().parents)


def at_or_in(path: Path, folder: Path) -> bool:
    """Tell whether a path is a folder or lies somewhere below it."""
    return same(path, folder) or within(path, folder)


def check_dataset(bids_dir: Path) -> None:
    """Refuse a folder that is missing, unreadable or no BIDS dataset."""
    description = bids_dir / 'dataset_description.json'
    problem = ''
    try:
        if not bids_dir.is_dir():
            problem = 'there is no such folder'
        elif not os.access(bids_dir, os.R_OK | os.X_OK):
            problem = 'the folder cannot be read; check permissions'
        elif not os.path.lexists(description):
            problem = 'not the top folder of a BIDS dataset, for it has no ' + description.name
    except OSError as error:  # in a folder that may not be entered, or with too long a name
        problem = f'the folder cannot be read ({error.strerror or error}); check permissions'
    if problem:
        raise Stop(Exit.NO_INPUT, f'{bids_dir}: {problem}')
    try:
        content = read_json(description)
    except (OSError, ValueError) as error:
        said = not_here(description) or f'{description}: not readable as JSON ({error}); mend it'
        raise Stop(Exit.INVALID_DATASET, said) from error
    if not isinstance(content, dict):
        text = f'{description}: must hold a JSON object with Name and BIDSVersion'
        raise Stop(Exit.INVALID_DATASET, text)


def make_folder(path: Path, flag: str) -> None:
    """Create a folder and prove that it can be written to."""
    try:
        if path.exists() and not path.is_dir():
            raise Stop(Exit.CANNOT_CREATE, f'{path}: is a file; choose another {flag}')
        path.mkdir(parents=True, exist_ok=True)
        # Named like a file that is being written, so that it is tidied away like one.
        probe = path / f'.ulfprep-{uuid4().hex[:12]}'
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Stop(
            Exit.CANNOT_CREATE,
            f'{path}: cannot be written ({error.strerror or error}); choose another {flag}'
            f'{in_container(WRITABLE)}',
        ) from error


def check_outputs(output_dir: Path, participants: list[str]) -> None:
    """Refuse folders of earlier runs, which participants' files go to, that are read-only.

    Found when a scan is finished, it would have cost all the work.
    """
    for folder in (output_dir / 'logs', *(output_dir / f'sub-{p}' for p in participants)):
        for parent, _, _ in os.walk(folder):
            if not os.access(parent, os.W_OK | os.X_OK):
                raise Stop(
                    Exit.CANNOT_CREATE,
                    f'{parent}: cannot be written, though {output_dir} can; mend its permissions, '
                    f'or choose another output folder{in_container(WRITABLE)}',
                )
