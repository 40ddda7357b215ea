"""Figures that show slices: each takes volumes and returns a matplotlib figure."""

import numpy as np

from ulfprep.reports.drawing import closeups
from ulfprep.reports.drawing.sheet import Sheet, centre_row, overview
from ulfprep.reports.drawing.style import MASK_COLOUR, TISSUE_COLOURS, TISSUE_LABELS, on_dark
from ulfprep.reports.drawing.volumes import Volume, sample_nearest, tissue_mean


def grey_window(volume, mask, upper=99.5, dseg=None):
    """Return black and white level of a scan: zero (magnitude) and a high quantile.

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
    return 0.0, high * 1.05 if high > 0 else 1.0


def _legend(tissues=('CSF', 'GM', 'WM')):
    return [(TISSUE_COLOURS[t], t) for t in tissues]


def tissues(scan, mask, dseg):
    """The scan, and the scan with the outlines of brain mask and tissues."""
    sheet = Sheet(overview(mask), ('Scan', 'Scan with brain mask and tissues'))
    low, high = grey_window(scan, mask, dseg=dseg)
    for half in range(2):
        sheet.show(half, scan, cmap='gray', vmin=low, vmax=high)
        sheet.annotate(half)
    entries = [(MASK_COLOUR, 'brain mask')]
    if dseg is not None:
        # CSF is tinted and two borders are drawn: lines around all three tissues would
        # run over each other nearly everywhere.
        sheet.tint(1, dseg, {'CSF': TISSUE_LABELS['CSF']}, alpha=0.5)
        white = dseg.data == TISSUE_LABELS['WM']
        brain = white | (dseg.data == TISSUE_LABELS['GM'])
        for tissue, region in (('GM', brain), ('WM', white)):
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


def _to_white_matter(volume, dseg):
    """Return ``volume`` divided by its white-matter mean, and whether that was possible."""
    mean = tissue_mean(volume, dseg, TISSUE_LABELS['WM'])
    if not mean or mean <= 0:
        high = float(np.percentile(volume.data, 99.5)) or 1.0
        return volume._replace(data=volume.data / high), False
    return volume._replace(data=volume.data / mean), True


def _pair(first, second, first_dseg, second_dseg, mask, titles):
    """Two images of one place, each divided by its own white-matter mean, same window."""
    first, known = _to_white_matter(first, first_dseg)
    second, also = _to_white_matter(second, second_dseg)
    what = 'own white-matter mean = 1' if known and also else 'own 99.5th percentile = 1'
    rows = closeups.rows(mask, first_dseg)
    sheet = Sheet(rows, titles, side_by_side=True)
    high = 1.0
    if known and also:
        high = max(1.25, grey_window(second, mask, 99.8, second_dseg)[1])
    for half, volume in enumerate((first, second)):
        sheet.show(half, volume, cmap='gray', vmin=0.0, vmax=high)
        sheet.annotate(half)
        for panels, style in zip(rows[1:], ('-', '--'), strict=True):
            for panel in panels:
                sheet.mark(half, panel, MASK_COLOUR, style)
        sheet.note(half, f'black 0, white {high:.2f}; {what}')
    return sheet.figure


def enhancement(bicubic, enhanced, fine_dseg):
    """Cubic interpolation of the scan over the enhanced image, at the same place."""
    mask = _brain(enhanced, fine_dseg)
    # Without the skull in one picture only, the eye sees the brain change and nothing else.
    inside = bicubic._replace(data=np.where(mask.data > 0, bicubic.data, 0))
    titles = ('Scan, cubic interpolation', 'Enhanced')
    return _pair(inside, enhanced, fine_dseg, fine_dseg, mask, titles)


def _brain(enhanced, fine_dseg):
    """Return the mask of the enhanced image: its tissues, or where it is not zero."""
    shown = enhanced if fine_dseg is None else fine_dseg
    return shown._replace(data=(shown.data > 0).astype(np.uint8))


def simulated(scan, result, dseg, mask):
    """High-field scan over the simulated low-field scan, at the same place."""
    titles = ('Source scan', 'Simulated scan')
    there = None if dseg is None else sample_nearest(dseg, result)
    return _pair(scan, result, dseg, there, mask, titles)


def segmentation(enhanced, fine_dseg):
    """Enhanced image, and the same with its tissues as translucent colours."""
    mask = _brain(enhanced, fine_dseg)
    sheet = Sheet(overview(mask), ('Enhanced', 'Enhanced with its tissues'))
    low, high = grey_window(enhanced, mask, 99.8, fine_dseg)
    for half in range(2):
        sheet.show(half, enhanced, cmap='gray', vmin=low, vmax=high)
    sheet.tint(1, fine_dseg, TISSUE_LABELS)
    for half in range(2):
        sheet.annotate(half)
    sheet.legend(1, _legend())
    return sheet.figure


def residual(difference, mask, metrics):
    """Residual map in noise sigma, the same averaged, and its histogram.

    Parameters
    ----------
    difference, mask : Volume
    metrics : mapping
        Of the scan: the numbers beside the histogram.
    """
    from ulfprep.reports.drawing.charts import residual_histogram

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
        sheet.annotate(half)
    sheet.colour_bar(
        drawn,
        'residual / its noise sigma',
        rect=(0.06, 0.36),
        ticks=range(-4, 5, 2),
        extend='both',
    )
    axes = sheet.figure.add_axes((0.55, 0.5 / sheet.height, 0.42, 1.65 / sheet.height))
    residual_histogram(axes, difference.data[inside])
    _residual_summary(sheet, metrics)
    return sheet.figure


def averaged(difference, inside, width=4.0):
    """Average a residual with a Gaussian and divide by the noise that is left.

    Parameters
    ----------
    difference : Volume
        Residual in units of the noise sigma.
    inside : (X, Y, Z) bool array
        Voxels that count.
    width : float
        Standard deviation of the Gaussian, mm.

    Returns
    -------
    (X, Y, Z) array
        Unit variance where the residual is independent noise of unit variance.
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


def _residual_summary(sheet, metrics):
    """Write what the residuals are in lines left of the histogram."""
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
        shown = 'n/a' if value is None else form.format(value).replace('%', ' %')
        sheet.write(0.29, y, shown.replace('-0.00', '0.00'), ha='right', size=10, weight='bold')
        sheet.write(0.31, y, f'noise alone: {ideal}', size=8.5)


def prediction(scan, residual, mask, sigma, dseg=None):
    """Scan as measured over the scan that the enhanced image predicts, in one grey window.

    Parameters
    ----------
    scan, residual, mask : Volume
        Scan without bias field, residual in units of the noise, brain mask, on one grid.
    sigma : float
        Standard deviation of the noise, intensity units of the scan.
    dseg : Volume or None
        Tissues, for the grey window.
    """
    compared = (mask.data > 0) & (residual.data != 0)
    # What was not compared is hidden in both, so that the eye sees the difference alone.
    measured = np.where(compared, scan.data, 0)
    predicted = np.where(compared, scan.data - sigma * residual.data, 0)
    titles = ('Scan as measured', 'Scan as the enhanced image predicts it')
    sheet = Sheet([centre_row(mask)], titles)
    low, high = grey_window(scan, mask, dseg=dseg)
    for half, data in enumerate((measured, predicted)):
        sheet.show(half, scan._replace(data=data), cmap='gray', vmin=low, vmax=high)
        sheet.annotate(half)
        sheet.note(half, f'black 0, white {high:.4g} (intensity units of the scan)')
    return sheet.figure


def uncertainty(spread, enhanced, fine_dseg):
    """Uncertainty of the enhanced image as a share of its white-matter mean."""
    level = tissue_mean(enhanced, fine_dseg, TISSUE_LABELS['WM'])
    unit = 'percent of the white-matter mean' if level else 'intensity units'
    scaled = spread._replace(data=spread.data * (100.0 / level if level else 1.0))
    mask = _brain(enhanced, fine_dseg)
    values = scaled.data[mask.data > 0]
    high = float(np.percentile(values, 99)) if values.size else 1.0
    label = f'standard deviation, {unit}'
    return _map(scaled, mask, 'Uncertainty of the enhanced image', label, high or 1.0, 'max')


def entropy(bits, enhanced, fine_dseg):
    """Entropy of the tissue probabilities, from certainty to three tissues alike."""
    mask = _brain(enhanced, fine_dseg)
    return _map(bits, mask, 'Entropy of the tissues', 'entropy, bits', float(np.log2(3)))


def claim(share, enhanced, fine_dseg):
    """Share of the local detail that the scan supports."""
    mask = _brain(enhanced, fine_dseg)
    label = 'supported share of the energy of local detail'
    return _map(share, mask, 'Claim: detail that the scan supports', label, 1.0)


def _map(volume, mask, title, label, high, extend='neither'):
    """A map inside the brain in six slices over its colour bar, from zero to ``high``."""
    shown = Volume(np.where(mask.data > 0, volume.data, np.nan), volume.zooms, volume.low)
    sheet = Sheet(overview(mask), (title,), foot=0.78)
    drawn = sheet.show(0, shown, cmap=on_dark('viridis'), vmin=0.0, vmax=high)
    sheet.annotate(0)
    sheet.colour_bar(drawn, label, extend=extend)
    return sheet.figure
