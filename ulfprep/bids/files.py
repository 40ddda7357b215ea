"""Files as people's machines hold them: text, JSON and images, whole or not there."""

import codecs
import errno
import fcntl
import io
import json
import math
import os
import re
import shlex
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    import numpy as np

#: What a file may begin with, and the encoding that it tells. The first that fits: the mark of
#: UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def encoding_of(beginning: bytes) -> str:
    """Return the encoding of a text by its first four bytes: UTF-8 without a byte order mark."""
    return next((name for mark, name in MARKS if beginning.startswith(mark)), 'utf-8')


def read_text(path: Path) -> str:
    """Return a file's text without byte order mark, lines ended by line feeds; else ValueError."""
    content = Path(path).read_bytes()
    return io.TextIOWrapper(io.BytesIO(content), encoding_of(content[:4])).read()


DESCRIPTION = 'dataset_description.json'
#: What stands in the target of an annexed file's link, and in the text left where links cannot be.
ANNEX = '/annex/objects/'
#: How the text begins that Git LFS leaves.
LFS = 'version https://git-lfs.github.com/spec/'
#: Such texts are no longer than this, bytes.
LONGEST = 32768


def not_here(path: Path) -> str:
    """Say that a file's content is elsewhere and how to get it, path first; else nothing."""
    path, name = Path(path), shlex.quote(str(path))
    annexed = (
        f'{path}: its content is not here, only the key of git-annex; get its content first '
        f'(git annex get {name}, or datalad get {name})'
    )
    if path.is_symlink() and not path.exists():
        if ANNEX in Path(os.readlink(path)).as_posix():
            return annexed
        return (
            f'{path}: a broken link; restore what it leads to, and if the dataset is managed by '
            'git-annex or DataLad, get its content first (datalad get)'
        )
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            return ''
        with open(path, 'rb') as file:
            first = file.read(512).split(b'\n')[0].decode('utf-8', 'replace')
    except OSError:
        return ''
    # A link that was written as a text begins with the way to the repository.
    if first.startswith(ANNEX) or (first.startswith('.') and f'/.git{ANNEX}' in first):
        return annexed
    if first.startswith(LFS):
        return (
            f'{path}: only a text of Git LFS, not the file itself; get its content first '
            f'(git lfs pull --include {shlex.quote(path.name)})'
        )
    return ''


#: Names of files that are being written; no BIDS file begins with a full stop.
_TEMPORARY = re.compile(r'\.ulfprep-[0-9a-f]{12}')
#: What file systems answer that have no such thing.
_NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF})


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then put it in place at once.

    A killed run leaves the old file or none, and what :func:`remove_leftovers` removes. An OSError
    names ``path``, not the temporary file.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, file = _open_temporary(path.parent)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(file, view) :]
            _settle(file)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return path


def _open_temporary(folder: Path) -> tuple[Path, int]:
    """Open a new file for writing; it is locked, as a sign that somebody writes it."""
    while True:
        path = folder / f'.ulfprep-{uuid4().hex[:12]}'
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _lock(file) is not False and os.fstat(file).st_nlink:
            return path, file
        os.close(file)  # taken for a leftover in the moment before it was locked


def _lock(file: int) -> bool | None:
    """Lock an open file; tell whether that went well, None where nothing can be locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _settle(file: int) -> None:
    """Have the disk hold what was written, or hear that it cannot (networks tell late)."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise


def remove_leftovers(folder: Path, deep: bool = False) -> list[Path]:
    """Remove what killed processes were writing and return it; what others still write stays."""
    removed = []
    for parent, folders, names in os.walk(folder):
        if not deep:
            folders.clear()
        for path in (Path(parent, name) for name in names if _TEMPORARY.fullmatch(name)):
            if _remove_if_left(path):
                removed.append(path)
    return removed


def _remove_if_left(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone, or another user's
        return False
    try:
        if not _lock(file):  # somebody writes it, or nobody can tell
            return False
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def write_text(path: Path, text: str) -> Path:
    """Write text in UTF-8, atomically."""
    return write_bytes(path, text.encode('utf-8'))


def write_json(path: Path, content: dict) -> Path:
    """Write strict JSON (:func:`dump_json`), atomically."""
    return write_text(path, dump_json(content))


def dump_json(content) -> str:
    """Return strict JSON text of plain Python and NumPy values; non-finite becomes null."""
    return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + '\n'


def plain(value):
    """Return a value made of what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, 'tolist'):  # of NumPy, which must not be imported before its environment is
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def read_json(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(read_text(path))


def generated_by(folder: Path) -> list[str]:
    """Return the names of the software that made a dataset, as its description says."""
    try:
        description = read_json(folder / DESCRIPTION)
        made = description.get('GeneratedBy') or [description.get('PipelineDescription') or {}]
        return [str(tool['Name']) for tool in made if tool.get('Name')]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def write_nifti(path: Path, data: 'np.ndarray', affine: 'np.ndarray') -> Path:
    """Write an image as ``.nii.gz`` whose bytes depend on nothing but its content.

    Booleans and whole numbers are stored as uint8, all else as float32. The affine is sform and
    qform of code 1 (scanner), millimetres; without qform where that cannot hold its shear.
    """
    import nibabel as nib
    import numpy as np

    dtype = np.uint8 if np.asarray(data).dtype.kind in 'biu' else np.float32
    image = nib.Nifti1Image(np.ascontiguousarray(data, dtype=dtype), np.asarray(affine))
    image.header.set_xyzt_units('mm')
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    if not np.allclose(image.get_qform(), affine, atol=1e-3):
        image.set_qform(None, code=0)
    # zlib writes gzip (wbits 31) without name and time, and says the same of the system on every
    # Python: gzip.compress of 3.13 no longer does.
    return write_bytes(path, zlib.compress(image.to_bytes(), 6, wbits=31))
