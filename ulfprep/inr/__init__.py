"""The implicit neural representation: network, losses, fit and rendering."""

from ulfprep.inr.fit import Fit, FitOptions, fit_scan, load_fit, save_fit
from ulfprep.inr.render import Rendered, render

__all__ = ['Fit', 'FitOptions', 'Rendered', 'fit_scan', 'load_fit', 'render', 'save_fit']
