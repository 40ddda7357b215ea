"""``python -m ulfprep.evaluation figures``: pictures and the page of results."""

import argparse
import shutil
import sys
from pathlib import Path

from ulfprep.evaluation.publish import read_table
from ulfprep.evaluation.trials import in_short


def main(argv=None) -> int:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(
        prog='python -m ulfprep.evaluation figures',
        description='Draw what tables, sensitivity and real left in their folders, and write the '
        'page of results. Nothing is computed anew, and nothing that was not measured is shown.',
    )
    add = parser.add_argument
    add('--data', nargs='+', type=Path, required=True, metavar='DIR',
        help='output folders of tables, sensitivity and real')  # fmt: skip
    add('--out', type=Path, required=True, help='folder of the page, results.md, and figures/')
    add('--readme', type=Path, help='Markdown file whose results block is written anew')
    options = parser.parse_args(sys.argv[1:] if argv is None else list(argv))
    try:
        return _run(options)
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(options) -> int:
    from ulfprep.bids.files import write_text
    from ulfprep.evaluation.figures.page import page, summary
    from ulfprep.evaluation.publish import put_between

    found = {}
    for name in ('tables', 'sensitivity', 'real'):
        folder = next((d for d in options.data if (d / f'{name}.tsv').is_file()), None)
        if folder is not None:
            found[name] = folder
    if not found:
        looked = ', '.join(map(str, options.data))
        raise FileNotFoundError(
            f'{looked}: no tables.tsv, sensitivity.tsv or real.tsv; run those commands first'
        )
    pictures = draw(found, options.out / 'figures')
    lines = page(found, pictures, options.out)
    write_text(options.out / 'results.md', '\n'.join(lines) + '\n')
    if options.readme is not None:
        if 'tables' not in found:
            raise FileNotFoundError(f'{options.readme} wants results, and there is no tables.tsv')
        put_between(options.readme, 'results', summary(found['tables']))
    for name, path in pictures.items():
        print(f'{name}: {path}')
    return 0


def draw(found: dict[str, Path], out: Path) -> dict[str, Path]:
    """Draw every figure that the folders have the numbers for.

    Parameters
    ----------
    found : dict of Path
        Command -> its output folder.
    out : Path
        Folder of the figures.

    Returns
    -------
    dict of Path
        Name -> PNG; a PDF lies beside it.
    """
    from ulfprep.evaluation.figures.agreement import draw_agreement
    from ulfprep.evaluation.figures.curves import draw_curves, draw_maps
    from ulfprep.evaluation.figures.scores import draw_scores
    from ulfprep.evaluation.figures.slices import draw_slices

    drawn: dict[str, Path] = {}

    def make(name, function, *arguments):
        function(out / name, *arguments)
        drawn[name] = out / f'{name}.png'

    if 'tables' in found:
        folder = found['tables']
        rows = read_table(folder / 'tables.tsv')
        for stored in sorted((folder / 'slices').glob('*.npz')):
            regime, _, brain = stored.stem.partition('_')
            made = in_short(regime)
            title = f'{brain}, {regime}' + (f': {made}' if made else '')
            make(f'slices-{regime}-{brain}', draw_slices, stored, title)
        for regime in dict.fromkeys(row['regime'] for row in rows):
            make(f'scores-{regime}', draw_scores, rows, regime)
        make('volumes', draw_agreement, read_table(folder / 'volumes.tsv'))
    if 'sensitivity' in found:
        folder = found['sensitivity']
        make('sensitivity', draw_curves, read_table(folder / 'sensitivity.tsv'))
        maps = sorted((folder / 'maps').glob('*.npz'))
        for brain in dict.fromkeys(file.stem.rpartition('_')[2] for file in maps):
            mine = [file for file in maps if file.stem.rpartition('_')[2] == brain]
            make(f'variance-{brain}', draw_maps, mine, brain)
    if 'real' in found:
        for picture in sorted((found['real'] / 'pictures').glob('*.png')):
            out.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, out / f'real-{picture.name}')
            drawn[f'real-{picture.stem}'] = out / f'real-{picture.name}'
    return drawn
