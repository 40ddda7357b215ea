"""The metrics of one scan, each a number or a reason why there is none."""

import math

import numpy as np

from ulfprep.metrics import contrast as c
from ulfprep.metrics.dictionary import move_metric
from ulfprep.metrics.evenness import bias_effect
from ulfprep.metrics.lines import line_correlations
from ulfprep.metrics.simulated import simulation_checks
from ulfprep.physics import TISSUES
from ulfprep.physics.contrast import contrasts, michelson
from ulfprep.physics.labels import to_dseg
from ulfprep.physics.spikes import without_spikes


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
    found = Found()
    found.add(_lacking(means), contrast_wm_gm=pairs['WM-GM'], contrast_gm_csf=pairs['GM-CSF'])
    found.add(
        _lacking(means, 'white and grey matter are equally bright'),
        cjv=c.coefficient_of_joint_variation(means, sds),
        cjv_bicubic=c.coefficient_of_joint_variation(plain, plain_sds),
        contrast_wm_gm_bicubic=before,
        contrast_gain=pairs['WM-GM'] / before if before else math.nan,
    )
    _add_planned(found, plan)
    found.add(
        'no voxel of the brain has a residual',
        residual_rms=math.sqrt(np.mean(inside**2)) if inside.size else math.nan,
        residual_mean=inside.mean() if inside.size else math.nan,
        residual_beyond_3=(np.abs(inside) > 3).mean() if inside.size else math.nan,
    )
    no_brain = 'the enhanced image has no brain'
    found.add(
        _lacking(means[2:], '') or no_brain,
        uncertainty_median=np.median(spread) if spread.size else math.nan,
        uncertainty_p95=np.percentile(spread, 95) if spread.size else math.nan,
    )
    lines, plain_lines = (line_correlations(image, brain) for image in (enhanced, bicubic))
    found.add(
        no_brain,
        efc=c.entropy_focus_criterion(enhanced[brain]) if brain.any() else math.nan,
        entropy_mean=np.mean(np.asarray(entropy)[brain]) if brain.any() else math.nan,
        claim_mean=np.mean(np.asarray(claim)[brain]) if brain.any() else math.nan,
        mlc=lines[0],
        mslc=lines[1],
        mlc_bicubic=plain_lines[0],
        mslc_bicubic=plain_lines[1],
        volume_brain=brain.sum() * millilitres,
        **{f'volume_{t.lower()}': p.sum() * millilitres for t, p in _by_tissue(fine_probs)},
    )
    found.add(
        'no voxel has tissues both before and after the fit',
        tissue_change_mean=change.mean,
        **{move_metric(*move): volume for move, volume in change.volumes.items()},
    )
    _add_scan(found, conformed, scan, bias_field, scan_probs, scan_mask)
    return found.values, found.reasons


def simulate_metrics(
    source,
    source_mask,
    source_probs,
    source_grid,
    simulated,
    simulated_grid,
    plan,
    facts,
    conformed,
    bias_field,
):
    """Metrics of a simulated scan.

    Parameters
    ----------
    source : numpy.ndarray, shape (X, Y, Z)
    source_mask : numpy.ndarray of bool, shape (X, Y, Z)
        Brain.
    source_probs : numpy.ndarray, shape (3, X, Y, Z)
    source_grid, simulated_grid : Grid
    simulated : numpy.ndarray, shape (x, y, z)
    plan : dict
    facts : dict
        How it was simulated (:func:`ulfprep.metrics.simulated.simulation_checks`).
    conformed, bias_field : numpy.ndarray, shape (X, Y, Z)
        Source before bias correction, and the field.

    Returns
    -------
    values, reasons
        As of :func:`enhance_metrics`.
    """
    means, sds = c.tissue_means(source, source_probs), c.tissue_sds(source, source_probs)
    target = plan['target_means']
    found = Found()
    _add_planned(found, plan)
    found.add(
        _lacking(means, 'white and grey matter are equally bright', 'source'),
        cjv=c.coefficient_of_joint_variation(means, sds),
        contrast_scan=michelson(means[2], means[1]),
    )
    found.add(
        'the target contrast has no white matter',
        **{f'ratio_{t.lower()}_wm': mean / target[2] for t, mean in _by_tissue(target)},
    )
    _add_scan(found, conformed, source, bias_field, source_probs, source_mask)
    values, reasons = simulation_checks(
        source, source_mask, source_probs, source_grid, simulated, simulated_grid, plan, facts
    )
    for name, value in values.items():
        found.add(reasons.get(name, ''), **{name: value})
    return found.values, found.reasons


class Found:
    """Metrics so far, and why those that are missing are.

    Attributes
    ----------
    values : dict of float or None
    reasons : dict of str
    """

    def __init__(self):
        self.values: dict[str, float | None] = {}
        self.reasons: dict[str, str] = {}

    def add(self, reason: str, **values) -> None:
        """Take numbers; ``reason`` is why those of them that are not finite are missing."""
        for name, value in values.items():
            value = float(value)
            self.values[name] = value if math.isfinite(value) else None
            if self.values[name] is None:
                self.reasons[name] = reason


def _by_tissue(values):
    return zip(TISSUES, values, strict=True)


def _lacking(means, otherwise: str = 'its tissues are dark', image: str = 'enhanced image') -> str:
    """Say which tissues, the last ones of all, have no mean."""
    names = TISSUES[-len(means) :]
    missing = [t for t, mean in zip(names, means, strict=True) if not np.isfinite(mean)]
    if not missing:
        return otherwise
    return f'no point of the {image} is more likely {" or ".join(missing)} than not'


def _add_planned(found: Found, plan: dict) -> None:
    """Take what was measured in the scan when its contrast was planned."""
    means, sigma = np.asarray(plan['means'], float), plan['noise_sigma']
    found.add(
        'no noise was found in the scan',
        cnr=c.contrast_to_noise(means, sigma) if sigma else math.nan,
        cnr_gm_csf=c.contrast_to_noise(means, sigma, (1, 0)) if sigma else math.nan,
        noise_sigma=sigma,
        **{f'snr_{t.lower()}': snr for t, snr in _by_tissue(plan['snr'])},
    )
    found.add(
        'white and grey matter have no signal there',
        contrast_target=plan['target_contrast']['WM-GM'],
        contrast_scan=plan['source_contrast']['WM-GM'],
    )


def _add_scan(found: Found, conformed, corrected, field, probs, mask) -> None:
    """Take what is measured in the scan as it came, with the tissues of its segmentation."""
    labels = to_dseg(np.asarray(probs), np.asarray(mask, bool))
    conformed, _ = without_spikes(np.asarray(conformed), np.asarray(mask, bool))
    found.add(
        'the segmentation of the scan lacks white or grey matter',
        **bias_effect(conformed, corrected, field, labels),
    )
    fber, reason = c.foreground_to_background(conformed, mask)
    found.add(reason, fber=fber)
