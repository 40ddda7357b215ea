"""The implicit neural representation: network, losses, fit and rendering."""

from ulfprep.inr.fit import Fit, fit_scan
from ulfprep.inr.options import FitOptions
from ulfprep.inr.render import Rendered, render
from ulfprep.inr.store import load_fit, save_fit

__all__ = ['Fit', 'FitOptions', 'Rendered', 'fit_scan', 'load_fit', 'render', 'save_fit']
