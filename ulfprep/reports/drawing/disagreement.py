"""The figure of where the scan is not what the network's anatomy expects of it."""

import numpy as np

from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import Sheet, centre_row

#: S.d. of the Gaussian that averages the map, mm.
WIDTH = 1.5
#: Disagreement from which on the map has a colour, and where the colours end.
LEAST, FULL = 3.0, 8.0
#: The scan is dimmed, so that colours stand out from it.
_DIM = 1.5


def disagreement(scan, mask, surprise):
    """Scan, and scan with a map of its disagreement with the network.

    Parameters
    ----------
    scan, mask : Volume
    surprise : Volume
        Scan minus what the network's anatomy expects of it, units of the s.d. of what is usually
        left; zero where it was not compared.
    """
    titles = ('Scan', 'Scan minus what the anatomy of the network expects of it')
    sheet = Sheet([centre_row(mask)], titles, foot=0.78)
    inside = mask.data > 0
    low, high = grey_window(scan, mask, 95)  # else bright CSF (T2w) leaves tissue black
    # Bright fat beside the colours would draw the eye.
    scan = scan._replace(data=np.where(inside, scan.data, 0))
    for half in range(2):
        sheet.show(half, scan, cmap='gray', vmin=low, vmax=_DIM * high)
    compared = inside & (surprise.data != 0)
    shown = surprise._replace(data=lightly_averaged(surprise, compared))
    drawn = sheet.show(1, shown, cmap=_colours(), vmin=-FULL, vmax=FULL)
    for half in range(2):
        sheet.annotate(half)
    sheet.note(1, f'averaged over about {2.3548 * WIDTH:.1f} mm; coloured beyond {LEAST:g}')
    label = 'darker than expected (s.d. of what is usually left) brighter'
    ticks = (-FULL, -LEAST, 0, LEAST, FULL)
    sheet.colour_bar(drawn, label, rect=(0.25, 0.5), ticks=ticks, extend='both')
    return sheet.figure


def lightly_averaged(volume, inside):
    """Return the mean over a Gaussian of :data:`WIDTH` among the voxels inside, NaN elsewhere."""
    from scipy.ndimage import gaussian_filter

    sigma = WIDTH / volume.zooms
    total = gaussian_filter(np.where(inside, volume.data, 0).astype(np.float32), sigma)
    share = gaussian_filter(inside.astype(np.float32), sigma)
    return np.where(inside, total / np.maximum(share, 1e-6), np.nan)


def _colours():
    """Return a map from blue to red, brighter the further out, with nothing up to LEAST."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    ends = [(0.0, '#9BE7FF'), (0.3, '#1E7BFF'), (0.5, '#1747B5')]
    ends += [(0.5, '#B3210F'), (0.7, '#FF4A1E'), (1.0, '#FFE08A')]
    values = np.linspace(-FULL, FULL, 256)
    colours = LinearSegmentedColormap.from_list('disagreement', ends)(np.linspace(0, 1, 256))
    colours[:, 3] = np.where(np.abs(values) < LEAST, 0, 0.9)
    return ListedColormap(colours)
