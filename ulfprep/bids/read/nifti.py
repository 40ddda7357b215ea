"""The bytes of a NIfTI file: read without trust, and no more of them than can be an image."""

import gzip
import math
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ulfprep.bids.files import not_here
from ulfprep.note import Note, warning

#: A scan has no more voxels than this (a whole head at 0.3 mm): 1 GiB in single precision.
MAX_VOXELS = 2**28
#: Deflate cannot pack better than about 1032 to 1: a file that claims more is cut short.
MAX_PACKING = 1040
#: Bytes after the image that are looked at, for the check sum at the end.
MAX_REST = 2**24
#: Voxels that are read at once.
PIECE = 2**20


class UnusableScanError(ValueError):
    """The scan cannot be processed; the message names the file and the way out."""


@dataclass
class NiftiFile:
    """What a NIfTI file says of itself: nibabel's header, all dimensions, and what was found."""

    path: Path
    header: object
    shape: tuple[int, ...]
    notes: list[Note] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Add a note that speaks against the scan."""
        self.notes.append(warning(text))


def in_words(error: BaseException) -> str:
    """Return what an exception says, on one line and not longer than one can bear."""
    return ' '.join(str(error).split())[:200] or type(error).__name__


@contextmanager
def _opened(path: Path) -> Iterator[tuple]:
    """Yield a file, unpacked where it is gzip in truth, whether it is, and its size in bytes."""
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise UnusableScanError(not_here(path) or f'{path}: there is no such file') from error
    except PermissionError as error:
        raise UnusableScanError(_closed(path)) from error
    except (OSError, ValueError) as error:
        raise UnusableScanError(f'{path}: cannot be found ({in_words(error)})') from error
    # Opening a pipe would wait for ever.
    if not stat.S_ISREG(found.st_mode):
        raise UnusableScanError(f'{path}: is no file but a folder or a device; name an image')
    try:
        with open(path, 'rb') as file:
            packed = file.read(2) == b'\x1f\x8b'
            file.seek(0)
            yield gzip.GzipFile(fileobj=file) if packed else file, packed, found.st_size
    except PermissionError as error:
        raise UnusableScanError(_closed(path)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableScanError(
            f'{path}: the file is damaged or cut short ({in_words(error)}); copy it again'
        ) from error


def _closed(path: Path) -> str:
    return f'{path}: may not be read by this user; change its permissions (chmod a+r)'


def open_nifti(path: Path) -> NiftiFile:
    """Read the header of a NIfTI file (``.nii`` or ``.nii.gz``, whichever it is in truth).

    UnusableScanError if it is missing, empty, unreadable, no NIfTI, or half of a pair.
    """
    with _opened(path) as (file, packed, size):
        if size == 0:
            raise UnusableScanError(f'{path}: the file is empty (0 bytes); copy it again')
        header = _header(path, file.read(540))
    dim = [int(n) for n in header['dim']]
    shape = tuple(dim[1 : dim[0] + 1])
    if not 1 <= dim[0] <= 7 or min(shape) < 1:
        raise UnusableScanError(
            f'{path}: its header gives no sensible dimensions (dim is {dim}); copy or convert '
            'it again'
        )
    nifti = NiftiFile(path, header, shape)
    if packed != path.name.endswith('.gz'):
        what = 'is compressed (gzip)' if packed else 'is not compressed'
        nifti.warn(f'the file {what}, unlike its name says; it was read as it is.')
    return nifti


def _header(path: Path, block: bytes):
    """Return the header that a block of bytes holds; nothing in it is trusted yet."""
    import nibabel as nib

    for kind in (nib.Nifti1Header, nib.Nifti2Header):
        for order in '<>' if len(block) >= kind.sizeof_hdr else '':
            header = kind(block[: kind.sizeof_hdr], order, check=False)
            magic = header['magic'].item()
            if int(header['sizeof_hdr']) != kind.sizeof_hdr:
                continue
            if magic == kind.single_magic:
                return header
            if magic == kind.pair_magic:
                raise UnusableScanError(
                    f'{path}: is half of a pair of files (.hdr and .img); convert both to one '
                    '.nii.gz'
                )
            if not magic and kind is nib.Nifti1Header:
                raise UnusableScanError(
                    f'{path}: is an ANALYZE file, which does not know left from right, not a '
                    'NIfTI file; convert the original images again (dcm2niix)'
                )
    raise UnusableScanError(
        not_here(path)
        or f'{path}: not a readable NIfTI file (it does not begin with the header of one); copy '
        'or convert it again'
    )


def read_voxels(nifti: NiftiFile) -> np.ndarray:
    """Read all voxels as float32, scaled as the header says, in the header's shape.

    A million at a time is all that is held twice. The file gets a note where it holds more than
    the image. UnusableScanError if the header claims what the file cannot hold, if the voxels are
    no plain numbers, or if the file is damaged or ends too early.
    """
    path, count = nifti.path, math.prod(nifti.shape)
    dtype, offset, slope, intercept = _layout(nifti)
    if count > MAX_VOXELS:
        raise UnusableScanError(
            f'{path}: its header claims {count} voxels (shape {nifti.shape}), which no scan of a '
            f'head has (at most {MAX_VOXELS}); copy it again, or resample it'
        )
    with _opened(path) as (file, packed, size):
        if offset + count * dtype.itemsize > size * (MAX_PACKING if packed else 1):
            raise EOFError(f'{size} bytes cannot hold {count} voxels of {dtype.itemsize} bytes')
        file.seek(offset)
        data = np.empty(count, np.float32)
        for start in range(0, count, PIECE):
            piece = data[start : start + PIECE]
            block = file.read(piece.size * dtype.itemsize)
            if len(block) < piece.size * dtype.itemsize:
                there = start + len(block) // dtype.itemsize
                raise EOFError(f'{there} of {count} voxels are there')
            values = np.frombuffer(block, dtype)
            with np.errstate(all='ignore'):  # what overflows is counted among the infinite voxels
                if (slope, intercept) != (1.0, 0.0):
                    values = values.astype(np.float64) * slope + intercept
                piece[:] = values
        if _goes_on(file):
            nifti.warn('the file goes on after its image; what follows was ignored.')
    return data.reshape(nifti.shape, order='F')


def _goes_on(file) -> bool:
    """Tell whether anything follows the image; to read on checks the sum at the end of gzip."""
    start = file.tell()
    try:
        while file.tell() - start < MAX_REST and file.read(PIECE):
            pass
    except gzip.BadGzipFile as error:  # or a sum that is wrong
        if not str(error).startswith('Not a gzipped file'):
            raise
        return True
    return file.tell() > start


def _layout(nifti: NiftiFile) -> tuple[np.dtype, int, float, float]:
    """Return type of the voxels, where they begin, their slope and intercept (1 and 0: none).

    UnusableScanError if there is not one plain number a voxel, or the header contradicts itself.
    """
    header = nifti.header
    code, bits = int(header['datatype']), int(header['bitpix'])
    try:
        dtype = header.get_data_dtype()
    except Exception:  # noqa: BLE001 - nibabel's own kinds; a type that is not known is none
        dtype = np.dtype('V1')
    offset = float(header['vox_offset'])
    slope, intercept = (float(header[f'scl_{name}']) for name in ('slope', 'inter'))
    if slope == 0 or math.isnan(slope):
        slope, intercept = 1.0, 0.0
    wrong = ''
    if dtype.kind == 'c':
        wrong = 'holds complex numbers; take their magnitude first'
    elif dtype.kind not in 'iuf' or dtype.itemsize > 8:
        wrong = (
            f'holds colours or numbers of another kind (datatype {code}), not one number of at '
            'most 64 bits a voxel; write it as a grey image in float32'
        )
    elif bits not in (0, 8 * dtype.itemsize):
        wrong = (
            f'its header contradicts itself: datatype {code} has {8 * dtype.itemsize} bits a '
            f'voxel, bitpix says {bits}; copy or convert it again'
        )
    elif not (offset >= header.sizeof_hdr + 4 and offset.is_integer()):
        wrong = (
            f'its header says that the voxels begin at byte {offset:g} (vox_offset), inside the '
            'header; copy or convert it again'
        )
    elif not (math.isfinite(slope) and math.isfinite(intercept)):
        wrong = (
            f'its header scales the voxels by {slope:g} and adds {intercept:g} (scl_slope, '
            'scl_inter), which makes no image; convert it again'
        )
    if wrong:
        raise UnusableScanError(f'{nifti.path}: {wrong}')
    return dtype, int(offset), slope, intercept
