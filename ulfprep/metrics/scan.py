"""What is measured of every scan, enhanced or simulated from: noise, contrast and bias field."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.registry import INFINITY, Metric, NotMeasured, Rule, measures
from ulfprep.physics import TISSUES, to_dseg
from ulfprep.physics.contrast_plan import ContrastPlan
from ulfprep.physics.grid import Grid
from ulfprep.physics.spikes import without_spikes
from ulfprep.physics.types import Numbers

EVERY = ('enhance', 'simulate')
CONTRAST = partial(Metric, category='Contrast')
NOISE = partial(Metric, category='Noise and bias')
CONTRAST_OF_SCAN = CONTRAST(
    'contrast_scan',
    'WM-GM contrast, scan',
    'What the scanner saw, by its tissue means.',
    "WM-GM contrast of the scan's tissue means.",
)
CJV = CONTRAST(
    'cjv',
    'Coefficient of joint variation',
    'How much white and grey matter overlap in brightness.',
    '(s.d. WM + s.d. GM) / |WM - GM| of the enhanced image, or of the source of a simulation.',
    better='lower',
)


@dataclass(frozen=True)
class MeasuredScan:
    """A scan and what its preparation found: volumes (X, Y, Z)."""

    scan: np.ndarray  # bias-corrected
    scan_mask: np.ndarray  # bool: brain
    scan_probs: np.ndarray  # shape (3, X, Y, Z), in the order of ulfprep.physics.TISSUES
    scan_grid: Grid
    plan: ContrastPlan
    conformed: np.ndarray  # before bias correction
    bias_field: np.ndarray

    @cached_property
    def as_measured(self) -> np.ndarray:
        """The scan before bias correction, without single bright voxels."""
        return without_spikes(np.asarray(self.conformed), np.asarray(self.scan_mask, bool))[0]


def tissue_shown(means: Numbers, tissues: Any, image: str) -> None:
    """Raise :class:`NotMeasured` if the image shows none of one of the tissues."""
    missing = ' or '.join(t for t in tissues if not np.isfinite(means[TISSUES.index(t)]))
    if missing:
        raise NotMeasured(f'no point of the {image} is more likely {missing} than not')


@measures(
    CONTRAST(
        'contrast_target',
        'WM-GM contrast, target',
        'What was aimed at; an expectation for healthy adults unless it was stated.',
        'WM-GM contrast that the physics of the target field gives.',
    ),
    of=EVERY,
    otherwise='white and grey matter have no signal there',
)
def target_contrast(one: MeasuredScan) -> float:
    """Contrast of the plan."""
    return one.plan.target_contrast['WM-GM']


@measures(
    CONTRAST(
        'cnr_wm_gm',
        'Contrast over noise, WM-GM',
        'How many noise steps lie between white and grey matter in the scan.',
        '(WM - GM) / sigma of the scan.',
        better='higher',
    ),
    CONTRAST(
        'cnr_gm_csf',
        'Contrast over noise, GM-CSF',
        'How many noise steps lie between grey matter and fluid in the scan.',
        '(GM - CSF) / sigma of the scan.',
    ),
    of=EVERY,
    otherwise='no noise was found in the scan',
)
def contrast_over_noise(one: MeasuredScan) -> tuple[float, float]:
    """Differences of tissue means over the standard deviation of the noise."""
    means, sigma = np.asarray(one.plan.means, float), one.plan.noise_sigma or np.nan
    return c.contrast_to_noise(means, sigma), c.contrast_to_noise(means, sigma, (1, 0))


@measures(
    *(
        NOISE(
            f'snr_{tissue.lower()}',
            f'SNR of {tissue}',
            'How many times brighter than the noise the tissue is.',
            f'Mean of {tissue} in the scan divided by sigma.',
            better='higher',
            rule=Rule('the scan is noisier than any that was tested', 8.0, INFINITY, 3.0)
            if tissue == 'WM'
            else None,
        )
        for tissue in TISSUES
    ),
    NOISE(
        'noise_sigma',
        'Noise s.d.',
        'One noise step, in the units of the file.',
        "Standard deviation of the scan's noise.",
        unit='scan intensity',
    ),
    of=EVERY,
    otherwise='no noise was found in the scan',
)
def noise(one: MeasuredScan) -> tuple[float, ...]:
    """Signal-to-noise ratios and noise of the plan."""
    return *one.plan.snr, one.plan.noise_sigma


@measures(
    NOISE(
        'fber',
        'Foreground to background energy ratio',
        'Falls with noise, ghosts and artefacts in the air.',
        'Median energy of the brain over that of the air around the head, in the scan before bias '
        'correction.',
        better='higher',
    ),
    of=EVERY,
)
def brain_over_air(one: MeasuredScan) -> float:
    """FBER of the scan as measured."""
    ratio, reason = c.foreground_to_background(one.as_measured, one.scan_mask)
    if reason:
        raise NotMeasured(reason)
    return ratio


def _before_and_after():
    for when, scan in (('before', 'the scan as measured'), ('after', 'the bias-corrected scan')):
        yield NOISE(
            f'wm_cov_{when}',
            f'Variation of WM {when} bias correction',
            'White matter should be about equally bright everywhere.',
            f'S.d. over mean of white matter (labels of the scan) in {scan}; noise is part of it.',
            better='lower',
        )
        yield NOISE(
            f'wm_gm_ratio_{when}',
            f'WM / GM {when} bias correction',
            'If the correction lowers it, contrast was taken for bias.',
            f'Median of white matter over median of grey matter in {scan}.',
        )


@measures(
    NOISE(
        'bias_range',
        'Range of the bias field',
        'How unevenly the coil received: 2 means that one end was twice as bright.',
        '99th over 1st percentile of the bias field in the brain; 1 is no bias.',
    ),
    *_before_and_after(),
    of=EVERY,
    otherwise='the segmentation of the scan lacks white or grey matter',
)
def bias(one: MeasuredScan) -> tuple[float, ...]:
    """What bias correction did (:func:`ulfprep.metrics.contrast.bias_effect`)."""
    labels = to_dseg(np.asarray(one.scan_probs), np.asarray(one.scan_mask, bool))
    found = c.bias_effect(one.as_measured, one.scan, one.bias_field, labels)
    return tuple(found[metric.name] for metric in bias.metrics)
