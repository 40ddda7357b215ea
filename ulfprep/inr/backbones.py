"""The networks a field can be made of, by name.

Each is a module called with :class:`ulfprep.inr.points.Points` that returns a tensor of shape
(n_out, n_points): corrections to the first estimate, exactly zero before training. Its
``parameter_groups(options)`` are what Adam is given.
"""

from ulfprep.inr.network import LatticeField
from ulfprep.inr.options import BACKBONES
from ulfprep.inr.siren import SirenField
from ulfprep.inr.wire import WireField


def build_network(extent, options, n_out: int = 4):
    """Build an untrained network over a field of view.

    Parameters
    ----------
    extent : sequence of 3 floats
        Size of the field of view, mm.
    options : FitOptions
    n_out : int
        Numbers asked of every point: an intensity for each contrast, and three tissue logits.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is no such backbone.
    """
    if options.backbone == 'lattice':
        return LatticeField(
            extent,
            options.lattice_spacings,
            options.features,
            options.hidden,
            options.layers,
            n_out,
        )
    if options.backbone == 'wire':
        return WireField(extent, options.hidden, options.layers, n_out)
    if options.backbone == 'siren':
        return SirenField(extent, options.hidden, options.layers, n_out)
    raise ValueError(f'no such backbone: {options.backbone}; there are {", ".join(BACKBONES)}')
