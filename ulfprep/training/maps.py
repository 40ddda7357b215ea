"""Label maps with FreeSurfer's numbers, as anatomy to make scans of."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.network import CLASSES

#: Structures with a signal of their own: FreeSurfer's numbers, and the class they are learned as.
STRUCTURES = {
    'air': ((0,), 'other'),
    'CSF': ((24, 30, 62), 'CSF'),
    'ventricles': ((4, 5, 14, 15, 31, 43, 44, 63, 72), 'ventricles'),
    'cortex': ((3, 42, 17, 18, 53, 54, 19, 55, 27, 59), 'cortex'),
    'white matter': (
        (2, 41, 25, 57, 77, 78, 79, 80, 81, 82, 85, 192, 250, 251, 252, 253, 254, 255),
        'white matter',
    ),
    'thalamus': ((9, 10, 48, 49), 'deep grey'),
    'caudate': ((11, 26, 50, 58), 'deep grey'),
    'putamen': ((12, 51), 'deep grey'),
    'pallidum': ((13, 52), 'deep grey'),
    'cerebellar cortex': ((8, 47), 'cerebellar cortex'),
    'cerebellar white matter': ((7, 46), 'cerebellar white matter'),
    'brain stem': ((16, 28, 60, 170, 171, 172, 173, 174, 175), 'brain stem'),
    'bone': ((515, 516), 'other'),
    'soft tissue': ((507, 511, 509), 'other'),
    'rest of the head': ((), 'other'),
}
NAMES = tuple(STRUCTURES)
#: Class of each structure, in the order of :data:`NAMES`.
CLASS_OF = np.array([list(CLASSES).index(c) for _, c in STRUCTURES.values()], np.uint8)
#: Grey and white matter and ventricles: what lies inside the brain whatever its mask is.
INSIDE = np.array([c not in ('other', 'CSF') for _, c in STRUCTURES.values()])
#: Half the width of the widest fissure that the hull of a brain bridges, mm.
BRIDGE = 10
#: What is kept around the hull, mm; distances are not known beyond it.
MARGIN = 12


@dataclass(frozen=True, eq=False)
class Head:
    """One label map on a 1 mm lattice in RAS order."""

    name: str
    labels: np.ndarray  # uint8, index into NAMES
    depth: np.ndarray  # int8, distance from the brain's hull in half millimetres, negative inside
    centre: np.ndarray  # of the hull, voxel index

    def volumes(self, distance: float) -> np.ndarray:
        """Voxels of each structure within ``distance`` mm of the hull."""
        return self._cumulated[int(np.clip(np.floor(2 * distance), -128, 127)) + 128]

    @cached_property
    def _cumulated(self):
        """Voxels of each structure (columns) at most as deep as each of 256 depths (rows)."""
        joint = (self.depth.astype(np.int32) + 128) * len(NAMES) + self.labels
        counts = np.bincount(joint.ravel(), minlength=256 * len(NAMES))
        return counts.reshape(256, len(NAMES)).cumsum(axis=0)


def _prepare(numbers, grid, name) -> Head:
    """Make a head of FreeSurfer's numbers, whose axes are in RAS order."""
    labels = _structures(numbers)
    if not INSIDE[labels].any():
        raise ValueError(f'{name} holds no number of a brain structure that FreeSurfer uses')
    labels = carry(labels, grid, isotropic_grid(grid), order=0)
    found = ndimage.find_objects(INSIDE[labels].astype(np.uint8))[0]
    pad = BRIDGE + MARGIN
    labels = np.pad(labels, pad)[tuple(slice(s.start, s.stop + 2 * pad) for s in found)]
    depth = _depth(INSIDE[labels])
    # Maps without the fluid around the brain: what is unnamed between convolutions is fluid.
    labels[(labels == 0) & (depth <= 1.5)] = NAMES.index('CSF')
    keep = (slice(BRIDGE, -BRIDGE),) * 3
    labels, depth = labels[keep], depth[keep]
    centre = np.array([axis.mean() for axis in np.nonzero(depth <= 0)])
    return Head(name, labels, np.clip(np.rint(2 * depth), -127, 127).astype(np.int8), centre)


def label_maps(folder: Path) -> dict[str, Path]:
    """Label maps of a folder by name without extension; a ValueError if it holds none."""
    found = {}
    for file in sorted(folder.iterdir()):
        name = re.sub(r'\.(nii|nii\.gz|mgz)$', '', file.name)
        if name != file.name:
            found[name] = file
    if not found:
        raise ValueError(f'{folder} holds no label maps (*.nii, *.nii.gz, *.mgz)')
    return found


def read_heads(folder: Path, names: Iterable[str], cache: Path) -> list[Head]:
    """Read label maps of a folder by name.

    Prepared heads are kept in the folder ``cache``, for a distance map takes seconds.
    """
    files = label_maps(folder)
    cache.mkdir(parents=True, exist_ok=True)
    return [_read(files[name], name, cache / f'{name}.npz') for name in names]


def _read(file, name, kept) -> Head:
    import nibabel as nib

    if kept.exists():
        with np.load(kept) as found:
            return Head(name, found['labels'], found['depth'], found['centre'])
    image = nib.as_closest_canonical(nib.load(file))
    numbers = np.rint(np.asanyarray(image.dataobj)).astype(np.int32)
    head = _prepare(numbers, Grid(numbers.shape, image.affine), name)
    np.savez_compressed(kept, labels=head.labels, depth=head.depth, centre=head.centre)
    return head


def _structures(numbers):
    table = np.full(max(int(numbers.max()), 1000) + 1, NAMES.index('rest of the head'), np.uint8)
    for index, (known, _) in enumerate(STRUCTURES.values()):
        table[list(known)] = index
    # Parcellated cortex and white matter.
    table[1000:3000] = NAMES.index('cortex')
    table[3000:5000] = NAMES.index('white matter')
    return table[np.maximum(numbers, 0)]


def _depth(brain):
    """Signed distance from the brain's surface with its fissures bridged, mm."""
    wide = ndimage.distance_transform_edt(~brain) <= BRIDGE
    hull = (ndimage.distance_transform_edt(wide) > BRIDGE) | brain
    outside = ndimage.distance_transform_edt(~hull)
    return (outside - ndimage.distance_transform_edt(hull)).astype(np.float32)
