"""What the metrics of a simulated scan are: entries of the data dictionary."""

from ulfprep.metrics.entry import entry
from ulfprep.metrics.simulated import AXES
from ulfprep.physics import TISSUES

CATEGORY = 'Simulation'


def simulated_entries() -> dict[str, dict]:
    """Return the entries, metric -> entry."""
    made = {}

    def add(name, *args, **more):
        made[name] = entry(*args, category=CATEGORY, **more)

    for tissue in TISSUES:
        add(
            f'ratio_{tissue.lower()}_wm',
            f'{tissue} / WM, wanted',
            f'Mean of {tissue} relative to white matter in the target contrast.',
            hint='Brightness of the tissue that the simulation was given.',
        )
    for tissue in TISSUES[:2]:
        add(
            f'ratio_{tissue.lower()}_wm_simulated',
            f'{tissue} / WM, simulated',
            f'Mean of {tissue} relative to white matter in the simulated scan: least squares over '
            "the source's tissues, seen through the point-spread function.",
            hint='Should be near the ratio wanted.',
        )
    add(
        'contrast_wm_gm_simulated',
        'WM-GM contrast, simulated',
        '2 (WM - GM) / (WM + GM) of the same means.',
        hint='Should be near the target contrast.',
    )
    add(
        'noise_sigma_simulated',
        'Noise s.d., simulated',
        'Standard deviation of the noise, measured in the simulated scan as in any other.',
        'scan intensity',
        hint='One noise step of the simulated scan.',
    )
    add(
        'noise_ratio_simulated',
        'Noise, measured over put in',
        'The same over the standard deviation that was put in.',
        better='ideal',
        ideal=1.0,
        hint='Whether the simulated scan is as noisy as it says.',
    )
    add(
        'snr_wm_simulated',
        'WM SNR, simulated',
        'Mean of white matter over the noise, both measured in the simulated scan.',
        hint='White matter over noise as measured in the simulated scan.',
    )
    for axis in AXES:
        add(
            f'psf_fwhm_{axis}_simulated',
            f'FWHM along {axis}, simulated',
            f'Full width at half maximum, along axis {axis} of the file, of the point-spread '
            'function through which the source explains the simulated scan best.',
            'mm',
            hint='Should be the voxel size asked for.',
        )
    add(
        'psf_ratio_simulated',
        'FWHM, measured over wanted',
        'Of the three axes that which is furthest from 1.',
        better='ideal',
        ideal=1.0,
        hint='Whether the simulated scan is as blurred as it says.',
    )
    return made
