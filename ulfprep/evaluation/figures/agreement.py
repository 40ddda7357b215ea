"""Tissue volumes against those of the high-field image: Bland and Altman's plot."""

from pathlib import Path

import numpy as np

from ulfprep.evaluation.figures.style import (
    MARKS,
    OTHER,
    PLAIN,
    ULFPREP,
    brain_handles,
    canvas,
)
from ulfprep.evaluation.statistics import agreement
from ulfprep.evaluation.tables.downstream import REFERENCE, paired_volumes

#: Source -> its name in the figure and colour.
SOURCES = {
    'scan': ('from the scan', PLAIN),
    'bicubic': ('from bicubic', OTHER),
    'ulfprep': ('from ulfprep', ULFPREP),
}


def draw_agreement(path: Path, volumes: list[dict]) -> None:
    """Draw volumes of CSF, GM and WM: difference over mean, with limits of agreement.

    Parameters
    ----------
    path : Path
        Without an ending.
    volumes : list of dict
        Of ``volumes.tsv``.
    """
    brains = list(dict.fromkeys(row['brain'] for row in volumes))
    with canvas(path, 2.6) as figure:
        axes = figure.subplots(1, 3)
        for axis, tissue in zip(axes, ('csf', 'gm', 'wm'), strict=True):
            for source, (_, tone) in SOURCES.items():
                measured, reference, whose = paired_volumes(volumes, source, tissue)
                if not len(measured):
                    continue
                percent = 100 * (measured - reference) / reference
                for x, y, brain in zip(reference, percent, whose, strict=True):
                    mark = MARKS[brains.index(brain) % len(MARKS)]
                    axis.plot(x, y, mark, color=tone, markersize=4, alpha=0.8, markeredgewidth=0)
                axis.axhline(float(np.mean(percent)), color=tone, lw=1)
                if len(percent) > 2:
                    limits = agreement(percent, np.zeros(len(percent)))
                    axis.axhspan(limits.lower, limits.upper, color=tone, alpha=0.08, lw=0)
            axis.axhline(0, color='0.5', lw=0.6)
            axis.set_title(tissue.upper())
            axis.set_xlabel(f'volume of the {REFERENCE} image, ml')
        axes[0].set_ylabel('difference, %')
        handles = [
            axes[0].plot([], [], color=tone, label=name)[0] for name, tone in SOURCES.values()
        ]
        handles += brain_handles(axes[0], brains)
        figure.legend(handles=handles, loc='outside lower center', ncols=8, frameon=False)
