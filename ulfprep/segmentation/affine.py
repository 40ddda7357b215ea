"""Affine match of two brains by mutual information, in world millimetres."""

import numpy as np
from scipy import ndimage

from ulfprep.physics.grid import Grid

#: Spacing (mm) of the lattice on which brains are compared: an affine match shows no less there.
SPACING = 4.0
#: How far around the brain (mm) the comparison goes: its outline says most about its size.
AROUND = 10.0
#: At most so many steps with seven parameters, then with twelve.
ITERATIONS = (15, 40)
#: Stretch of a brain along any direction that is still believed.
STRETCH = (0.7, 1.4)


def affine_match(
    fixed: np.ndarray,
    fixed_mask: np.ndarray,
    fixed_grid: Grid,
    moving: np.ndarray,
    moving_mask: np.ndarray,
    moving_grid: Grid,
) -> np.ndarray:
    """Find where the world points of one brain lie in another.

    Mattes' mutual information, so that the contrasts may differ. Centre and size come from the
    moments of the masks; a similarity follows, then twelve parameters. One thread and every
    sample of a 4 mm lattice: the same brains give the same numbers.

    Parameters
    ----------
    fixed, moving : numpy.ndarray, shape (X, Y, Z)
        Intensities, on any two grids.
    fixed_mask, moving_mask : numpy.ndarray of bool
        Brains; what is outside counts as dark.
    fixed_grid, moving_grid : Grid

    Returns
    -------
    numpy.ndarray, shape (4, 4)
        World of ``fixed`` (mm, RAS+) to that of ``moving``.

    Raises
    ------
    ValueError
        If what is found mirrors a brain, or stretches it beyond :data:`STRETCH`.
    """
    import SimpleITK as sitk

    fixed, region, origin = _on_lattice(fixed, fixed_mask, fixed_grid)
    moving, other, moving_origin = _on_lattice(moving, moving_mask, moving_grid)
    near = ndimage.distance_transform_edt(~region, sampling=SPACING) <= AROUND
    images = _image(fixed, origin), _image(moving, moving_origin), _image(near, origin)
    centre, size = _moments(region, origin)
    other_centre, other_size = _moments(other, moving_origin)
    # A brain of another size altogether is refused before any search.
    check_match(np.diag([*3 * [other_size / size], 1.0]))
    similar = sitk.Similarity3DTransform()
    similar.SetCenter(centre.tolist())
    similar.SetTranslation((other_centre - centre).tolist())
    similar.SetScale(float(other_size / size))
    found = _refined(*images, similar, ITERATIONS[0])
    affine = sitk.AffineTransform(3)
    affine.SetCenter(found.GetCenter())
    affine.SetMatrix(found.GetMatrix())
    affine.SetTranslation(found.GetTranslation())
    found = _refined(*images, affine, ITERATIONS[1])
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(found.GetMatrix(), (3, 3))
    middle = np.array(found.GetCenter())
    matrix[:3, 3] = found.GetTranslation() + middle - matrix[:3, :3] @ middle
    check_match(matrix)
    return matrix


def check_match(matrix: np.ndarray) -> None:
    """Raise ``ValueError`` for an affine (4, 4) that no two upright brains differ by."""
    stretch = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    believed = STRETCH[0] <= stretch.min() and stretch.max() <= STRETCH[1]
    # Without its stretch a match is a rotation; by more than 60 degrees heads do not tilt.
    u, _, v = np.linalg.svd(matrix[:3, :3])
    upright = np.linalg.det(u @ v) > 0 and np.trace(u @ v) > 1 + 2 * np.cos(np.pi / 3)
    if not (believed and upright):
        raise ValueError(
            'the template does not fit the brain (stretch '
            f'{", ".join(f"{s:.2f}" for s in stretch)}{"" if upright else ", turned over"}); '
            'check the brain mask and the orientation in the header, or use --tissue-prior none'
        )


def _on_lattice(image, mask, grid):
    """Brain and mask on a lattice along the world's axes, and the world point it starts at."""
    mask = np.asarray(mask, bool)
    blur = [max(SPACING / z, 1) / 2.3548 for z in grid.zooms]
    brain = np.where(mask, image, 0).astype(np.float32)
    top = np.percentile(brain[mask], 99.5)
    brain = ndimage.gaussian_filter(np.clip(brain / top, 0, 1), blur, mode='constant')
    soft = ndimage.gaussian_filter(mask.astype(np.float32), blur, mode='constant')
    ends = np.argwhere(mask)
    box = np.array(np.meshgrid(*zip(ends.min(axis=0), ends.max(axis=0), strict=True)))
    world = grid.affine[:3, :3] @ box.reshape(3, -1) + grid.affine[:3, 3:]
    margin = AROUND + 2 * SPACING
    origin = world.min(axis=1) - margin
    shape = np.ceil((world.max(axis=1) + margin - origin) / SPACING).astype(int) + 1
    step = np.diag([SPACING, SPACING, SPACING, 1.0])
    step[:3, 3] = origin
    index = np.linalg.inv(grid.affine) @ step
    brain, soft = (
        ndimage.affine_transform(v, index[:3, :3], index[:3, 3], tuple(shape), order=1)
        for v in (brain, soft)
    )
    return brain, soft > 0.5, origin


def _image(volume, origin):
    """An image whose axes are the world's, right, anterior, superior."""
    import SimpleITK as sitk

    # SimpleITK reads arrays (z, y, x).
    kind = np.uint8 if volume.dtype == bool else np.float32
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.T, kind))
    image.SetSpacing([SPACING] * 3)
    image.SetOrigin([float(v) for v in origin])
    return image


def _moments(mask, origin):
    """Centre in world mm, and the cube root of the volume."""
    return origin + SPACING * np.argwhere(mask).mean(axis=0), np.cbrt(mask.sum()) * SPACING


def _refined(fixed, moving, near, start, iterations):
    """The transform of the most mutual information near ``start``."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetMetricFixedMask(near)
    method.SetInterpolator(sitk.sitkLinear)
    # The line search matters: steps of fixed length shear a brain that starts far off. And the
    # learning rate is given: estimated, it depends on points drawn at random.
    method.SetOptimizerAsGradientDescentLineSearch(
        50.0,
        iterations,
        1e-6,
        10,
        lineSearchEpsilon=0.1,
        lineSearchMaximumIterations=8,
        estimateLearningRate=method.Never,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=True)
    # One thread: the order in which threads add up would change the last digits. What the
    # metric uses is not the method's own number of threads but that of the whole package.
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        method.SetNumberOfThreads(1)
        method.Execute(fixed, moving)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    return start
