"""The work folder is emptied of what ulfprep put there, and of nothing else."""

import fcntl
import os
import shutil
from pathlib import Path

from ulfprep.bids.locks import CANNOT_LOCK, IN_USE, WORK_FOLDER, LockedError, open_lock

#: Folder of libraries' caches and temporary files.
CACHES = 'caches-of-ulfprep'
#: What runs leave in the work folder is called so, and holds this file: others may use the name.
MADE_HERE, MARK = ('ulfprep_*', CACHES), '.made-by-ulfprep'
#: What libraries put into their folder before it is marked.
_OF_LIBRARIES = frozenset({'nipype', 'templateflow', 'matplotlib', 'cache', 'torch', 'tmp'})


def claim(folder: Path) -> None:
    """Make a folder and mark it as ulfprep's own, unless something else is in it already.

    Parameters
    ----------
    folder : Path
        In the work folder.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if {path.name for path in folder.iterdir()} <= _OF_LIBRARIES:
        (folder / MARK).write_text('ulfprep --clean-workdir removes this folder.\n')


def clean_work_folder(work_dir: Path) -> tuple[list[Path], list[Path]]:
    """Remove what earlier runs left in a work folder.

    Parameters
    ----------
    work_dir : Path
        Need not exist.

    Returns
    -------
    removed, left : list of Path
        What was removed, and what is somebody else's.

    Raises
    ------
    LockedError
        If another run is using it; nothing is removed then.
    OSError
        If something cannot be removed.
    """
    if not work_dir.is_dir():
        return [], []
    file = open_lock(work_dir / WORK_FOLDER / IN_USE)
    try:
        _alone(file, work_dir)
        # A link may lead anywhere.
        removed = sorted(
            path
            for pattern in MADE_HERE
            for path in work_dir.glob(pattern)
            if (path / MARK).is_file() and not path.is_symlink()
        )
        for path in removed:
            shutil.rmtree(path)
        known = {*removed, work_dir / WORK_FOLDER}
        return removed, sorted(path for path in work_dir.iterdir() if path not in known)
    finally:
        os.close(file)


def _alone(file: int, work_dir: Path) -> None:
    """Keep other runs out for as long as the file is open."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(
            f'{work_dir}: another run is using this work folder; wait for it, or leave '
            '--clean-workdir out'
        ) from error
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise
