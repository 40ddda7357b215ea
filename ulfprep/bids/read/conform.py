"""A scan's file as the image that everything is computed from: checked, RAS+, acquired voxels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ulfprep.note import Note
from ulfprep.physics.grid import Grid


@dataclass(frozen=True)
class Conformed:
    """A scan in acquired voxels, its axes in RAS+ order.

    Attributes
    ----------
    data : numpy.ndarray of float32, shape (X, Y, Z)
    grid : Grid
    resolution : dict
        Acquired, in RAS order: ``voxel_size_mm``, its ``source``, ``estimated_mm``, ``method``
        and ``file_mm``.
    notes : list of Note
    """

    data: np.ndarray
    grid: Grid
    resolution: dict
    notes: list[Note]


def conform(path, metadata: Mapping | None = None, stated: Sequence[float] = ()) -> Conformed:
    """Refuse an unusable image; reorder the axes of another to RAS+, its affine staying true.

    A scan that was resampled to finer voxels than it was acquired with goes back to those.

    Parameters
    ----------
    path : path-like
    metadata : mapping, optional
        Its sidecar.
    stated : sequence of float
        Acquired voxel size as the user says, mm along the file's axes.

    Raises
    ------
    UnusableScanError
    """
    import nibabel as nib

    from ulfprep.bids.read.checks import check_image
    from ulfprep.bids.read.resolution import decide_resolution
    from ulfprep.physics.interpolation import acquired_grid, bicubic
    from ulfprep.physics.resolution import estimate_resolution, in_words, with_signal
    from ulfprep.physics.spikes import spikes_in_words, without_spikes

    checked = check_image(path)
    image = nib.Nifti1Image(checked.data, _as_stored(checked.affine))
    before = ''.join(nib.aff2axcodes(image.affine))
    canonical = nib.as_closest_canonical(image)
    data = canonical.get_fdata(dtype='float32')
    notes = list(checked.notes)
    if before != 'RAS':
        notes.append(Note(f'Axes were reordered from {before} to RAS.'))
    grid = Grid(tuple(int(n) for n in canonical.shape), canonical.affine)
    # Before anything is interpolated, which would smear them.
    data, spikes = without_spikes(data, with_signal(data), np.ones(data.shape, bool))
    notes.extend(map(Note, spikes_in_words(spikes)))
    axes = nib.io_orientation(image.affine)[:, 0].astype(int)
    estimate = estimate_resolution(data, grid.zooms)
    decision = decide_resolution(estimate, grid.zooms, metadata or {}, axes, list(stated))
    notes.extend(map(Note, decision.notes))
    file_mm = [float(v) for v in grid.zooms]
    coarse = acquired_grid(grid, decision.voxel_size_mm)
    if coarse is not None:
        # Splines overshoot at the rim of a stripped brain: what was zero stays zero.
        measured = bicubic((data != 0).astype('float32'), grid, coarse) > 0.5
        data, grid = bicubic(data, grid, coarse) * measured, coarse
        text = (
            'The file was resampled after acquisition; it was brought back to '
            f'{in_words(coarse.zooms)} mm, after {decision.source}.'
        )
        notes.append(Note(text))
    resolution = {
        'voxel_size_mm': list(decision.voxel_size_mm),
        'source': decision.source,
        'estimated_mm': list(estimate.voxel_size_mm),
        'method': estimate.method,
        'file_mm': file_mm,
    }
    data = np.ascontiguousarray(data, dtype=np.float32)
    return Conformed(data, Grid(grid.shape, _as_stored(grid.affine)), resolution, notes)


def _as_stored(affine: np.ndarray) -> np.ndarray:
    """Return an affine in single precision, as files hold it."""
    return affine.astype('float32').astype(float)
