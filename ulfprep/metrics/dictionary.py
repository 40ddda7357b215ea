"""What each metric of a scan is: the data dictionary of QC files, group tables and reports."""

from ulfprep.metrics.dictionary_compared import compared_entries
from ulfprep.metrics.dictionary_simulated import CATEGORY as SIMULATION
from ulfprep.metrics.dictionary_simulated import simulated_entries
from ulfprep.metrics.entry import DIRECTIONS, entry
from ulfprep.metrics.tissue_change import MOVES
from ulfprep.physics import TISSUES

__all__ = ['DIRECTIONS', 'METRICS', 'SHARED', 'move_metric', 'names_of']

_CLASS = 'means over the points where the final tissue probability exceeds one half'
#: Metric -> LongName, Description, Units (as BIDS describes the columns of a table), and beside
#: them Category, Better (one of :data:`DIRECTIONS`), Ideal (where there is one) and Hint, the
#: description in plain words (:func:`ulfprep.metrics.entry.entry`).
METRICS: dict[str, dict] = {}
#: What is measured of the source of a simulation as of a scan that is enhanced.
SHARED = (
    'contrast_target',
    'contrast_scan',
    'cnr',
    'cnr_gm_csf',
    'cjv',
    *(f'snr_{tissue.lower()}' for tissue in TISSUES),
    'noise_sigma',
    'fber',
    'bias_range',
    'wm_cov_before',
    'wm_gm_ratio_before',
    'wm_cov_after',
    'wm_gm_ratio_after',
)


def move_metric(before: str, after: str) -> str:
    """Return the name of the metric that tells what became of one tissue another."""
    return f'moved_{before.lower()}_to_{after.lower()}'


def names_of(direction: str) -> tuple[str, ...]:
    """Return the metrics that every QC file of a direction has, as numbers or with a reason.

    Parameters
    ----------
    direction : {'enhance', 'simulate'}
    """
    if direction == 'enhance':
        return tuple(name for name in METRICS if METRICS[name]['Category'] != SIMULATION)
    shared = {*SHARED, *(name for name in METRICS if METRICS[name]['Category'] == SIMULATION)}
    return tuple(name for name in METRICS if name in shared)


def _metric(name, *args, **more):
    METRICS[name] = entry(*args, **more)


def _contrast():
    def add(*args, **more):
        _metric(*args, category='Contrast', **more)

    add(
        'contrast_wm_gm',
        'WM-GM contrast, enhanced',
        f'2 (WM - GM) / (WM + GM), {_CLASS}.',
        better='higher',
        hint='How far apart white and grey matter are in the enhanced image.',
    )
    add(
        'contrast_gm_csf',
        'GM-CSF contrast, enhanced',
        f'2 (GM - CSF) / (GM + CSF), {_CLASS}.',
        hint='How far apart grey matter and fluid are in the enhanced image.',
    )
    add(
        'contrast_wm_gm_bicubic',
        'WM-GM contrast, cubic interpolation',
        'The same over the same points of the cubically interpolated scan.',
        hint='The contrast that the scan itself has at those places.',
    )
    add(
        'contrast_gain',
        'WM-GM contrast gain',
        'WM-GM contrast of the enhanced image divided by that of cubic interpolation.',
        better='higher',
        hint='Above 1: the enhanced image parts white from grey matter better than the scan.',
    )
    add(
        'contrast_target',
        'WM-GM contrast, target',
        'WM-GM contrast that the physics of the target field gives.',
        hint='What was aimed at; an expectation for healthy adults unless it was stated.',
    )
    add(
        'contrast_scan',
        'WM-GM contrast, scan',
        "WM-GM contrast of the scan's tissue means.",
        hint='What the scanner saw, by its tissue means.',
    )
    add(
        'cnr',
        'Contrast-to-noise ratio',
        '(WM - GM) / sigma of the scan.',
        better='higher',
        hint='How many noise steps lie between white and grey matter in the scan.',
    )
    add(
        'cnr_gm_csf',
        'Contrast-to-noise ratio, GM-CSF',
        '(GM - CSF) / sigma of the scan.',
        hint='How many noise steps lie between grey matter and fluid in the scan.',
    )
    add(
        'cjv',
        'Coefficient of joint variation, enhanced',
        '(s.d. WM + s.d. GM) / |WM - GM|; lower is better.',
        better='lower',
        hint='How much white and grey matter overlap in brightness.',
    )
    add(
        'cjv_bicubic',
        'Coefficient of joint variation, cubic interpolation',
        'The same for the cubically interpolated scan.',
        better='lower',
        hint='The overlap that the scan itself has.',
    )
    add(
        'efc',
        'Entropy focus criterion, enhanced',
        'Entropy of the intensities inside the brain relative to its maximum.',
        better='lower',
        hint='Rises with blur and ghosts.',
    )
    for name, image in (('', 'enhanced'), ('_bicubic', 'cubic interpolation')):
        add(
            f'mlc{name}',
            f'Mean line correlation, {image}',
            'Mean correlation of neighbouring rows and columns of axial slices, in the bounding '
            'box of the brain.',
            hint='Near 1: neighbouring lines are alike; falls with noise.',
        )
        add(
            f'mslc{name}',
            f'Mean shifted line correlation, {image}',
            'The same of rows and columns half the box apart.',
            hint='Rises where noise is taken away; no evidence of artefacts by itself.',
        )


def _noise():
    def add(*args, **more):
        _metric(*args, category='Noise and bias', **more)

    for tissue in TISSUES:
        add(
            f'snr_{tissue.lower()}',
            f'SNR of {tissue}',
            f'Mean of {tissue} in the scan divided by sigma.',
            better='higher',
            hint='How many times brighter than the noise the tissue is.',
        )
    add(
        'noise_sigma',
        'Noise s.d.',
        "Standard deviation of the scan's noise.",
        'scan intensity',
        hint='One noise step, in the units of the file.',
    )
    add(
        'fber',
        'Foreground to background energy ratio',
        'Median energy of the brain over that of the air around the head, in the scan before bias '
        'correction.',
        better='higher',
        hint='Falls with noise, ghosts and artefacts in the air.',
    )
    add(
        'bias_range',
        'Range of the bias field',
        '99th over 1st percentile of the bias field in the brain; 1 is no bias.',
        hint='How unevenly the coil received: 2 means that one end was twice as bright.',
    )
    for when, scan in (('before', 'the scan as measured'), ('after', 'the bias-corrected scan')):
        add(
            f'wm_cov_{when}',
            f'Variation of WM {when} bias correction',
            f'S.d. over mean of white matter (labels of the scan) in {scan}; noise is part of it.',
            better='lower',
            hint='White matter should be about equally bright everywhere.',
        )
        add(
            f'wm_gm_ratio_{when}',
            f'WM / GM {when} bias correction',
            f'Median of white matter over median of grey matter in {scan}.',
            hint='If it falls by the correction, contrast was taken for bias.',
        )


def _consistency():
    def add(*args, **more):
        _metric(*args, category='Data consistency', **more)

    add(
        'residual_rms',
        'Residual r.m.s.',
        'Root mean square of scan minus prediction, inside the brain. 1 is ideal; far below, '
        'noise was fitted; above, the scan is not explained.',
        'sigma',
        better='ideal',
        ideal=1.0,
        hint='Whether the enhanced image, seen through the scanner, gives the scan back.',
    )
    add(
        'residual_mean',
        'Residual mean',
        'Mean of the same; 0 is ideal.',
        'sigma',
        better='ideal',
        ideal=0.0,
        hint='Whether it gives it back too dark or too bright.',
    )
    add(
        'residual_beyond_3',
        'Residuals beyond 3 sigma',
        'Share of brain voxels; 0.0027 is expected of Gaussian noise.',
        better='ideal',
        ideal=0.0027,
        hint='Share of the brain that the enhanced image clearly contradicts.',
    )


def _uncertainty():
    def add(*args, **more):
        _metric(*args, category='Uncertainty', **more)

    add(
        'uncertainty_median',
        'Median uncertainty',
        'Median standard deviation of the enhanced image in the brain, relative to its WM mean.',
        better='lower',
        hint='Typical error bar of a voxel, as a share of white matter.',
    )
    add(
        'uncertainty_p95',
        'High uncertainty',
        '95th percentile of the same.',
        better='lower',
        hint='Error bar of the least certain twentieth of the brain.',
    )
    add(
        'entropy_mean',
        'Mean tissue entropy',
        'Mean entropy of the tissue probabilities in the brain; 0 is certainty, 1.58 none at all.',
        'bit',
        better='lower',
        hint='How undecided the tissues are.',
    )
    add(
        'claim_mean',
        'Mean claim',
        'Mean over the brain of the share of local detail that the scan supports; the rest is the '
        "prior's.",
        better='higher',
        hint='How much of the detail shown was really measured.',
    )


def _tissues():
    def add(*args, **more):
        _metric(*args, category='Tissues', **more)

    for tissue in TISSUES:
        add(
            f'volume_{tissue.lower()}',
            f'{tissue} volume',
            f'Sum of the {tissue} probability.',
            'ml',
            hint='Compare with what is usual for the age, not with another tool.',
        )
    add(
        'volume_brain',
        'Brain volume',
        'Volume of the brain mask on the fine grid.',
        'ml',
        hint='Adults: about 1000 to 1700 ml with fluid; far outside, look at the mask.',
    )
    add(
        'tissue_change_mean',
        'Tissue change in the fit',
        'Mean over the brain of the share of a voxel that is another tissue after the fit than in '
        "the segmentation of the scan, both seen through the scan's point-spread function.",
        better='lower',
        hint='How much the fit disagrees with the segmentation of the scan.',
    )
    for before, after in MOVES:
        add(
            move_metric(before, after),
            f'From {before} to {after} in the fit',
            f'Volume that was {before} in the segmentation of the scan and is {after} after the '
            'fit.',
            'ml',
            hint='Should be of like size as the move the other way.',
        )


for _fill in (_contrast, _noise, _consistency, _uncertainty, _tissues):
    _fill()
METRICS |= compared_entries() | simulated_entries()
