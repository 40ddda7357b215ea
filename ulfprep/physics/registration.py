"""Rigid match of two scans of one head, in world millimetres, and whether to believe it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid

#: Motion between two scans of a session that is still believed: degrees, mm of the brain's centre.
MOST_ROTATION, MOST_SHIFT = 30.0, 40.0
#: Spacings (mm) of the lattices on which the scans are compared, from coarse to fine.
SPACINGS = (6.0, 3.0)
#: How far around the brain (mm) the comparison goes: its outline says much.
AROUND = 6.0
#: By how much the similarity has to rise above that of the headers: a correlation by so much,
#: mutual information by such a part. Noise and slices of another direction move it by less, and
#: scans whose axes stay parallel are fitted faster.
GAIN, GAIN_PART = 5e-4, 0.01
#: At most so many steps on each lattice.
ITERATIONS = 60
#: Correlation of two brains of one contrast below which they are not taken for one brain.
LEAST_CORRELATION = 0.5


class RegistrationError(ValueError):
    """Two scans of one head could not be matched; the message names both."""


@dataclass(frozen=True, eq=False)
class Registration:
    """Where a scan lies in the world of another.

    ``transform``, shape (4, 4), moves points of the world of the moving scan (mm, RAS+) into that
    of the fixed one: ``transform @ affine`` is the moving scan's affine there. It is the identity
    where ``ok`` is false. Similarities are correlations, or for two contrasts mutual information,
    as the headers have it and as it was found.
    """

    transform: np.ndarray
    rotation_deg: float
    translation_mm: float  #: how far it moves the centre of the moving scan's brain
    similarity_before: float
    similarity_after: float
    ok: bool  #: whether to believe it
    reason: str = ''  #: why not


def find_motion(
    moving: tuple, fixed: tuple, *, names: tuple[str, str], same_contrast: bool
) -> dict:
    """Register one scan (image, mask and Grid) to another; ``names`` is what they are called.

    Returns
    -------
    dict
        ``name``, ``reference``, ``transform`` (4x4, from the moving world to the fixed, mm),
        ``rotation_deg``, ``translation_mm``, ``measure``, ``similarity_before``,
        ``similarity_after``.

    Raises
    ------
    RegistrationError
        If what was found cannot be believed.
    """
    found = register_rigid(*moving, *fixed, same_contrast=same_contrast)
    after = found.similarity_after if found.ok else found.similarity_before
    # Where no motion makes the two more alike, the headers are as good as can be.
    believed = found.rotation_deg <= MOST_ROTATION and found.translation_mm <= MOST_SHIFT
    reason = '' if believed else found.reason
    if same_contrast and after < LEAST_CORRELATION:
        reason = f'at best the two correlate by {after:.2f}'
    if reason:
        raise RegistrationError(f'{names[0]} could not be registered to {names[1]}: {reason}')
    return {
        'name': names[0],
        'reference': names[1],
        'transform': found.transform,
        'rotation_deg': found.rotation_deg if found.ok else 0.0,
        'translation_mm': found.translation_mm if found.ok else 0.0,
        'measure': 'correlation' if same_contrast else 'mutual information',
        'similarity_before': found.similarity_before,
        'similarity_after': after,
    }


def register_rigid(
    moving: np.ndarray,
    moving_mask: np.ndarray,
    moving_grid: Grid,
    fixed: np.ndarray,
    fixed_mask: np.ndarray,
    fixed_grid: Grid,
    *,
    same_contrast: bool,
) -> Registration:
    """Find the motion of a head between two scans, from where their headers put it.

    Both brains are compared on one lattice that is as coarse as their slices are thick: what
    one scan resolves and the other does not would pull the match. Correlation where the
    contrast is the same, Mattes' mutual information elsewhere. One thread and every sample: the
    same scans give the same numbers.

    On simulated scans of 1.6 x 1.6 x 5 mm at SNR 14, a motion of 3 degrees and 4 mm is found to
    0.1 degrees and 0.15 mm between slices of any two directions; between contrasts to 0.15
    degrees and 0.3 mm.

    Images and grids are any two, what is outside the masks counts as dark, and ``same_contrast``
    says whether tissues are as bright in the one as in the other.
    """
    import SimpleITK as sitk

    still = sitk.Euler3DTransform()
    still.SetCenter(_centre(fixed_mask, fixed_grid).tolist())
    found = sitk.Euler3DTransform(still)
    for spacing in SPACINGS:
        coarse = max(*moving_grid.zooms, *fixed_grid.zooms, spacing)
        first, near = _on_lattice(fixed, fixed_mask, fixed_grid, spacing, coarse)
        second, _ = _on_lattice(moving, moving_mask, moving_grid, spacing, coarse)
        found = _refined(first, second, near, found, spacing, same_contrast)
    before, after = (_similarity(first, second, near, t, same_contrast) for t in (still, found))
    # What was found takes points of the fixed scan to the moving one.
    transform = np.linalg.inv(matrix_of(found))
    cosine = (np.trace(transform[:3, :3]) - 1) / 2
    rotation = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    centre = _centre(moving_mask, moving_grid)
    shift = float(np.linalg.norm(transform[:3, :3] @ centre + transform[:3, 3] - centre))
    reason = ''
    if rotation > MOST_ROTATION or shift > MOST_SHIFT:
        reason = f'a motion of {rotation:.0f} degrees and {shift:.0f} mm is not believed'
    elif after < before + (GAIN if same_contrast else GAIN_PART * before):
        reason = 'no position is better than that in the headers'
    if reason:
        transform = np.eye(4)
    return Registration(transform, rotation, shift, before, after, not reason, reason)


def _centre(mask, grid):
    """World point in the middle of a mask."""
    return grid.affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + grid.affine[:3, 3]


def _on_lattice(image, mask, grid, spacing, coarse):
    """Brain on a lattice along the world's axes, and where it is compared.

    It is blurred to a resolution that is the same along all axes.
    """
    import SimpleITK as sitk

    # A thick voxel at the rim is in or out as a whole; one more layer, mostly the dark rim of
    # CSF and skull, lets what is compared fall off smoothly.
    mask = ndimage.binary_dilation(np.asarray(mask, bool))
    brain = np.where(mask, image, 0).astype(np.float32)
    brain = np.clip(brain / np.percentile(brain[mask], 99.5), 0, 1)
    ends = np.argwhere(mask)
    box = np.array(np.meshgrid(*zip(ends.min(axis=0), ends.max(axis=0), strict=True)))
    world = grid.affine[:3, :3] @ box.reshape(3, -1) + grid.affine[:3, 3:]
    margin = AROUND + 2 * spacing + coarse
    origin = world.min(axis=1) - margin
    shape = np.ceil((world.max(axis=1) + margin - origin) / spacing).astype(int) + 1
    step = np.diag([spacing, spacing, spacing, 1.0])
    step[:3, 3] = origin
    index = np.linalg.inv(grid.affine) @ step
    # Interpolated from a lattice much finer than the blur, thick slices leave no steps.
    blur = np.sqrt(np.maximum(coarse**2 - grid.zooms**2, 0)) / 2.3548 / grid.zooms
    out = []
    for volume, order in ((brain, 3), (mask.astype(np.float32), 1)):
        soft = ndimage.gaussian_filter(volume, blur, mode='constant')
        out.append(
            ndimage.affine_transform(soft, index[:3, :3], index[:3, 3], tuple(shape), order=order)
        )
    near = ndimage.distance_transform_edt(out[1] <= 0.5, sampling=spacing) <= AROUND
    images = []
    for volume in (out[0].astype(np.float32), near.astype(np.uint8)):
        # SimpleITK reads arrays (z, y, x).
        one = sitk.GetImageFromArray(np.ascontiguousarray(volume.T))
        one.SetSpacing([spacing] * 3)
        one.SetOrigin([float(v) for v in origin])
        images.append(one)
    return images


def metric_of(near: Any, same_contrast: bool) -> Any:
    """Return SimpleITK's method of registration with its metric, and no optimiser yet.

    The metric is taken at every sample within ``near``, a mask in the world of the fixed image.
    """
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    if same_contrast:
        method.SetMetricAsCorrelation()
    else:
        method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(near)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetNumberOfThreads(1)
    return method


def _refined(fixed, moving, near, start, spacing, same_contrast):
    """The transform of the most similarity near ``start``."""
    import SimpleITK as sitk

    method = metric_of(near, same_contrast)
    method.SetOptimizerAsRegularStepGradientDescent(
        spacing / 2, 1e-3, ITERATIONS, relaxationFactor=0.5, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    found = sitk.Euler3DTransform(start)
    method.SetInitialTransform(found, inPlace=True)
    with one_thread():
        method.Execute(fixed, moving)
    return found


def _similarity(fixed, moving, near, transform, same_contrast):
    method = metric_of(near, same_contrast)
    method.SetInitialTransform(transform)
    with one_thread():
        value = -method.MetricEvaluate(fixed, moving)
    # The metric is the squared correlation.
    return float(np.sqrt(max(value, 0)) if same_contrast else value)


@contextmanager
def one_thread() -> Iterator[None]:
    """Have SimpleITK use one thread: the order in which threads add up would change last digits.

    What a metric uses is not the method's own number of threads but that of the whole package.
    """
    from SimpleITK import ProcessObject

    before = ProcessObject.GetGlobalDefaultNumberOfThreads()
    ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def matrix_of(transform: Any) -> np.ndarray:
    """Return a transform of SimpleITK with a centre as a matrix, shape (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    middle = np.array(transform.GetCenter())
    matrix[:3, 3] = transform.GetTranslation() + middle - matrix[:3, :3] @ middle
    return matrix
