"""Ways to make a high-field-like 1 mm image of one low-field scan: ulfprep's and plain ones.

All are given the same: what :func:`ulfprep.evaluation.inr_prepare.prepare` found in the scan.
"""

from dataclasses import dataclass, replace

import numpy as np

from ulfprep.evaluation.fresh import Cost, measured, processor_time
from ulfprep.evaluation.inr_prepare import Prepared
from ulfprep.physics.forward import ForwardModel
from ulfprep.physics.grid import Grid, brain_bounds, isotropic_grid
from ulfprep.physics.interpolation import bicubic
from ulfprep.physics.inverse import discrepancy_inverse, edge_preserving_inverse

#: Mark of a fit that does without the first estimate, as the reference's does.
ALONE = ':alone'


@dataclass(frozen=True)
class Effort:
    """How much is put into every fit.

    Attributes
    ----------
    sloppy : bool
        Poor but fast options.
    epochs : int, optional
        Passes over the brain, where a method does not say; the usual ones without.
    spacing : float, optional
        Of the lattice of fit and tissues, mm; the usual one without.
    """

    sloppy: bool = False
    epochs: int | None = None
    spacing: float | None = None

    def options(self, name: str = ''):
        """Return the fit's options of a method; without a name those of the default."""
        from ulfprep.inr.options import FitOptions

        backbone, alone, epochs = parse_name(name)
        make = FitOptions.sloppy if self.sloppy else FitOptions.default
        base = make(backbone) if backbone and backbone not in PLAIN else make()
        epochs = epochs or self.epochs or base.epochs
        spacing = self.spacing or base.spacing
        return replace(base, epochs=epochs, spacing=spacing, first_estimate=not alone)


def parse_name(name: str) -> tuple[str, bool, int | None]:
    """Split the name of a method: ``BACKBONE[:alone][@EPOCHS]``, or one of :data:`PLAIN`.

    Returns
    -------
    backbone : str
    alone : bool
        Whether it starts without the first estimate.
    epochs : int or None

    Raises
    ------
    ValueError
        If the epochs are no number.
    """
    start, at, epochs = name.partition('@')
    if at and not (epochs.isdigit() and int(epochs)):
        raise ValueError(f'{name}: write BACKBONE@EPOCHS, such as lattice@20')
    backbone = start.removesuffix(ALONE)
    return backbone, backbone != start, int(epochs) if at else None


@dataclass(frozen=True, eq=False)
class Enhanced:
    """What a method made.

    Attributes
    ----------
    image : numpy.ndarray, shape (x, y, z)
    grid : Grid
    probs : numpy.ndarray, shape (3, x, y, z), optional
        Its own tissues, where it has any: they also say what contrast the scan sees.
    epochs : int, optional
        Passes that a fit made; it may end before the last.
    cost : Cost
    """

    image: np.ndarray
    grid: Grid
    probs: np.ndarray | None = None
    epochs: int | None = None
    cost: Cost | None = None


def _bicubic(given: Prepared, options, seed):
    # Straight onto the truth's lattice: no second interpolation dulls the baseline.
    return Enhanced(bicubic(given.scan, given.grid, given.target), given.target)


def _voxel_grid(solve):
    """Return a linear or edge-preserving inverse of the scan on the fine voxel grid."""

    def method(given, options, seed):
        plan, white = given.plan, np.float32(given.plan['means'][2])
        bounds, fine_bounds = brain_bounds(given.mask, given.grid, options.spacing)
        near = given.grid.crop(bounds)
        fine = isotropic_grid(given.grid, options.spacing).crop(fine_bounds)
        model = ForwardModel.between(near, fine, plan['psf_fwhm_mm'], np.ones(3), plan['psf'])
        measured_scan, sigma = given.scan[bounds] / white, plan['noise_sigma'] / white
        image = solve(model, measured_scan, given.mask[bounds], sigma, fine.zooms)
        return Enhanced(image * white, fine)

    return method


def _linear(*problem):
    return discrepancy_inverse(*problem)[0]


def _first_estimate(given, options, seed):
    from ulfprep.inr.warm import warm_start

    warm = warm_start(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        spacing=options.spacing,
        seed=seed,
        lattice_probs=given.lattice_probs,
    )
    shares = np.exp(warm.logits) * warm.inside
    shares /= np.maximum(shares.sum(axis=0), 1e-6)
    return Enhanced(warm.intensity * np.float32(given.plan['means'][2]), warm.fine, shares)


def _field(given, options, seed):
    from ulfprep.inr import fit_scan, render

    fit = fit_scan(
        given.scan,
        given.mask,
        given.probs,
        given.grid,
        given.plan,
        options,
        seed=seed,
        lattice_probs=given.lattice_probs,
    )
    grid = isotropic_grid(given.grid)
    result = render(fit, grid)
    return Enhanced(result.intensity, grid, result.probs, len(fit.history['epoch']))


#: Name -> method without a network: takes what is given, the fit's options and a seed.
PLAIN = {
    'bicubic': _bicubic,
    'voxel-cg': _voxel_grid(_linear),
    'voxel-tv': _voxel_grid(edge_preserving_inverse),
    'first-estimate': _first_estimate,
}
#: Methods whose result depends on the tissues.
TISSUE_BLIND = ('bicubic', 'voxel-cg', 'voxel-tv')
#: Name -> what it is, for tables; backbones are told by their own name.
DESCRIPTIONS = {
    'bicubic': 'Cubic interpolation of the scan',
    'voxel-cg': 'Voxel grid by conjugate gradients, smoothness by the discrepancy principle',
    'voxel-tv': 'Voxel grid with total variation, weight by the discrepancy principle',
    'first-estimate': 'What the fit starts from: no network',
}


def method_names() -> tuple[str, ...]:
    """Return the names of all methods: the plain ones, and each backbone of the field."""
    from ulfprep.inr.options import BACKBONES

    return (*PLAIN, *BACKBONES)


def check_name(name: str) -> None:
    """Raise ``ValueError`` with one line if there is no such method."""
    backbone, alone, epochs = parse_name(name)
    plain = backbone in PLAIN and (alone or epochs)
    if backbone not in method_names() or plain:
        raise ValueError(f'no such method: {name}; there are {", ".join(method_names())}')


def describe(name: str) -> str:
    """Say what a method is."""
    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name]
    backbone, alone, epochs = parse_name(name)
    words = [f'The field with the backbone {backbone}']
    words += ['without the first estimate'] if alone else []
    words += [f'{epochs} epochs at the most'] if epochs else []
    return ', '.join(words)


def enhance(
    name: str, given: Prepared, effort: Effort | None = None, seed: int = 0, threads: int = 1
) -> Enhanced:
    """Run a method and measure what it takes, loading of libraries apart.

    Parameters
    ----------
    name : str
        Of :func:`method_names`; what :func:`parse_name` says may follow a backbone.
    given : Prepared
    effort : Effort, optional
    seed : int
    threads : int
        Of torch.

    Returns
    -------
    Enhanced
    """
    method = PLAIN.get(name, _field)
    options = (effort or Effort()).options(name)
    if name not in TISSUE_BLIND:
        import torch

        import ulfprep.inr  # noqa: F401 - not to be timed

        torch.set_num_threads(threads)
    with measured() as cost:
        result = method(given, options, seed)
    return replace(result, cost=cost)


def reference_step(threads: int = 1, edge: int = 32, steps: int = 3) -> float:
    """Measure a training step of the reference's network, forward, backward and Adam.

    Parameters
    ----------
    threads : int
    edge : int
        Points are a box of this many each way: 32,768 as they are.
    steps : int
        Timed, after one that is not.

    Returns
    -------
    float
        Processor seconds a step.
    """
    import torch

    from ulfprep.inr.options import FitOptions
    from ulfprep.inr.wire import WireField

    torch.set_num_threads(threads)
    options = FitOptions.default('wire')
    network = WireField((160.0, 190.0, 160.0), options.hidden, options.layers)
    optimiser = torch.optim.Adam(network.parameter_groups(options))
    points = 2 * torch.rand(edge**3, 3) - 1

    def step():
        optimiser.zero_grad(set_to_none=True)
        # Its own way through the network would compute all activations twice, to save memory.
        network.head(network.body(points)).square().mean().backward()
        optimiser.step()

    step()
    start = processor_time()
    for _ in range(steps):
        step()
    return (processor_time() - start) / steps
