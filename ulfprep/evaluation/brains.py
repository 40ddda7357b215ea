"""High-field brains with known tissues, on a lattice of 1 mm: the truth behind simulated scans.

``hf3t_aomic``
    AOMIC-PIOP2, OpenNeuro ds002790 (CC0), participant 0001: ``norm.mgz`` and ``aseg.mgz`` of its
    FreeSurfer derivatives.
``hf_colin27``
    Colin27, in Debian's package mricron-data (BSD-3-Clause): ``ch2bet.nii.gz``, and
    ``fast_seg.nii.gz``, which FSL's FAST makes of it (1 CSF, 2 GM, 3 WM).
``hf_ms_patient07``
    Open MS Data, https://github.com/muschellij2/open_ms_data (CC BY; cite Lesjak et al. 2018,
    doi 10.1007/s12021-017-9348-7), patient 7: ``patient07_T1.nii.gz``, stripped. It comes with
    labels of lesions, but none of tissues: these are ulfprep's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ulfprep.bids.read.derived_read import tissue_table
from ulfprep.physics import TISSUES
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import bring, carry, carry_mask
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.tissue import segment

#: The word in the place of a folder that stands for the MNI152 brain of nilearn.
TEMPLATE = 'template'
#: Name -> image and labels.
KNOWN = {
    'aomic': ('hf3t_aomic/norm.mgz', 'hf3t_aomic/aseg.mgz'),
    'colin': ('hf_colin27/ch2bet.nii.gz', 'hf_colin27/fast_seg.nii.gz'),
    'ms07': ('hf_ms_patient07/patient07_T1.nii.gz', None),
}
#: Those whose tissues are not ulfprep's own.
LABELLED = tuple(name for name, (_, labels) in KNOWN.items() if labels)
#: Voxels that are kept around a brain.
MARGIN = 4


@dataclass(frozen=True, eq=False)
class Brain:
    """A high-field image and the tissues in it.

    The labels are ``given``, made by other software, or ulfprep's ``own``: then they are no
    independent truth.
    """

    name: str
    image: np.ndarray  # T1w, float32, zero outside the brain
    labels: np.ndarray  # uint8: 0 outside, 1 CSF, 2 GM, 3 WM
    lattice: Grid  # 1 mm, axes in RAS order; voxels of 1.6 x 1.6 x 5 and of 2 x 2 x 2 mm fill it
    labels_by: str = 'given'


def find_brains(folder, names=None, say=print) -> Iterator[Brain]:
    """Yield the brains of a folder, each read when it is asked for, or only those named.

    The folder holds some of :data:`KNOWN`, or is the word ``template``; ``say`` is told what is
    missing or cannot be used, a line each. If there is none of them, the error says what was
    looked for.
    """
    if str(folder) == TEMPLATE:
        if names is None or TEMPLATE in names:
            yield load_template()
        return
    folder = Path(folder)
    if not any((folder / image).is_file() for image, _ in KNOWN.values()):
        looked = ', '.join(image for image, _ in KNOWN.values())
        raise FileNotFoundError(f'{folder}: none of {looked} is in it')
    for name in KNOWN if names is None else [name for name in KNOWN if name in names]:
        try:
            brain = load_brain(folder, name)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one costs no other
            say(f'{name} is left out: {" ".join(str(error).split())}')
        else:
            yield brain


def load_brain(folder: Path, name: str) -> Brain:
    """Read one of :data:`KNOWN`; its tissues must rise from CSF to WM, as they do in T1w."""
    paths = [folder / file for file in KNOWN[name] if file]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing')
    image, grid = load_canonical(paths[0])
    inside = carry_mask(ndimage.binary_fill_holes(image > 0), grid, grid)
    image = np.maximum(bring(image, grid, grid), 0)
    if len(paths) == 1:
        return make_brain(name, image, grid, inside=inside)
    values, its = load_canonical(paths[1])
    labels = carry(np.rint(values).astype(np.int32), its, grid, order=0)
    if paths[1].name == 'aseg.mgz':
        labels = from_aseg(labels, inside)
    return make_brain(name, image, grid, labels=labels)


def load_template() -> Brain:
    """Return the MNI152 template; its labels are what is most probable in its tissue maps.

    It is an average of many people, smoother than any of them; for its licence see
    :data:`ulfprep.evaluation.examples.LICENCE`.
    """
    from ulfprep.evaluation.examples import example_truth

    truth = example_truth('01')
    image = np.maximum(bring(truth.image, truth.grid, truth.grid), 0)
    return make_brain(TEMPLATE, image, truth.grid, labels=truth.labels)


def load_canonical(path: Path) -> tuple[np.ndarray, Grid]:
    """Read an image, float32, with its axes in RAS order; voxels that are not finite are 0."""
    import nibabel as nib

    image = nib.as_closest_canonical(nib.squeeze_image(nib.load(path)))
    data = np.asarray(image.dataobj, np.float32)
    return np.where(np.isfinite(data), data, 0), Grid(data.shape, image.affine)


def make_brain(name: str, image, grid: Grid, *, labels=None, inside=None) -> Brain:
    """Crop a T1w image of 1 mm, a brain alone, to that brain, with its tissues.

    Without ``labels`` (0 outside, 1 CSF, 2 GM, 3 WM) the bias field is measured and divided out,
    and they are what is most probable in ulfprep's own segmentation of voxels of 1 mm. The brain
    is ``inside``, or where there are labels.

    Raises
    ------
    ValueError
        If a tissue is missing, or they do not rise in brightness from CSF to WM.
    """
    own = labels is None
    inside = labels > 0 if inside is None else inside
    (found,) = ndimage.find_objects(inside.astype(int))
    box = tuple(
        slice(max(s.start - MARGIN, 0), min(s.stop + MARGIN, n))
        for s, n in zip(found, grid.shape, strict=True)
    )
    image, inside, near = image[box], inside[box], grid.crop(box)
    if own:
        image, _ = correct_bias(image, inside, near.zooms)
        probs = segment(image, inside, near.zooms).probs
        labels = np.where(inside, probs.argmax(axis=0) + 1, 0)
    else:
        labels = labels[box]
    medians = tissue_medians(image, labels)
    if not (np.diff(medians) > 0).all():
        told = ', '.join(f'{m:.3g}' for m in medians)
        raise ValueError(f'CSF, GM and WM are {told}: they must rise, as they do in T1w')
    image = np.where(inside, image, 0).astype(np.float32)
    whole, image, labels = padded(near, image, labels.astype(np.uint8))
    return Brain(name, image, labels, whole, 'own' if own else 'given')


def tissue_medians(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Median of each tissue, where voxels of its own surround a voxel on all six sides.

    Raises
    ------
    ValueError
        If the labels (1 CSF, 2 GM, 3 WM) lack a tissue.
    """
    out = []
    for label, name in enumerate(TISSUES, 1):
        tissue = labels == label
        if not tissue.any():
            raise ValueError(f'the labels hold no {name}')
        inner = ndimage.binary_erosion(tissue)
        out.append(np.median(image[inner if inner.any() else tissue]))
    return np.array(out, float)


def padded(grid: Grid, *volumes) -> tuple:
    """Pad volumes of 1 mm to extents that voxels of 1.6 x 1.6 x 5 and of 2 x 2 x 2 mm both fill.

    Returns the larger grid, around the middle of the given one, and the volumes on it.
    """
    shape = tuple(int(-(-n // m) * m) for n, m in zip(grid.shape, (8, 8, 10), strict=True))
    before = [(p - n) // 2 for n, p in zip(grid.shape, shape, strict=True)]
    affine = np.array(grid.affine, float)
    affine[:3, 3] -= affine[:3, :3] @ np.array(before, float)
    pad = [(b, p - n - b) for b, n, p in zip(before, grid.shape, shape, strict=True)]
    return Grid(shape, affine), *(np.pad(volume, pad) for volume in volumes)


def from_aseg(aseg: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Map FreeSurfer's subcortical segmentation to 1 CSF, 2 GM, 3 WM inside the brain.

    What the brain holds without a number is CSF; see :data:`.derived_read.GROUPS`.
    """
    table = tissue_table()
    known = table[np.clip(aseg, 0, len(table) - 1)]
    out = np.where(brain, 1, 0).astype(np.uint8)
    for label, tissue in enumerate(('GM', 'WM'), 2):
        out[known == 1 + TISSUES.index(tissue)] = label
    return out
