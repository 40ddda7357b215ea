"""The anatomical images of a dataset, and pybids' index of them kept for later runs."""

import logging
import os
import shutil
import sqlite3
import time
from pathlib import Path
from tempfile import mkdtemp

from ulfprep.bids.errors import BrokenIndexError, IndexFolderError, IndexOfAnotherError
from ulfprep.bids.index import EXTENSIONS, files_of, find_participants, indexed

LOGGER = logging.getLogger('ulfprep')
#: What pybids calls the file in a database folder.
DATABASE = 'layout_index.sqlite'
#: Marks a database as ours (SQLite's application_id: "ulfp"), to be made anew where it is old.
OURS = 0x756C6670
#: File systems tell times to some hundredths of a second.
TICK = 0.05


def anatomical_images(
    bids_dir: Path,
    participants: list[str],
    database_dir: Path | None = None,
    keep: bool = True,
) -> list[Path]:
    """Return the images in the ``anat`` folders of some participants, sorted by path.

    Parameters
    ----------
    bids_dir : Path
    participants : list of str
        Labels of those to look at; the other folders are not opened.
    database_dir : Path or None
        Where pybids' index of all participants is kept for later runs; one that is older than
        an ``anat`` folder asked for is made anew.
    keep : bool
        Whether an index may be written there.

    Returns
    -------
    list of Path
        Links that lead nowhere are listed too: what is wrong with a scan is said of that scan.

    Raises
    ------
    DatasetError
        If the dataset cannot be indexed.
    IndexOfAnotherError, BrokenIndexError, IndexFolderError
        If ``database_dir`` cannot be used.
    """
    if database_dir is None:
        files = files_of(indexed(bids_dir, participants))
    else:
        files = _files_in_database(bids_dir, participants, database_dir, keep)
    chosen = {f'sub-{label}' for label in participants}
    return sorted(bids_dir / path for path in files if _is_anatomical(path, chosen))


def _is_anatomical(path: Path, chosen: set[str]) -> bool:
    """Tell whether a file lies where BIDS keeps the anatomical images of a participant."""
    # By the path inside the dataset: pybids looks at the folders above it, too.
    parts = path.parts
    return (
        len(parts) in (3, 4)
        and parts[0] in chosen
        and parts[-2] == 'anat'
        and all(part.startswith('ses-') for part in parts[1:-2])
        and path.name.endswith(EXTENSIONS)
    )


def _files_in_database(
    bids_dir: Path, participants: list[str], folder: Path, keep: bool
) -> list[Path]:
    """Return all images that a kept index knows, after making or renewing it if need be."""
    file = folder / DATABASE
    if file.exists():
        ours = _check_database(file, bids_dir)
        newer = _newer_folder(bids_dir, participants, file)
        if newer is None:
            LOGGER.info('%s: the index of the dataset is taken from there', file)
            return _read_database(file)
        if not ours:
            LOGGER.warning(
                '%s: not used, for it is older than %s and not of ulfprep; remove it, or name '
                'another --bids-database-dir', file, newer,
            )  # fmt: skip
            return files_of(indexed(bids_dir, participants))
        LOGGER.info('%s: older than %s, so it is not used but made anew', file, newer)
        if not os.access(folder, os.W_OK):
            LOGGER.warning('%s: cannot be written to, so the index is not renewed', folder)
            keep = False
    if not keep:
        return files_of(indexed(bids_dir, participants))
    _make_database(bids_dir, file)
    return _read_database(file)


def _make_database(bids_dir: Path, file: Path) -> None:
    """Index the anatomical images of all participants; the file appears when it is whole."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(prefix='.ulfprep-', dir=file.parent))
    except OSError as error:
        raise IndexFolderError(
            f'{file.parent}: cannot be written ({error.strerror or error}); choose another '
            '--bids-database-dir'
        ) from error
    try:
        start = time.time() - TICK
        layout = indexed(bids_dir, find_participants(bids_dir), temporary)
        layout.session.close()
        layout.connection_manager.engine.dispose()
        made = temporary / DATABASE
        connection = sqlite3.connect(made)
        connection.execute(f'PRAGMA application_id = {OURS}')
        connection.commit()
        connection.close()
        # What changes while it is being made is newer than it.
        os.utime(made, (start, start))
        made.chmod(0o644)
        os.replace(made, file)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_database(file: Path, bids_dir: Path) -> bool:
    """Refuse what is no index of this dataset; return whether ulfprep made it."""
    try:
        connection = sqlite3.connect(f'{file.absolute().as_uri()}?mode=ro', uri=True)
        try:
            (sound,) = connection.execute('PRAGMA quick_check(1)').fetchone()
            (mark,) = connection.execute('PRAGMA application_id').fetchone()
            (root,) = connection.execute('SELECT root FROM layout_info').fetchone()
            connection.execute('SELECT path FROM files LIMIT 1').fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, TypeError, UnicodeError) as error:
        raise BrokenIndexError(_broken(file, error)) from error
    if sound != 'ok':
        raise BrokenIndexError(_broken(file, sound))
    if Path(root).resolve() != bids_dir.resolve():
        raise IndexOfAnotherError(
            f'{file}: the index of another dataset ({root}); name another --bids-database-dir, or '
            'remove it to have it made anew'
        )
    return mark == OURS


def _read_database(file: Path) -> list[Path]:
    """Return all images of an index that is known to be sound."""
    from bids import BIDSLayout

    try:
        return files_of(BIDSLayout(validate=False, database_path=file.parent))
    except Exception as error:  # SQLAlchemy, sqlite3 and pybids each raise their own kinds
        raise BrokenIndexError(_broken(file, error)) from error


def _broken(file: Path, reason) -> str:
    text = ' '.join(str(reason).split())
    return f'{file}: not a readable index of pybids ({text}); remove it to have it made anew'


def _newer_folder(bids_dir: Path, participants: list[str], file: Path) -> Path | None:
    """Return a folder that changed after an index was made: images came, went or were moved."""
    made = file.stat().st_mtime
    for label in participants:
        subject = bids_dir / f'sub-{label}'
        sessions = [entry for entry in subject.glob('ses-*') if entry.is_dir()]
        for folder in (subject, *(place / 'anat' for place in (subject, *sessions))):
            try:
                status = folder.stat()
            except OSError:
                continue
            # A folder that is copied keeps its own time, but not the time it got here.
            if max(status.st_mtime, status.st_ctime) > made:
                return folder
    return None
