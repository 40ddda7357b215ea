"""The metrics of one scan, each a number or a reason why there is none."""

import math

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.evenness import bias_effect
from ulfprep.metrics.tissue_change import MOVES
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import contrasts, michelson
from ulfprep.physics.labels import to_dseg

_CLASS = 'means over the points where the final tissue probability exceeds one half'

#: Data dictionary of every metric, as BIDS has it for the columns of a table.
METRICS: dict[str, dict] = {}


def _metric(name, long_name, description, units='dimensionless'):
    METRICS[name] = {'LongName': long_name, 'Description': description, 'Units': units}


def move_metric(before: str, after: str) -> str:
    """Return the name of the metric that tells what became of one tissue another."""
    return f'moved_{before.lower()}_to_{after.lower()}'


_metric('contrast_wm_gm', 'WM-GM contrast, enhanced', f'2 (WM - GM) / (WM + GM), {_CLASS}.')
_metric('contrast_gm_csf', 'GM-CSF contrast, enhanced', f'2 (GM - CSF) / (GM + CSF), {_CLASS}.')
_metric(
    'contrast_wm_gm_bicubic',
    'WM-GM contrast, cubic interpolation',
    'The same over the same points of the cubically interpolated scan.',
)
_metric(
    'contrast_gain',
    'WM-GM contrast gain',
    'WM-GM contrast of the enhanced image divided by that of cubic interpolation.',
)
_metric(
    'contrast_target',
    'WM-GM contrast, target',
    'WM-GM contrast that the physics of the target field gives.',
)
_metric('contrast_scan', 'WM-GM contrast, scan', "WM-GM contrast of the scan's tissue means.")
_metric('cnr', 'Contrast-to-noise ratio', '(WM - GM) / sigma of the scan.')
_metric(
    'cjv',
    'Coefficient of joint variation, enhanced',
    '(s.d. WM + s.d. GM) / |WM - GM|; lower is better.',
)
_metric(
    'cjv_bicubic',
    'Coefficient of joint variation, cubic interpolation',
    'The same for the cubically interpolated scan.',
)
_metric(
    'efc',
    'Entropy focus criterion, enhanced',
    'Entropy of the intensities inside the brain relative to its maximum.',
)
for _t in TISSUES:
    _metric(f'snr_{_t.lower()}', f'SNR of {_t}', f'Mean of {_t} in the scan divided by sigma.')
_metric('noise_sigma', 'Noise s.d.', "Standard deviation of the scan's noise.", 'scan intensity')
_metric(
    'residual_rms',
    'Residual r.m.s.',
    'Root mean square of scan minus prediction, inside the brain. 1 is ideal; far below, '
    'noise was fitted; above, the scan is not explained.',
    'sigma',
)
_metric('residual_mean', 'Residual mean', 'Mean of the same; 0 is ideal.', 'sigma')
_metric(
    'residual_beyond_3',
    'Residuals beyond 3 sigma',
    'Share of brain voxels; 0.0027 is expected of Gaussian noise.',
)
_metric(
    'uncertainty_median',
    'Median uncertainty',
    'Median standard deviation of the enhanced image in the brain, relative to its WM mean.',
)
_metric(
    'uncertainty_p95',
    'High uncertainty',
    '95th percentile of the same.',
)
_metric(
    'entropy_mean',
    'Mean tissue entropy',
    'Mean entropy of the tissue probabilities in the brain; 0 is certainty, 1.58 none at all.',
    'bit',
)
_metric(
    'claim_mean',
    'Mean claim',
    'Mean over the brain of the share of local detail that the scan supports; the rest is the '
    "prior's.",
)
for _t in TISSUES:
    _metric(f'volume_{_t.lower()}', f'{_t} volume', f'Sum of the {_t} probability.', 'ml')
_metric('volume_brain', 'Brain volume', 'Volume of the brain mask on the fine grid.', 'ml')
for _t in TISSUES:
    _metric(
        f'ratio_{_t.lower()}_wm',
        f'{_t} / WM, simulated',
        f'Mean of {_t} relative to white matter in the target contrast.',
    )
_metric('snr_wm_simulated', 'WM SNR, simulated', 'Mean of bright voxels over the noise added.')
_metric(
    'bias_range',
    'Range of the bias field',
    '99th over 1st percentile of the bias field in the brain; 1 is no bias.',
)
for _when, _scan in (('before', 'the scan as measured'), ('after', 'the bias-corrected scan')):
    _metric(
        f'wm_cov_{_when}',
        f'Variation of WM {_when} bias correction',
        f'S.d. over mean of white matter (labels of the scan) in {_scan}; noise is part of it.',
    )
    _metric(
        f'wm_gm_ratio_{_when}',
        f'WM / GM {_when} bias correction',
        f'Median of white matter over median of grey matter in {_scan}.',
    )
_metric(
    'tissue_change_mean',
    'Tissue change in the fit',
    'Mean over the brain of the share of a voxel that is another tissue after the fit than in '
    "the segmentation of the scan, both seen through the scan's point-spread function.",
)
for _a, _b in MOVES:
    _metric(
        move_metric(_a, _b),
        f'From {_a} to {_b} in the fit',
        f'Volume that was {_a} in the segmentation of the scan and is {_b} after the fit.',
        'ml',
    )


def enhance_metrics(
    scan,
    scan_mask,
    scan_grid,
    scan_probs,
    enhanced,
    fine_probs,
    fine_mask,
    fine_grid,
    bicubic,
    residual,
    uncertainty,
    entropy,
    claim,
    plan,
    conformed,
    bias_field,
    change,
):
    """Metrics of an enhanced scan; nothing here needs a high-field reference.

    Parameters
    ----------
    scan, scan_mask, residual : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan, brain mask, residual in sigma.
    scan_probs : numpy.ndarray, shape (3, X, Y, Z)
    enhanced, fine_mask, bicubic : numpy.ndarray, shape (x, y, z)
        Images on the fine grid.
    uncertainty, entropy, claim : numpy.ndarray, shape (x, y, z)
        Maps on the fine grid; of the entropy, bits.
    fine_probs : numpy.ndarray, shape (3, x, y, z)
    scan_grid, fine_grid : Grid
    plan : dict
        Of :func:`ulfprep.physics.plan.plan_contrast`.
    conformed, bias_field : numpy.ndarray, shape (X, Y, Z)
        Scan before bias correction, and the field.
    change : TissueChange
        Of :func:`ulfprep.metrics.tissue_change.tissue_change`.

    Returns
    -------
    values : dict of float or None
    reasons : dict of str
        Why a value is ``None``.
    """
    brain = np.asarray(fine_mask, bool)
    means, sds = c.tissue_means(enhanced, fine_probs), c.tissue_sds(enhanced, fine_probs)
    plain, plain_sds = c.tissue_means(bicubic, fine_probs), c.tissue_sds(bicubic, fine_probs)
    pairs = contrasts(means)
    inside = np.asarray(residual)[residual != 0]
    millilitres = float(np.prod(fine_grid.zooms)) / 1000
    spread = np.asarray(uncertainty)[brain] / means[2]
    before = michelson(plain[2], plain[1])
    values = {
        'contrast_wm_gm': pairs['WM-GM'],
        'contrast_gm_csf': pairs['GM-CSF'],
        'contrast_wm_gm_bicubic': before,
        'contrast_gain': pairs['WM-GM'] / before if before else float('nan'),
        'contrast_target': plan['target_contrast']['WM-GM'],
        'contrast_scan': plan['source_contrast']['WM-GM'],
        'cnr': c.contrast_to_noise(plan['means'], plan['noise_sigma']),
        'cjv': c.coefficient_of_joint_variation(means, sds),
        'cjv_bicubic': c.coefficient_of_joint_variation(plain, plain_sds),
        'efc': c.entropy_focus_criterion(enhanced[brain]),
        'noise_sigma': plan['noise_sigma'],
        'residual_rms': float(np.sqrt(np.mean(inside**2))) if inside.size else float('nan'),
        'residual_mean': float(inside.mean()) if inside.size else float('nan'),
        'residual_beyond_3': float((np.abs(inside) > 3).mean()) if inside.size else float('nan'),
        'uncertainty_median': float(np.median(spread)) if spread.size else float('nan'),
        'uncertainty_p95': float(np.percentile(spread, 95)) if spread.size else float('nan'),
        'entropy_mean': float(np.mean(np.asarray(entropy)[brain])) if brain.any() else math.nan,
        'claim_mean': float(np.mean(np.asarray(claim)[brain])) if brain.any() else math.nan,
        'volume_brain': float(brain.sum()) * millilitres,
        'tissue_change_mean': change.mean,
        **{move_metric(*move): volume for move, volume in change.volumes.items()},
        **_bias_effect(conformed, scan, bias_field, scan_probs, scan_mask),
    }
    for k, tissue in enumerate(TISSUES):
        values[f'snr_{tissue.lower()}'] = plan['snr'][k]
        values[f'volume_{tissue.lower()}'] = float(fine_probs[k].sum()) * millilitres
    return _with_reasons(values)


def simulate_metrics(source, source_probs, simulated, plan, conformed, bias_field):
    """Metrics of a simulated scan.

    Parameters
    ----------
    source : numpy.ndarray, shape (X, Y, Z)
    source_probs : numpy.ndarray, shape (3, X, Y, Z)
    simulated : numpy.ndarray, shape (x, y, z)
    plan : dict
    conformed, bias_field : numpy.ndarray, shape (X, Y, Z)
        Source before bias correction, and the field.

    Returns
    -------
    values, reasons
        As of :func:`enhance_metrics`.
    """
    means, sds = c.tissue_means(source, source_probs), c.tissue_sds(source, source_probs)
    target = plan['target_means']
    # Outside the brain there is noise alone, the magnitude of two Gaussians, whose tenth
    # percentile is 0.459 s.d.; hardly a brain voxel is darker than that.
    background = float((np.asarray(source_probs).sum(axis=0) == 0).mean())
    noise = float(np.percentile(simulated, 10 * background)) / 0.459 if background else 0.0
    values = {
        'contrast_scan': michelson(means[2], means[1]),
        'contrast_target': plan['target_contrast']['WM-GM'],
        'cnr': c.contrast_to_noise(plan['means'], plan['noise_sigma']),
        'cjv': c.coefficient_of_joint_variation(means, sds),
        'noise_sigma': plan['noise_sigma'],
        'snr_wm_simulated': target[2] / noise if noise else float('nan'),
        **_bias_effect(conformed, source, bias_field, source_probs, True),
    }
    for k, tissue in enumerate(TISSUES):
        values[f'snr_{tissue.lower()}'] = plan['snr'][k]
        values[f'ratio_{tissue.lower()}_wm'] = target[k] / target[2]
    return _with_reasons(values)


def _bias_effect(conformed, corrected, field, probs, mask):
    return bias_effect(conformed, corrected, field, to_dseg(np.asarray(probs), mask))


def _with_reasons(values):
    out, reasons = {}, {}
    for name, value in values.items():
        value = float(value)
        out[name] = value if math.isfinite(value) else None
        if out[name] is None:
            reasons[name] = 'the points it is computed from are missing in this scan'
    return out, reasons
