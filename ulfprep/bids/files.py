"""Files that are either whole or not there, and the same bytes every time."""

import gzip
import json
import math
import os
from pathlib import Path
from uuid import uuid4

import numpy as np


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then put it in place at once.

    A run that is killed leaves the old file or none, never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{uuid4().hex[:8]}-{path.name}')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


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
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def read_json(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding='utf-8'))


def write_nifti(path: Path, data: np.ndarray, affine: np.ndarray) -> Path:
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

    dtype = np.uint8 if np.asarray(data).dtype.kind in 'biu' else np.float32
    image = nib.Nifti1Image(np.ascontiguousarray(data, dtype=dtype), np.asarray(affine))
    image.header.set_xyzt_units('mm')
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    if not np.allclose(image.get_qform(), affine, atol=1e-3):
        image.set_qform(None, code=0)
    # gzip.compress, unlike a gzip file, stores neither name nor time.
    return write_bytes(path, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))
