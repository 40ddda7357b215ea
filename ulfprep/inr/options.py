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
    """How a field is built and fitted."""

    epochs: int = 16  #: passes over the brain; none where there is no network
    patience: int = 8  #: epochs without progress after which a fit may end; 0 for never
    spacing: float = 1.0  #: of the lattice on which the field meets the scan, mm
    block_mm: float = 56.0  #: edge of the blocks that one step sees; bounds the memory
    backbone: str = 'lattice'  #: one of :data:`BACKBONES`
    #: Whether the network corrects the regularised linear inverse, or starts from an even brain
    #: of no tissue in particular, as the reference does.
    first_estimate: bool = True
    lattice_spacings: tuple[float, ...] = (10.0, 5.0, 2.5)  #: of the feature lattices, mm
    features: int = 4  #: of each lattice
    hidden: int = 24  #: width of the Gabor layers
    layers: int = 2
    lattice_rate: float = 1e-2  #: Adam's step on the lattices
    network_rate: float = 2e-3  #: Adam's step on all else
    weight_segmentation: float = 0.4  #: of the terms beside the data term
    weight_class: float = 0.02
    weight_tv: float = 0.4
    weight_tv_tissue: float = 0.1
    class_spread: float = 0.1  #: s.d. of high-field intensities within a tissue, white matter one
    likelihood: str = 'rician'  #: one of :data:`ulfprep.inr.losses.LIKELIHOODS`

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
