"""The forward model: what a low-field scanner would have measured of a high-field image.

One implementation serves both directions, so they cannot drift apart: enhancement
inverts it, simulation applies it and adds Rician noise.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ulfprep.physics.acquisition import acquisition_matrices, apply_matrices, rician_mean
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.grid import Grid, are_aligned
from ulfprep.physics.oblique import ObliqueAcquisition
from ulfprep.physics.types import Numbers


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """Tissue-wise contrast, point-spread and sampling of one acquisition.

    ``y = A (I * sum_t m_t p_t)``. Works on NumPy arrays and, through :meth:`to`, on torch
    tensors; differentiable in both arguments. :meth:`between` builds it for any two grids.
    """

    #: One acquisition matrix an axis, (scan samples, fine samples): ``A = Az x Ay x Ax``.
    #: Empty where the grids are not aligned, and ``A`` does not separate.
    matrices: tuple
    contrast: Any  #: contrast vector for CSF, GM, WM

    @classmethod
    def between(
        cls, scan: Grid, fine: Grid, psf_fwhm: Numbers, contrast: Numbers, psf: str = 'gaussian'
    ) -> 'ForwardModel':
        """Build the model that takes images on ``fine`` to voxels on ``scan``.

        The grids may lie in any orientation: of separable matrices where they are aligned, it is
        an :class:`ObliqueForwardModel` elsewhere. The PSF's FWHM is given along the axes of
        ``scan``, mm; ``psf`` is one of :data:`ulfprep.physics.psf.KINDS`.
        """
        contrast = np.asarray(contrast, np.float32)
        if are_aligned(fine, scan):
            return ForwardModel(tuple(acquisition_matrices(scan, fine, psf_fwhm, psf)), contrast)
        acquisition = ObliqueAcquisition(scan, fine, tuple(map(float, psf_fwhm)), psf)
        return ObliqueForwardModel((), contrast, acquisition)

    def to(self, device: str) -> 'ForwardModel':
        """Return the same model as torch tensors on ``device``."""
        import torch

        matrices = tuple(torch.as_tensor(np.asarray(m), device=device) for m in self.matrices)
        contrast = torch.as_tensor(np.asarray(self.contrast), device=device)
        return replace(self, matrices=matrices, contrast=contrast)

    def modulation(self, probs: np.ndarray) -> Any:
        """Contrast factor of every point, from tissue probabilities (..., 3, X, Y, Z)."""
        return (probs * self.contrast.reshape(3, 1, 1, 1)).sum(-4)

    def acquire(self, volume: np.ndarray) -> Any:
        """Apply PSF and sampling to ``volume`` (..., X, Y, Z)."""
        return apply_matrices(self.matrices, volume)

    def adjoint(self, voxels: np.ndarray) -> Any:
        """Apply the exact transpose of :meth:`acquire`."""
        return apply_matrices(tuple(m.swapaxes(0, 1) for m in self.matrices), voxels)

    def __call__(self, intensity, probs):
        """Expected voxel values of an image (..., X, Y, Z) and its tissues (..., 3, X, Y, Z)."""
        return self.acquire(intensity * self.modulation(probs))


@dataclass(frozen=True, eq=False)
class ObliqueForwardModel(ForwardModel):
    """The same model between grids whose axes are not parallel."""

    acquisition: ObliqueAcquisition

    def acquire(self, volume: np.ndarray) -> Any:
        """Apply PSF and sampling to ``volume`` (..., X, Y, Z)."""
        return _apply(self.acquisition.acquire, self.acquisition.adjoint, volume)

    def adjoint(self, voxels: np.ndarray) -> Any:
        """Apply the exact transpose of :meth:`acquire`."""
        return _apply(self.acquisition.adjoint, self.acquisition.acquire, voxels)


def _apply(forward, transpose, array):
    """Apply a linear map of NumPy arrays to an array, or to a tensor, on the CPU."""
    if isinstance(array, np.ndarray):
        return forward(array)
    return _differentiable().apply(array, forward, transpose)


@cache
def _differentiable() -> Any:
    """Return a torch function of a tensor, a linear map and its transpose."""
    # Imported late: torch is slow to load and of no use to arrays.
    import torch

    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, tensor, forward, transpose):
            ctx.forward_map, ctx.transpose_map = forward, transpose
            result = forward(tensor.detach().cpu().numpy())
            return torch.from_numpy(result).to(tensor.device)

        @staticmethod
        def backward(ctx, gradient):
            # Each map is the other's gradient, so that this can be differentiated as well.
            return Linear.apply(gradient, ctx.transpose_map, ctx.forward_map), None, None

    return Linear


def residual(
    image: np.ndarray,
    mask: np.ndarray,
    intensity: np.ndarray,
    probs: np.ndarray,
    scan: Grid,
    fine: Grid,
    plan: ContrastPlan,
) -> np.ndarray:
    """Scan minus what the enhanced image predicts for it, in units of the noise s.d.

    The prediction is the mean of the magnitude in noise, not the noise-free signal: the two
    differ by a sixth of the noise where the signal is three times as strong.

    Parameters
    ----------
    image, mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain, on ``scan``.
    intensity, probs : numpy.ndarray, shapes (x, y, z) and (3, x, y, z)
        Enhanced image, zero outside the brain, and its tissues, on ``fine``.

    Returns
    -------
    numpy.ndarray, shape (X, Y, Z), float32
        Zero where the scan's voxel lies outside the mask, or where 3 % of what its PSF
        gathers does: scalp is several times as bright as brain, and the image without it
        cannot predict the scan there.
    """
    model = ForwardModel.between(scan, fine, plan.psf_fwhm_mm, plan.contrast_vector, plan.psf)
    predicted = model(intensity.astype(np.float32), probs.astype(np.float32))
    inside = model.acquire((probs.sum(axis=0) > 0).astype(np.float32)) > 0.97
    difference = (image - rician_mean(predicted, plan.noise_sigma)) / plan.noise_sigma
    return np.where(mask & inside, difference, 0).astype(np.float32)
