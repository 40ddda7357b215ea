"""From structures and an acquisition to a scan, by the package's own physics."""

import numpy as np

from ulfprep.physics.acquisition import acquisition_matrices, add_rician_noise, apply_matrices
from ulfprep.physics.grid import Grid
from ulfprep.physics.simulation import bias_field
from ulfprep.training.acquisitions import Acquisition
from ulfprep.training.deform import smooth_field
from ulfprep.training.maps import NAMES


def scan_grid(acquisition: Acquisition, lattice: Grid) -> Grid:
    """Voxels of a scan over a 1 mm lattice, from its first voxel's centre on."""
    size, offset = np.array(acquisition.voxel_size), np.array(acquisition.offset)
    room = np.array(lattice.shape) - 1 - offset
    shape = np.maximum(np.floor(room / size + 1e-6).astype(int) + 1, 1)
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = offset
    return Grid(tuple(map(int, shape)), np.asarray(lattice.affine) @ affine)


def paint(
    labels: np.ndarray, signals: np.ndarray, acquisition: Acquisition, rng: np.random.Generator
) -> np.ndarray:
    """Noise-free image on the lattice before the scanner averages it.

    Parameters
    ----------
    labels : numpy.ndarray of uint8, shape (X, Y, Z)
        Structures (:data:`ulfprep.training.maps.NAMES`).
    signals : numpy.ndarray
        Of each structure, relative to white matter.
    acquisition : Acquisition
    rng : numpy.random.Generator
        For the texture: tissue is not uniform, the fluid around the brain least of all.

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z), float32
    """
    image = (signals ** np.float32(acquisition.exponent))[labels]
    factor = 1 + np.float32(rng.uniform(0, 0.05)) * smooth_field(
        rng, labels.shape, rng.uniform(3, 12)
    )
    grain = np.float32(rng.uniform(0, 0.06))
    factor += grain * rng.standard_normal(labels.shape, np.float32)
    if rng.random() < 0.5:
        wild = np.float32(0.35) * smooth_field(rng, labels.shape, 6)
        fluid = labels == NAMES.index('CSF')
        factor[fluid] += wild[fluid]
    return image * factor.clip(0)


def make_scan(
    image: np.ndarray,
    mask: np.ndarray,
    lattice: Grid,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Grid]:
    """Acquire an image: point-spread function, sampling, bias field, noise.

    Parameters
    ----------
    image : numpy.ndarray, shape ``lattice.shape``
        Of :func:`paint`; white matter is about one.
    mask : numpy.ndarray of bool, shape ``lattice.shape``
        Brain mask.
    lattice : Grid
    acquisition : Acquisition
    rng : numpy.random.Generator

    Returns
    -------
    scan : numpy.ndarray
        Magnitudes.
    grid : Grid
    """
    grid = scan_grid(acquisition, lattice)
    matrices = acquisition_matrices(grid, lattice, acquisition.psf_fwhm, acquisition.psf)
    brain = apply_matrices(matrices, mask.astype(np.float32)) > 0.5
    if acquisition.stripped:
        image = np.where(mask, image, 0)
    expected = apply_matrices(matrices, image)
    if acquisition.bias > 0:
        expected = expected * bias_field(grid, brain, acquisition.bias, rng)
    widest = int(np.argmax(acquisition.voxel_size))
    fwhm = [0.0 if axis == widest else acquisition.noise_fwhm for axis in range(3)]
    scan = add_rician_noise(expected, 1 / acquisition.snr, rng, fwhm)
    if acquisition.stripped:
        scan = np.where(brain, scan, 0)
    return scan, grid
