"""The anatomical images of a dataset, by pybids' index of what is asked for and no more."""

import logging
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import mkdtemp

from ulfprep.bids.names import EXTENSIONS, shorten
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')
#: What pybids calls the file in a database folder.
DATABASE = 'layout_index.sqlite'
#: Marks a database as ours (SQLite's application_id: "ulfp"), to be made anew where it is old.
OURS = 0x756C6670
#: File systems tell times to some hundredths of a second.
TICK = 0.05


class DatasetError(ValueError):
    """The dataset cannot be read as BIDS; the message names the file and the way out."""


class UnknownLabelError(DatasetError):
    """A participant or session that was asked for does not exist."""


class NoScansError(DatasetError):
    """The dataset, or what was selected of it, holds no scan of the modalities asked for."""


class IndexOfAnotherError(DatasetError):
    """The folder of ``--bids-database-dir`` holds the index of another dataset."""


class BrokenIndexError(DatasetError):
    """The folder of ``--bids-database-dir`` holds an index that cannot be read."""


class IndexFolderError(DatasetError):
    """The folder of ``--bids-database-dir`` cannot be made or written to."""


def find_participants(bids_dir: Path) -> list[str]:
    """Return the labels of all participant folders, sorted."""
    if not bids_dir.is_dir():
        return []
    # The list says what kind each entry is: none of ten thousand has to be asked by itself.
    with os.scandir(bids_dir) as entries:
        return sorted(e.name[4:] for e in entries if e.name.startswith('sub-') and e.is_dir())


def asked_participants(settings: Settings) -> list[str]:
    """Return the labels of the participants to look at; refuse those that name nothing."""
    folder = settings.bids_dir
    known = find_participants(folder)
    if not known:
        raise NoScansError(f'{folder}: there is no participant folder (sub-*)')
    chosen = list(settings.participant_label) or known
    places = [place for label in chosen for place in (folder / f'sub-{label}').glob('ses-*')]
    sessions = sorted({place.name[4:] for place in places if os.path.isdir(place)})
    for what, wanted, there in (
        ('participant', settings.participant_label, known),
        ('session', settings.session_label, sessions),
    ):
        if missing := [label for label in wanted if label not in there]:
            raise UnknownLabelError(
                f'{folder}: no {what} {shorten(missing)}; known: {shorten(there)}'
            )
    return chosen


def ignore_patterns(participants: list[str]) -> list[re.Pattern]:
    """Return what pybids need not look at, to keep large datasets quick.

    pybids matches each pattern against the path inside the dataset, with a leading slash and no
    trailing one, for folders and files alike.
    """
    labels = '|'.join(re.escape(label) for label in participants)
    return [
        re.compile(r'/\.'),
        # derivatives, sourcedata, code, stimuli and whatever else stands beside sub-*
        re.compile(r'^/(?!sub-)[^/]+$'),
        re.compile(rf'^/sub-(?!(?:{labels})(?:/|$))'),
        # func, dwi, perf ... : only anat and the sessions that lead to it
        re.compile(r'^/sub-[^/]+/(?:ses-[^/]+/)?(?!anat$|ses-)[^/.]+$'),
        # Sidecars are read when they are needed; of files only images are of interest.
        re.compile(r'\.(?!nii$|nii\.gz$|gz$)[^/.]+$'),
    ]


def _folders(bids_dir: Path, participants: list[str]):
    """Yield the folders of some participants that lead to images."""
    for label in participants:
        subject = bids_dir / f'sub-{label}'
        sessions = [place for place in subject.glob('ses-*') if os.path.isdir(place)]
        yield from (subject, *sessions, *(p / 'anat' for p in (subject, *sessions)))


def indexed(bids_dir: Path, participants: list[str], database: Path | None = None):
    """Return pybids' index of some participants' anatomical images, or raise DatasetError."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    ignore = ignore_patterns(participants)
    for folder in _folders(bids_dir, participants):
        # pybids would give up all others for it.
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
            LOGGER.warning(
                '%s: may not be looked into, so it counts as empty; check permissions', folder
            )
            inside = re.escape(folder.relative_to(bids_dir).as_posix())
            ignore.append(re.compile(f'^/{inside}(/|$)'))
    try:
        return BIDSLayout(
            bids_dir,
            validate=False,
            derivatives=False,
            database_path=database,
            indexer=BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignore),
        )
    except (OSError, ValueError) as error:
        # pybids speaks of the JSON file it stumbled over, over several lines.
        raise DatasetError(
            f'{bids_dir}: cannot be indexed: {" ".join(str(error).split())}'
        ) from error


def anatomical_images(
    bids_dir: Path, participants: list[str], database_dir: Path | None = None, keep: bool = True
) -> list[Path]:
    """Return the images in the ``anat`` folders of some participants, sorted by path.

    Links that lead nowhere are listed too: what is wrong with a scan is said of that scan.
    ``database_dir`` is where pybids' index of all participants is kept for later runs, made anew
    where it is older than an ``anat`` folder asked for, and written only to ``keep`` it.
    DatasetError if the dataset cannot be indexed, or that folder cannot be used.
    """
    if database_dir and _prepare_database(bids_dir, participants, database_dir / DATABASE, keep):
        _, files = _read_database(database_dir / DATABASE, bids_dir)
    else:
        layout = indexed(bids_dir, participants)
        found = layout.get(extension=list(EXTENSIONS), return_type='filename')
        files = [Path(path).relative_to(layout.root) for path in found]
    chosen = {f'sub-{label}' for label in participants}
    return sorted(bids_dir / path for path in files if _is_anatomical(path, chosen))


def _is_anatomical(path: Path, chosen: set[str]) -> bool:
    """Tell whether a file lies where BIDS keeps the anatomical images of a participant."""
    # By the path inside the dataset: pybids looks at the folders above it, too.
    subject, *session, datatype = path.parts[:-1] if len(path.parts) in (3, 4) else ('', '')
    return (
        subject in chosen
        and datatype == 'anat'
        and all(part.startswith('ses-') for part in session)
        and path.name.endswith(EXTENSIONS)
    )


def _prepare_database(bids_dir: Path, participants: list[str], file: Path, keep: bool) -> bool:
    """Make or renew a kept index if need be; tell whether there is one to be used."""
    if file.exists():
        ours, _ = _read_database(file, bids_dir)
        newer = _newer_folder(bids_dir, participants, file)
        if newer is None:
            LOGGER.info('%s: the index of the dataset is taken from there', file)
            return True
        if not ours:
            LOGGER.warning(
                '%s: not used, for it is older than %s and not of ulfprep; remove it, or name '
                'another --bids-database-dir', file, newer,
            )  # fmt: skip
            return False
        LOGGER.info('%s: older than %s, so it is not used but made anew', file, newer)
        if not os.access(file.parent, os.W_OK):
            LOGGER.warning('%s: cannot be written to, so the index is not renewed', file.parent)
            return False
    if keep:
        _make_database(bids_dir, file)
    return keep


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
        with closing(sqlite3.connect(made)) as connection, connection:
            connection.execute(f'PRAGMA application_id = {OURS}')
        # What changes while it is being made is newer than it.
        os.utime(made, (start, start))
        made.chmod(0o644)
        os.replace(made, file)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_database(file: Path, bids_dir: Path) -> tuple[bool, list[Path]]:
    """Return whether ulfprep made an index of this dataset, and its files; refuse any other."""
    try:
        with closing(sqlite3.connect(f'{file.absolute().as_uri()}?mode=ro', uri=True)) as found:
            (sound,) = found.execute('PRAGMA quick_check(1)').fetchone()
            (mark,) = found.execute('PRAGMA application_id').fetchone()
            (root,) = found.execute('SELECT root FROM layout_info').fetchone()
            paths = [path for (path,) in found.execute('SELECT path FROM files')]
        if sound != 'ok':
            raise sqlite3.DatabaseError(sound)
        files = [Path(path).relative_to(root) for path in paths]
    except (sqlite3.Error, TypeError, ValueError) as error:
        text = ' '.join(str(error).split())
        raise BrokenIndexError(
            f'{file}: not a readable index of pybids ({text}); remove it to have it made anew'
        ) from error
    if Path(root).resolve() != bids_dir.resolve():
        raise IndexOfAnotherError(
            f'{file}: the index of another dataset ({root}); name another --bids-database-dir, or '
            'remove it to have it made anew'
        )
    return mark == OURS, files


def _newer_folder(bids_dir: Path, participants: list[str], file: Path) -> Path | None:
    """Return a folder that changed after an index was made: images came, went or were moved."""
    made = file.stat().st_mtime
    for folder in _folders(bids_dir, participants):
        if folder.name.startswith('ses-'):  # where other data types come and go
            continue
        with suppress(OSError):
            status = folder.stat()
            # A folder that is copied keeps its own time, but not the time it got here.
            if max(status.st_mtime, status.st_ctime) > made:
                return folder
    return None
