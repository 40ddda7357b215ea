"""The work folder is emptied of what ulfprep put there, and of nothing else."""

import fcntl
import os
import shutil
from pathlib import Path

from ulfprep.bids.locks import CANNOT_LOCK, IN_USE, WORK_FOLDER, LockedError, open_lock

#: Folder of libraries' caches and temporary files.
CACHES = 'caches-of-ulfprep'
#: What runs leave in the work folder is called so, and holds a file of this name that says so:
#: others may use the name.
MADE_HERE, MARK = ('ulfprep_*', CACHES), '.made-by-ulfprep'
#: What libraries put into the folder of caches before it is marked.
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
    if not is_claimed(folder):
        # The home of libraries may hold hidden files of theirs too.
        known = folder.name == CACHES
        theirs = {p.name for p in folder.iterdir() if not (known and p.name.startswith('.'))}
        if theirs - (_OF_LIBRARIES if known else set()):
            return
    # Written again and again, so that no scratch disk takes it for old.
    (folder / MARK).write_text(_mark(folder))


def is_claimed(folder: Path) -> bool:
    """Tell whether a folder carries the mark, and is called as it was when it was marked."""
    try:
        return not folder.is_symlink() and (folder / MARK).read_text() == _mark(folder)
    except (OSError, ValueError):
        return False


def _mark(folder: Path) -> str:
    """Return what the mark says: of a folder that somebody renamed to keep it, another."""
    return f'{folder.name}: made by ulfprep; --clean-workdir removes it.\n'


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
        removed = sorted(
            path for pattern in MADE_HERE for path in work_dir.glob(pattern) if is_claimed(path)
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
