"""``python -m ulfprep.evaluation segmentation``: tissue segmentation against known tissues."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ulfprep.evaluation.brains import LABELLED, find_brains
from ulfprep.evaluation.phantoms import tissue_medians
from ulfprep.evaluation.process import measured, reason
from ulfprep.evaluation.publish import (
    about,
    as_text,
    markdown,
    without_paths,
    write_lines,
    write_table,
)
from ulfprep.evaluation.segmenters import COARSE_ONLY, SEGMENTERS, Found
from ulfprep.evaluation.trials import Regime, Trial, make_truth, outside_trials, simulated_trial
from ulfprep.metrics.similarity import dice
from ulfprep.physics.interpolation import carry
from ulfprep.segmentation.bias import correct_bias

SNRS = (8.0, 14.0, 20.0)
VOXELS = ((1.6, 1.6, 5.0), (2.0, 2.0, 2.0))
#: S.d. of the logarithm of the receive field.
BIAS = 0.12
#: Scans as they were acquired at high field.
HIGH = 'high field'
DICES = ['dice_csf', 'dice_gm', 'dice_wm']
ERRORS = ['csf_wm_error', 'gm_wm_error']
#: Columns of the table; see ``columns.tsv``.
COLUMNS = ['source', 'brain', 'voxel', 'snr', 'seed', 'method', 'status', *DICES, *ERRORS]
COLUMNS += ['cpu', 'wall']


def simulated_trials(brains, *, quick: bool, seeds: int) -> Iterator[Trial]:
    """Yield scans of brains that differ by SNR, voxel and seed; of each the first, if quick."""
    snrs, voxels, seeds = (SNRS[1:2], VOXELS[:1], 1) if quick else (SNRS, VOXELS, seeds)
    for seed in range(1, seeds + 1):
        for snr in snrs:
            for voxel in voxels:
                for brain in brains:
                    yield simulated_trial(brain, Regime(voxel, snr, BIAS), seed, 'simulated')


def high_field_trial(brain) -> Trial:
    """Return a brain as it was scanned at high field."""
    csf, gm, wm = tissue_medians(brain.image, brain.labels)
    truth = make_truth(brain.image, brain.labels, brain.lattice)
    signals = float(csf / wm), float(gm / wm)
    return Trial(HIGH, brain.name, brain.image, truth.mask, brain.lattice, truth, signals=signals)


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
        row = {
            'source': trial.regime, 'brain': trial.brain, 'voxel': trial.voxel,
            'snr': trial.snr, 'seed': trial.seed, 'method': name,
        }  # fmt: skip
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
    frame = pd.DataFrame(rows, columns=COLUMNS).astype({'snr': object}).fillna({'snr': 'n/a'})
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
    add = parser.add_argument
    add('--out', type=Path, required=True, help='folder of the tables')
    add('--data', type=Path, help='folder of hf3t_aomic/ and hf_colin27/')
    add('--cases', type=Path, help='scans of another simulator: bids/, truth/')
    add('--quick', action='store_true', help='SNR 14, 1.6x1.6x5 mm, one seed')
    add('--seeds', type=int, default=2, help='scans of each kind (default 2)')


def run(options, argv) -> int:
    """Run the command; returns its exit status."""
    rows: list[dict] = []
    folders = {str(options.data): 'DATA', str(options.cases): 'CASES', str(options.out): 'OUT'}
    missing: list[str] = []
    for trial in _trials(options, missing.append):
        fine = trial.regime == HIGH
        rows += run_trial(
            trial, {n: m for n, m in SEGMENTERS.items() if not (fine and n in COARSE_ONLY)}
        )
        write_table(options.out, 'segmentation', rows, COLUMNS)
        lines = about('segmentation', argv, folders, 'one process')
        lines += [without_paths(line, folders) for line in missing]
        write_lines(options.out / 'segmentation.md', document(rows, lines))
        print(f'{trial.regime}, {trial.brain}, {trial.voxel} mm, SNR {trial.snr or "n/a"}: done')
    for line in missing:
        print(line, file=sys.stderr)
    return 0


def _trials(options, say) -> Iterator[Trial]:
    if options.cases is not None:
        yield from outside_trials(options.cases)
    if options.data is not None:
        brains = list(find_brains(options.data, LABELLED, say))
        yield from map(high_field_trial, brains)
        yield from simulated_trials(brains, quick=options.quick, seeds=options.seeds)


def _how_many(status: pd.Series) -> str:
    """Say how many scans of a group were segmented, or why none was."""
    done = int((status == 'ok').sum())
    if not done:
        return f'0: {status.iloc[0]}'
    return f'{done}' if done == len(status) else f'{done} of {len(status)}'
