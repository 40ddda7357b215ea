"""``python -m ulfprep.evaluation figures``: pictures of the tables, and the page of results."""

import argparse
import shutil
from pathlib import Path

import pandas as pd

from ulfprep.evaluation import drawing
from ulfprep.evaluation.comparison import DICES, document, sentences, volume_document
from ulfprep.evaluation.enhancers import DEFAULT
from ulfprep.evaluation.phantoms import in_words
from ulfprep.evaluation.publish import (
    as_text,
    markdown,
    put_between,
    read_slices,
    read_table,
    write_lines,
)

#: Figures of the page by the start of their names, and what they show.
CAPTIONS = {
    'slices': 'Scan, baselines, ulfprep and truth, each brought to the truth by one linear fit; '
    'below, what differs from the truth.',
    'scores': 'A mark a scan, a line at the mean; dotted, the mean of bicubic.',
    'volumes': 'Tissue volumes against those of the high-field image by the same classifier; '
    'bands are limits of agreement.',
    'sensitivity': 'One thing changed at a time; grey, bicubic on the same scan.',
    'variance': 'Where the image changes with what was changed.',
    'real': 'Real low-field scans: interpolated, enhanced, and what not to believe.',
}
HEAD = (
    'This page was written by `python -m ulfprep.evaluation figures` from the tables that '
    '`tables`, `sensitivity` and `real` left; how to run them, on which data, stands in '
    '[evaluation.md](evaluation.md). Scans with a truth are simulated, by other means than '
    "ulfprep's own forward model; the brains are few, and rows of one brain are not independent."
)
#: Methods and scores of the block for a README.
BLOCK = ('bicubic', 'voxel-tv', 'voxel-fit', DEFAULT, f'{DEFAULT}:told')
BLOCK_SCORES = ['edge_f1', 'psnr', 'ssim', 'lpips']


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add('--data', nargs='+', type=Path, required=True, metavar='DIR',
        help='output folders of tables, sensitivity and real')  # fmt: skip
    add('--out', type=Path, required=True, help='folder of the page, results.md, and figures/')
    add('--readme', type=Path, help='Markdown file whose results block is written anew')


def run(options, argv) -> int:
    """Run the command: nothing is computed anew, and nothing that was not measured is shown."""
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
    if options.readme is not None and 'tables' not in found:
        raise FileNotFoundError(f'{options.readme} wants results, and there is no tables.tsv')
    pictures = draw(found, options.out / 'figures')
    write_lines(options.out / 'results.md', page(found, pictures))
    if options.readme is not None:
        put_between(options.readme, 'results', summary(found['tables']))
    for name in pictures:
        print(options.out / 'figures' / f'{name}.png')
    return 0


def draw(found: dict[str, Path], out: Path) -> list[str]:
    """Draw every figure that the folders of the commands have numbers for; returns names."""
    drawn: list[str] = []

    def make(name, function, *arguments):
        function(out / name, *arguments)
        drawn.append(name)

    if folder := found.get('tables'):
        rows = read_table(folder / 'tables.tsv')
        for stored in sorted((folder / 'slices').glob('*.npz')):
            regime, _, brain = stored.stem.partition('_')
            title = f'{brain}, {regime}: {in_words(regime)}'
            make(f'slices-{regime}-{brain}', drawing.draw_slices, read_slices(stored), title)
        for regime in rows['regime'].unique():
            make(f'scores-{regime}', drawing.draw_scores, rows, regime)
        make('volumes', drawing.draw_agreement, read_table(folder / 'volumes.tsv'))
    if folder := found.get('sensitivity'):
        make('sensitivity', drawing.draw_curves, read_table(folder / 'sensitivity.tsv'))
        maps = sorted((folder / 'maps').glob('*.npz'))
        for brain in dict.fromkeys(file.stem.rpartition('_')[2] for file in maps):
            mine = [file for file in maps if file.stem.rpartition('_')[2] == brain]
            make(f'variance-{brain}', drawing.draw_maps, mine, brain)
    if folder := found.get('real'):
        for picture in sorted((folder / 'pictures').glob('*.png')):
            out.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, out / f'real-{picture.name}')
            drawn.append(f'real-{picture.stem}')
    return drawn


def page(found: dict[str, Path], pictures: list[str]) -> list[str]:
    """Return the page of results as Markdown: gains, losses, figures (their names), tables."""
    lines = ['# Results', '', HEAD, '']
    if folder := found.get('tables'):
        rows, volumes = read_table(folder / 'tables.tsv'), read_table(folder / 'volumes.tsv')
        lines += ['## Where ulfprep wins, and where it loses', '']
        for regime, here in rows.groupby('regime', sort=False):
            brains = ', '.join(here['brain'].unique())
            lines.append(f'- `{regime}`: {in_words(regime)}. Brains: {brains}')
        told = [f'- {line}' for line in sentences(rows)]
        lines += ['', *told, '', *_figures(pictures, 'slices', 'scores')]
        tables = [line for line in document(rows, _about(folder)) if line not in told]
        lines += ['## Tables', '', *map(_lower, tables), '']
        lines += ['## Downstream: tissue volumes', '', *_figures(pictures, 'volumes')]
        lines += [*volume_document(volumes), '']
    for name, title, kinds in (
        ('sensitivity', 'Sensitivity', ('sensitivity', 'variance')),
        ('real', 'Real scans', ('real',)),
    ):
        if folder := found.get(name):
            text = (folder / f'{name}.md').read_text(encoding='utf-8')
            lines += [f'## {title}', '', *map(_lower, text.splitlines()), '']
            lines += _figures(pictures, *kinds)
    return lines


def summary(folder: Path) -> list[str]:
    """Return the short block of results for a README, from the folder of the tables."""
    rows = read_table(folder / 'tables.tsv')
    rows = rows[rows['status'] == 'ok']
    means = rows.groupby(['regime', 'method'], sort=False).mean(numeric_only=True)
    order = [
        (regime, method)
        for regime in rows['regime'].unique()
        for method in BLOCK
        if (regime, method) in means.index
    ]
    text = as_text(means.loc[order])
    table = pd.DataFrame({
        'regime': [regime for regime, _ in order],
        'method': [f'**{m}**' if m == DEFAULT else m for _, m in order],
        'WM-GM contrast (error)': (text['contrast'] + ' (' + text['contrast_error'] + ')').values,
        **{name: text[name].values for name in BLOCK_SCORES if name in text},
        'Dice CSF / GM / WM': [
            ' / '.join(f'{share:.2f}' for share in row)
            for row in means.loc[order].reindex(columns=DICES).values
        ],
    })  # fmt: skip
    about = [line for line in _about(folder) if line.startswith(('Date', 'ulfprep', 'Machine'))]
    lines = [*markdown(table), '', *(f'- {line}' for line in sentences(rows)), '']
    return [*lines, *(f'- {line}' for line in about)]


def _lower(line: str) -> str:
    """Return a line of Markdown with its heading, if it is one, a level down."""
    return f'#{line}' if line.startswith('#') else line


def _about(folder: Path) -> list[str]:
    """How, when and where the tables were made: the first lines of what they left."""
    head, _, _ = (folder / 'tables.md').read_text(encoding='utf-8').partition('\n\n')
    return [line.removeprefix('- ') for line in head.splitlines() if 'The labels of' not in line]


def _figures(pictures, *starts) -> list[str]:
    lines = []
    for start in starts:
        for name in (name for name in pictures if name.partition('-')[0] == start):
            shown = f'![{name}: {CAPTIONS[start]}](figures/{name}.png)'
            lines += [shown, '', f'*{name}*: {CAPTIONS[start]}', '']
    return lines
