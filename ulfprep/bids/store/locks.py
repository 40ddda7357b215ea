"""Who works on what: locks of participants, and the work folder, of which only ours is removed."""

import errno
import fcntl
import json
import logging
import os
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

from ulfprep.bids.files import read_text
from ulfprep.settings import Settings

LOGGER = logging.getLogger('ulfprep')
#: What file systems answer that cannot lock.
CANNOT_LOCK = frozenset(
    # The last where a network's file system would have to write what may only be read.
    {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}
)
OUT_FOLDER = Path('logs/locks')
WORK_FOLDER = Path('locks')
#: Held by every run that uses a work folder, together with others.
IN_USE = 'in-use.lock'


class LockedError(RuntimeError):
    """Another process holds what is needed."""


class Locks:
    """The locks of a run; leaving its ``with`` block releases them all.

    Participants are locked in both folders: two runs may share one of them and not the other.
    """

    def __init__(self, output_dir: Path, work_dir: Path):
        self.folders = {
            'output folder': output_dir / OUT_FOLDER,
            'work folder': work_dir / WORK_FOLDER,
        }
        self._held: dict[Path, int] = {}
        self._warned = False

    @classmethod
    def of(cls, settings: Settings) -> 'Locks':
        """Return the (still open) locks of a run."""
        return cls(settings.output_dir, settings.work_dir)

    def __enter__(self) -> 'Locks':
        self._take(self.folders['work folder'] / IN_USE, 'work folder', shared=True)
        return self

    def __exit__(self, *error) -> None:
        self.release()

    def take_participant(self, label: str) -> None:
        """Lock a participant in both folders, unless this run holds it; else LockedError."""
        paths = {where: folder / f'sub-{label}.lock' for where, folder in self.folders.items()}
        taken = []
        try:
            for where, path in paths.items():
                if path not in self._held:
                    self._take(path, f'sub-{label} in this {where}')
                    taken.append(path)
        except LockedError:
            for path in taken:
                os.close(self._held.pop(path))
            raise

    def take_in_work(self, name: str) -> bool:
        """Lock something else in the work folder; tell whether this run has it."""
        path = self.folders['work folder'] / f'{name}.lock'
        try:
            if path not in self._held:
                self._take(path, name)
        except LockedError:
            return False
        return True

    def release(self) -> None:
        """Release all locks."""
        while self._held:
            os.close(self._held.popitem()[1])

    def _take(self, path: Path, what: str, shared: bool = False) -> None:
        file = open_lock(path)
        try:
            refused = _lock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:
            os.close(file)
            if not isinstance(error, BlockingIOError):
                raise
            raise LockedError(
                f'{what} is being processed by {holder(path)}; wait for it, then run the same '
                'command again'
            ) from error
        self._held[path] = file
        if refused and not self._warned:
            LOGGER.warning(
                '%s: this file system cannot lock files (%s); make sure yourself that no two '
                'processes work on one participant at once', path.parent, refused,
            )  # fmt: skip
            self._warned = True
        elif not (refused or shared):
            _sign(file)


def _lock(file: int, kind: int) -> str:
    """Lock an open file, or return what a file system says that can lock none."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in CANNOT_LOCK:
            raise
        return error.strerror or str(error)
    return ''


def open_lock(path: Path) -> int:
    """Open a lock file, made if it is missing, for anyone who may write to its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        # Another user's; flock needs no more than reading.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _sign(file: int) -> None:
    """Write into a lock that is held who holds it."""
    now = datetime.now(UTC).strftime('%Y-%m-%d %H:%M:%S UTC')
    content = json.dumps({'host': socket.gethostname(), 'pid': os.getpid(), 'since': now})
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, content.encode(), 0)
    except OSError as error:  # the lock holds without words
        LOGGER.debug('a lock could not be signed: %s', error)


def holder(path: Path) -> str:
    """Say who holds a lock, as far as its file tells."""
    try:
        found = json.loads(read_text(path))
        return f'process {found["pid"]} on {found["host"]} since {found["since"]}'
    except (OSError, ValueError, KeyError, TypeError):
        return 'another process'


#: Folder of libraries' caches and temporary files.
CACHES = 'caches-of-ulfprep'
#: What runs leave in the work folder is called so, and holds a file of this name that says so:
#: others may use the name.
MADE_HERE, MARK = ('ulfprep_*', CACHES), '.made-by-ulfprep'
#: What libraries put into the folder of caches before it is marked.
_OF_LIBRARIES = frozenset({'nipype', 'templateflow', 'matplotlib', 'cache', 'torch', 'tmp'})


def claim(folder: Path) -> None:
    """Make a folder in the work folder, and mark it unless something else is in it already."""
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
    """Remove what earlier runs left in a work folder; return that, and what is not ours."""
    if not work_dir.is_dir():
        return [], []
    file = open_lock(work_dir / WORK_FOLDER / IN_USE)
    try:
        _lock(file, fcntl.LOCK_EX)
        removed = sorted(
            path for pattern in MADE_HERE for path in work_dir.glob(pattern) if is_claimed(path)
        )
        for path in removed:
            shutil.rmtree(path)
        known = {*removed, work_dir / WORK_FOLDER}
        return removed, sorted(path for path in work_dir.iterdir() if path not in known)
    except BlockingIOError as error:
        raise LockedError(
            f'{work_dir}: another run is using this work folder; wait for it, or leave '
            '--clean-workdir out'
        ) from error
    finally:
        os.close(file)
