"""``python -m ulfprep.evaluation segmentation``: CSF, GM and WM in a T1w scan, against the truth.

Ulfprep's way to tell them apart, plain ones and other packages' are given the same scan, mask and
grid. What a method raises is a result of the benchmark.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ulfprep.evaluation.phantoms import HIGH, Trial, gather
from ulfprep.evaluation.process import measured, reason
from ulfprep.evaluation.publish import (
    about,
    as_text,
    columns_of,
    markdown,
    without_paths,
    write_lines,
    write_table,
)
from ulfprep.metrics.similarity import dice
from ulfprep.physics.grid import Grid, isotropic_grid
from ulfprep.physics.interpolation import carry
from ulfprep.physics.inverse import discrepancy_inverse
from ulfprep.physics.lattice import Lattice
from ulfprep.physics.noise import estimate_noise
from ulfprep.segmentation.bias import correct_bias
from ulfprep.segmentation.hmrf import fit_markov_field
from ulfprep.segmentation.learned import segment_learned
from ulfprep.segmentation.tissue import SHARP_NOISE, segment

#: Strength of the prior in FSL FAST and in the examples of Atropos and dipy.
FAST_BETA = 0.1
#: Voxels a Gaussian mixture is fitted to; more do not move its means.
MIXTURE_SAMPLE = 50000
DICES = ['dice_csf', 'dice_gm', 'dice_wm']
ERRORS = ['csf_wm_error', 'gm_wm_error']


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found."""

    probs: np.ndarray  # CSF, GM, WM, shape (3, x, y, z)
    grid: Grid  # where: the scan's grid, or a 1 mm lattice over it
    means: np.ndarray | None = None  # signals of the tissues in the method's own model


def mixture(scan, mask, grid) -> Found:
    """Fit three Gaussians without neighbours (scikit-learn)."""
    from sklearn.mixture import GaussianMixture

    values = scan[mask].astype(float)[:, None]
    sample = np.random.default_rng(0).permutation(values)[:MIXTURE_SAMPLE]
    start = np.percentile(values, [8, 40, 80])[:, None]
    model = GaussianMixture(3, means_init=start, random_state=0).fit(sample)
    order = np.argsort(model.means_[:, 0])
    probs = np.zeros((3, *mask.shape), np.float32)
    probs[:, mask] = model.predict_proba(values).T[order]
    return Found(probs, grid, model.means_[order, 0])


def markov_field(beta: float) -> Callable:
    """Return HMRF-EM on the scan's own grid, of a given strength of the prior."""

    def method(scan, mask, grid) -> Found:
        field = fit_markov_field(scan, mask, grid.zooms, beta=beta)
        return Found(field.probs, grid, field.means)

    return method


def linear_inverse(scan, mask, grid) -> Found:
    """HMRF-EM on the 1 mm lattice, after the linear inverse."""
    sigma = estimate_noise(scan, mask, grid.zooms).sigma
    at = Lattice.over(mask, grid, 1.0)
    model, zooms = at.model(grid.zooms, 'gaussian'), at.fine.zooms
    sharp, _ = discrepancy_inverse(model, scan[at.bounds], at.voxels, sigma, zooms)
    field = fit_markov_field(sharp, at.brain, zooms, sigma=SHARP_NOISE * sigma)
    return Found(field.probs, at.fine, field.means)


def network(scan, mask, grid) -> Found:
    """What ulfprep does: :func:`ulfprep.segmentation.learned.segment_learned`."""
    return _where_segmented(segment_learned(scan, mask, grid), grid)


def embedded(scan, mask, grid) -> Found:
    """What ulfprep does without the network: :func:`ulfprep.segmentation.tissue.segment`."""
    return _where_segmented(segment(scan, mask, grid.zooms), grid)


def _where_segmented(result, grid) -> Found:
    """Return tissues on the lattice where there are any, else on the scan."""
    if result.fine is None:
        return Found(result.probs, grid, result.means)
    return Found(result.fine, isotropic_grid(grid), result.means)


def atropos(scan, mask, grid) -> Found:
    """ANTs Atropos, started by k-means."""
    import ants

    spacing = tuple(float(z) for z in grid.zooms)
    image = ants.from_numpy(np.asarray(scan, np.float32), spacing=spacing)
    region = ants.from_numpy(mask.astype(np.float32), spacing=spacing)
    result = ants.atropos(
        a=image, x=region, i='kmeans[3]', m=f'[{FAST_BETA},1x1x1]', c='[25,0]', v=0
    )
    probs = np.stack([p.numpy() for p in result['probabilityimages']])
    return Found(by_brightness(probs, scan, mask), grid)


def dipy_hmrf(scan, mask, grid) -> Found:
    """Run dipy's TissueClassifierHMRF."""
    from dipy.segment.tissue import TissueClassifierHMRF

    brain = np.where(mask, scan, 0).astype(np.float64)
    # It divides by the variances of classes that have lost all voxels.
    with np.errstate(all='ignore'):
        _, labels, probs = TissueClassifierHMRF(verbose=False).classify(brain, 3, FAST_BETA)
    if not (np.asarray(labels)[mask] > 0).any():
        raise ValueError('no voxel has a label: all are -1')
    probs = np.moveaxis(np.asarray(probs), -1, 0)[-3:]
    if not np.isfinite(probs).all():
        raise ValueError('probabilities are not finite')
    return Found(by_brightness(probs, scan, mask), grid)


def by_brightness(probs, scan, mask) -> np.ndarray:
    """Order classes from the darkest to the brightest: CSF, GM, WM of a T1w scan."""
    probs = np.where(mask, probs, 0).astype(np.float32)
    weights = probs.reshape(3, -1).sum(axis=1)
    if not (weights > 0).all():
        raise ValueError('a class has no voxel')
    return probs[np.argsort((probs * scan).reshape(3, -1).sum(axis=1) / weights)]


#: Name -> method, and what it is.
SEGMENTERS = {
    'mixture': (mixture, 'Gaussian mixture of three classes on the scan (scikit-learn)'),
    'hmrf-0.1': (
        markov_field(FAST_BETA),
        'HMRF-EM of ulfprep on the scan, prior 0.1 (the strength of FSL FAST)',
    ),
    'hmrf-0.9': (markov_field(0.9), 'HMRF-EM of ulfprep on the scan, prior 0.9'),
    'inverse+hmrf': (
        linear_inverse,
        'HMRF-EM of ulfprep on the 1 mm lattice after the linear inverse',
    ),
    'network': (
        network,
        'ulfprep: the network of tissues as prior, the scan decides through its PSF',
    ),
    'embedded': (
        embedded,
        'ulfprep without the network: PSF-aware on 1 mm; mixtures where voxels are 1 mm',
    ),
    'atropos': (atropos, 'ANTs Atropos (antspyx) on the scan, k-means start, MRF 0.1'),
    'dipy': (dipy_hmrf, "dipy's TissueClassifierHMRF on the scan, beta 0.1"),
}
#: Those that make no sense at 1 mm, where nothing is deconvolved.
COARSE_ONLY = ('hmrf-0.9', 'inverse+hmrf')


def lattice_labels(found: Found, trial: Trial) -> np.ndarray:
    """Labels of a method (1 CSF, 2 GM, 3 WM) on the lattice of the truth, inside the mask."""
    lattice = trial.truth.grid
    probs = np.stack([carry(np.float32(share), found.grid, lattice) for share in found.probs])
    inside = carry(trial.mask.astype(np.float32), trial.grid, lattice) > 0.5
    return np.where(inside & (probs.max(axis=0) > 0), probs.argmax(axis=0) + 1, 0).astype(np.uint8)


def score(found: Found, trial: Trial, scan: np.ndarray) -> dict[str, float]:
    """Return Dice and, where the truth is known, errors of the signals in ``scan``, over WM's."""
    labels, known = lattice_labels(found, trial), trial.truth.labels
    out = {name: dice(labels, known, k) for k, name in enumerate(DICES, 1)}
    if trial.signals is None:
        return out
    means = found.means
    if means is None:
        hard = found.probs.argmax(axis=0)
        means = [scan[trial.mask & (hard == k)].mean() for k in range(3)]
    wrong = [means[k] / means[2] - trial.signals[k] for k in (0, 1)]
    return out | dict(zip(ERRORS, map(float, wrong), strict=True))


def run_trial(trial: Trial, methods: dict) -> list[dict]:
    """Segment a scan by every method, some of :data:`SEGMENTERS`; rows of the table."""
    scan = trial.scan
    if trial.regime != HIGH:
        scan, _ = correct_bias(scan, trial.mask, trial.grid.zooms)
    rows = []
    for name, (method, _) in methods.items():
        row = {'method': name, **trial.identity}
        try:
            with measured() as cost:
                found = method(scan, trial.mask, trial.grid)
        except ImportError:
            row['status'] = 'not installed'
        except Exception as error:  # noqa: BLE001 - another package's failure is a result
            row['status'] = f'failed: {reason(error)}'
        else:
            row |= {'status': 'ok', 'cpu': cost.cpu, 'wall': cost.wall}
            row |= score(found, trial, scan)
        rows.append(row)
    return rows


def document(rows: list[dict], lines: list[str]) -> list[str]:
    """Return the benchmark as Markdown: how it was made (``lines``), means, scan by scan."""
    frame = (
        pd.DataFrame(rows, columns=columns_of('segmentation'))
        .astype({'snr': object})
        .fillna({'snr': 'n/a'})
    )
    frame[ERRORS] = frame[ERRORS].astype(float).abs()  # means of their size
    frame['dice_mean'] = frame[DICES].mean(axis=1, skipna=False)
    groups = frame.groupby(['source', 'voxel', 'method'], sort=False)
    means = groups[[*DICES, 'dice_mean', *ERRORS, 'cpu', 'wall']].mean()
    means.insert(0, 'scans', groups['status'].agg(_how_many))
    seeds = frame.groupby(['source', 'voxel', 'snr', 'brain', 'method'], sort=False)[DICES].mean()
    dices = as_text(seeds).agg(' / '.join, axis=1).replace(' /  / ', '').unstack('method')
    used = list(dict.fromkeys(frame['method']))
    return [
        '# Segmentation benchmark',
        '',
        *(f'- {line}' for line in lines),
        '',
        *(f'- `{name}`: {SEGMENTERS[name][1]}' for name in used),
        '',
        '## Means',
        '',
        *markdown(as_text(means.reset_index())),
        '',
        '## Dice of CSF / GM / WM, scan by scan (means over seeds)',
        '',
        *markdown(dices[used].fillna('').reset_index()),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument('--out', type=Path, required=True, help='folder of the tables')
    add_scans(parser, seeds=2)


def add_scans(parser: argparse.ArgumentParser, seeds: int) -> None:
    """Describe the options of :func:`gather`."""
    add = parser.add_argument
    add('--data', type=Path, help='folder of hf3t_aomic/ and hf_colin27/')
    add('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    add('--quick', action='store_true', help='SNR 14, 1.6x1.6x5 mm, one seed')
    add('--seeds', type=int, default=seeds, help=f'scans of each kind (default {seeds})')


def run(options, argv) -> int:
    """Run the command; returns its exit status."""
    rows: list[dict] = []
    folders = {str(options.data): 'DATA', str(options.cases): 'CASES', str(options.out): 'OUT'}
    missing: list[str] = []
    for trial in gather(options, missing.append):
        fine = trial.regime == HIGH
        rows += run_trial(
            trial, {n: m for n, m in SEGMENTERS.items() if not (fine and n in COARSE_ONLY)}
        )
        write_table(options.out, 'segmentation', rows)
        lines = about('segmentation', argv, folders, 'one process')
        lines += [without_paths(line, folders) for line in missing]
        write_lines(options.out / 'segmentation.md', document(rows, lines))
        print(f'{trial.regime}, {trial.brain}, {trial.voxel} mm, SNR {trial.snr or "n/a"}: done')
    for line in missing:
        print(line, file=sys.stderr)
    return 0


def _how_many(status: pd.Series) -> str:
    """Say how many scans of a group were segmented, or why none was."""
    done = int((status == 'ok').sum())
    if not done:
        return f'0: {status.iloc[0]}'
    return f'{done}' if done == len(status) else f'{done} of {len(status)}'
