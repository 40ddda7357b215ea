"""The forward model: what a low-field scanner would have measured of a high-field image.

One implementation serves both directions, so they cannot drift apart: enhancement
inverts it, simulation applies it and adds Rician noise.
"""

from dataclasses import dataclass

import numpy as np

from ulfprep.physics.acquisition import acquisition_matrices, add_rician_noise, apply_matrices
from ulfprep.physics.grid import Grid, resized_grid


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """Tissue-wise contrast, point-spread and sampling of one acquisition.

    ``y = A (I * sum_t m_t p_t)`` with ``A = Az x Ay x Ax``. Works on NumPy arrays and,
    through :meth:`to`, on torch tensors; differentiable in both arguments.

    Attributes
    ----------
    matrices : tuple of array or tensor
        One acquisition matrix an axis, (scan samples, fine samples).
    contrast : array or tensor, shape (3,)
        Contrast vector for CSF, GM, WM.
    """

    matrices: tuple
    contrast: object

    @classmethod
    def between(cls, scan: Grid, fine: Grid, psf_fwhm, contrast) -> 'ForwardModel':
        """Build the model that takes images on ``fine`` to voxels on ``scan``."""
        matrices = tuple(acquisition_matrices(scan, fine, psf_fwhm))
        return cls(matrices, np.asarray(contrast, np.float32))

    def to(self, device) -> 'ForwardModel':
        """Return the same model as torch tensors on ``device``."""
        import torch

        matrices = tuple(torch.as_tensor(np.asarray(m), device=device) for m in self.matrices)
        return ForwardModel(matrices, torch.as_tensor(np.asarray(self.contrast), device=device))

    def modulation(self, probs):
        """Contrast factor of every point, from tissue probabilities (..., 3, X, Y, Z)."""
        return (probs * self.contrast.reshape(3, 1, 1, 1)).sum(-4)

    def acquire(self, volume):
        """Apply PSF and sampling to ``volume`` (..., X, Y, Z)."""
        return apply_matrices(self.matrices, volume)

    def adjoint(self, voxels):
        """Apply the exact transpose of :meth:`acquire`."""
        return apply_matrices(tuple(m.swapaxes(0, 1) for m in self.matrices), voxels)

    def __call__(self, intensity, probs):
        """Expected voxel values of an image (..., X, Y, Z) and its tissues (..., 3, X, Y, Z)."""
        return self.acquire(intensity * self.modulation(probs))


def residual(
    image: np.ndarray,
    mask: np.ndarray,
    intensity: np.ndarray,
    probs: np.ndarray,
    scan: Grid,
    fine: Grid,
    plan: dict,
) -> np.ndarray:
    """Scan minus what the enhanced image predicts for it, in units of the noise s.d.

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain mask.
    intensity : numpy.ndarray, shape (x, y, z)
        Enhanced image on ``fine``, zero outside the brain.
    probs : numpy.ndarray, shape (3, x, y, z)
        Its tissue probabilities.
    scan, fine : Grid
        The two grids.
    plan : dict
        Of :func:`ulfprep.physics.plan.plan_contrast`.

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z), float32
        Zero where the scan's voxel lies outside the mask, or where 3 % of what its PSF
        gathers does: scalp is several times as bright as brain, and the image without it
        cannot predict the scan there.
    """
    model = ForwardModel.between(scan, fine, plan['psf_fwhm_mm'], plan['contrast_vector'])
    predicted = model(intensity.astype(np.float32), probs.astype(np.float32))
    inside = model.acquire((probs.sum(axis=0) > 0).astype(np.float32)) > 0.97
    difference = (image - predicted) / plan['noise_sigma']
    return np.where(mask & inside, difference, 0).astype(np.float32)


def simulate(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    grid: Grid,
    plan: dict,
    seed: int,
    target_voxel_size=(1.6, 1.6, 5.0),
    snr: float | None = None,
) -> tuple[np.ndarray, Grid]:
    """Simulate the low-field scan of a high-field image.

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        High-field image and brain mask; what lies outside the mask is not simulated.
    probs : numpy.ndarray, shape (3, X, Y, Z)
        Posteriors of CSF, GM, WM.
    grid : Grid
        Grid of ``image``.
    plan : dict
        Of :func:`ulfprep.physics.plan.plan_contrast`, direction ``simulate``.
    seed : int
        Seed of the noise.
    target_voxel_size : sequence of 3 floats
        Acquired voxel size in mm; also the FWHM of the Gaussian PSF.
    snr : float, optional
        SNR of white matter. By default that of a 64 mT scan with these voxels (14),
        scaled with field as B0^1.5 and with voxel volume.

    Returns
    -------
    simulated : numpy.ndarray, float32
    target : Grid
        Its grid: same axes and field of view.
    """
    target = resized_grid(grid, target_voxel_size)
    model = ForwardModel.between(target, grid, target_voxel_size, plan['contrast_vector'])
    inside = np.where(mask, image, 0).astype(np.float32)
    clean = model(inside, np.where(mask, probs, 0).astype(np.float32))
    sigma = plan['target_means'][2] / (snr or expected_snr(plan, target_voxel_size))
    return add_rician_noise(clean, sigma, np.random.default_rng(seed)), target


def expected_snr(plan: dict, voxel_size) -> float:
    """White-matter SNR of a portable scan: 14 at 64 mT and 1.6 x 1.6 x 5 mm voxels.

    Grows as B0^1.5 (Marques et al. 2019) and with voxel volume.
    """
    volume = float(np.prod(voxel_size)) / (1.6 * 1.6 * 5.0)
    return 14.0 * volume * (plan['target_field_T'] / 0.064) ** 1.5
