"""The figure that holds a simulated scan against the noise and the PSF it should have."""

import numpy as np

from ulfprep.metrics.spectrum import expected_power, line_power
from ulfprep.reports.drawing.style import LIGHT_MUTED, LIGHT_TEXT, WIDTH, new_figure
from ulfprep.reports.drawing.volumes import DIRECTIONS, ENDS, sample_nearest

_MEASURED, _EXPECTED = '#0072B2', '#D55E00'
#: Lines of the power without blur, as measured, and as it should be.
_LINES = (
    {'color': LIGHT_MUTED, 'linestyle': (0, (1, 1.5)), 'label': 'expected without blur'},
    {'color': _MEASURED, 'linewidth': 3, 'alpha': 0.6, 'label': 'simulated scan'},
    {'color': _EXPECTED, 'linewidth': 1.5, 'label': 'expected of this PSF'},
)


def simcheck(source, dseg, mask, simulated, plan, facts, metrics):
    """Noise of the background against its density, and power along each axis against the PSF's."""
    figure = new_figure(WIDTH, 5.6)
    brain = sample_nearest(mask, simulated).data > 0
    background = _background(simulated.data, brain, facts.noise_sd, facts.keep_head)
    _noise(figure, background / facts.noise_sd)
    _numbers(figure, facts, metrics)
    sharp = source._replace(data=_as_simulated(source, dseg, mask, plan, facts.keep_head))
    _spectra(figure, sharp, simulated, brain, facts)
    return figure


def _background(data, brain, sigma, keep_head):
    """Return the values where no signal was put in."""
    from scipy.ndimage import binary_dilation, uniform_filter

    # As far as a PSF reaches.
    outside = ~binary_dilation(brain, np.ones((3, 3, 3)), iterations=2)
    if keep_head:
        # Air: the mean of noise is 1.25 sigma, and that of 125 voxels hardly differs from it.
        outside &= uniform_filter(data, 5) < 1.5 * sigma
    return data[outside]


def _noise(figure, values):
    """Draw the density of the background (units of the noise put in) and what it should be."""
    axes = figure.add_axes((0.07, 0.595, 0.52, 0.335))
    edges = np.linspace(0, 5, 81)
    if values.size:
        density, _ = np.histogram(np.clip(values, 0, 5), edges, density=True)
        axes.stairs(density, edges, fill=True, color=_MEASURED, alpha=0.45, label='simulated scan')
    else:
        axes.text(2.5, 0.3, 'no background in the field of view', ha='center')
    x = np.linspace(0, 5, 200)
    label = 'magnitude of the noise put in'
    axes.plot(x, x * np.exp(-(x**2) / 2), color=_EXPECTED, linewidth=1.8, label=label)
    axes.set_xlim(0, 5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel('background / sigma of the noise put in')
    axes.set_ylabel('density')
    axes.set_title('Noise', loc='left', size=10, weight='bold', pad=6)
    axes.grid()
    axes.legend(loc='upper right', fontsize=8.5)


def _numbers(figure, facts, metrics):
    """Write what was put in and what was measured beside each other."""
    rows = [('Noise sigma', facts.noise_sd, metrics.get('noise_sigma_simulated'))]
    for axis, name, fwhm in zip('ijk', DIRECTIONS, facts.voxel_size_mm, strict=True):
        rows.append((f'FWHM {name}, mm', fwhm, metrics.get(f'psf_fwhm_{axis}_simulated')))
    columns = (0.87, 0.975)
    for column, title in zip(columns, ('put in', 'measured'), strict=True):
        figure.text(column, 0.88, title, ha='right', size=8.5, color=LIGHT_MUTED)
    for line, (name, *pair) in enumerate(rows):
        y = 0.815 - 0.06 * line
        figure.text(0.63, y, name)
        for column, value in zip(columns, pair, strict=True):
            shown = 'n/a' if value is None else f'{value:.4g}'
            figure.text(column, y, shown, ha='right', weight='bold')


def _spectra(figure, sharp, simulated, brain, facts):
    """Draw the power along each axis, as measured and as this PSF and none would leave it."""
    from scipy.ndimage import binary_dilation

    inside = np.ones_like(brain) if facts.keep_head else binary_dilation(brain)
    data = np.where(inside, simulated.data, 0)
    noise = facts.noise_sd**2 * inside.sum()
    grids = (sharp.data, sharp.zooms, simulated.low - sharp.low, data.shape, simulated.zooms)
    for axis in range(3):
        frequency, power = line_power(data, simulated.zooms, axis)
        _, expected, unblurred = expected_power(*grids, facts.voxel_size_mm, facts.psf, axis)
        floor = noise * simulated.zooms[axis] ** 2
        axes = figure.add_axes((0.07 + 0.315 * axis, 0.09, 0.27, 0.32))
        for values, look in zip(
            (unblurred / floor + 1, power / floor, expected / floor + 1), _LINES, strict=True
        ):
            # The mean, which comes first, tells nothing of sharpness.
            axes.plot(frequency[1:], values[1:], **look)
        axes.set_yscale('log')
        axes.set_xlim(0, frequency[-1])
        low, high = ENDS[axis]
        title = f'{DIRECTIONS[axis]} ({low} to {high}), {facts.voxel_size_mm[axis]:g} mm'
        axes.set_title(title, size=9, loc='left')
        axes.set_xlabel('cycles per mm')
        if axis == 0:
            axes.set_ylabel('power / power of the noise')
            handles = axes.get_legend_handles_labels()
        axes.grid()
    figure.text(0.07, 0.478, 'Sharpness', size=10, weight='bold', color=LIGHT_TEXT)
    place = {'loc': 'center right', 'bbox_to_anchor': (0.975, 0.485)}
    figure.legend(*handles, **place, ncols=3, fontsize=8.5, borderpad=0.0)


def _as_simulated(source, dseg, mask, plan, keep_head):
    """Return the source with the contrast of the simulated scan, still sharp."""
    scale = plan.target_means[2] / plan.means[2]
    factor = np.full(4, scale if keep_head else 0.0, np.float32)
    # BIDS labels: 1 GM, 2 WM, 3 CSF; the plan counts CSF, GM, WM.
    factor[[3, 1, 2]] = plan.contrast_vector
    data = source.data if keep_head else np.where(mask.data > 0, source.data, 0)
    return data * factor[dseg.data.astype(np.uint8)]
