"""Scores of every method: a point a scan, a line at the mean."""

from pathlib import Path

import numpy as np

from ulfprep.evaluation.figures.style import MARKS, brain_handles, canvas, colour
from ulfprep.evaluation.tables.losses import with_gaps

#: Column, head, and which way is better.
PANELS = (
    ('contrast_error', 'Contrast error', 'lower'),
    ('edge_f1', 'Edge F1', 'higher'),
    ('dice_mean', 'Dice, mean', 'higher'),
    ('ssim', 'SSIM', 'higher'),
    ('psnr', 'PSNR, dB', 'higher'),
    ('lpips', 'LPIPS', 'lower'),
)


def draw_scores(path: Path, rows: list[dict], regime: str) -> None:
    """Draw the scores of one regime.

    Parameters
    ----------
    path : Path
        Without an ending.
    rows : list of dict
        Of ``tables.tsv``.
    regime : str
    """
    rows = [with_gaps(r) for r in rows if r['regime'] == regime and r['status'] == 'ok']
    methods = list(dict.fromkeys(row['method'] for row in rows))[::-1]
    brains = list(dict.fromkeys(row['brain'] for row in rows))
    with canvas(path, 0.6 + 0.36 * len(methods)) as figure:
        axes = figure.subplots(2, 3, sharey=True)
        for axis, (name, head, better) in zip(axes.flat, PANELS, strict=True):
            for height, method in enumerate(methods):
                mine = [r for r in rows if r['method'] == method and name in r]
                if not mine:
                    continue
                for row in mine:
                    axis.plot(
                        row[name], height, MARKS[brains.index(row['brain']) % len(MARKS)],
                        color=colour(method), markersize=3.5, alpha=0.75, markeredgewidth=0,
                    )  # fmt: skip
                mean = float(np.mean([row[name] for row in mine]))
                axis.plot(
                    [mean, mean], [height - 0.35, height + 0.35], color=colour(method), lw=1.6
                )
            base = [r[name] for r in rows if r['method'] == 'bicubic' and name in r]
            if base:
                axis.axvline(float(np.mean(base)), color='0.75', lw=0.8, ls=':', zorder=0)
            axis.set_title(f'{head} ({better} is better)')
            axis.set_yticks(range(len(methods)), methods)
            axis.grid(axis='y', lw=0.3, color='0.9')
        handles = brain_handles(axes.flat[0], brains)
        figure.legend(
            handles=handles, loc='outside lower center', ncols=len(brains), frameon=False
        )
