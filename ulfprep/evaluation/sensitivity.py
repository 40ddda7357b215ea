"""``python -m ulfprep.evaluation sensitivity``: what moves a result, one thing at a time."""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ulfprep.evaluation.brains import Brain, find_brains
from ulfprep.evaluation.enhancers import DEFAULT, Effort, enhance
from ulfprep.evaluation.phantoms import REGIMES, Trial, simulated_trial
from ulfprep.evaluation.prepare import measure, plan_for
from ulfprep.evaluation.process import in_fresh_process, reason
from ulfprep.evaluation.publish import (
    about,
    as_text,
    columns_of,
    keep_slices,
    markdown,
    middle_slices,
    write_lines,
    write_table,
)
from ulfprep.evaluation.score import NAMES, score
from ulfprep.evaluation.tables import add_brains, folders_of
from ulfprep.physics.interpolation import carry


@dataclass(frozen=True)
class Setting:
    """One fit of a study: how the brain is scanned, and what is believed of the scan."""

    voxel: tuple[float, float, float] = REGIMES['real'].voxel
    snr: float = REGIMES['real'].snr
    scan_seed: int = 1  # of noise and receive field
    fit_seed: int = 0
    contrast: float = 1.0  # WM-GM contrast that is asked for, over the usual
    psf: float = 1.0  # width of the PSF that is believed, over the usual
    tissues: str = 'own'  # see ulfprep.evaluation.prepare.measure


#: Study -> what it changes, the field of the setting, its levels, and those of a quick run.
STUDIES = {
    'target': ('WM-GM contrast that is asked for, over the usual one', 'contrast',
               (0.8, 0.9, 1.0, 1.1, 1.2), (0.9, 1.0, 1.1)),
    'noise': ('SNR of white matter', 'snr', (8.0, 11.0, 14.0, 20.0, 28.0), (8.0, 14.0, 20.0)),
    'psf': ('Width of the PSF that is believed, over the true one', 'psf',
            (0.7, 0.85, 1.0, 1.15, 1.3), (0.8, 1.0, 1.2)),
    'resolution': ('Voxel size, mm', 'voxel',
                   ((1.6, 1.6, 2.5), (2.0, 2.0, 2.0), (1.6, 1.6, 5.0), (2.0, 2.0, 5.0),
                    (1.6, 1.6, 10.0)),
                   ((2.0, 2.0, 2.0), (1.6, 1.6, 5.0), (1.6, 1.6, 10.0))),
    'segmentation': ('Where the tissues come from', 'tissues',
                     ('own', 'mixture', 'hmrf-0.9', 'true'), ('own', 'mixture', 'true')),
    'seed': ('Seed of the fit', 'fit_seed', (0, 1, 2, 3, 4), (0, 1, 2)),
    'scan': ('Seed of the noise and the receive field of the scan', 'scan_seed',
             (1, 2, 3, 4, 5), (1, 2, 3)),
}  # fmt: skip
#: Studies whose images show one scan, or one brain in other noise: their spread is a result.
SPREAD = ('target', 'psf', 'segmentation', 'seed', 'scan')
#: Scores that are held beside those of bicubic on the same scan.
BESIDE = ['contrast', 'edge_f1', 'psnr', 'ssim']
DICES = [f'dice_{tissue}' for tissue in NAMES]
#: What the document shows.
SHOWN = ['contrast', 'edge_f1', 'edge_f1_of_bicubic', 'psnr', 'ssim', *DICES, 'residual_rms']
SHOWN += ['within_1_sd']


def settings(names, *, quick: bool) -> Iterator[tuple[str, str, Setting]]:
    """Yield study, level in words, and the setting of each fit; fewer levels if ``quick``."""
    for study in names:
        _, field, all_levels, few = STUDIES[study]
        for level in few if quick else all_levels:
            text = 'x'.join(f'{v:g}' for v in level) if isinstance(level, tuple) else f'{level}'
            yield study, text, Setting(**{field: level})


def fit_and_score(brain: Brain, setting: Setting, effort: Effort):
    """Scan, measure, fit and score as a setting says; returns scores, image and its tissues.

    A target, a PSF or tissues that are wrong on purpose are scored against the truth all the
    same, and the residual with the PSF that was believed. The image is on the lattice of the
    truth, white matter of the usual target as one.
    """
    regime = replace(REGIMES['real'], voxel=setting.voxel, snr=setting.snr)
    trial = simulated_trial(brain, regime, setting.scan_seed, 'real')
    found = measure(trial, effort.options().spacing, setting.tissues)
    usual, asked = plan_for(trial, found).plan, None
    if setting.contrast != 1:
        asked = setting.contrast * usual.target_contrast['WM-GM']
    given = plan_for(trial, found, contrast=asked, psf_factor=setting.psf)
    made = enhance(DEFAULT, given, effort, setting.fit_seed)
    plain = score(enhance('bicubic', given, effort), given, trial)
    scores = score(made, given, trial) | {f'bicubic_{name}': plain[name] for name in BESIDE}
    image = _on_truth(made.image, made.grid, trial) / np.float32(usual.target_means[2])
    shares = np.stack([_on_truth(part, made.grid, trial) for part in made.probs])
    return scores, image, shares.astype(np.float16)


def spread(images, shares) -> dict[str, float]:
    """How far the images of a study (zero outside the brain) lie apart.

    ``variance`` is the mean over the brain of the variance over the images,
    ``variance_less_means`` that of what is left of each once its three tissue means are taken off,
    in ``shares``, the tissues of the usual fit.
    """
    brain = np.all([image > 0 for image in images], axis=0)
    values = np.stack([image[brain] for image in images]).astype(np.float64)
    tissue = np.asarray(shares, np.float64)[:, brain].T
    left = values - (tissue @ np.linalg.lstsq(tissue, values.T, rcond=None)[0]).T
    return {
        'variance': float(values.var(axis=0, ddof=1).mean()),
        'variance_less_means': float(left.var(axis=0, ddof=1).mean()),
    }


def run_brain(brain: Brain, chosen, effort: Effort, out, *, jobs=1, done=lambda: None):
    """Fit one brain under every setting, ``jobs`` at a time, and keep a map of each study.

    A fit that is in several studies is made once. Returns rows of both tables.
    """

    def fit(setting):
        try:
            return 'ok', *in_fresh_process(fit_and_score, brain, setting, effort)
        except Exception as error:  # noqa: BLE001 - one setting costs no other
            return f'failed: {reason(error)}', {}, None, None
        finally:
            done()

    different = list(dict.fromkeys(setting for *_, setting in chosen))
    with ThreadPoolExecutor(jobs) as pool:
        results = dict(zip(different, pool.map(fit, different), strict=True))
    rows, images = [], {}
    for study, level, setting in chosen:
        status, scores, image, _ = results[setting]
        rows.append({'study': study, 'level': level, 'brain': brain.name, 'status': status})
        rows[-1] |= scores
        if image is not None:
            images.setdefault(study, []).append(image)
    *_, shares = results.get(Setting(), (None,))
    variances = []
    for study, some in images.items():
        if study in SPREAD and len(some) > 1 and shares is not None:
            row = {'study': study, 'brain': brain.name, 'images': len(some)}
            variances.append(row | spread(some, shares))
            volumes = {'sd': np.std(some, axis=0, ddof=1), 'image': some[0]}
            slices = {n: middle_slices(v, brain.labels > 0) for n, v in volumes.items()}
            keep_slices(out / 'maps' / f'{study}_{brain.name}.npz', slices)
    return rows, variances


def document(rows: list[dict], variances: list[dict], lines: list[str]) -> list[str]:
    """Return the studies as lines of Markdown, how they were made (``lines``) first."""
    frame = pd.DataFrame(rows, columns=columns_of('sensitivity'))
    frame['edge_f1_of_bicubic'] = frame['edge_f1'] / frame['bicubic_edge_f1']
    groups = frame.groupby(['study', 'level'], sort=False)
    means = as_text(groups[SHOWN].mean())
    failed = groups['status'].agg(lambda s: '' if (s == 'ok').any() else f': {s.iloc[0]}')
    means.insert(0, 'scans', groups['status'].agg(lambda s: f'{(s == "ok").sum()}') + failed)
    return [
        *(f'- {line}' for line in lines),
        '',
        'Means over brains.',
        '',
        *markdown(means.reset_index()),
        '',
        *(f'- `{study}`: {STUDIES[study][0]}' for study in frame['study'].unique()),
        '',
        'Variance of the image over the levels of a study, white matter as one:',
        '',
        *markdown(as_text(pd.DataFrame(variances, columns=columns_of('variance')))),
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add_brains(parser)
    parser.add_argument('--studies', nargs='+', choices=tuple(STUDIES), default=tuple(STUDIES))
    parser.add_argument('--quick', action='store_true', help='three levels of each')


def run(options, argv) -> int:
    """Run the command."""
    from tqdm import tqdm

    if not options.data:
        raise ValueError('give high-field images (--data)')
    chosen = list(settings(options.studies, quick=options.quick))
    effort = Effort(options.sloppy)
    brains = [
        brain
        for folder in options.data
        for brain in find_brains(folder, options.brains, lambda x: print(x, file=sys.stderr))
    ]
    rows, variances = [], []
    fits = len(brains) * len({setting for *_, setting in chosen})
    with tqdm(total=fits, desc='fits') as bar:
        for brain in brains:
            more = run_brain(
                brain, chosen, effort, options.out, jobs=options.jobs, done=bar.update
            )
            rows += more[0]
            variances += more[1]
            write_table(options.out, 'sensitivity', rows)
            write_table(options.out, 'variance', variances)
    if not rows:
        raise FileNotFoundError('there is no brain to scan')
    used = f'{options.jobs} processes of one thread'
    lines = document(rows, variances, about('sensitivity', argv, folders_of(options), used))
    print('\n'.join(lines))
    write_lines(options.out / 'sensitivity.md', lines)
    return 0 if any(row['status'] == 'ok' for row in rows) else 1


def _on_truth(image, grid, trial: Trial) -> np.ndarray:
    """An image on the lattice of the truth, zero outside its brain."""
    moved = carry(np.asarray(image, np.float32), grid, trial.truth.grid)
    return np.where(trial.truth.mask, moved, 0).astype(np.float32)
