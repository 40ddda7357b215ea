"""At which voxel size a scan was acquired: what its user, its sidecar and its image say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ulfprep.physics.resolution import COARSER, ResolutionEstimate, in_words
from ulfprep.physics.types import are_lengths, is_length


@dataclass(frozen=True)
class AcquiredResolution:
    """The voxel size that is taken for the acquired one.

    Attributes
    ----------
    voxel_size_mm : tuple of 3 floats
    source : str
        Where it was read.
    notes : tuple of str
        A sentence for each contradiction.
    """

    voxel_size_mm: tuple[float, float, float]
    source: str
    notes: tuple[str, ...]


def decide_resolution(
    estimate: ResolutionEstimate,
    zooms: Sequence[float],
    metadata: dict,
    axes: Sequence[int] = (0, 1, 2),
    stated: Sequence[float] = (),
) -> AcquiredResolution:
    """Decide on the acquired voxel size of a scan.

    The user's word counts first, then ``AcquisitionVoxelSize`` of the sidecar, then its
    ``SliceThickness`` where that exceeds the slice spacing of the file by a quarter (for
    that axis), then what the image shows of resampling, then the voxel size of the file.

    Parameters
    ----------
    estimate : ResolutionEstimate
        Along the axes of the conformed scan (RAS).
    zooms : sequence of 3 floats
        Voxel size of the file, mm, in the same order.
    metadata : dict
        BIDS sidecar.
    axes : sequence of 3 ints
        For each axis of the file the RAS axis it became
        (``nibabel.io_orientation(affine)[:, 0]``).
    stated : sequence of 3 floats, optional
        What the user says, mm along the axes of the file.

    Returns
    -------
    AcquiredResolution
        Voxel size in RAS order.

    Raises
    ------
    ValueError
        If ``stated`` is not three positive lengths.
    """
    order = np.argsort(np.asarray(axes, int))
    file = tuple(float(v) for v in zooms)
    if len(stated):
        if not are_lengths(list(stated)):
            raise ValueError(f'the acquired resolution is three lengths in mm, not {stated}')
        size, source = _ordered(stated, order), 'the user'
    elif are_lengths(metadata.get('AcquisitionVoxelSize')):
        size = _ordered(metadata['AcquisitionVoxelSize'], order)
        # The same lengths in another order: the axes of the file were reordered.
        if np.allclose(sorted(size), sorted(file), rtol=0.05):
            size = file
        source = 'AcquisitionVoxelSize in the sidecar'
    else:
        size, source = estimate.voxel_size_mm, 'the image itself'
        if not any(estimate.resampled):
            size, source = file, 'the voxel size of the file'
        axis = _slice_axis(estimate, file, metadata, axes)
        thickness = metadata.get('SliceThickness')
        if axis is not None and is_length(thickness) and thickness > COARSER * file[axis]:
            size = (*size[:axis], float(thickness), *size[axis + 1 :])
            source = 'SliceThickness in the sidecar'
    return AcquiredResolution(tuple(size), source, _contradictions(estimate, size, source, file))


def _ordered(values, order):
    return tuple(float(values[int(k)]) for k in order)


def _slice_axis(estimate, file, metadata, axes):
    """Axis across the slices: as the sidecar says, or the one that is coarsest by far."""
    direction = str(metadata.get('SliceEncodingDirection', ''))[:1]
    if direction and direction in 'ijk':
        return int(axes['ijk'.index(direction)])
    for sizes in (estimate.voxel_size_mm, file):
        coarsest = int(np.argmax(sizes))
        if sizes[coarsest] > COARSER * sorted(sizes)[1]:
            return coarsest
    return None


def _contradictions(estimate, size, source, file):
    """Say where the decision, the file and what the image shows differ by a quarter."""

    def differ(a, b):
        ratio = np.asarray(a) / np.asarray(b)
        return bool(np.any((ratio > COARSER) | (ratio < 1 / COARSER)))

    seen, taken = estimate.voxel_size_mm, in_words(size)
    if source == 'the image itself':
        note = (
            f'The file has voxels of {in_words(file)} mm, but the image shows that it was '
            f'resampled from about {taken} mm, which is taken for the acquired resolution.'
        )
    elif not differ(seen, size):
        return ()
    else:
        trace = (
            f'looks resampled from about {in_words(seen)} mm'
            if any(estimate.resampled)
            else f'shows no trace of resampling to its {in_words(file)} mm'
        )
        note = (
            f'The acquired resolution is taken as {taken} mm, after {source}, '
            f'but the image {trace}.'
        )
    return (note,)
