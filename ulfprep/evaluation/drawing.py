"""Figures of tables and scans, in one style; paths are those of PNG and PDF without an ending."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from ulfprep.evaluation.comparison import agreement, paired_volumes, scored
from ulfprep.evaluation.publish import read_slices, registry
from ulfprep.evaluation.score import NAMES
from ulfprep.metrics.contrast import tissue_means
from ulfprep.metrics.similarity import match_intensity

#: Okabe and Ito (2008): told apart with every common kind of colour vision, and in print.
ULFPREP, TOLD, PLAIN, VOXEL, OTHER = '#D55E00', '#E69F00', '#7F7F7F', '#0072B2', '#009E73'
#: Marks of brains, in the order in which they come: shape says it too, not colour alone.
MARKS = ('o', 's', '^', 'D', 'v', 'P')
#: Width of a page's column of text, inches, and dots an inch of the PNGs.
WIDTH, DPI = 7.2, 150
RC = {
    'font.size': 8, 'font.family': 'DejaVu Sans', 'axes.titlesize': 8, 'axes.labelsize': 8,
    'xtick.labelsize': 7, 'ytick.labelsize': 7, 'legend.fontsize': 7, 'axes.spines.top': False,
    'axes.spines.right': False, 'axes.linewidth': 0.6, 'pdf.fonttype': 42,
}  # fmt: skip
#: Scores of the methods, a panel each.
PANELS = ('contrast_error', 'edge_f1', 'dice_mean', 'ssim', 'psnr', 'lpips')
#: Methods whose slices are shown where they were run, and what they are called there.
SHOWN = {
    'nearest': 'scan (voxels as they are)', 'bicubic': 'bicubic', 'voxel-tv': 'voxel-tv',
    'voxel-fit': 'voxel-fit', 'ulfprep': 'ulfprep', 'truth': 'high field (truth)',
}  # fmt: skip
#: Study of sensitivity -> label of its axis, and scores that are drawn over it.
AXES = {
    'target': 'contrast asked for / usual', 'noise': 'SNR of white matter',
    'psf': 'PSF width believed / true', 'resolution': 'voxel, mm',
    'segmentation': 'tissues from', 'seed': 'seed of the fit', 'scan': 'seed of the scan',
}  # fmt: skip
CURVES = ('edge_f1', 'ssim', 'contrast')
#: Source of volumes -> colour.
SOURCES = {'scan': PLAIN, 'bicubic': OTHER, 'ulfprep': ULFPREP}
#: Rows of the pictures of real scans: name, the axis they cut across, how far from the middle of
#: the brain, mm (beside the midline there is more to see than in it), letter at their left edge.
VIEWS = (('axial', 2, 6.0, 'L'), ('coronal', 1, -6.0, 'L'), ('sagittal', 0, 14.0, 'P'))
#: Uncertainty is drawn up to this at least, white matter as one: most pictures share a scale.
UNCERTAIN = 0.2


@contextmanager
def canvas(path: Path, height: float, width: float = WIDTH) -> Iterator:
    """Give an empty matplotlib figure (inches), and write it as PNG and PDF at the end."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), layout='constrained', facecolor='white')
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        # No date: the same figures are the same bytes.
        figure.savefig(f'{path}.png', dpi=DPI, metadata={'Software': 'ulfprep'})
        figure.savefig(f'{path}.pdf', metadata={'CreationDate': None})


def colour(method: str) -> str:
    """Return the colour of a method: what kind of method it is."""
    if method == 'ulfprep':
        return ULFPREP
    if method.startswith(('ulfprep', 'lattice')):
        return TOLD
    if method.startswith('voxel'):
        return VOXEL
    plain = ('nearest', 'trilinear', 'bicubic', 'sinc', 'histogram')
    return PLAIN if method.startswith(plain) else OTHER


def draw_scores(path: Path, rows: pd.DataFrame, regime: str) -> None:
    """Draw the scores of every method in a regime of ``tables.tsv``: means and every scan."""
    frame, known = scored(rows[rows['regime'] == regime]), registry()
    methods, brains = list(frame['method'].unique())[::-1], list(frame['brain'].unique())
    with canvas(path, 0.6 + 0.36 * len(methods)) as figure:
        axes = figure.subplots(2, 3, sharey=True)
        for axis, name in zip(axes.flat, PANELS, strict=True):
            for (method, brain), mine in frame.groupby(['method', 'brain']):
                axis.plot(
                    mine[name], [methods.index(method)] * len(mine), _mark(brains, brain),
                    color=colour(method), markersize=3.5, alpha=0.75, markeredgewidth=0,
                )  # fmt: skip
            means = frame.groupby('method')[name].mean()
            for height, method in enumerate(methods):
                ends = [height - 0.35, height + 0.35]
                axis.plot([means[method]] * 2, ends, color=colour(method), lw=1.6)
            if 'bicubic' in means:
                axis.axvline(means['bicubic'], color='0.75', lw=0.8, ls=':', zorder=0)
            long_name, better = known.loc[name, ['long_name', 'better']]
            axis.set_title(f'{long_name} ({better} is better)')
            axis.set_yticks(range(len(methods)), methods)
            axis.grid(axis='y', lw=0.3, color='0.9')
        _legend(figure, axes.flat[0], brains)


def draw_slices(path: Path, found: dict, title: str) -> None:
    """Draw the slices of a trial: images above, what differs from the truth below."""
    shown = [name for name in SHOWN if name in found]
    truth = found['truth']
    with canvas(path, 1.2 * WIDTH * 3 / len(shown)) as figure:
        figure.suptitle(title)
        axes = figure.subplots(3, len(shown), squeeze=False)
        for column, name in zip(axes.T, shown, strict=True):
            column[0].set_title(SHOWN[name], fontsize=7)
            parts = [
                match_intensity(part, true, true > 0)
                for part, true in zip(found[name], truth, strict=True)
            ]
            for axis, part in zip(column, parts, strict=False):
                show(axis, part, cmap='gray', vmin=0, vmax=1.25)
            wrong = np.where(truth[0] > 0, parts[0] - truth[0], np.nan)
            last = show(column[2], wrong, cmap='RdBu_r', vmin=-0.4, vmax=0.4)
        for axis, label in zip(axes[:, 0], ('axial', 'coronal', 'less truth'), strict=True):
            axis.set_ylabel(label)
        _bar(figure, last, axes[2], 'image less truth, white matter as one')


def draw_agreement(path: Path, volumes: pd.DataFrame) -> None:
    """Draw ``volumes.tsv`` against high field: differences and limits of agreement."""
    brains = list(volumes['brain'].unique())
    with canvas(path, 2.6) as figure:
        axes = figure.subplots(1, 3)
        for axis, tissue in zip(axes, NAMES, strict=True):
            for source, tone in SOURCES.items():
                pairs = paired_volumes(volumes, source, tissue)
                if pairs.empty:
                    continue
                percent = 100 * (pairs['measured'] / pairs['reference'] - 1)
                for brain, mine in pairs.groupby('brain'):
                    axis.plot(
                        mine['reference'], percent[mine.index], _mark(brains, brain),
                        color=tone, markersize=4, alpha=0.8, markeredgewidth=0,
                    )  # fmt: skip
                limits = agreement(pairs['measured'], pairs['reference'])
                axis.axhline(limits['bias'], color=tone, lw=1)
                if len(pairs) > 2:
                    axis.axhspan(limits['lower'], limits['upper'], color=tone, alpha=0.08, lw=0)
            axis.axhline(0, color='0.5', lw=0.6)
            axis.set_title(tissue.upper())
            axis.set_xlabel('volume of the high-field image, ml')
        axes[0].set_ylabel('difference, %')
        _legend(figure, axes[0], brains, {f'from {name}': tone for name, tone in SOURCES.items()})


def draw_curves(path: Path, rows: pd.DataFrame) -> None:
    """Draw scores over the levels of every study of ``sensitivity.tsv``, and bicubic's."""
    rows, names = rows[rows['status'] == 'ok'], registry()['long_name']
    studies = [study for study in AXES if study in set(rows['study'])]
    brains = list(rows['brain'].unique())
    with canvas(path, 0.5 + 1.35 * len(studies)) as figure:
        axes = figure.subplots(len(studies), len(CURVES), squeeze=False)
        for study, line in zip(studies, axes, strict=True):
            here = rows[rows['study'] == study]
            levels = list(here['level'].unique())
            for axis, name in zip(line, CURVES, strict=True):
                for brain, mine in here.groupby('brain', sort=False):
                    mine = mine.set_index('level').reindex(levels)
                    for key, tone in ((f'bicubic_{name}', PLAIN), (name, ULFPREP)):
                        axis.plot(
                            range(len(levels)), mine[key], color=tone, markersize=3,
                            marker=_mark(brains, brain), lw=0 if study == 'segmentation' else 1,
                        )  # fmt: skip
                axis.set_xticks(range(len(levels)), levels)
                axis.set_xlabel(AXES[study])
                axis.set_ylabel(names[name])
        _legend(figure, axes[0, 0], brains, {'ulfprep': ULFPREP, 'bicubic': PLAIN})


def draw_maps(path: Path, maps: list[Path], brain: str) -> None:
    """Draw where the images of each study of a brain differ: s.d. over its levels."""
    with canvas(path, 0.55 * WIDTH) as figure:
        axes = figure.subplots(2, len(maps) + 1, squeeze=False)
        figure.suptitle(f'Standard deviation over the levels of each study, {brain}')
        axes[0, 0].set_title('enhanced')
        for column, file in zip(axes.T[1:], maps, strict=True):
            found = read_slices(file)
            column[0].set_title(file.stem.partition('_')[0])
            for axis, first, sd, image in zip(
                column, axes[:, 0], found['sd'], found['image'], strict=True
            ):
                last = show(axis, sd, cmap='magma', vmin=0, vmax=0.1)
                show(first, image, cmap='gray', vmin=0, vmax=1.25)
        _bar(figure, last, axes, 's.d., white matter as one')


def draw_scan(path: Path, outputs, title: str, source: str) -> None:
    """Draw three cuts of a real scan: interpolated, enhanced, its uncertainty and its claim.

    ``outputs`` are :class:`ulfprep.evaluation.without_truth.Outputs`, ``source`` says whose scan
    it is.
    """
    if not outputs.mask.any():
        raise ValueError(f'{title}: the enhanced image has no brain to draw')
    images = outputs.interpolated, outputs.enhanced
    before, after = (tissue_means(image, outputs.probs)[2] for image in images)
    scaled = images[0] / before, images[1] / after, outputs.uncertainty / after, outputs.claim
    scan, enhanced, uncertainty, claim = (np.where(outputs.mask, one, np.nan) for one in scaled)
    top = max(_brightest(scan), _brightest(enhanced), 1.2)
    columns = (
        ('scan, cubic interpolation', scan, 'gray', top, 'white matter as 1'),
        ('enhanced by ulfprep', enhanced, 'gray', top, 'white matter as 1'),
        ('uncertainty (s.d.)', uncertainty, 'magma', max(_brightest(uncertainty), UNCERTAIN),
         'white matter as 1'),
        ('claim', claim, 'cividis', 1.0, '0: the prior alone, 1: the scan'),
    )  # fmt: skip
    where = np.nonzero(outputs.mask)
    with canvas(path, 0.92 * WIDTH) as figure:
        figure.suptitle(title, fontsize=9)
        figure.supxlabel(textwrap.fill(f'Scan: {source}', 130), fontsize=6, color='0.35')
        axes = figure.subplots(len(VIEWS), len(columns))
        for column, (head, image, colours, most, label) in zip(axes.T, columns, strict=True):
            column[0].set_title(head)
            for place, (_, axis, shift, _) in zip(column, VIEWS, strict=True):
                middle = where[axis].mean() + shift / float(outputs.grid.zooms[axis])
                index = int(np.clip(round(middle), where[axis].min(), where[axis].max()))
                part = np.take(image, index, axis=axis)
                shown = show(place, part, cmap=colours, vmin=0, vmax=most)
            bar = figure.colorbar(shown, ax=column[-1], location='bottom', pad=0.02)
            bar.set_label(label)
        for place, (name, _, _, side) in zip(axes[:, 0], VIEWS, strict=True):
            place.set_ylabel(name)
            place.text(0, 0.93, side, transform=place.transAxes, color='0.35')


def _brightest(image) -> float:
    """Upper end of the scale: about one voxel in fifty is beyond it at most."""
    return round(float(np.nanpercentile(image, 98)), 1)


def _mark(brains, brain) -> str:
    return MARKS[brains.index(brain) % len(MARKS)]


def _legend(figure, axis, brains, tones=None) -> None:
    """Say which colour is what, and which mark is which brain."""
    handles = [axis.plot([], [], color=tone, label=n)[0] for n, tone in (tones or {}).items()]
    handles += [
        axis.plot([], [], _mark(brains, brain), color='0.3', markersize=4, label=brain)[0]
        for brain in brains
    ]
    figure.legend(handles=handles, loc='outside lower center', ncols=8, frameon=False)


def _bar(figure, shown, axes, label: str) -> None:
    bar = figure.colorbar(shown, ax=axes, orientation='horizontal', shrink=0.4, aspect=40)
    bar.set_label(label)


def show(axis, part, **style):
    """Draw a slice, cropped to what is not zero; returns what a colour bar needs."""
    rows, columns = (np.flatnonzero(np.nan_to_num(part).any(axis=a)) for a in (1, 0))
    if rows.size and columns.size:
        part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    drawn = axis.imshow(part.T, origin='lower', interpolation='nearest', **style)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return drawn
