"""``python -m ulfprep.evaluation``: how good is it? See :data:`COMMANDS`.

``python -m ulfprep.evaluation OUT`` scores the enhanced example scans. Nothing heavy is imported
here, for every process that a benchmark starts imports this file.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

#: Name -> what it does; the module of that name has ``add_arguments`` and ``run``.
COMMANDS = {
    'tables': 'score enhanced scans, by ulfprep and by others, against known high-field images',
    'sensitivity': 'change one thing at a time in simulated scans, and measure what it moves',
    'real': 'enhance real low-field scans, of which no truth is known, and measure them',
    'figures': 'draw what these three left in their folders, and write the page of results',
    'segmentation': 'score tissue segmentation by ulfprep and others against known tissues',
    'uncertainty': 'count how often the truth lies within the stated uncertainty',
}


def score_examples(output_dir: Path, examples: Path, picture: Path | None = None) -> list[dict]:
    """Score the scans of the example dataset that a run enhanced, beside their interpolation.

    There are two rows a subject, ``method`` ``bicubic`` and ``enhanced``; the first scan is drawn
    into the ``picture``, a path without an ending.
    """
    from ulfprep.bids.names import resolution_label
    from ulfprep.bids.store.records import read_record
    from ulfprep.evaluation.brains import load_canonical
    from ulfprep.evaluation.drawing import draw_slices
    from ulfprep.evaluation.examples import SUBJECTS, example_truth
    from ulfprep.evaluation.publish import middle_slices
    from ulfprep.evaluation.score import compare
    from ulfprep.physics.interpolation import bicubic

    rows = []
    for subject in SUBJECTS:
        stem, truth = f'sub-{subject}', example_truth(subject)
        scan, grid = load_canonical(examples / stem / 'anat' / f'{stem}_T1w.nii.gz')
        folder = output_dir / stem / 'anat'
        record = read_record(folder / f'{stem}_desc-qc_T1w.json')
        label = resolution_label(record.settings['output_resolution'])
        rendered = f'{folder}/{stem}_res-{label}'
        enhanced, fine = load_canonical(f'{rendered}_desc-enhanced_T1w.nii.gz')
        labels, _ = load_canonical(f'{rendered}_dseg.nii.gz')
        plain = bicubic(scan, grid, truth.grid)
        rows.append({'subject': subject, 'method': 'bicubic', **compare(plain, truth.grid, truth)})
        rows.append({'subject': subject, 'method': 'enhanced'})
        rows[-1] |= compare(enhanced, fine, truth, labels)
        rows[-1]['residual_rms'] = record.metrics['residual_rms']
        if picture and subject == SUBJECTS[0]:
            volumes = {'bicubic': plain, 'truth': truth.image}
            volumes['ulfprep'] = bicubic(enhanced, fine, truth.grid)
            slices = {name: middle_slices(v, truth.mask) for name, v in volumes.items()}
            draw_slices(picture, slices, 'A simulated scan of the MNI152 template')
    return rows


def main(argv=None) -> int:
    """Run a command, or print the table of the examples as TSV."""
    argv = sys.argv[1:] if argv is None else list(argv)
    name = argv[0] if argv and argv[0] in COMMANDS else ''
    try:
        return _command(name, argv[1:]) if name else _examples(argv)
    except ModuleNotFoundError as error:
        print(f"{error}: pip install 'ulfprep[evaluation]' brings it", file=sys.stderr)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
    return 1


def _command(name, argv) -> int:
    module = import_module(f'ulfprep.evaluation.{name}')
    parser = argparse.ArgumentParser(
        prog=f'python -m ulfprep.evaluation {name}', description=f'To {COMMANDS[name]}.'
    )
    module.add_arguments(parser)
    return module.run(parser.parse_args(argv), argv)


def _examples(argv) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation',
        description='Score the enhanced example scans against the template they were made from.',
        epilog='Or one of these, each with a --help of its own:\n'
        + '\n'.join(f'  {name:<13} {what}' for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('output_dir', type=Path, help='derivatives of a run on the examples')
    parser.add_argument('--examples', type=Path, default=Path('bids_examples/ulf64mt'))
    parser.add_argument(
        '--picture', type=Path, help='file, without an ending, to draw the first example into'
    )
    options = parser.parse_args(argv)
    rows = score_examples(options.output_dir, options.examples, options.picture)
    columns = list(rows[-1])
    print('\t'.join(columns))
    for row in rows:
        cells = (row.get(name, 'n/a') for name in columns)
        print('\t'.join(f'{c:.4f}' if isinstance(c, float) else str(c) for c in cells))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
