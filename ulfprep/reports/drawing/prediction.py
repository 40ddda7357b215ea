"""The figure that holds the scan against what the enhanced image predicts for it."""

import numpy as np

from ulfprep.reports.drawing.pictures import grey_window
from ulfprep.reports.drawing.sheet import Sheet, centre_row

TITLES = ('Scan as measured', 'Scan as the enhanced image predicts it')


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
    sheet = Sheet([centre_row(mask)], TITLES)
    low, high = grey_window(scan, mask, dseg=dseg)
    for half, data in enumerate((measured, predicted)):
        shown = scan._replace(data=data)
        sheet.show(half, shown, cmap='gray', vmin=low, vmax=high)
        sheet.annotate(half)
        sheet.note(half, f'black 0, white {high:.4g} (intensity units of the scan)')
    return sheet.figure
