"""Files that are either whole or not there, and the same bytes every time."""

import errno
import fcntl
import json
import math
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    import numpy as np

from ulfprep.bids.text import read_text

#: Names of files that are being written; no BIDS file begins with a full stop.
_TEMPORARY = re.compile(r'\.ulfprep-[0-9a-f]{12}')
#: What file systems answer that have no such thing.
_NOT_KNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF})


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then put it in place at once.

    A run that is killed leaves the old file or none, never half of one; what it leaves under the
    temporary name, :func:`remove_leftovers` removes.

    Raises
    ------
    OSError
        If it cannot be written; it names ``path``, not the temporary file.
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
    """Remove what killed processes were writing; what others still write is let alone.

    Parameters
    ----------
    folder : Path
        Need not exist.
    deep : bool
        Whether to look into its folders too.

    Returns
    -------
    list of Path
        What was removed.
    """
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
    """Write strict JSON (no NaN), atomically."""
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


def write_nifti(path: Path, data: 'np.ndarray', affine: 'np.ndarray') -> Path:
    """Write an image as ``.nii.gz`` whose bytes depend on nothing but its content.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz``.
    data : ndarray
        Booleans and whole numbers are stored as uint8, all else as float32.
    affine : ndarray, shape (4, 4)
        Stored as sform and qform, code 1 (scanner), millimetres. The qform cannot hold
        shear, so it is left out where it would say something else than the sform.
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
