"""What a simulated scan shows, measured in it as in any scan, against what was put in."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.registry import Metric, NotMeasured, Rule, measures
from ulfprep.metrics.scan import CJV, CONTRAST_OF_SCAN, MeasuredScan, tissue_shown
from ulfprep.physics import TISSUES
from ulfprep.physics.acquisition import acquisition_matrices, apply_matrices
from ulfprep.physics.contrast import michelson
from ulfprep.physics.grid import Grid, are_aligned
from ulfprep.physics.noise import estimate_noise
from ulfprep.physics.types import Numbers
from ulfprep.record import SimulationRecord

#: Of the scan's axes, as their names end in those of metrics.
AXES = ('i', 'j', 'k')
#: Share of brain that a voxel has to gather for its tissues to be looked at.
INSIDE = 0.95
#: Voxels and steps that the fit of a PSF takes at least and at most.
LEAST_VOXELS, MOST_STEPS = 500, 15
FEW = 'too few voxels of the simulated scan lie inside the brain'
SIMULATION = partial(Metric, category='Simulation')


@dataclass(frozen=True)
class SimulatedScan(MeasuredScan):
    """A source, in the fields of :class:`MeasuredScan`, and the scan simulated from it."""

    simulated: np.ndarray  # shape (x, y, z)
    simulated_grid: Grid
    facts: SimulationRecord  # how; its voxel_size_mm is also the FWHM wanted

    @cached_property
    def wanted_fwhm(self) -> np.ndarray:
        """FWHM that was asked for, mm, shape (3,)."""
        return np.asarray(self.facts.voxel_size_mm, float)

    @cached_property
    def mask(self) -> np.ndarray:
        """Brain of the source."""
        return np.asarray(self.scan_mask, bool)

    @cached_property
    def matrices(self) -> Any:
        """Point-spread function and sampling, source to simulated scan."""
        if not are_aligned(self.scan_grid, self.simulated_grid):
            raise NotMeasured('the axes of the simulated scan are not those of its source')
        if not self.mask.any():
            raise NotMeasured('the source has no brain')
        return acquisition_matrices(
            self.simulated_grid, self.scan_grid, self.wanted_fwhm, self.facts.psf
        )

    @cached_property
    def gathered(self) -> np.ndarray:
        """Share of brain in each voxel of the simulated scan."""
        return apply_matrices(self.matrices, self.mask.astype(np.float32))

    @cached_property
    def sigma(self) -> float:
        """Noise of the simulated scan, measured as in any other."""
        brain = self.gathered > 0.5
        try:
            return estimate_noise(self.simulated, brain, self.simulated_grid.zooms).sigma
        except ValueError as error:
            raise NotMeasured(str(error)) from error

    @cached_property
    def seen(self) -> np.ndarray:
        """Tissue means of the simulated scan, by least squares over what its voxels hold."""
        probs = np.where(self.mask, self.scan_probs, 0).astype(np.float32)
        shares = apply_matrices(self.matrices, probs)
        return seen_means(self.simulated, shares, self.gathered > INSIDE)


@measures(
    CONTRAST_OF_SCAN, CJV, of='simulate', otherwise='white and grey matter are equally bright'
)
def source_contrast(one: SimulatedScan) -> tuple[float, float]:
    """Contrast of white and grey matter of the source."""
    means, sds = (f(one.scan, one.scan_probs) for f in (c.tissue_means, c.tissue_sds))
    tissue_shown(means, ('GM', 'WM'), 'source')
    return michelson(means[2], means[1]), c.coefficient_of_joint_variation(means, sds)


@measures(
    *(
        SIMULATION(
            f'ratio_{tissue.lower()}_wm',
            f'{tissue} / WM, wanted',
            'Brightness of the tissue that the simulation was given.',
            f'Mean of {tissue} relative to white matter in the target contrast.',
        )
        for tissue in TISSUES
    ),
    of='simulate',
    otherwise='the target contrast has no white matter',
)
def wanted_ratios(one: SimulatedScan) -> list[float]:
    """Tissue means of the target over that of white matter."""
    target = one.plan.target_means
    return [mean / target[2] for mean in target]


@measures(
    *(
        SIMULATION(
            f'ratio_{tissue.lower()}_wm_simulated',
            f'{tissue} / WM, simulated',
            'Should be near the ratio wanted.',
            f'Mean of {tissue} relative to white matter in the simulated scan: least squares over '
            "the source's tissues, seen through the point-spread function.",
        )
        for tissue in TISSUES[:2]
    ),
    SIMULATION(
        'contrast_wm_gm_simulated',
        'WM-GM contrast, simulated',
        'Should be near the target contrast.',
        '2 (WM - GM) / (WM + GM) of the same means.',
    ),
    of='simulate',
    otherwise=FEW,
)
def simulated_contrast(one: SimulatedScan) -> tuple[float, float, float]:
    """Tissue means that the simulated scan shows."""
    csf, gm, wm = one.seen
    return csf / wm, gm / wm, michelson(wm, gm)


@measures(
    SIMULATION(
        'noise_sigma_simulated',
        'Noise s.d., simulated',
        'One noise step of the simulated scan.',
        'Standard deviation of the noise, measured in the simulated scan as in any other.',
        unit='scan intensity',
    ),
    SIMULATION(
        'noise_ratio_simulated',
        'Noise, measured over put in',
        'Whether the simulated scan is as noisy as it says.',
        'The same over the standard deviation that was put in.',
        better='ideal',
        ideal=1.0,
        rule=Rule('the simulated scan is not as noisy as its sidecar says', 0.85, 1.15, 0.5, 2.0),
    ),
    SIMULATION(
        'snr_wm_simulated',
        'WM SNR, simulated',
        'White matter over noise as measured in the simulated scan.',
        'Mean of white matter over the noise, both measured in the simulated scan.',
    ),
    of='simulate',
    otherwise=FEW,
)
def simulated_noise(one: SimulatedScan) -> tuple[float, float, float]:
    """Noise that the simulated scan shows."""
    put_in = one.facts.noise_sd or np.nan
    return one.sigma, one.sigma / put_in, one.seen[2] / one.sigma


@measures(
    *(
        SIMULATION(
            f'psf_fwhm_{axis}_simulated',
            f'FWHM along {axis}, simulated',
            'Should be the voxel size asked for.',
            f'Full width at half maximum, along axis {axis} of the file, of the point-spread '
            'function through which the source explains the simulated scan best.',
            unit='mm',
        )
        for axis in AXES
    ),
    SIMULATION(
        'psf_ratio_simulated',
        'FWHM, measured over wanted',
        'Whether the simulated scan is as blurred as it says.',
        'Of the three axes that which is furthest from 1.',
        better='ideal',
        ideal=1.0,
        rule=Rule('the simulated scan is not as blurred as its voxels say', 0.8, 1.25, 0.5, 2.0),
    ),
    of='simulate',
    otherwise=FEW,
)
def simulated_blur(one: SimulatedScan) -> tuple[float, ...]:
    """Point-spread function that the simulated scan shows."""
    factor = np.tensordot(np.asarray(one.plan.contrast_vector, np.float32), one.scan_probs, 1)
    sharp = np.where(one.mask, one.scan * factor, 0).astype(np.float32)
    expected = apply_matrices(one.matrices, sharp)
    # Where the head was kept, what lies beside the brain is seen at its rim too.
    inside = one.gathered > INSIDE
    looked_at = inside if one.facts.keep_head else expected > 3 * one.facts.noise_sd
    fwhm = fitted_fwhm(
        one.simulated, one.simulated_grid, sharp, one.scan_grid, looked_at, one.wanted_fwhm,
        one.facts.psf,
    )  # fmt: skip
    ratios = fwhm / one.wanted_fwhm
    return *fwhm, ratios[np.argmax(np.abs(np.log(ratios)))]


def seen_means(image: np.ndarray, shares: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Measure the three tissue means of the voxels ``inside``, by least squares.

    ``shares``, shape (3, x, y, z), are what each voxel holds of the tissues; NaN is the mean of
    a tissue that is not there.
    """
    design = shares[:, inside].T.astype(np.float64)
    there = design.sum(axis=0) > 1
    means = np.full(3, np.nan)
    if there.any():
        seen = np.asarray(image)[inside].astype(np.float64)
        means[there] = np.linalg.lstsq(design[:, there], seen, rcond=None)[0]
    return means


def fitted_fwhm(
    image: np.ndarray,
    image_grid: Grid,
    sharp: np.ndarray,
    grid: Grid,
    inside: np.ndarray,
    start: Numbers,
    psf: str,
) -> np.ndarray:
    """Find the FWHM (3 axes, mm) of the PSF through which a sharp image explains a scan best.

    Parameters
    ----------
    image : numpy.ndarray, shape ``image_grid.shape``
    sharp : numpy.ndarray, shape ``grid.shape``
        The same object without blur or noise, in any unit; the grids are aligned.
    inside : numpy.ndarray of bool, shape ``image_grid.shape``
        Voxels to compare; where they are too few the FWHM are NaN.
    start : sequence of 3 floats
        FWHM to begin with, mm.
    psf : str
        One of :data:`ulfprep.physics.psf.KINDS`.
    """
    from scipy.optimize import least_squares

    if inside.sum() < LEAST_VOXELS:
        return np.full(3, np.nan)
    seen = np.asarray(image)[inside].astype(np.float64)
    seen /= np.sqrt((seen**2).mean())

    def difference(logs):
        matrices = acquisition_matrices(image_grid, grid, np.exp(logs), psf)
        blurred = apply_matrices(matrices, sharp)[inside].astype(np.float64)
        return seen - blurred * ((blurred @ seen) / (blurred @ blurred))

    # Single precision inside: steps must stand out of its rounding.
    found = least_squares(
        difference, np.log(start), method='lm', diff_step=1e-2, max_nfev=4 * MOST_STEPS
    )
    return np.exp(found.x)
