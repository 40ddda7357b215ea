"""Where the voxels of an image are, as far as its header can be believed."""

import math
from itertools import product

import numpy as np

from ulfprep.bids.read.nifti import NiftiFile, UnusableScanError
from ulfprep.note import Note

#: sform and qform that differ by more than this (mm, any corner) contradict each other.
MAX_FORM_DIFFERENCE = 0.5
#: Edges of a voxel, mm: finer than any scanner of heads, coarser than would show a brain.
VOXEL_RANGE = (0.1, 25.0)
#: No field of view for a head is longer than this along any axis, mm.
MAX_EXTENT = 1000.0
#: A field of view of less holds no brain (that of a baby at term has about 350 ml), ml.
MIN_VOLUME = 300.0
#: A field of view that is thinner along one axis shows part of a head only, mm.
SLAB = 60.0
#: Nothing is farther from the centre of a scanner than this, mm.
MAX_DISTANCE = 1e5
#: Voxel sizes of the header's two places may differ by this share (they are rounded) ...
MAX_SIZE_DIFFERENCE = 0.02
#: ... and the volume of a voxel from the product of its edges by this one, for sheared axes.
MAX_SHEAR = 0.002
#: Beyond this the axes are not those of an image.
REFUSED_SHEAR = 0.3
#: Sum of the squares of a quaternion's three numbers that rounding to two digits explains.
LONGEST_QUATERNION = 1.02
#: Codes of ``xyzt_units`` that are no millimetres.
UNITS = {1: 'metres', 3: 'micrometres'}
#: What lengths are mistaken for, by the factor that makes them millimetres.
MISTAKEN = {1000.0: 'metres', 10.0: 'centimetres', 0.001: 'micrometres'}


def read_affine(nifti: NiftiFile) -> np.ndarray:
    """Return voxel indices to millimetres (4 x 4): sform, else qform, else voxel sizes."""
    forms = _forms(nifti)
    blank = len(forms) == 2 and not np.nan_to_num(forms['sform'][:3, :3]).any()
    if blank and not _is_hollow(forms['qform']):
        # Some converters leave the sform empty and its code set.
        nifti.notes.append(Note('The sform of the header is empty; its qform was used.'))
        del forms['sform']
    if not forms:
        nifti.warn(
            'the header has neither sform nor qform, so left and right cannot be known; '
            'radiological order was assumed.'
        )
        affine = _base(nifti)
    else:
        affine = next(iter(forms.values()))
    if _is_hollow(affine):
        finite = np.isfinite(affine).all()
        wrong = (
            'is singular, so voxels have no size' if finite else 'holds NaN or infinite numbers'
        )
        raise UnusableScanError(
            f'{nifti.path}: its affine {wrong}; mend the header, or convert the original images '
            'again (dcm2niix)'
        )
    if len(forms) == 2:
        _compare(nifti, *forms.values())
    return affine


def _is_hollow(affine: np.ndarray) -> bool:
    """Tell whether a matrix gives voxels no size, or one that is no number."""
    with np.errstate(all='ignore'):
        volume = abs(np.linalg.det(affine[:3, :3]))
        return not (np.isfinite(affine).all() and volume > 1e-6 * np.prod(_sizes(affine)))


def check_head(nifti: NiftiFile, affine: np.ndarray) -> None:
    """Raise UnusableScanError for a grid no head was ever scanned on; note what is odd."""
    path, shape, sizes = nifti.path, np.array(nifti.shape[:3]), _sizes(affine)
    if wrong := _no_head(shape, sizes):
        raise UnusableScanError(f'{path}: {wrong}{_way_out(nifti, shape, sizes)}')
    if np.abs(affine[:3, 3]).max() > MAX_DISTANCE:
        raise UnusableScanError(
            f'{path}: its affine puts the image {np.abs(affine[:3, 3]).max() / 1000:.3g} m off '
            'the centre of the scanner; mend the header'
        )
    shear = 1 - abs(np.linalg.det(affine[:3, :3])) / np.prod(sizes)
    if shear > REFUSED_SHEAR:
        raise UnusableScanError(
            f'{path}: the axes of its affine are far from right angles, as no scanner acquires '
            'them; convert the original images again (dcm2niix)'
        )
    if shear > MAX_SHEAR:
        nifti.warn('the axes of the image are not at right angles (sheared affine).')
    if unit := UNITS.get(int(nifti.header['xyzt_units']) & 7):
        nifti.warn(
            f'the header says that lengths are {unit}, but they fit a head only in millimetres; '
            'they were taken as those.'
        )
    stored = _pixdim(nifti)
    if not np.allclose(stored, sizes, rtol=MAX_SIZE_DIFFERENCE, atol=0.005):
        nifti.warn(
            f'the voxel size in the header (pixdim, {_by(stored)} mm) contradicts its affine '
            f'({_by(sizes)} mm); the affine was used.'
        )
    extent = shape * sizes
    if extent.min() < SLAB:
        nifti.warn(f'the field of view is {_by(extent)} mm, a slab and not a whole head.')


def _no_head(shape, sizes) -> str:
    """Say why a grid cannot be one of a head; nothing where it can."""
    extent = shape * sizes
    if not VOXEL_RANGE[0] <= sizes.min() <= sizes.max() <= VOXEL_RANGE[1]:
        return f'voxels of {_by(sizes)} mm are not those of a scan of a head'
    if extent.max() > MAX_EXTENT or np.prod(extent) / 1000 < MIN_VOLUME:
        size = 'large' if extent.max() > MAX_EXTENT else 'small'
        return f'a field of view of {_by(extent)} mm is too {size} for a head'
    return ''


def _way_out(nifti: NiftiFile, shape, sizes) -> str:
    """Say what may be wrong with an impossible grid, and what to do."""
    code = int(nifti.header['xyzt_units']) & 7
    said = f' (its header says {UNITS[code]})' if code in UNITS else ''
    for name, form in list(_forms(nifti).items())[1:]:
        if np.isfinite(form).all() and not _no_head(shape, _sizes(form)):
            return f'; its {name} gives {_by(_sizes(form))} mm: write that into the sform as well'
    for factor, unit in MISTAKEN.items():
        if not _no_head(shape, sizes * factor):
            return (
                f'; they look like {unit}{said}: multiply the affine by {factor:g}, or convert '
                'the original images again (dcm2niix)'
            )
    return f'{said}; mend its affine, or convert the original images again (dcm2niix)'


def _forms(nifti: NiftiFile) -> dict[str, np.ndarray]:
    """Return the matrices that the header states, the one to use first."""
    header = nifti.header
    forms = {}
    for name in ('sform', 'qform'):
        code = int(header[f'{name}_code'])
        if not 0 < code <= 5:
            continue
        try:
            form = header.get_sform() if name == 'sform' else _qform(header)
        except Exception:  # noqa: BLE001 - whatever nibabel makes of it, there is none
            form = np.full((4, 4), math.nan)
        forms[name] = np.asarray(form, float)
    return forms


def _qform(header):
    """Return the qform as the standard has it: sizes without sign, and 0 for qfac is 1.

    A quaternion that rounding made longer than one is shortened to one: a half-turn.
    """
    header = header.copy()
    names = ('quatern_b', 'quatern_c', 'quatern_d')
    squared = sum(float(header[name]) ** 2 for name in names)
    if 1 < squared <= LONGEST_QUATERNION:
        for name in names:
            # Shorter by a hair, so that rounding to single precision does not lengthen it again.
            header[name] = float(header[name]) / (math.sqrt(squared) * (1 + 1e-7))
    header['pixdim'][1:4] = np.abs(header['pixdim'][1:4])
    if header['pixdim'][0] != -1:
        header['pixdim'][0] = 1
    return header.get_qform()


def _base(nifti: NiftiFile) -> np.ndarray:
    """Return the matrix of a header without any: radiological order, centred."""
    sizes, shape = _pixdim(nifti), np.array(nifti.shape[:3])
    affine = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    return affine


def _compare(nifti: NiftiFile, sform: np.ndarray, qform: np.ndarray) -> None:
    """Note by how much the two matrices differ at the corners of the image."""
    ends = ((0, n - 1) for n in nifti.shape[:3])
    corners = np.array([(*at, 1) for at in product(*ends)])
    with np.errstate(all='ignore'):
        apart = np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max()
    if not np.isfinite(apart):
        nifti.warn('the qform cannot be read; the sform was used.')
    elif apart > MAX_FORM_DIFFERENCE:
        nifti.warn(
            f'sform and qform contradict each other by up to {apart:.1f} mm; the sform was used.'
        )


def _sizes(affine: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):
        return np.linalg.norm(affine[:3, :3], axis=0)


def _pixdim(nifti: NiftiFile) -> np.ndarray:
    return np.abs(np.asarray(nifti.header['pixdim'][1:4], float))


def _by(lengths) -> str:
    return ' x '.join(f'{value:.3g}' if value < 1000 else f'{value:.0f}' for value in lengths)
