"""What is measured of an enhanced scan; nothing here needs a high-field image."""

import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.registry import Metric, NotMeasured, Rule, measures
from ulfprep.metrics.scan import CJV, CONTRAST, CONTRAST_OF_SCAN, MeasuredScan, tissue_shown
from ulfprep.metrics.tissue_change import TissueChange
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import contrasts, michelson
from ulfprep.physics.grid import Grid, finest_axes

RESIDUAL = partial(Metric, category='Data consistency')
UNCERTAINTY = partial(Metric, category='Uncertainty', better='lower')
TISSUE = partial(Metric, category='Tissues')
CLASS_MEANS = 'means over the points where the final tissue probability exceeds one half'
NO_BRAIN = 'the enhanced image has no brain'
IMAGE = 'enhanced image'


@dataclass(frozen=True)
class EnhancedScan(MeasuredScan):
    """A scan and its enhanced image: volumes (x, y, z) on the fine grid but for the residual."""

    enhanced: np.ndarray
    bicubic: np.ndarray  # cubic interpolation of the scan
    fine_probs: np.ndarray  # CSF, GM, WM, shape (3, x, y, z)
    fine_mask: np.ndarray
    fine_grid: Grid
    residual: np.ndarray  # in sigma, on the grid of the scan
    uncertainty: np.ndarray
    entropy: np.ndarray  # bits
    claim: np.ndarray
    change: TissueChange

    @cached_property
    def brain(self) -> np.ndarray:
        """Mask of the enhanced image."""
        return np.asarray(self.fine_mask, bool)

    @cached_property
    def means(self) -> np.ndarray:
        """Tissue means of the enhanced image."""
        return c.tissue_means(self.enhanced, self.fine_probs)

    @cached_property
    def plain_means(self) -> np.ndarray:
        """Those of the interpolated scan, over the same points."""
        return c.tissue_means(self.bicubic, self.fine_probs)

    def in_brain(self, volume: np.ndarray) -> np.ndarray:
        """Return the values of a fine volume in the brain."""
        if not self.brain.any():
            raise NotMeasured(NO_BRAIN)
        return np.asarray(volume)[self.brain]


@measures(CONTRAST_OF_SCAN, of='enhance', otherwise='white and grey matter have no signal there')
def contrast_of_scan(one: EnhancedScan) -> float:
    """Contrast that was measured when the target was planned."""
    return one.plan.source_contrast['WM-GM']


@measures(
    CONTRAST(
        'contrast_wm_gm',
        'WM-GM contrast, enhanced',
        'How far apart white and grey matter are in the enhanced image.',
        f'2 (WM - GM) / (WM + GM), {CLASS_MEANS}.',
        better='higher',
    ),
    of='enhance',
    otherwise='its tissues are dark',
)
def contrast_wm_gm(one: EnhancedScan) -> float:
    """Michelson contrast of the enhanced image, times two."""
    tissue_shown(one.means, ('GM', 'WM'), IMAGE)
    return contrasts(one.means)['WM-GM']


@measures(
    CONTRAST(
        'contrast_gm_csf',
        'GM-CSF contrast, enhanced',
        'How far apart grey matter and fluid are in the enhanced image.',
        f'2 (GM - CSF) / (GM + CSF), {CLASS_MEANS}.',
    ),
    of='enhance',
    otherwise='its tissues are dark',
)
def contrast_gm_csf(one: EnhancedScan) -> float:
    """The same of grey matter and fluid."""
    tissue_shown(one.means, ('CSF', 'GM'), IMAGE)
    return contrasts(one.means)['GM-CSF']


@measures(
    CONTRAST(
        'contrast_wm_gm_bicubic',
        'WM-GM contrast, cubic interpolation',
        'The contrast that the scan itself has at those places.',
        'The same over the same points of the cubically interpolated scan.',
    ),
    CONTRAST(
        'contrast_gain',
        'WM-GM contrast gain',
        'Above 1: white and grey matter are further apart in the enhanced image than in the scan.',
        'WM-GM contrast of the enhanced image divided by that of cubic interpolation.',
        better='higher',
        rule=Rule('white and grey matter are no further apart than in the interpolated scan', 1.0),
    ),
    CJV,
    CONTRAST(
        'cjv_bicubic',
        'Coefficient of joint variation, cubic interpolation',
        'The overlap that the scan itself has.',
        'The same for the cubically interpolated scan.',
        better='lower',
    ),
    of='enhance',
    otherwise='white and grey matter are equally bright',
)
def against_interpolation(one: EnhancedScan) -> tuple[float, ...]:
    """Contrast and overlap of white and grey matter, enhanced and interpolated."""
    tissue_shown(one.means, ('GM', 'WM'), IMAGE)
    before = michelson(one.plain_means[2], one.plain_means[1])
    after = michelson(one.means[2], one.means[1])
    joint = [
        c.coefficient_of_joint_variation(means, c.tissue_sds(image, one.fine_probs))
        for means, image in ((one.means, one.enhanced), (one.plain_means, one.bicubic))
    ]
    return before, after / before if before else math.nan, *joint


@measures(
    CONTRAST(
        'efc',
        'Entropy focus criterion, enhanced',
        'Rises with blur and ghosts.',
        'Entropy of the intensities inside the brain relative to its maximum.',
        better='lower',
    ),
    of='enhance',
)
def focus(one: EnhancedScan) -> float:
    """Entropy focus criterion inside the brain."""
    return c.entropy_focus_criterion(one.in_brain(one.enhanced))


@measures(
    RESIDUAL(
        'residual_rms',
        'Residual r.m.s.',
        'Whether the enhanced image, seen through the scanner, gives the scan back.',
        'Root mean square of scan minus prediction, inside the brain. 1 is ideal; far below, '
        'noise was fitted; above, the scan is not explained.',
        unit='sigma',
        better='ideal',
        ideal=1.0,
        rule=Rule(
            'the enhanced image does not explain the scan (too high), or it also fits its noise '
            '(too low)', 0.6, 1.3, 0.3, 2.0,
        ),
    ),
    RESIDUAL(
        'residual_mean',
        'Residual mean',
        'Whether the predicted scan is too dark or too bright.',
        'Mean of the same; 0 is ideal.',
        unit='sigma',
        better='ideal',
        ideal=0.0,
        rule=Rule('the enhanced image is too bright or too dark', -0.3, 0.3),
    ),
    RESIDUAL(
        'residual_beyond_3',
        'Residuals beyond 3 sigma',
        'Share of the brain that the enhanced image clearly contradicts.',
        'Share of brain voxels; 0.0027 is expected of Gaussian noise.',
        better='ideal',
        ideal=0.0027,
        rule=Rule('parts of the brain contradict the scan', high=0.03, most=0.2),
    ),
    RESIDUAL(
        'residual_correlation',
        'Correlation of neighbouring residuals',
        'Whether what is left of the scan has structure: anatomy that was missed, or noise that '
        'somebody smoothed.',
        'Correlation of the residuals of voxels that are neighbours along the two axes of the '
        'finest voxels. White noise has 0; what fits some of it makes it a little negative.',
        better='ideal',
        ideal=0.0,
    ),
    of='enhance',
)  # fmt: skip
def residual(one: EnhancedScan) -> tuple[float, float, float, float]:
    """Residual of the voxels that have one."""
    left = np.asarray(one.residual, float)
    inside = left[left != 0]
    if not inside.size:
        raise NotMeasured('no voxel of the brain has a residual')
    power = np.mean(inside**2)
    shared = _shared_by_neighbours(left, finest_axes(one.scan_grid.zooms)) / power
    return math.sqrt(power), inside.mean(), (np.abs(inside) > 3).mean(), shared


def _shared_by_neighbours(values: np.ndarray, axes: list[int]) -> float:
    """Return the mean product of neighbours along some axes, where neither is zero."""
    lines = [np.moveaxis(values, axis, 0) for axis in axes]
    products = np.concatenate([(line[1:] * line[:-1]).ravel() for line in lines])
    return products[products != 0].mean() if products.any() else math.nan


@measures(
    UNCERTAINTY(
        'uncertainty_median',
        'Median uncertainty',
        'Typical error bar of a voxel, as a share of white matter.',
        'Median standard deviation of the enhanced image in the brain, relative to its WM mean.',
    ),
    UNCERTAINTY(
        'uncertainty_p95',
        'High uncertainty',
        'A twentieth of the brain has larger error bars than this.',
        '95th percentile of the same.',
        rule=Rule('a twentieth of the brain has error bars as large as tissues differ', high=0.3),
    ),
    of='enhance',
    otherwise=NO_BRAIN,
)
def uncertainty(one: EnhancedScan) -> np.ndarray:
    """Percentiles of the uncertainty over the mean of white matter."""
    tissue_shown(one.means, ('WM',), IMAGE)
    return np.percentile(one.in_brain(one.uncertainty) / one.means[2], [50, 95])


@measures(
    UNCERTAINTY(
        'entropy_mean',
        'Mean tissue entropy',
        'How undecided the tissues are.',
        'Mean entropy of the tissue probabilities in the brain; 0 is certainty, 1.58 means that '
        'all three are equally likely.',
        unit='bit',
    ),
    UNCERTAINTY(
        'claim_mean',
        'Mean claim',
        'How much of the detail shown was really measured.',
        'Mean over the brain of the share of local detail that the scan supports; the rest comes '
        'from the model.',
        better='higher',
    ),
    of='enhance',
)
def maps(one: EnhancedScan) -> tuple[float, float]:
    """Means of entropy and claim."""
    return np.mean(one.in_brain(one.entropy)), np.mean(one.in_brain(one.claim))


@measures(
    *(
        TISSUE(
            f'volume_{tissue.lower()}',
            f'{tissue} volume',
            'Compare with what is usual for the age, not with another tool.',
            f'Sum of the {tissue} probability.',
            unit='ml',
        )
        for tissue in TISSUES
    ),
    TISSUE(
        'volume_brain',
        'Brain volume',
        'Adults: about 1000 to 1700 ml with fluid; far outside, look at the mask.',
        'Volume of the brain mask on the fine grid.',
        unit='ml',
        rule=Rule(
            'no usual volume (ml) of an adult: the brain mask may be wrong',
            900.0, 2000.0, 400.0, 2600.0,
        ),
    ),
    of='enhance',
)  # fmt: skip
def volumes(one: EnhancedScan) -> list[float]:
    """Volumes of tissues and brain, ml."""
    voxel = float(np.prod(one.fine_grid.zooms)) / 1000
    return [float(p.sum() * voxel) for p in (*one.fine_probs, one.brain)]
