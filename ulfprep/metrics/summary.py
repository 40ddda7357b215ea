"""The metrics of one scan, each a number or a reason why there is none."""

import math

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.dictionary import move_metric
from ulfprep.metrics.evenness import bias_effect
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import contrasts, michelson
from ulfprep.physics.labels import to_dseg


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
