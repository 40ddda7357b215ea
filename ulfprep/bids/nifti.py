"""The bytes of a NIfTI file: read without trust, and no more of them than can be an image."""

import math
import os
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ulfprep.bids.not_here import not_here
from ulfprep.bids.stream import PIECE, Stream

#: A scan has no more voxels than this (a whole head at 0.3 mm): 1 GiB in single precision.
MAX_VOXELS = 2**28
#: Deflate cannot pack better than about 1032 to 1: a file that claims more is cut short.
MAX_PACKING = 1040
#: Bytes after the image that are looked at, for the check sum at the end.
MAX_REST = 2**24
_HEADER_BYTES = 540
#: ``sizeof_hdr`` -> (place of the magic string, that of one file, that of a pair of files).
_MAGIC = {348: (344, b'n+1\0', b'ni1\0'), 540: (4, b'n+2\0', b'ni2\0')}
_DAMAGED = 'the file is damaged or cut short ({}); copy it again'


class UnusableScanError(ValueError):
    """The scan cannot be processed; the message names the file and the way out."""


@dataclass
class NiftiFile:
    """What a NIfTI file says of itself.

    Attributes
    ----------
    path : Path
    header : nibabel.Nifti1Header or nibabel.Nifti2Header
    shape : tuple of int
        All dimensions, each at least 1.
    notes : list of str
        What was found, a sentence each; reading adds to it.
    """

    path: Path
    header: object
    shape: tuple[int, ...]
    notes: list[str] = field(default_factory=list)


def in_words(error: BaseException) -> str:
    """Return what an exception says, on one line and not longer than one can bear."""
    return ' '.join(str(error).split())[:200] or type(error).__name__


def open_nifti(path: Path) -> NiftiFile:
    """Read the header of a NIfTI file (``.nii`` or ``.nii.gz``, whichever it is in truth).

    Raises
    ------
    UnusableScanError
        If the file is missing, empty, unreadable, no NIfTI, or half of a pair.
    OSError
        If reading fails half-way.
    """
    size = _size(path)
    if size == 0:
        raise UnusableScanError(f'{path}: the file is empty (0 bytes); copy it again')
    with _opened(path) as file:
        stream = Stream(file)
        block = _guarded(path, stream.read, _HEADER_BYTES)
    notes = []
    if stream.packed != path.name.endswith('.gz'):
        what = 'is compressed (gzip)' if stream.packed else 'is not compressed'
        notes.append(f'Warning: the file {what}, unlike its name says; it was read as it is.')
    header = _header(path, block)
    dim = [int(n) for n in header['dim']]
    shape = tuple(dim[1 : dim[0] + 1])
    if not 1 <= dim[0] <= 7 or min(shape) < 1:
        raise UnusableScanError(
            f'{path}: its header gives no sensible dimensions (dim is {dim}); copy or convert '
            'it again'
        )
    return NiftiFile(path, header, shape, notes)


def read_voxels(nifti: NiftiFile) -> np.ndarray:
    """Read all voxels, scaled as the header says, a piece at a time.

    Parameters
    ----------
    nifti : NiftiFile
        Gets a note where more than the image is in the file.

    Returns
    -------
    ndarray, float32, of the header's shape

    Raises
    ------
    UnusableScanError
        If the header claims what the file cannot hold, if the voxels are no plain numbers, or
        if the file is damaged or ends too early.
    """
    path = nifti.path
    dtype, offset = _dtype(nifti), _offset(nifti)
    slope, intercept = _scaling(nifti)
    count = math.prod(nifti.shape)
    if count > MAX_VOXELS:
        raise UnusableScanError(
            f'{path}: its header claims {count} voxels (shape {nifti.shape}), which no scan of a '
            f'head has (at most {MAX_VOXELS}); copy it again, or resample it'
        )
    size = _size(path)
    with _opened(path) as file:
        stream = Stream(file)
        room = size * (MAX_PACKING if stream.packed else 1)
        if offset + count * dtype.itemsize > room:
            few = f'{size} bytes cannot hold {count} voxels of {dtype.itemsize} bytes'
            raise UnusableScanError(f'{path}: {_DAMAGED.format(few)}')
        data = _guarded(path, _unpack, stream, offset, dtype, slope, intercept, count)
        rest = _guarded(path, stream.skip, MAX_REST)
    if rest or stream.garbage:
        nifti.notes.append('Warning: the file goes on after its image; what follows was ignored.')
    return data.reshape(nifti.shape, order='F')


def _unpack(stream, offset, dtype, slope, intercept, count):
    """Return numbers from a stream; a million at a time is all that is held twice."""
    if stream.skip(offset) < offset:
        raise EOFError('it ends before the image begins')
    data = np.empty(count, np.float32)
    for start in range(0, count, PIECE):
        wanted = min(PIECE, count - start)
        block = stream.read(wanted * dtype.itemsize)
        if len(block) < wanted * dtype.itemsize:
            raise EOFError(f'{start + len(block) // dtype.itemsize} of {count} voxels are there')
        values = np.frombuffer(block, dtype)
        with np.errstate(all='ignore'):  # what overflows is counted among the infinite voxels
            if (slope, intercept) != (1.0, 0.0):
                values = values.astype(np.float64) * slope + intercept
            data[start : start + wanted] = values
    return data


def _size(path: Path) -> int:
    """Return the size of a file; say why there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise UnusableScanError(not_here(path) or f'{path}: there is no such file') from error
    except PermissionError as error:
        raise UnusableScanError(_unreadable(path)) from error
    except (OSError, ValueError) as error:
        raise UnusableScanError(f'{path}: cannot be found ({in_words(error)})') from error
    # Opening a pipe would wait for ever.
    if not stat.S_ISREG(found.st_mode):
        raise UnusableScanError(f'{path}: is no file but a folder or a device; name an image')
    return found.st_size


def _opened(path: Path):
    try:
        return open(path, 'rb')
    except PermissionError as error:
        raise UnusableScanError(_unreadable(path)) from error


def _unreadable(path: Path) -> str:
    return f'{path}: may not be read by this user; change its permissions (chmod a+r)'


def _guarded(path: Path, work, *args):
    """Turn the many ways in which reading fails into one error."""
    try:
        return work(*args)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableScanError(f'{path}: {_DAMAGED.format(in_words(error))}') from error


def _header(path: Path, block: bytes):
    """Return the header that a block of bytes holds; nothing in it is trusted yet."""
    import nibabel as nib

    for order, sign in (('little', '<'), ('big', '>')):
        size = int.from_bytes(block[:4], order)
        if size not in _MAGIC or len(block) < size:
            continue
        place, single, pair = _MAGIC[size]
        magic = block[place : place + 4]
        if magic == single:
            kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
            return kind(block[:size], endianness=sign, check=False)
        if magic == pair:
            raise UnusableScanError(
                f'{path}: is half of a pair of files (.hdr and .img); convert both to one .nii.gz'
            )
        if size == 348 and not magic.strip(b'\0'):
            raise UnusableScanError(
                f'{path}: is an ANALYZE file, which does not know left from right, not a NIfTI '
                'file; convert the original images again (dcm2niix)'
            )
    raise UnusableScanError(
        not_here(path)
        or f'{path}: not a readable NIfTI file (it does not begin with the header of one); copy '
        'or convert it again'
    )


def _dtype(nifti: NiftiFile) -> np.dtype:
    """Return the type of the voxels; refuse what is not one number a voxel."""
    path, header = nifti.path, nifti.header
    code, bits = int(header['datatype']), int(header['bitpix'])
    try:
        dtype = header.get_data_dtype()
    except Exception as error:  # nibabel's own kinds
        raise UnusableScanError(
            f'{path}: its header gives an unknown type of voxels (datatype {code}); convert it '
            'again'
        ) from error
    if dtype.kind == 'c':
        raise UnusableScanError(f'{path}: holds complex numbers; take their magnitude first')
    if dtype.kind not in 'iuf' or not 1 <= dtype.itemsize <= 8:
        raise UnusableScanError(
            f'{path}: holds colours or numbers of another kind (datatype {code}), not one number '
            'of at most 64 bits a voxel; write it as a grey image in float32'
        )
    if bits not in (0, 8 * dtype.itemsize):
        raise UnusableScanError(
            f'{path}: its header contradicts itself: datatype {code} has {8 * dtype.itemsize} '
            f'bits a voxel, bitpix says {bits}; copy or convert it again'
        )
    return dtype


def _offset(nifti: NiftiFile) -> int:
    """Return where the voxels begin."""
    value = float(nifti.header['vox_offset'])
    least = int(nifti.header['sizeof_hdr']) + 4
    if not (math.isfinite(value) and value >= least and value == int(value)):
        raise UnusableScanError(
            f'{nifti.path}: its header says that the voxels begin at byte {value:g} '
            f'(vox_offset), inside the header; copy or convert it again'
        )
    return int(value)


def _scaling(nifti: NiftiFile) -> tuple[float, float]:
    """Return slope and intercept of the voxels; 0 or NaN mean none, as in the standard."""
    slope, intercept = (float(nifti.header[f'scl_{name}']) for name in ('slope', 'inter'))
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise UnusableScanError(
            f'{nifti.path}: its header scales the voxels by {slope:g} and adds {intercept:g} '
            '(scl_slope, scl_inter), which makes no image; convert it again'
        )
    return slope, intercept
