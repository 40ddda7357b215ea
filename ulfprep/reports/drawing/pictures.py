"""Figures that show slices: each takes volumes and returns a matplotlib figure."""

import numpy as np

from ulfprep.reports.drawing.sheet import Sheet
from ulfprep.reports.drawing.slices import centre_row, overview, whole_and_close
from ulfprep.reports.drawing.style import (
    DARK_TEXT,
    MASK_COLOUR,
    TISSUE_COLOURS,
    TISSUE_LABELS,
    on_dark,
)
from ulfprep.reports.drawing.volumes import sample_nearest, tissue_mean


def white_level(volume, mask, upper=99.5, dseg=None):
    """Return the intensity that is white in a picture (zero is black): a high quantile.

    The quantile is taken inside the mask, so that fat and skin cannot dim the brain. With tissues
    on the same grid, white is hardly brighter than the brightest grey and white matter: fluid
    several times as bright (T2w) would leave them black.
    """
    inside = volume.data[mask.data > 0] if mask.data.shape == volume.data.shape else None
    values = volume.data if inside is None or inside.size == 0 else inside
    high = float(np.percentile(values, upper))
    if dseg is not None and dseg.data.shape == volume.data.shape:
        tissue = volume.data[np.isin(dseg.data, (TISSUE_LABELS['GM'], TISSUE_LABELS['WM']))]
        if tissue.size:
            high = min(high, 1.2 * float(np.percentile(tissue, 95)))
    return high * 1.05 if high > 0 else 1.0


def tissues(scan, mask, dseg):
    """The scan, and the scan with the outlines of brain mask and tissues."""
    sheet = Sheet(overview(mask), ('Scan', 'Scan with brain mask and tissues'))
    white = white_level(scan, mask, dseg=dseg)
    for half in range(2):
        sheet.grey(half, scan, white)
    entries = [(MASK_COLOUR, 'brain mask')]
    if dseg is not None:
        # CSF is tinted and two borders are drawn: lines around all three tissues would
        # run over each other nearly everywhere.
        sheet.tint(1, dseg, ('CSF',), alpha=0.5)
        white_matter = dseg.data == TISSUE_LABELS['WM']
        brain = white_matter | (dseg.data == TISSUE_LABELS['GM'])
        for tissue, region in (('GM', brain), ('WM', white_matter)):
            region = dseg._replace(data=region.astype(np.uint8))
            sheet.outline(1, region, TISSUE_COLOURS[tissue], width=1.0, level=0.75)
        entries += [
            (TISSUE_COLOURS['CSF'], 'CSF (tinted)'),
            (TISSUE_COLOURS['GM'], 'GM, outer border'),
            (TISSUE_COLOURS['WM'], 'WM, outer border'),
        ]
    sheet.outline(1, mask, MASK_COLOUR, width=1.1)
    sheet.legend(1, entries)
    return sheet.figure


def enhancement(bicubic, enhanced, fine_dseg):
    """Cubic interpolation of the scan over the enhanced image, at the same place."""
    mask = _brain(enhanced, fine_dseg)
    # Without the skull in one picture only, the eye sees the brain change and nothing else.
    inside = bicubic._replace(data=np.where(mask.data > 0, bicubic.data, 0))
    titles = ('Scan, cubic interpolation', 'Enhanced')
    return _pair(inside, enhanced, fine_dseg, fine_dseg, mask, titles)


def simulated(scan, result, dseg, mask):
    """High-field scan over the simulated low-field scan, at the same place."""
    titles = ('Source scan', 'Simulated scan')
    there = None if dseg is None else sample_nearest(dseg, result)
    return _pair(scan, result, dseg, there, mask, titles)


def _pair(first, second, first_dseg, second_dseg, mask, titles):
    """Two images of one place, each divided by its own white-matter mean, same window."""
    first, known = _to_white_matter(first, first_dseg)
    second, also = _to_white_matter(second, second_dseg)
    what = 'own white-matter mean = 1' if known and also else 'own 99.5th percentile = 1'
    rows = whole_and_close(mask, first_dseg)
    sheet = Sheet(rows, titles, side_by_side=True)
    white = 1.0
    if known and also:
        white = max(1.25, white_level(second, mask, 99.8, second_dseg))
    for half, volume in enumerate((first, second)):
        sheet.grey(half, volume, white)
        for panels, style in zip(rows[1:], ('-', '--'), strict=True):
            for panel in panels:
                sheet.mark(half, panel, MASK_COLOUR, style)
        sheet.note(half, f'black 0, white {white:.2f}; {what}')
    return sheet.figure


def _to_white_matter(volume, dseg):
    """Return ``volume`` divided by its white-matter mean, and whether that was possible."""
    mean = tissue_mean(volume, dseg, TISSUE_LABELS['WM'])
    known = bool(mean) and mean > 0
    level = mean if known else float(np.percentile(volume.data, 99.5)) or 1.0
    return volume._replace(data=volume.data / level), known


def _brain(enhanced, fine_dseg):
    """Return the mask of the enhanced image: its tissues, or where it is not zero."""
    shown = enhanced if fine_dseg is None else fine_dseg
    return shown._replace(data=(shown.data > 0).astype(np.uint8))


def segmentation(enhanced, fine_dseg):
    """Enhanced image, and the same with its tissues as translucent colours."""
    mask = _brain(enhanced, fine_dseg)
    sheet = Sheet(overview(mask), ('Enhanced', 'Enhanced with its tissues'))
    white = white_level(enhanced, mask, 99.8, fine_dseg)
    for half in range(2):
        sheet.grey(half, enhanced, white)
    sheet.tint(1, fine_dseg)
    sheet.legend(1, [(colour, tissue) for tissue, colour in TISSUE_COLOURS.items()])
    return sheet.figure


def residual(difference, mask, metrics):
    """Residual map in noise sigma, the same averaged, and its histogram with the metrics."""
    titles = (
        'Residual: scan minus the scan that the enhanced image predicts',
        'The same, averaged over about 10 mm, where structure outlasts noise',
    )
    sheet = Sheet([centre_row(mask)], titles, foot=2.3)
    # Exact zeros were not compared: their PSF reaches out of the brain.
    inside = (mask.data > 0) & (difference.data != 0)
    for half, data in enumerate((difference.data, averaged(difference, inside))):
        shown = difference._replace(data=np.where(inside, data, np.nan))
        drawn = sheet.show(half, shown, cmap=on_dark('RdBu_r'), vmin=-4, vmax=4)
    label = 'residual / its noise sigma'
    sheet.colour_bar(drawn, label, 0.06, 0.36, ticks=range(-4, 5, 2), extend='both')
    axes = sheet.figure.add_axes((0.55, 0.5 / sheet.height, 0.42, 1.65 / sheet.height))
    _residual_histogram(axes, difference.data[inside])
    rows = (
        ('root mean square', 'residual_rms', '{:.2f}', '1'),
        ('mean', 'residual_mean', '{:.2f}', '0'),
        ('beyond 3 sigma', 'residual_beyond_3', '{:.2%}', '0.27 %'),
        ('correlation of neighbours', 'residual_correlation', '{:.2f}', '0'),
    )
    for line, (name, metric, form, ideal) in enumerate(rows):
        value = metrics.get(metric)
        y = 1.15 - 0.25 * line
        sheet.write(0.06, y, name)
        text = 'n/a' if value is None else form.format(value).replace('%', ' %')
        sheet.write(0.29, y, text.replace('-0.00', '0.00'), ha='right', size=10, weight='bold')
        sheet.write(0.31, y, f'noise alone: {ideal}', size=8.5)
    return sheet.figure


def averaged(difference, inside, width=4.0):
    """Average a residual with a Gaussian (s.d. in mm) and divide by the noise that is left.

    The result has unit variance where the residual is independent noise of unit variance.
    """
    from scipy.ndimage import gaussian_filter

    sigma = width / difference.zooms
    total = gaussian_filter(np.where(inside, difference.data, 0.0).astype(np.float64), sigma)
    # The square of a Gaussian is a narrower one; its sum is that of the squared weights.
    squares = gaussian_filter(inside.astype(np.float64), sigma / np.sqrt(2))
    impulse = np.zeros([2 * int(5 * s + 1) + 1 for s in sigma])
    impulse[tuple(n // 2 for n in impulse.shape)] = 1.0
    norm = (gaussian_filter(impulse, sigma) ** 2).sum()
    return total / np.sqrt(np.maximum(squares * norm, 1e-12))


def _residual_histogram(axes, values):
    """Draw the histogram of residuals (units of sigma) and the unit normal."""
    edges = np.linspace(-5, 5, 61)
    centres = (edges[:-1] + edges[1:]) / 2
    if values.size:
        # Counts beyond the last edges are kept in the outermost bins, not hidden.
        density, _ = np.histogram(np.clip(values, -5, 5), edges, density=True)
        axes.stairs(density, edges, fill=True, color='#5C7FA6', label='residual')
    normal = np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi)
    axes.plot(centres, normal, color='#F0A30A', linewidth=1.6, label='unit normal')
    axes.set_xlim(-5, 5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel('residual / noise sigma')
    axes.set_ylabel('density')
    axes.grid(axis='y')
    axes.legend(loc='upper right', fontsize=8, labelcolor=DARK_TEXT)


def prediction(scan, difference, mask, sigma, dseg=None):
    """Scan without bias field over the scan that the enhanced image predicts, in one window.

    The residual is in units of the noise, whose s.d. is ``sigma`` (intensity units of the scan).
    """
    compared = (mask.data > 0) & (difference.data != 0)
    # What was not compared is hidden in both, so that the eye sees the difference alone.
    measured = np.where(compared, scan.data, 0)
    predicted = np.where(compared, scan.data - sigma * difference.data, 0)
    titles = ('Scan as measured', 'Scan as the enhanced image predicts it')
    sheet = Sheet([centre_row(mask)], titles)
    white = white_level(scan, mask, dseg=dseg)
    for half, data in enumerate((measured, predicted)):
        sheet.grey(half, scan._replace(data=data), white)
        sheet.note(half, f'black 0, white {white:.4g} (intensity units of the scan)')
    return sheet.figure


def uncertainty(spread, enhanced, fine_dseg):
    """Uncertainty of the enhanced image as a share of its white-matter mean."""
    level = tissue_mean(enhanced, fine_dseg, TISSUE_LABELS['WM'])
    unit = 'percent of the white-matter mean' if level else 'intensity units'
    scaled = spread._replace(data=spread.data * (100.0 / level if level else 1.0))
    mask = _brain(enhanced, fine_dseg)
    values = scaled.data[mask.data > 0]
    high = (float(np.percentile(values, 99)) if values.size else 1.0) or 1.0
    title, label = 'Uncertainty of the enhanced image', f'standard deviation, {unit}'
    return _map(scaled, mask, title, label, high, extend='max')


def entropy(bits, enhanced, fine_dseg):
    """Entropy of the tissue probabilities, from certainty to three tissues alike."""
    mask = _brain(enhanced, fine_dseg)
    return _map(bits, mask, 'Entropy of the tissues', 'entropy, bits', float(np.log2(3)))


def claim(share, enhanced, fine_dseg):
    """Share of the local detail that the scan supports."""
    title = 'Claim: detail that the scan supports'
    label = 'supported share of the energy of local detail'
    return _map(share, _brain(enhanced, fine_dseg), title, label, 1.0)


def _map(volume, mask, title, label, high, extend='neither'):
    """A map inside the brain in six slices over its colour bar, from zero to ``high``."""
    shown = volume._replace(data=np.where(mask.data > 0, volume.data, np.nan))
    sheet = Sheet(overview(mask), (title,), foot=0.78)
    drawn = sheet.show(0, shown, cmap=on_dark('viridis'), vmin=0.0, vmax=high)
    sheet.colour_bar(drawn, label, extend=extend)
    return sheet.figure
