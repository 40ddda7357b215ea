"""The sensitivity study as Markdown."""

import numpy as np

from ulfprep.evaluation.sensitivity.studies import STUDIES

#: Heads of the printed table: head, column, format.
SHOWN = (
    ('contrast', 'contrast', '.3f'),
    ('edge F1', 'edge_f1', '.3f'),
    ('/ bicubic', None, '.2f'),
    ('PSNR', 'psnr', '.2f'),
    ('SSIM', 'ssim', '.3f'),
    ('CSF', 'dice_csf', '.3f'),
    ('GM', 'dice_gm', '.3f'),
    ('WM', 'dice_wm', '.3f'),
    ('residual', 'residual_rms', '.2f'),
    ('within 1 s.d.', 'within_1_sd', '.2f'),
)


def document(rows: list[dict], variances: list[dict], about: list[str]) -> list[str]:
    """Return the study as lines of Markdown.

    Parameters
    ----------
    rows, variances : list of dict
        Keys of :data:`ulfprep.evaluation.sensitivity.command.COLUMNS` and ``VARIANCE``.
    about : list of str
        How it was made, a line each.
    """
    out = [*(f'- {line}' for line in about), '']
    out += ['Means over brains; Dice of CSF, GM, WM.', '']
    heads = ['study', 'level', 'n', *(head for head, _, _ in SHOWN)]
    out += [f'| {" | ".join(heads)} |', '|' + '---|' * len(heads)]
    for study, level in dict.fromkeys((row['study'], row['level']) for row in rows):
        same = [row for row in rows if (row['study'], row['level']) == (study, level)]
        done = [row for row in same if row['status'] == 'ok']
        if done:
            cells = [_mean(done, name, form) for _, name, form in SHOWN]
        else:
            cells = [same[0]['status'], *[''] * (len(SHOWN) - 1)]
        out.append(f'| {" | ".join([study, str(level), str(len(done)), *cells])} |')
    out += ['', *(f'- `{study}`: {STUDIES[study][0]}' for study in _studies(rows)), '']
    out += [
        (
            'Variance of the image over the levels of a study, white matter as one, mean over the '
            'brain; the second with the three tissue means of each image taken off:'
        ),
        '',
        '| study | brain | images | variance | tissue means removed |',
        '|---|---|---|---|---|',
    ]
    for row in variances:
        numbers = [f'{row[name]:.2e}' for name in ('variance', 'variance_less_means')]
        out.append(
            f'| {row["study"]} | {row["brain"]} | {row["images"]} | {" | ".join(numbers)} |'
        )
    return out


def _studies(rows):
    return list(dict.fromkeys(row['study'] for row in rows))


def _mean(rows, name, form) -> str:
    if name is None:
        values = [row['edge_f1'] / row['bicubic_edge_f1'] for row in rows]
    else:
        values = [row[name] for row in rows if row.get(name) is not None]
    return format(float(np.mean(values)), form) if values else ''
