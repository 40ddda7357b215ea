"""How a field is built and fitted."""

from dataclasses import dataclass
from typing import Any

#: What a field can be made of: the first estimate itself, or a network that corrects it, with the
#: size and step at which each is used: the lattices' as measured best, the other's as published.
BACKBONES: dict[str, dict[str, Any]] = {
    'direct': {'epochs': 0},
    'lattice': {},
    'wire': {'hidden': 128, 'layers': 5, 'network_rate': 5e-5},
}


@dataclass(frozen=True)
class FitOptions:
    """How a field is built and fitted.

    Attributes
    ----------
    epochs : int
        Passes over the brain; none where there is no network.
    patience : int
        Epochs without progress after which a fit at the noise floor ends early; 0 for never.
    spacing : float
        Of the lattice on which the field meets the scan, mm.
    block_mm : float
        Edge of the blocks that one step sees; bounds the memory.
    backbone : str
        One of :data:`BACKBONES`.
    first_estimate : bool
        Whether the network corrects the regularised linear inverse, or starts from an even
        brain of no tissue in particular, as the reference does.
    lattice_spacings, features, lattice_rate
        Of the ``lattice`` backbone alone: spacings of its feature lattices (mm), features of
        each, and Adam's step on them.
    hidden, layers, network_rate
        Width and number of the Gabor layers, and Adam's step on them.
    weight_segmentation, weight_class, weight_tv, weight_tv_tissue : float
        Weights of the terms beside the data term.
    class_spread : float
        S.d. of high-field intensities within a tissue, relative to white matter.
    likelihood : str
        How scan and prediction are compared, one of :data:`ulfprep.inr.losses.LIKELIHOODS`.
    """

    epochs: int = 16
    patience: int = 8
    spacing: float = 1.0
    block_mm: float = 56.0
    backbone: str = 'lattice'
    first_estimate: bool = True
    lattice_spacings: tuple[float, ...] = (10.0, 5.0, 2.5)
    features: int = 4
    hidden: int = 24
    layers: int = 2
    lattice_rate: float = 1e-2
    network_rate: float = 2e-3
    weight_segmentation: float = 0.4
    weight_class: float = 0.02
    weight_tv: float = 0.4
    weight_tv_tissue: float = 0.1
    class_spread: float = 0.1
    likelihood: str = 'rician'

    @classmethod
    def default(cls, backbone: str = 'direct') -> 'FitOptions':
        """Return the options of an ordinary run with a backbone."""
        return cls(backbone=backbone, **BACKBONES[backbone])

    @classmethod
    def sloppy(cls, backbone: str = 'direct') -> 'FitOptions':
        """Return poor but fast options, for tests and for trying things out."""
        quick: dict[str, Any] = {
            'epochs': 2,
            'spacing': 2.0,
            'block_mm': 80.0,
            'lattice_spacings': (12.0, 6.0),
            'hidden': 16,
        }
        return cls(backbone=backbone, **(quick | BACKBONES[backbone]))
