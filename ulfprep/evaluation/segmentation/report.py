"""Tables and the picture of the segmentation benchmark."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ulfprep import __version__
from ulfprep.bids.files import write_json, write_text
from ulfprep.bids.write.table import cell
from ulfprep.evaluation.cases import Case
from ulfprep.evaluation.fresh import peak_memory
from ulfprep.evaluation.segmentation.columns import COLUMNS, SCORES
from ulfprep.evaluation.segmentation.methods import DESCRIPTIONS

#: Columns of a group of cases; cases of a group differ by seed only.
GROUP = ('source', 'brain', 'voxel', 'snr')
DICES = ('dice_csf', 'dice_gm', 'dice_wm')


def write_tables(out: Path, rows: list[dict], command: str, missing=()) -> None:
    """Write ``segmentation.tsv``, its data dictionary and ``segmentation.md``.

    Parameters
    ----------
    out : Path
        Folder.
    rows : list of dict
        Of :func:`ulfprep.evaluation.segmentation.run_case`.
    command : str
        That made them.
    missing : sequence of str
        What could not be run, one line each.
    """
    lines = ['\t'.join(COLUMNS)]
    lines += ['\t'.join(cell(row.get(name)) for name in COLUMNS) for row in rows]
    write_text(out / 'segmentation.tsv', '\n'.join(lines) + '\n')
    write_json(out / 'segmentation.json', COLUMNS)
    write_text(out / 'segmentation.md', document(rows, command, missing))


def document(rows: list[dict], command: str, missing=()) -> str:
    """Return the benchmark as Markdown; see :func:`write_tables`."""
    found = {row['method'] for row in rows}
    methods = [name for name in DESCRIPTIONS if name in found]
    head = [
        '# Segmentation benchmark',
        '',
        f'- Date: {datetime.now(UTC):%Y-%m-%d}',
        f'- ulfprep {__version__}',
        f'- Machine: {os.cpu_count()} processors; peak memory of the run {peak_memory():.1f} GB',
        f'- Command: `{command}`',
        *(f'- {line}' for line in missing),
        '',
        *(f'- `{name}`: {DESCRIPTIONS.get(name, name)}' for name in methods),
        '',
        '## Means',
        '',
        *means_table(rows),
        '',
        '## Dice of CSF / GM / WM, scan by scan (means over seeds)',
        '',
        *dice_table(rows, methods),
    ]
    return '\n'.join(head) + '\n'


def means_table(rows: list[dict]) -> list[str]:
    """Lines of a Markdown table: every score's mean over the scans of a source and voxel size.

    Of the errors of signals it is the mean of their size.
    """
    names = ('scans', 'mm', 'method', 'n', 'CSF', 'GM', 'WM', 'mean')
    names += ('CSF/WM error', 'GM/WM error', 'cpu s', 'wall s')
    out = [f'| {" | ".join(names)} |', '|' + '---|' * len(names)]
    for key, group in _grouped(rows, ('source', 'voxel', 'method')).items():
        done = [row for row in group if row['status'] == 'ok']
        if not done:
            out.append(f'| {" | ".join(key)} | 0 | {group[0]["status"]} |' + ' |' * 7)
            continue
        mean = {name: _mean_size(done, name) for name in SCORES}
        shown = [f'{mean[name]:.3f}' for name in DICES]
        shown.append(f'{np.mean([mean[name] for name in DICES]):.3f}')
        for name in ('csf_wm_error', 'gm_wm_error'):
            shown.append('n/a' if mean[name] is None else f'{mean[name]:.3f}')
        shown += [f'{mean[name]:.1f}' for name in ('cpu', 'wall')]
        failed = f' of {len(group)}' if len(done) < len(group) else ''
        out.append(f'| {" | ".join([*key, f"{len(done)}{failed}", *shown])} |')
    return out


def dice_table(rows: list[dict], methods: list[str]) -> list[str]:
    """Lines of a Markdown table: a row for scans that differ by seed only, a column a method."""
    out = [
        f'| scans | mm | SNR | brain | {" | ".join(methods)} |',
        '|' + '---|' * (4 + len(methods)),
    ]
    for (source, brain, voxel, snr), group in _grouped(rows, GROUP).items():
        cells = []
        for name in methods:
            mine = [row for row in group if row['method'] == name]
            done = [row for row in mine if row['status'] == 'ok']
            if done:
                means = [np.mean([row[d] for row in done]) for d in DICES]
                cells.append(' / '.join(f'{m:.3f}'.removeprefix('0') for m in means))
            else:
                cells.append(mine[0]['status'].partition(':')[0] if mine else '')
        out.append(f'| {" | ".join([source, voxel, cell(snr), brain, *cells])} |')
    return out


def draw_case(target: Path, case: Case, labels: dict[str, np.ndarray]) -> None:
    """Draw a slice of the scan, of the true tissues and of what each method found.

    Parameters
    ----------
    target : Path
        PNG file.
    case : Case
    labels : dict of numpy.ndarray
        Method -> labels on ``case.lattice``.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    from ulfprep.physics.interpolation import bicubic

    where = np.argwhere(case.labels > 0)
    middle = tuple(int(k) for k in where.mean(axis=0))
    box = tuple(slice(a, b + 1) for a, b in zip(where.min(axis=0), where.max(axis=0), strict=True))
    colours = ListedColormap(['black', '#3b6fb6', '#9d9d9d', '#f4f4f4'])
    panels = {'scan': bicubic(case.scan, case.grid, case.lattice), 'truth': case.labels, **labels}
    figure = Figure(figsize=(2.6 * len(panels), 6.2), layout='constrained', facecolor='black')
    axes = figure.subplots(2, len(panels), squeeze=False)
    for column, (name, volume) in zip(axes.T, panels.items(), strict=True):
        style = {'cmap': 'gray'} if name == 'scan' else {'cmap': colours, 'vmin': 0, 'vmax': 3}
        cuts = (volume[box[0], box[1], middle[2]], volume[box[0], middle[1], box[2]])
        for axis, plane in zip(column, cuts, strict=True):
            axis.imshow(plane.T, origin='lower', interpolation='nearest', **style)
            axis.axis('off')
        column[0].set_title(name, color='white', fontsize=12)
    figure.suptitle(
        f'{case.source}: {case.brain}, {case.voxel} mm, SNR {cell(case.snr)} '
        '(CSF blue, GM grey, WM white)',
        color='white',
    )
    figure.savefig(target, dpi=80, facecolor='black')


def _grouped(rows, names):
    """Rows that agree in some columns, in the order of their first."""
    out: dict[tuple, list[dict]] = {}
    for row in rows:
        out.setdefault(tuple(row[name] for name in names), []).append(row)
    return out


def _mean_size(rows, name):
    """Mean of a score's absolute values; ``None`` where there are none."""
    values = [abs(row[name]) for row in rows if name in row]
    return np.mean(values) if values else None
