"""``python -m ulfprep.evaluation``: how good is it? See :data:`COMMANDS`.

``python -m ulfprep.evaluation OUT`` scores the enhanced example scans.
"""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

#: Name -> module whose ``main`` it is, and what it does.
COMMANDS = {
    'tables': ('tables.command', 'every method against known high-field images'),
    'sensitivity': ('sensitivity.command', 'what moves a result, one thing at a time'),
    'real': ('real.command', 'real low-field scans, of which no truth is known'),
    'figures': ('figures.command', 'pictures and the page of results from what these three left'),
    'segmentation': ('segmentation.command', 'the tissue segmentation and other packages'),
    'uncertainty': ('uncertainty', 'how often the truth lies within the stated uncertainty'),
}


def score_examples(output_dir: Path, examples: Path) -> list[dict]:
    """Score enhanced example scans and cubic interpolation against the template.

    Parameters
    ----------
    output_dir : Path
        Derivatives of a participant-level run on the example dataset.
    examples : Path
        The example dataset.

    Returns
    -------
    list of dict
        Two a subject, ``method`` ``bicubic`` and ``enhanced``.
    """
    import nibabel as nib

    from ulfprep.evaluation.compare import compare
    from ulfprep.evaluation.examples import SUBJECTS, example_truth, rendered_label
    from ulfprep.physics.grid import Grid
    from ulfprep.physics.interpolation import bicubic

    def load(path):
        image = nib.as_closest_canonical(nib.load(path))
        data = np.asarray(image.dataobj)
        return data, Grid(data.shape, image.affine)

    rows = []
    for subject in SUBJECTS:
        stem = f'sub-{subject}'
        truth = example_truth(subject)
        scan, grid = load(examples / stem / 'anat' / f'{stem}_T1w.nii.gz')
        folder = output_dir / stem / 'anat'
        quality = json.loads((folder / f'{stem}_desc-qc_T1w.json').read_text())
        rendered = folder / f'{stem}_res-{rendered_label(quality)}'
        enhanced, fine = load(f'{rendered}_desc-enhanced_T1w.nii.gz')
        labels, _ = load(f'{rendered}_dseg.nii.gz')
        plain = compare(bicubic(scan, grid, truth.grid), truth.grid, truth)
        rows.append({'subject': subject, 'method': 'bicubic', **plain})
        rows.append(
            {
                'subject': subject,
                'method': 'enhanced',
                **compare(enhanced, fine, truth, labels),
                'residual_rms': quality['metrics']['residual_rms'],
            }
        )
    return rows


def main(argv=None) -> int:
    """Run a command, or print the table of the examples as TSV."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        module, _ = COMMANDS[argv[0]]
        return import_module(f'ulfprep.evaluation.{module}').main(argv[1:])
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation',
        description='Score the enhanced example scans against the template they were made from.',
        epilog='Or one of these, each with a --help of its own:\n'
        + '\n'.join(f'  {name:<13} {what}' for name, (_, what) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('output_dir', type=Path, help='derivatives of a run on the examples')
    parser.add_argument('--examples', type=Path, default=Path('bids_examples/ulf64mt'))
    parser.add_argument('--picture', type=Path, help='PNG to draw the first example into')
    options = parser.parse_args(argv)
    if options.picture:
        from ulfprep.evaluation.picture import picture_example

        picture_example(options.output_dir, options.examples, options.picture)
    rows = score_examples(options.output_dir, options.examples)
    columns = list(rows[-1])
    print('\t'.join(columns))
    for row in rows:
        cells = (row.get(name, 'n/a') for name in columns)
        print('\t'.join(f'{c:.4f}' if isinstance(c, float) else str(c) for c in cells))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
