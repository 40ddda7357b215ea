"""From a high-field image to the scans an ultra-low-field scanner would have made of it.

The noise-free scan is computed once (:func:`simulate`), any number of noisy ones are drawn
from it (:func:`realise`), each from a random stream of its own (:func:`stream`).
"""

import zlib
from dataclasses import dataclass

import numpy as np

from ulfprep.physics.acquisition import add_rician_noise
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, covered, resized_grid
from ulfprep.physics.types import Numbers

#: Voxel size of a portable 64 mT scan, mm.
VOXEL_SIZE = (1.6, 1.6, 5.0)


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a scanner would measure, before the noise."""

    expected: np.ndarray  #: noise-free scan, bias field included, units of the source, float32
    grid: Grid
    sigma: float  #: s.d. of the real and of the imaginary noise, image units
    #: Factor in ``expected``; its geometric mean in the brain is one.
    bias_field: np.ndarray | None = None
    noise_fwhm: float = 0.0  #: over which the noise is correlated, mm


def simulate(
    image: np.ndarray,
    mask: np.ndarray,
    probs: np.ndarray,
    grid: Grid,
    plan: ContrastPlan,
    *,
    voxel_size: Numbers | None = None,
    target: Grid | None = None,
    psf: str = 'gaussian',
    snr: float | None = None,
    bias_strength: float = 0.0,
    noise_fwhm: float = 0.0,
    keep_head: bool = False,
    seed: int = 0,
    label: str = '',
) -> Simulation:
    """Simulate the low-field scan of a high-field image, up to its noise.

    Parameters
    ----------
    image, mask, probs : numpy.ndarray, shapes (X, Y, Z), (X, Y, Z) and (3, X, Y, Z)
        High-field image, brain, and posteriors of CSF, GM, WM, on ``grid``.
    plan : ContrastPlan
        Of direction ``simulate``.
    voxel_size : sequence of 3 floats, optional
        Acquired voxel size in mm along the axes of the simulated scan; also the FWHM of
        the PSF. By default that of ``target``, or :data:`VOXEL_SIZE`.
    target : Grid, optional
        Grid of the simulated scan, in any orientation. By default voxels of ``voxel_size``
        over the field of view of ``grid``, along its axes.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    snr : float, optional
        SNR of white matter. By default that of a 64 mT scan with these voxels (14),
        scaled with field as B0^1.5 and with voxel volume.
    bias_strength : float
        S.d. of the logarithm of a smooth receive field within the brain; 0 for none.
    noise_fwhm : float
        FWHM over which the noise is correlated, mm; 0 for white noise.
    keep_head : bool
        Simulate what lies outside the mask as well. Its relaxation is not known: it keeps
        its own intensity, relative to white matter. Without, the outside is zero.
    label : str
        Name of the scan; with ``seed`` it fixes the bias field.

    Raises
    ------
    ValueError
        If ``snr``, ``bias_strength`` or ``noise_fwhm`` is no possible value.
    """
    if snr is not None and not snr > 0:
        raise ValueError(f'the SNR must be positive, not {snr}')
    for name, value in (('bias_strength', bias_strength), ('noise_fwhm', noise_fwhm)):
        if not 0 <= value < np.inf:
            raise ValueError(f'{name} must be zero or positive, not {value}')
    if voxel_size is None:
        voxel_size = VOXEL_SIZE if target is None else target.zooms
    if target is None:
        target = resized_grid(grid, voxel_size)
    mask = np.asarray(mask, bool)
    model = ForwardModel.between(target, grid, voxel_size, plan.contrast_vector, psf)
    expected = model.acquire(_low_field_image(image, mask, probs, model, plan, keep_head))
    # Beyond the source's field of view nothing is known; the PSF would smear its border.
    expected *= covered(grid, target)
    field = None
    if bias_strength:
        brain = model.acquire(mask.astype(np.float32)) > 0.5
        field = bias_field(target, brain, bias_strength, stream(seed, label, 'bias'))
        expected *= field
    sigma = float(plan.target_means[2] / (snr or expected_snr(plan, voxel_size)))
    return Simulation(expected.astype(np.float32), target, sigma, field, float(noise_fwhm))


def realise(simulation: Simulation, seed: int = 0, label: str = '', index: int = 1) -> np.ndarray:
    """Draw one noisy scan: the magnitude of signal plus complex noise, float32.

    ``label`` is the name of the scan, ``index`` the number of the realisation: no two scans of a
    run share their noise, nor two realisations of a scan.
    """
    rng = stream(seed, label, 'noise', index)
    zooms = simulation.grid.zooms
    return add_rician_noise(
        simulation.expected, simulation.sigma, rng, fwhm=simulation.noise_fwhm / zooms
    )


def bias_field(
    grid: Grid, brain: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Smooth random receive field: plane waves of long wavelength in its logarithm.

    Defined in world millimetres around the brain's centre, so that one random stream gives
    one field, however finely it is sampled.

    The s.d. of the logarithm within the brain is ``strength``, the geometric mean one; float32.
    """
    index = np.argwhere(brain)
    middle = index.mean(axis=0) if len(index) else (np.array(grid.shape) - 1) / 2
    log = np.zeros(grid.shape)
    for _ in range(6):
        direction = rng.standard_normal(3)
        # Coils are about as large as the head; their fields change over no less.
        wavelength = rng.uniform(200.0, 400.0)
        phase, amplitude = rng.uniform(0, 2 * np.pi), rng.standard_normal()
        wave = direction / np.linalg.norm(direction) * 2 * np.pi / wavelength
        steps = wave @ np.asarray(grid.affine)[:3, :3]
        x, y, z = (
            step * (np.arange(n) - centre)
            for step, n, centre in zip(steps, grid.shape, middle, strict=True)
        )
        log += amplitude * np.cos(x[:, None, None] + y[:, None] + z + phase)
    inside = log[brain] if len(index) else log
    spread = inside.std()
    log = (log - inside.mean()) * (strength / spread if spread > 0 else 0.0)
    return np.exp(log).astype(np.float32)


def expected_snr(plan: ContrastPlan, voxel_size: Numbers) -> float:
    """White-matter SNR of a portable scan: 14 at 64 mT and 1.6 x 1.6 x 5 mm voxels.

    Grows as B0^1.5 (Marques et al. 2019) and with voxel volume.
    """
    volume = float(np.prod(voxel_size)) / float(np.prod(VOXEL_SIZE))
    return 14.0 * volume * (plan.target_field_T / 0.064) ** 1.5


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random stream of a seed and the names of what it is drawn for.

    The same seed and names always give the same numbers; another seed, another name or
    another order of names gives an independent stream. What is drawn from one stream,
    and how much, leaves all others as they are.

    Names are, say, a scan's, ``'noise'`` and the number of a realisation; their text counts.
    A negative seed raises a ``ValueError``.
    """
    if seed < 0:
        raise ValueError(f'a seed must not be negative: {seed}')
    words = [zlib.crc32(str(name).encode()) for name in names]
    # The number of names keeps ('a',) apart from ('a', ''): zero words at the end are ignored.
    return np.random.default_rng(np.random.SeedSequence([int(seed), len(words), *words]))


def _low_field_image(image, mask, probs, model, plan, keep_head):
    """Image with the contrast of the low field, still on the fine grid."""
    factor = model.modulation(np.where(mask, probs, 0).astype(np.float32))
    if keep_head:
        unit = np.float32(plan.target_means[2] / plan.means[2])
        # What is no brain tissue, wholly or in part, keeps its own intensity.
        factor += unit * (1 - np.where(mask, probs, 0).sum(axis=0, dtype=np.float32))
        return np.asarray(image, np.float32) * factor
    return np.where(mask, image, 0).astype(np.float32) * factor
