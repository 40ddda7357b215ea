"""Is this image usable, said plainly."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Scans below this field strength are enhanced by default, tesla.
LOW_FIELD_LIMIT = 0.3
#: Default targets, tesla.
DEFAULT_HIGH_FIELD = 3.0
DEFAULT_LOW_FIELD = 0.064
#: More than this fraction of NaN or infinite voxels is refused.
MAX_NONFINITE = 0.05
#: sform and qform that differ by more than this (mm, any corner) contradict each other.
MAX_FORM_DIFFERENCE = 0.5


class UnusableScanError(ValueError):
    """The scan cannot be processed; the message names the file and the way out."""


@dataclass(frozen=True)
class CheckedImage:
    """An image that passed the checks.

    Attributes
    ----------
    data : ndarray, shape (X, Y, Z), float32
        Intensities in the file's own axis order; NaN and infinite voxels set to 0.
    affine : ndarray, shape (4, 4)
        Voxel indices to millimetres.
    notes : tuple of str
        What was found and decided, a sentence each.
    """

    data: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...]


def check_image(path: Path) -> CheckedImage:
    """Read an image, and refuse what no later step could make sense of.

    Parameters
    ----------
    path : Path
        NIfTI file, ``.nii`` or ``.nii.gz``.

    Returns
    -------
    CheckedImage

    Raises
    ------
    UnusableScanError
        If the file is missing, empty, truncated or no NIfTI; if it is 2-D, a single
        slice or holds several volumes; if it is constant or has more than 5 % NaN or
        infinite voxels.
    """
    image = read_image(path)
    notes = list(image.notes)
    data = _clean(Path(path), image.data, notes)
    return CheckedImage(data=data, affine=image.affine, notes=tuple(notes))


def read_image(path: Path) -> CheckedImage:
    """Read a 3-D image as it is, without a look at its content.

    Parameters
    ----------
    path : Path
        NIfTI file, ``.nii`` or ``.nii.gz``.

    Returns
    -------
    CheckedImage
        NaN and infinite voxels are still in it.

    Raises
    ------
    UnusableScanError
        As :func:`check_image`, but for constant images and voxels that are not finite.
    """
    path = Path(path)
    image = _open(path)
    notes: list[str] = []
    shape = _spatial_shape(path, image.shape, notes)
    data = _read(path, image).reshape(shape)
    notes += _check_forms(image)
    if not np.all(np.isfinite(image.affine)) or abs(np.linalg.det(image.affine[:3, :3])) < 1e-6:
        raise UnusableScanError(
            f'{path}: its affine is singular, so voxels have no size; mend the header'
        )
    return CheckedImage(data=data, affine=np.asarray(image.affine), notes=tuple(notes))


def _open(path: Path):
    """Open a NIfTI image, turning the many ways to fail into one error."""
    import nibabel as nib

    if not path.exists():
        if path.is_symlink():
            raise UnusableScanError(
                f'{path}: a broken link; if the dataset is managed by git-annex or DataLad, '
                'get its content first (datalad get)'
            )
        raise UnusableScanError(f'{path}: there is no such file')
    if path.stat().st_size == 0:
        raise UnusableScanError(f'{path}: the file is empty (0 bytes); copy it again')
    try:
        image = nib.load(path)
    except PermissionError as error:
        raise UnusableScanError(f'{path}: may not be read; check permissions') from error
    except Exception as error:  # nibabel, gzip and zlib each raise their own kinds
        raise UnusableScanError(
            f'{path}: not a readable NIfTI file ({" ".join(str(error).split())}); '
            'copy or convert it again'
        ) from error
    if not isinstance(image, nib.Nifti1Image):  # NIfTI-2 is a subclass
        raise UnusableScanError(f'{path}: not a NIfTI file but {type(image).__name__}; convert it')
    return image


def _spatial_shape(path: Path, shape: tuple[int, ...], notes: list[str]) -> tuple[int, ...]:
    """Return the three spatial dimensions, or say why there are not three."""
    if len(shape) > 3:
        volumes = int(np.prod(shape[3:]))
        if volumes != 1:
            raise UnusableScanError(
                f'{path}: holds {volumes} volumes (shape {shape}); a scan is one volume, '
                'split or average them first'
            )
        notes.append(f'The file is {len(shape)}-D with a single volume; it was read as 3-D.')
    spatial = tuple(shape[:3])
    if len(spatial) < 3 or min(spatial) < 2:
        raise UnusableScanError(
            f'{path}: is 2-D or a single slice (shape {shape}); a volume of several slices '
            'is needed'
        )
    return spatial


def _read(path: Path, image) -> np.ndarray:
    """Read all voxels (which is where truncated files show)."""
    try:
        data = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UnusableScanError(
            f'{path}: the file is damaged or cut short ({" ".join(str(error).split())}); '
            'copy it again'
        ) from error
    if data.dtype.kind == 'c':
        raise UnusableScanError(f'{path}: holds complex numbers; take their magnitude first')
    if data.dtype.kind not in 'iufb':
        raise UnusableScanError(f'{path}: holds {data.dtype}, not one number a voxel')
    return data.astype(np.float32)


def _clean(path: Path, data: np.ndarray, notes: list[str]) -> np.ndarray:
    """Replace NaN and infinite voxels by zero; refuse images without content."""
    bad = ~np.isfinite(data)
    count = int(bad.sum())
    if count:
        fraction = count / data.size
        if fraction > MAX_NONFINITE:
            raise UnusableScanError(
                f'{path}: {fraction:.1%} of its voxels are NaN or infinite (at most '
                f'{MAX_NONFINITE:.0%} are accepted); export it again'
            )
        data = np.where(bad, np.float32(0), data)
        notes.append(f'{count} NaN or infinite voxels ({fraction:.2%}) were set to zero.')
    low, high = float(data.min()), float(data.max())
    if low == high:
        what = 'all zero' if low == 0 else f'constant ({low:g} everywhere)'
        raise UnusableScanError(f'{path}: the image is {what}; there is nothing to enhance')
    return data


def _check_forms(image) -> list[str]:
    """Return warnings about missing or contradictory coordinates in the header."""
    header = image.header
    qcode, scode = int(header['qform_code']), int(header['sform_code'])
    if qcode == 0 and scode == 0:
        note = (
            'Warning: the header has neither sform nor qform, so left and right cannot be '
            'known; radiological order was assumed.'
        )
        return [note]
    if qcode and scode:
        corners = np.array(
            [
                [i * (image.shape[0] - 1), j * (image.shape[1] - 1), k * (image.shape[2] - 1), 1]
                for i in (0, 1)
                for j in (0, 1)
                for k in (0, 1)
            ]
        )
        difference = corners @ (header.get_sform() - header.get_qform()).T
        worst = float(np.linalg.norm(difference[:, :3], axis=1).max())
        if worst > MAX_FORM_DIFFERENCE:
            note = (
                f'Warning: sform and qform contradict each other by up to {worst:.1f} mm; '
                'the sform was used.'
            )
            return [note]
    return []


def field_strength(metadata: dict, source_field: float | None, name: str) -> tuple[float, str]:
    """Return a scan's field strength and where it is known from.

    Parameters
    ----------
    metadata : dict
        Sidecar fields.
    source_field : float or None
        What the user stated, tesla; used where the sidecar does not say.
    name : str
        The scan, for the error.

    Returns
    -------
    field : float
        Tesla.
    note : str
        A sentence for the report.

    Raises
    ------
    UnusableScanError
        If nobody says, or the sidecar's value is no positive number.
    """
    value = metadata.get('MagneticFieldStrength')
    if value is None:
        if source_field is None:
            raise UnusableScanError(
                f'{name}: its sidecar has no MagneticFieldStrength; add it (in tesla), or '
                'state it with --source-field 0.064'
            )
        note = f'Field strength {source_field:g} T as stated with --source-field.'
        return float(source_field), note
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 20:
        raise UnusableScanError(
            f'{name}: MagneticFieldStrength is {value!r} in its sidecar, which is no field '
            'strength in tesla; mend the sidecar'
        )
    note = f'Field strength {value:g} T from the sidecar.'
    if source_field is not None and not np.isclose(source_field, value):
        note = (
            f'Field strength {value:g} T from the sidecar, which goes before the '
            f'{source_field:g} T of --source-field.'
        )
    return float(value), note


def resolve_direction(source: float, target: float | None, name: str) -> tuple[str, float]:
    """Return ``enhance`` or ``simulate``, and the target field strength.

    Parameters
    ----------
    source : float
        The scan's field strength, tesla.
    target : float or None
        What the user asked for; ``None`` means 3 T for scans under 0.3 T, else 0.064 T.
    name : str
        The scan, for the error.

    Raises
    ------
    UnusableScanError
        If source and target are the same, for then there is nothing to do.
    """
    if target is None:
        target = DEFAULT_HIGH_FIELD if source < LOW_FIELD_LIMIT else DEFAULT_LOW_FIELD
    if np.isclose(source, target, rtol=0.05):
        raise UnusableScanError(
            f'{name}: the scan is already at the target field strength ({source:g} T); '
            'choose another --target-field'
        )
    return ('enhance' if target > source else 'simulate'), float(target)
