"""The implicit neural representation: network, losses, fit and rendering."""

from ulfprep.inr.fit import Fit, fit_scan, fit_scans
from ulfprep.inr.options import FitOptions
from ulfprep.inr.render import Rendered, render
from ulfprep.inr.store import load_fit, save_fit
from ulfprep.inr.views import Acquisition

__all__ = [
    'Acquisition',
    'Fit',
    'FitOptions',
    'Rendered',
    'fit_scan',
    'fit_scans',
    'load_fit',
    'render',
    'save_fit',
]
