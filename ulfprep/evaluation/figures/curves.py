"""Sensitivity as curves and maps."""

from pathlib import Path

import numpy as np

from ulfprep.evaluation.figures.slices import _show
from ulfprep.evaluation.figures.style import (
    MARKS,
    PLAIN,
    ULFPREP,
    WIDTH,
    brain_handles,
    canvas,
)
from ulfprep.evaluation.slices import read_slices

#: Study -> label of its axis.
AXES = {
    'target': 'contrast asked for / usual',
    'noise': 'SNR of white matter',
    'psf': 'PSF width believed / true',
    'resolution': 'voxel, mm',
    'segmentation': 'tissues from',
    'seed': 'seed of the fit',
    'scan': 'seed of the scan',
}
SCORES = (('edge_f1', 'Edge F1'), ('ssim', 'SSIM'), ('contrast', 'WM-GM contrast'))


def draw_curves(path: Path, rows: list[dict]) -> None:
    """Draw scores over the levels of every study.

    Parameters
    ----------
    path : Path
        Without an ending.
    rows : list of dict
        Of ``sensitivity.tsv``.
    """
    rows = [row for row in rows if row['status'] == 'ok']
    studies = [study for study in AXES if any(row['study'] == study for row in rows)]
    brains = list(dict.fromkeys(row['brain'] for row in rows))
    with canvas(path, 0.5 + 1.35 * len(studies)) as figure:
        axes = figure.subplots(len(studies), len(SCORES), squeeze=False)
        for study, line in zip(studies, axes, strict=True):
            levels = list(dict.fromkeys(str(r['level']) for r in rows if r['study'] == study))
            for axis, (name, head) in zip(line, SCORES, strict=True):
                for brain, mark in zip(brains, MARKS, strict=False):
                    mine = {
                        str(r['level']): r
                        for r in rows
                        if r['study'] == study and r['brain'] == brain
                    }
                    for key, tone in ((f'bicubic_{name}', PLAIN), (name, ULFPREP)):
                        values = [mine.get(level, {}).get(key, np.nan) for level in levels]
                        axis.plot(
                            range(len(levels)),
                            values,
                            color=tone,
                            marker=mark,
                            markersize=3,
                            lw=0 if study == 'segmentation' else 1,
                        )
                axis.set_xticks(range(len(levels)), levels)
                axis.set_xlabel(AXES[study])
                axis.set_ylabel(head)
        handles = [
            axes[0, 0].plot([], [], color=tone, label=label)[0]
            for tone, label in ((ULFPREP, 'ulfprep'), (PLAIN, 'bicubic'))
        ]
        handles += brain_handles(axes[0, 0], brains, size=3)
        figure.legend(handles=handles, loc='outside lower center', ncols=6, frameon=False)


def draw_maps(path: Path, maps: list[Path], brain: str) -> None:
    """Draw where the images of each study differ: s.d. over its levels.

    Parameters
    ----------
    path : Path
        Without an ending.
    maps : list of Path
        ``STUDY_BRAIN.npz`` of one brain.
    brain : str
    """
    with canvas(path, 0.55 * WIDTH, WIDTH) as figure:
        axes = figure.subplots(2, len(maps) + 1, squeeze=False)
        figure.suptitle(f'Standard deviation over the levels of each study, {brain}')
        for column, file in zip(axes.T[1:], maps, strict=True):
            found = read_slices(file)
            for axis, part in zip(column, found['sd'][:2], strict=True):
                last = _show(axis, part, cmap='magma', vmin=0, vmax=0.1)
            column[0].set_title(file.stem.partition('_')[0])
        for axis, part in zip(axes[:, 0], found['image'][:2], strict=True):
            _show(axis, part, cmap='gray', vmin=0, vmax=1.25)
        axes[0, 0].set_title('enhanced')
        bar = figure.colorbar(last, ax=axes, orientation='horizontal', shrink=0.4, aspect=40)
        bar.set_label('s.d., white matter as one')
