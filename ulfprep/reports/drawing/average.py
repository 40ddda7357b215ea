"""Pictures of the averages in template spaces, for the group page."""

from pathlib import Path

import numpy as np

from ulfprep.bids.files import read_json
from ulfprep.reports.drawing.sheet import Sheet, centre_row
from ulfprep.reports.drawing.style import figure_style, save_svg
from ulfprep.reports.drawing.volumes import load

#: White of the mean lies here at least: a quarter above white matter, as in figures of scans.
WHITE = 1.25


def average_figures(means):
    """Draw mean and standard deviation of each average; the figures lie beside them.

    Parameters
    ----------
    means : sequence of Path
        Mean images, as :func:`ulfprep.cli.average.run_averages` returns them.

    Returns
    -------
    list of (str, str)
        Caption and SVG text of each.
    """
    return [_figure(Path(path)) for path in means]


def _figure(path):
    start, _, modality = path.name.removesuffix('.nii.gz').partition('_desc-mean_')
    sidecar = read_json(path.with_name(f'{start}_desc-mean_{modality}.json'))
    mean, variance, count = (
        load(path.with_name(f'{start}_desc-{kind}_{modality}.nii.gz'))
        for kind in ('mean', 'variance', 'count')
    )
    scans, people = sidecar['NumberOfScans'], sidecar['NumberOfParticipants']
    # Where few images reach, a mean is of those few alone.
    mask = mean._replace(data=(count.data > scans / 2).astype(np.uint8))
    with figure_style(dark=True):
        drawn = _draw(mean, variance, mask, several=scans > 1)
        svg = save_svg(drawn, path.with_name(f'{start}_desc-average_{modality}.svg'), smooth=True)
    space = start.removeprefix('group_space-')
    caption = (
        f'{modality}, {space}: mean of {scans} enhanced {"image" if scans == 1 else "images"} of '
        f'{people} {"participant" if people == 1 else "participants"}'
    )
    if scans > 1:
        caption += ' and the standard deviation between them, where more than half of them reach'
    caption += '. White matter of each image = 1. '
    caption += (
        'The match with the template is affine: brains are aligned as wholes, not their folds'
    )
    if scans > 1:
        caption += ', which blurs the mean and raises the deviation at the borders of tissues'
    caption += '.'
    if (different := len(sidecar['SettingsHashes'])) > 1:
        caption += f' They were made with {different} different settings.'
    if left := sidecar['LeftOut']:
        caption += f' Left out: {len(left)}.'
    return caption, svg.read_text(encoding='utf-8')


def _draw(mean, variance, mask, several):
    titles = ['Mean', 'Standard deviation between the images'][: 2 if several else 1]
    sheet = Sheet([centre_row(mask)], titles, foot=0.78 if several else 0.0)
    inside = mask.data > 0
    white = max(WHITE, float(np.percentile(mean.data[inside], 99.8)))
    seen = mean._replace(data=np.where(inside, mean.data, 0))
    sheet.show(0, seen, cmap='gray', vmin=0.0, vmax=white)
    sheet.note(0, f'black 0, white {white:.2f}; white matter of each image = 1')
    sheet.annotate(0)
    if several:
        deviation = np.where(inside, np.sqrt(np.maximum(variance.data, 0)), np.nan)
        high = float(np.percentile(deviation[inside], 99)) or 1.0
        shown = variance._replace(data=deviation)
        drawn = sheet.show(1, shown, cmap='viridis', vmin=0.0, vmax=high)
        sheet.annotate(1)
        sheet.colour_bar(drawn, 'standard deviation, white-matter mean = 1', extend='max')
    return sheet.figure
