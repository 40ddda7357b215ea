"""The figure of where the scan is not what the network's anatomy expects of it."""

import numpy as np

from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import Sheet, centre_row
from ulfprep.reports.drawing.style import on_dark

#: S.d. of the Gaussian that averages the map, mm.
WIDTH = 1.5
#: Disagreement from which on the scan is coloured, and where the colours end.
LEAST, FULL = 3.0, 6.0
#: The scan is dimmed, so that colours stand out from it.
_DIM = 1.5


def disagreement(scan, mask, surprise):
    """Map of the disagreement of scan and network, and the scan with what is far off.

    Parameters
    ----------
    scan, mask : Volume
    surprise : Volume
        Scan minus what the network's anatomy expects of it; zero where it was not compared.
    """
    titles = (
        'Scan minus what the anatomy of the network expects of it',
        f'Scan, coloured where that is beyond {LEAST:g}',
    )
    sheet = Sheet([centre_row(mask)], titles, foot=0.78)
    inside = mask.data > 0
    compared = inside & (surprise.data != 0)
    shown = surprise._replace(data=in_usual_units(lightly_averaged(surprise, compared)))
    drawn = sheet.show(0, shown, cmap=on_dark('RdBu_r'), vmin=-FULL, vmax=FULL)
    low, high = grey_window(scan, mask, 95)  # else bright CSF (T2w) leaves tissue black
    # Bright fat beside the colours would draw the eye.
    scan = scan._replace(data=np.where(inside, scan.data, 0))
    sheet.show(1, scan, cmap='gray', vmin=low, vmax=_DIM * high)
    sheet.show(1, shown, cmap=_beyond_least(), vmin=-FULL, vmax=FULL)
    for half in range(2):
        sheet.annotate(half)
    sheet.note(0, f'averaged over about {2.3548 * WIDTH:.1f} mm')
    label = 'units of what is usual in this scan (robust standard deviation); red: brighter'
    ticks = (-FULL, -LEAST, 0, LEAST, FULL)
    sheet.colour_bar(drawn, label, rect=(0.2, 0.6), ticks=ticks, extend='both')
    return sheet.figure


def lightly_averaged(volume, inside):
    """Return the mean over a Gaussian of :data:`WIDTH` among the voxels inside, NaN elsewhere."""
    from scipy.ndimage import gaussian_filter

    sigma = WIDTH / volume.zooms
    total = gaussian_filter(np.where(inside, volume.data, 0).astype(np.float32), sigma)
    share = gaussian_filter(inside.astype(np.float32), sigma)
    return np.where(inside, total / np.maximum(share, 1e-6), np.nan)


def in_usual_units(values):
    """Return values divided by their robust s.d. about zero; those that are NaN stay so.

    What is left of a scan holds noise, of which an average has less, and folds that the network
    does not know, of which it has hardly less: how much is usual after it is known of no unit.
    """
    known = np.abs(values[np.isfinite(values)])
    usual = 1.4826 * float(np.median(known)) if known.size else 0.0
    return values / (usual or 1.0)


def _beyond_least():
    """Return a map from blue to red, brighter the further out, with nothing up to LEAST."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    edge = (1 - LEAST / FULL) / 2
    ends = [(0.0, '#9BE7FF'), (edge, '#1E7BFF'), (0.5, '#1747B5')]
    ends += [(0.5, '#B3210F'), (1 - edge, '#FF4A1E'), (1.0, '#FFE08A')]
    values = np.linspace(-FULL, FULL, 256)
    colours = LinearSegmentedColormap.from_list('disagreement', ends)(np.linspace(0, 1, 256))
    colours[:, 3] = np.where(np.abs(values) < LEAST, 0, 0.9)
    return ListedColormap(colours)
