"""Tables of the benchmark of the enhancement."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ulfprep import __version__
from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.table import cell
from ulfprep.evaluation.inr_methods import PLAIN, describe

#: Steps that the reference trains for.
REFERENCE_STEPS = 15000
FIRST = {
    'regime': {
        'LongName': 'Regime',
        'Description': 'How the scan was made',
        'Levels': {
            'reference': 'ulfprep.evaluation.phantoms: 2 x 2 x 1 mm, SNR 20, no receive field',
            'real': 'The same: 1.6 x 1.6 x 5 mm, SNR 14, a mild receive field',
            'outside': 'Another simulator (--cases)',
        },
    },
    'brain': {'LongName': 'Brain', 'Description': 'Name of the brain'},
    'seed': {'LongName': 'Seed', 'Description': 'Of noise and receive field'},
    'target': {
        'LongName': 'Target',
        'Description': 'What contrast was asked for',
        'Levels': {
            'physics': 'What relaxation times and the usual sequence give at 3 T',
            'truth': "The subject's own high-field signals",
        },
    },
    'tissues': {
        'LongName': 'Tissues',
        'Description': 'Where the tissues come from that the method is given',
        'Levels': {'own': 'Segmentation of the scan', 'true': 'The truth, softened'},
    },
    'method': {'LongName': 'Method', 'Description': 'How the scan was enhanced'},
    'status': {
        'LongName': 'Status',
        'Description': "'ok', or 'failed' and why; the rest is n/a unless ok",
    },
}


def _score(long_name, description, units=None):
    return {'LongName': long_name, 'Description': description} | (
        {'Units': units} if units else {}
    )


_LABELLED = 'class means under the true tissues, as the image is'
SCORES = {
    'contrast': _score('WM-GM contrast', f'2 (WM - GM) / (WM + GM), {_LABELLED}'),
    'contrast_truth': _score('WM-GM contrast of the truth', 'The same of the high-field image'),
    'contrast_of_truth': _score('Contrast over truth', "WM-GM contrast over the truth's"),
    'contrast_of_bicubic': _score('Contrast over bicubic', "WM-GM contrast over bicubic's"),
    'edge_f1': _score(
        'Edge F1', 'Canny edges of axial slices against those of the truth, after a linear fit'
    ),
    'edge_f1_1voxel': _score('Edge F1, tolerant', 'The same, edges may be one voxel off'),
    'edge_f1_of_bicubic': _score('Edge F1 over bicubic', "Edge F1 over bicubic's"),
    'psnr': _score('PSNR', 'After one linear fit of intensities; range 1.2 of WM', 'dB'),
    'ssim': _score('SSIM', 'Three-dimensional, after the same fit'),
    'dice_csf': _score('Dice of CSF', "The method's own tissues; n/a where it has none"),
    'dice_gm': _score('Dice of GM', 'The same'),
    'dice_wm': _score('Dice of WM', 'The same'),
    'residual_rms': _score(
        'Residual', 'Root mean square of scan minus prediction, inside the brain', 'sigma'
    ),
    'realised_csf': _score(
        'CSF, realised',
        "Mean where the method's own tissues are CSF by over .9, over what was asked for",
        '%',
    ),
    'realised_gm': _score('GM, realised', 'The same of GM', '%'),
    'realised_wm': _score('WM, realised', 'The same of WM', '%'),
    'realised_contrast': _score(
        'Contrast, realised', 'WM-GM contrast of these means over what was asked for', '%'
    ),
    'epochs': _score('Epochs', 'Passes over the brain that the fit made'),
    'cpu': _score('Processor time', 'Of all threads, preparation apart', 's'),
    'wall': _score('Time', 'On the clock', 's'),
    'memory': _score('Peak memory', 'Of a process that ran this method only', 'GB'),
    'preparation': _score(
        'Preparation', 'Processor time of bias field, tissues and plan, which all share', 's'
    ),
}
#: Columns of the table, and what they hold.
COLUMNS = FIRST | SCORES
#: Heads of the printed tables: name, column, format.
SHOWN = (
    ('contrast', 'contrast', '.3f'),
    ('/ truth', 'contrast_of_truth', '.2f'),
    ('/ bicubic', 'contrast_of_bicubic', '.2f'),
    ('edge F1', 'edge_f1', '.3f'),
    ('1 voxel', 'edge_f1_1voxel', '.3f'),
    ('/ bicubic', 'edge_f1_of_bicubic', '.2f'),
    ('PSNR', 'psnr', '.2f'),
    ('SSIM', 'ssim', '.3f'),
    ('CSF', 'dice_csf', '.3f'),
    ('GM', 'dice_gm', '.3f'),
    ('WM', 'dice_wm', '.3f'),
    ('residual', 'residual_rms', '.2f'),
    ('realised %', 'realised_contrast', '.0f'),
    ('CSF', 'realised_csf', '.0f'),
    ('GM', 'realised_gm', '.0f'),
    ('WM', 'realised_wm', '.0f'),
    ('epochs', 'epochs', '.0f'),
    ('cpu s', 'cpu', '.1f'),
    ('wall s', 'wall', '.1f'),
    ('GB', 'memory', '.2f'),
)


def write_table(out: Path, name: str, rows: list[dict], columns: dict) -> None:
    """Write ``name.tsv`` and its data dictionary ``name.json`` into a folder."""
    lines = ['\t'.join(columns)]
    lines += ['\t'.join(cell(row.get(column)) for column in columns) for row in rows]
    write_text(out / f'{name}.tsv', '\n'.join(lines) + '\n')
    write_json(out / f'{name}.json', columns)


def means_table(rows: list[dict], groups, shown=SHOWN) -> list[str]:
    """Lines of a Markdown table: a row a group, each score its mean over the rows that worked.

    Parameters
    ----------
    rows : list of dict
    groups : sequence of str
        Columns that rows of a group agree in.
    shown : sequence of (str, str, str)
        Head, column and format of each score.
    """
    heads = [*groups, 'n', *(head for head, _, _ in shown)]
    out = [f'| {" | ".join(heads)} |', '|' + '---|' * len(heads)]
    grouped: dict[tuple, list[dict]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[name] for name in groups), []).append(row)
    for key, group in grouped.items():
        done = [row for row in group if row['status'] == 'ok']
        count = f'{len(done)}' + (f' of {len(group)}' if len(done) < len(group) else '')
        cells = [_mean(done, column, form) for _, column, form in shown]
        if not done:
            cells = [group[0]['status'], *[''] * (len(shown) - 1)]
        out.append(f'| {" | ".join([*key, count, *cells])} |')
    return out


def document(rows: list[dict], about: list[str]) -> list[str]:
    """Return the benchmark as lines of Markdown.

    Parameters
    ----------
    rows : list of dict
        Keys of :data:`COLUMNS`.
    about : list of str
        How it was made, a line each.
    """
    methods = list(dict.fromkeys(row['method'] for row in rows))
    return [
        *(f'- {line}' for line in about),
        '',
        *(f'- `{name}`: {describe(name)}' for name in methods),
        '',
        'Means over brains and seeds (CSF, GM, WM first as Dice, then as realised in %):',
        '',
        *means_table(rows, ('regime', 'target', 'tissues', 'method')),
        '',
        'Brain by brain, means over seeds:',
        '',
        *means_table(rows, ('regime', 'brain', 'target', 'tissues', 'method')),
    ]


def reference_lines(seconds: float | str, rows: list[dict]) -> list[str]:
    """Say what the reference's training costs, and how many of our fits that is.

    Parameters
    ----------
    seconds : float or str
        Processor seconds of a step, or why it was not measured.
    rows : list of dict
        Of the table.
    """
    if isinstance(seconds, str):
        return [f'Cost of the reference set-up: n/a ({seconds})']
    total = REFERENCE_STEPS * seconds
    network = 'Reference set-up (5 x 128 Gabor MLP, 32,768 points a step)'
    hours = f'{REFERENCE_STEPS} steps {total / 3600:.2f} cpu h'
    lines = [f'{network}: {seconds:.2f} cpu s a step, {hours}']
    groups: dict[tuple, list] = {}
    for row in rows:
        field = row['method'] not in PLAIN and row['tissues'] == 'own'
        if field and row['status'] == 'ok':
            groups.setdefault((row['method'], row['regime']), []).append(row)
    for (method, regime), fits in groups.items():
        mean = float(np.mean([fit['cpu'] for fit in fits]))
        effort = f'{mean:.1f} cpu s of {method}, {regime}, {_mean(fits, "epochs", ".0f")} epochs'
        lines.append(f'That is {total / mean:.0f} times the {effort}')
    return lines


def machine(threads: int) -> list[str]:
    """Say when, on what and of which state of the code the figures are."""
    name = platform.processor() or platform.machine()
    info = Path('/proc/cpuinfo')
    if info.is_file():
        lines = [line for line in info.read_text().splitlines() if line.startswith('model name')]
        name = lines[0].partition(':')[2].strip() if lines else name
    return [
        f'Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC',
        f'ulfprep {__version__}, commit {_commit()}',
        f'Machine: {os.cpu_count()} processors ({name}); {threads} thread(s) used',
    ]


def put_between(path: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between two marks of a Markdown file.

    Parameters
    ----------
    path : Path
        Holds the lines ``<!-- name -->`` and ``<!-- /name -->``.
    name : str
    lines : list of str

    Raises
    ------
    ValueError
        If it does not; the message names the file.
    """
    text = path.read_text(encoding='utf-8')
    opening, closing = f'<!-- {name} -->', f'<!-- /{name} -->'
    head, found, rest = text.partition(f'{opening}\n')
    _, ended, tail = rest.partition(f'{closing}\n')
    if not found or not ended:
        raise ValueError(f'{path}: add the lines {opening} and {closing}, the table goes between')
    body = '\n'.join(lines)
    write_text(path, f'{head}{opening}\n\n{body}\n\n{closing}\n{tail}')


def _mean(rows, column, form):
    values = [row[column] for row in rows if row.get(column) is not None]
    return format(float(np.mean(values)), form) if values else ''


def _commit():
    """Short name of the commit of this code; says so where there are changes on it."""
    here = Path(__file__).parent
    call = ['git', '-C', str(here), 'describe', '--always', '--dirty=, changed since']
    try:
        done = subprocess.run(call, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return done.stdout.strip()
