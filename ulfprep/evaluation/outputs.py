"""What a run leaves of a real scan, read back, and what can be measured of it without a truth."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ulfprep.bids.qc_file import read_record
from ulfprep.bids.read.scan import Scan
from ulfprep.bids.task import Task
from ulfprep.bids.write.derivatives import COMMON, ENHANCED, QC, path_of
from ulfprep.evaluation.brains import load_canonical
from ulfprep.evaluation.score import NAMES, volumes_of
from ulfprep.evaluation.segmenters import mixture
from ulfprep.metrics.contrast import (
    coefficient_of_joint_variation,
    entropy_focus_criterion,
    tissue_means,
    tissue_sds,
)
from ulfprep.metrics.similarity import line_correlations
from ulfprep.physics.contrast import michelson
from ulfprep.physics.forward import residual
from ulfprep.physics.grid import Grid
from ulfprep.physics.interpolation import bicubic
from ulfprep.physics.source_sequence import expected_signals
from ulfprep.record import ScanRecord

#: Tissues under which both images are measured.
UNDER = ('ulfprep', 'mixture')
#: Columns of the scores; see ``columns.tsv``.
SCORES = [
    f'{name}_{under}'
    for name in ('contrast_wm_gm', 'contrast_gm_csf', 'cnr_noise', 'cnr', 'cjv')
    for under in UNDER
]
SCORES += ['efc', 'mlc', 'mslc', *(f'volume_{tissue}' for tissue in NAMES), 'residual_rms']
SCORES += ['claim_mean', 'uncertainty_mean']


@dataclass(frozen=True, eq=False)
class Outputs:
    """Derivatives of an enhanced scan.

    Attributes
    ----------
    scan, scan_mask : numpy.ndarray, shape (X, Y, Z)
        Bias-corrected scan and brain, on ``scan_grid``.
    scan_grid, grid : Grid
    interpolated, enhanced, uncertainty, claim : numpy.ndarray, shape (x, y, z)
        On ``grid``; the first is the bias-corrected scan by cubic splines.
    mask : numpy.ndarray of bool, shape (x, y, z)
        Brain of the enhanced image.
    probs : numpy.ndarray, shape (3, x, y, z)
        Final CSF, GM, WM.
    record : ScanRecord
    """

    scan: np.ndarray
    scan_mask: np.ndarray
    scan_grid: Grid
    interpolated: np.ndarray
    enhanced: np.ndarray
    uncertainty: np.ndarray
    claim: np.ndarray
    mask: np.ndarray
    probs: np.ndarray
    grid: Grid
    record: ScanRecord


def read_outputs(scan: Scan, folder: Path) -> Outputs:
    """Read the derivatives of an enhanced scan from the folder of a run.

    Raises
    ------
    FileNotFoundError
        If one is missing; the message names it.
    ValueError
        If it was not enhanced.
    """
    files = {one.key: folder / path_of(Task(scan), one) for one in (*COMMON, *ENHANCED, QC)}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f'{path} is missing: run ulfprep on the scan again')
    record = read_record(files['qc'])
    if record.direction != 'enhance':
        raise ValueError(f'{files["qc"]}: the scan was not enhanced')

    def load(key):
        return load_canonical(files[key])[0]

    source, source_grid = load_canonical(files['preproc'])
    enhanced, grid = load_canonical(files['enhanced'])
    return Outputs(
        scan=source,
        scan_mask=load('brain_mask') > 0,
        scan_grid=source_grid,
        interpolated=bicubic(source, source_grid, grid),
        enhanced=enhanced,
        uncertainty=load('uncertainty'),
        claim=load('claim'),
        mask=load('fine_dseg') > 0,
        probs=np.stack([load(f'fine_probseg_{tissue}') for tissue in NAMES]),
        grid=grid,
        record=record,
    )


def score_scan(outputs: Outputs, metadata: dict, field: float, modality: str) -> list[dict]:
    """Measure an enhanced scan and its interpolation under the same tissues.

    Parameters
    ----------
    outputs : Outputs
    metadata : dict
        Sidecar of the scan.
    field : float
        Tesla.
    modality : {'T1w', 'T2w', 'FLAIR'}

    Returns
    -------
    list of dict
        One an image, keys ``image`` and :data:`SCORES`; what cannot be had is missing.
    """
    record, mask, images = outputs.record, outputs.mask, (outputs.interpolated, outputs.enhanced)
    tissues = {'ulfprep': outputs.probs}
    expected = expected_signals(metadata, field, modality)
    with suppress(ValueError):  # too few voxels
        tissues['mixture'] = mixture_tissues(images[0], mask, outputs.grid, expected)
    before, after = (tissue_means(image, outputs.probs)[2] for image in images)
    rows = []
    for name, image in zip(('bicubic', 'ulfprep'), images, strict=True):
        mlc, mslc = line_correlations(image, mask)
        row = {'image': name, 'efc': entropy_focus_criterion(image[mask])}
        row |= {'mlc': mlc, 'mslc': mslc}
        for under, probs in tissues.items():
            found = tissue_scores(image, probs, record.contrast.noise_sigma / before)
            row |= {f'{key}_{under}': value for key, value in found.items()}
        rows.append(row)
    rows[0]['residual_rms'] = interpolation_residual(outputs)
    rows[1] |= {name: record.metrics.get(name) for name in ('residual_rms', 'claim_mean')}
    if mask.any():
        rows[1]['uncertainty_mean'] = outputs.uncertainty[mask].mean() / after
    for row, name in zip(rows, ('mixture', 'ulfprep'), strict=True):
        if name in tissues:
            volumes = volumes_of(tissues[name], outputs.grid)
            row |= {f'volume_{tissue}': ml for tissue, ml in volumes.items()}
    return [
        {k: v if k == 'image' else float(v) for k, v in row.items() if _is_known(v)}
        for row in rows
    ]


def tissue_scores(image, probs, noise: float) -> dict[str, float]:
    """Contrasts of an image under given tissues; ``noise`` is that of the scan over its WM."""
    means, sds = tissue_means(image, probs), tissue_sds(image, probs)
    apart = means[2] - means[1]
    with np.errstate(divide='ignore', invalid='ignore'):
        return {
            'contrast_wm_gm': michelson(means[2], means[1]),
            'contrast_gm_csf': michelson(means[1], means[0]),
            'cnr_noise': float(apart / means[2] / noise),
            'cnr': float(apart / np.sqrt((sds[2] ** 2 + sds[1] ** 2) / 2)),
            'cjv': coefficient_of_joint_variation(means, sds),
        }


def mixture_tissues(image, mask, grid, expected) -> np.ndarray:
    """Three tissues of an image by a mixture of Gaussians, of which ulfprep knows nothing.

    Signals of CSF, GM, WM that are expected tell which class is which, by their order alone.

    Raises
    ------
    ValueError
        If there are too few voxels.
    """
    by_brightness = mixture(image, mask, grid).probs
    probs = np.empty_like(by_brightness)
    probs[np.argsort(expected)] = by_brightness
    return probs


def interpolation_residual(outputs: Outputs) -> float:
    """Root mean square of the scan less what its own interpolation predicts for it, in sigma.

    The interpolated image is taken for what the scanner saw: no tissue changes its signal.
    """
    plan = replace(outputs.record.contrast, contrast_vector=(1.0,) * 3)
    probs = np.zeros((3, *outputs.mask.shape), np.float32)
    probs[0] = outputs.mask
    image = np.where(outputs.mask, outputs.interpolated, 0)
    difference = residual(
        outputs.scan, outputs.scan_mask, image, probs, outputs.scan_grid, outputs.grid, plan
    )
    inside = difference[difference != 0]
    return float(np.sqrt(np.mean(inside**2))) if inside.size else float('nan')


def _is_known(value) -> bool:
    return isinstance(value, str) or (value is not None and bool(np.isfinite(value)))
