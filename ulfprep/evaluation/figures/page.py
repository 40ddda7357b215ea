"""The page of results: what was measured, in pictures and tables, losses included."""

from pathlib import Path

import numpy as np

from ulfprep.evaluation.enhancers import DEFAULT
from ulfprep.evaluation.publish import read_table
from ulfprep.evaluation.tables.document import document, volume_document
from ulfprep.evaluation.tables.losses import sentences
from ulfprep.evaluation.trials import in_words

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
HEAD = [
    '# Results',
    '',
    (
        'This page was written by `python -m ulfprep.evaluation figures` from the tables that '
        '`tables`, `sensitivity` and `real` left; how to run them, on which data, stands in '
        '[evaluation.md](evaluation.md). Scans with a truth are simulated, by other means than '
        "ulfprep's own forward model; the brains are few, and rows of one brain are not "
        'independent.'
    ),
    '',
]


def page(found: dict[str, Path], pictures: dict[str, Path], out: Path) -> list[str]:
    """Return the page as lines of Markdown.

    Parameters
    ----------
    found : dict of Path
        Command -> its output folder.
    pictures : dict of Path
        Name -> PNG.
    out : Path
        Folder of the page.
    """
    lines = list(HEAD)
    if 'tables' in found:
        rows = read_table(found['tables'] / 'tables.tsv')
        lines += ['## Where ulfprep wins, and where it loses', '']
        told = [f'- {line}' for line in sentences(rows)]
        lines += [*_scans(rows), '', *told, '', *_figures(pictures, out, 'slices', 'scores')]
        volumes = read_table(found['tables'] / 'volumes.tsv')
        tables = document(rows, volumes, _about(found['tables'], 'tables'))
        lines += ['## Tables', '', *(_lower(line) for line in tables if line not in told), '']
        lines += ['## Downstream: tissue volumes', '', *_figures(pictures, out, 'volumes')]
        lines += [*volume_document(volumes), '']
    if 'sensitivity' in found:
        lines += ['## Sensitivity', '', *_document(found['sensitivity'], 'sensitivity')]
        lines += _figures(pictures, out, 'sensitivity', 'variance')
    if 'real' in found:
        lines += ['## Real scans', '', *_document(found['real'], 'real')]
        lines += _figures(pictures, out, 'real')
    return lines


def _scans(rows) -> list[str]:
    """Say what the regimes are, and which brains stand behind them."""
    out = []
    for regime in dict.fromkeys(row['regime'] for row in rows):
        brains = dict.fromkeys(row['brain'] for row in rows if row['regime'] == regime)
        said = [part for part in (in_words(regime), f'Brains: {", ".join(brains)}') if part]
        out.append(f'- `{regime}`: {". ".join(said)}')
    return out


def summary(folder: Path) -> list[str]:
    """Return the short block of results for a README.

    Parameters
    ----------
    folder : Path
        Of the tables.
    """
    rows = [r for r in read_table(folder / 'tables.tsv') if r['status'] == 'ok']
    lines = [
        (
            '| regime | method | WM-GM contrast (error) | edge F1 | PSNR | SSIM | LPIPS | '
            'Dice CSF / GM / WM |'
        ),
        '|---|---|---|---|---|---|---|---|',
    ]
    for regime in dict.fromkeys(row['regime'] for row in rows):
        for method in ('bicubic', 'voxel-tv', 'voxel-fit', DEFAULT, f'{DEFAULT}:told'):
            mine = [r for r in rows if (r['regime'], r['method']) == (regime, method)]
            if not mine:
                continue

            def mean(name, form, mine=mine):
                values = [row[name] for row in mine if name in row]
                return format(float(np.mean(values)), form) if values else ''

            dice = ' / '.join(mean(f'dice_{tissue}', '.2f') for tissue in ('csf', 'gm', 'wm'))
            shown = f'**{method}**' if method == DEFAULT else method
            contrast = f'{mean("contrast", ".3f")} ({mean("contrast_error", ".3f")})'
            cells = [regime, shown, contrast, mean('edge_f1', '.3f'), f'{mean("psnr", ".2f")} dB']
            cells += [mean('ssim', '.3f'), mean('lpips', '.3f'), dice]
            lines.append(f'| {" | ".join(cells)} |')
    lines += ['', *(f'- {line}' for line in sentences(rows)), '']
    about = _about(folder, 'tables')
    said = [line for line in about if line.startswith(('Date', 'ulfprep', 'Machine'))]
    return [*lines, *(f'- {line}' for line in said)]


def _document(folder: Path, name: str) -> list[str]:
    """Lines of a document that a command left, its headings one level down."""
    path = folder / f'{name}.md'
    if not path.is_file():
        return []
    lines = path.read_text(encoding='utf-8').splitlines()
    return [*map(_lower, lines), '']


def _lower(line: str) -> str:
    """Return a line of Markdown with its heading, if it is one, a level down."""
    return f'#{line}' if line.startswith('#') else line


def _about(folder: Path, name: str) -> list[str]:
    """How, when and where a command was run: the first lines of what it left."""
    lines = (folder / f'{name}.md').read_text(encoding='utf-8').splitlines()
    head = lines[: lines.index('')] if '' in lines else lines
    return [line.removeprefix('- ') for line in head if line.startswith('- ')]


def _figures(pictures, out, *starts) -> list[str]:
    lines = []
    for start in starts:
        for name, path in pictures.items():
            if name.partition('-')[0] == start:
                where = Path(path).relative_to(out).as_posix()
                lines += [
                    f'![{name}: {CAPTIONS[start]}]({where})',
                    '',
                    f'*{name}*: {CAPTIONS[start]}',
                    '',
                ]
    return lines
