"""``python -m ulfprep.evaluation sensitivity``: what moves a result, one thing at a time."""

import argparse
import itertools
import sys

import numpy as np

from ulfprep.evaluation.columns import SCORES, column
from ulfprep.evaluation.options import add_effort, add_scans, effort_of, folders_of
from ulfprep.evaluation.progress import Countdown
from ulfprep.evaluation.publish import write_table
from ulfprep.evaluation.sensitivity.studies import SPREAD, STUDIES, settings
from ulfprep.evaluation.slices import keep_slices, middle_slices

#: Scores that are held beside those of bicubic on the same scan.
BESIDE = ('contrast', 'edge_f1', 'psnr', 'ssim')
KEPT = (
    'contrast', 'contrast_truth', 'contrast_error', 'cnr', 'edge_f1', 'edge_f1_1voxel', 'psnr',
    'ssim', 'lpips', 'mlc', 'mslc', 'dice_csf', 'dice_gm', 'dice_wm', 'own_dice_csf',
    'own_dice_gm', 'own_dice_wm', 'volume_csf', 'volume_gm',
    'volume_wm', 'residual_rms', 'within_1_sd', 'within_1.96_sd', 'realised_contrast',
)  # fmt: skip
COLUMNS = (
    {
        'study': column('Study', 'What was changed', levels={k: v[0] for k, v in STUDIES.items()}),
        'level': column('Level', 'What it was set to'),
        'brain': column('Brain', 'Name of the brain'),
        'status': column('Status', "'ok', or why there is no result; the rest is n/a unless ok"),
    }
    | {name: SCORES[name] for name in KEPT}
    | {
        f'bicubic_{name}': SCORES[name] | {'LongName': f'{SCORES[name]["LongName"]}, bicubic'}
        for name in BESIDE
    }
)
VARIANCE = {
    'study': COLUMNS['study'],
    'brain': COLUMNS['brain'],
    'images': column('Images', 'Number of images that were compared'),
    'variance': column(
        'Variance', 'Mean over the brain of the variance over the images, WM of the target as one'
    ),
    'variance_less_means': column(
        'Variance, tissue means removed',
        'The same of what is left of each image once its three tissue means, in the shares of the '
        'usual fit, are taken off',
    ),
}


def main(argv=None) -> int:
    """Entry point of the command."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation sensitivity',
        description='Change one thing at a time in simulated 64 mT scans and their enhancement, '
        'and measure what it moves.',
    )
    add_scans(parser, simulated_only=True)
    parser.add_argument('--studies', nargs='+', choices=tuple(STUDIES), default=tuple(STUDIES))
    parser.add_argument('--quick', action='store_true', help='three levels of each')
    add_effort(parser)
    options = parser.parse_args(argv)
    if not options.data:
        parser.error('give high-field images (--data)')
    try:
        return _run(options, argv)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options, argv) -> int:
    from ulfprep.bids.files import write_text
    from ulfprep.evaluation.about import command_line, machine
    from ulfprep.evaluation.sensitivity.document import document
    from ulfprep.evaluation.sensitivity.run import run_settings, spread
    from ulfprep.evaluation.sources import count_brains, find_brains

    chosen, effort = list(settings(options.studies, quick=options.quick)), effort_of(options)
    fits = len({setting.fit for setting in chosen})
    count = sum(count_brains(folder, names=options.brains) for folder in options.data)
    say, rows, variances = Countdown(fits * count), [], []
    found_in = (
        find_brains(folder, say=lambda line: print(line, file=sys.stderr), names=options.brains)
        for folder in options.data
    )
    for brain in itertools.chain.from_iterable(found_in):
        results = list(run_settings(brain, chosen, effort, jobs=options.jobs, say=say))
        for found in results:
            row = {'study': found.setting.study, 'level': found.setting.level}
            row |= {'brain': brain.name, 'status': found.status, **found.scores}
            rows.append(row)
        usual = next((r for r in results if r.setting.usual and r.status == 'ok'), None)
        for study in options.studies:
            same = [r for r in results if r.setting.study == study and r.image is not None]
            if study not in SPREAD or len(same) < 2 or usual is None:
                continue
            images = [r.image for r in same]
            row = {'study': study, 'brain': brain.name, 'images': len(images)}
            variances.append(row | spread(images, usual.shares))
            _keep_map(options.out, study, brain, images)
        write_table(options.out, 'sensitivity', rows, COLUMNS)
        write_table(options.out, 'variance', variances, VARIANCE)
    if not rows:
        raise FileNotFoundError('there is no brain to scan')
    about = [
        *machine(1, options.jobs),
        f'Command: `{command_line("sensitivity", argv, folders_of(options))}`',
    ]
    lines = document(rows, variances, about)
    print('\n'.join(lines))
    write_text(options.out / 'sensitivity.md', '\n'.join(lines) + '\n')
    return 0 if any(row['status'] == 'ok' for row in rows) else 1


def _keep_map(out, study, brain, images) -> None:
    """Keep three slices of the s.d. over images, and of the first of them, for the figures."""
    volumes = {'sd': np.std(images, axis=0, ddof=1), 'image': images[0]}
    slices = {name: middle_slices(volume, brain.labels > 0) for name, volume in volumes.items()}
    keep_slices(out / 'maps' / f'{study}_{brain.name}.npz', slices)
